// `npm run bench`: starts what is needed, measures group by group, prints, writes, and leaves nothing behind. Every group
// lives in a file of its own and knows its budgets.
import { quietenChildren } from '../dev/environment.ts';
import { dim, say } from '../dev/output.ts';
import { onSignals } from '../dev/shutdown.ts';
import { measureDecision, measureEngineAlone, measureFacts, measureLineage } from './computed.ts';
import type { Group } from './findings.ts';
import { readOptions, type GroupName } from './options.ts';
import { describeMachine, groupText, misses, writeDocs, writeResults } from './report.ts';
import type { Rig } from './rig.ts';

const options = readOptions(process.argv.slice(2));
const shutdown = onSignals();
quietenChildren();

let rig: Rig | null = null;

/** Started by the first group that needs it. */
async function started(): Promise<Rig> {
  // Miniflare and wrangler read the environment when they are loaded, hence not before it is set.
  const { startRig } = await import('./rig.ts');
  rig ??= await startRig((what) => say(dim(`· ${what}`)));
  shutdown.claim();
  return rig;
}

const { quick } = options;
const rounds = quick ? 3 : 5;

async function measure(name: GroupName): Promise<Group> {
  switch (name) {
    case 'round-trip': {
      const { measureRoundTrips } = await import('./round-trip.ts');
      return measureRoundTrips(await started(), { rounds, milliseconds: quick ? 250 : 700 });
    }
    case 'rows': {
      const { measureRows } = await import('./rows.ts');
      return measureRows(await started(), { rounds: 3 });
    }
    case 'http': {
      const { measureHttp } = await import('./http.ts');
      const amount = { milliseconds: quick ? 500 : 1_500, longMb: quick ? 200 : 1_000 };
      return measureHttp(await started(), { rounds: quick ? 3 : 5, ...amount });
    }
    case 'facts':
      return measureFacts();
    case 'lineage':
      return measureLineage();
    case 'decision':
      return measureDecision();
    case 'detection':
      return (await import('./detection.ts')).measureDetection({ quick });
    case 'engine':
      return measureEngineAlone({ quick });
    case 'masking': {
      const { measureMasking } = await import('./masking.ts');
      return measureMasking(quick ? 2 : 5);
    }
    case 'journal': {
      const { measureJournal } = await import('./journal.ts');
      return measureJournal(await started(), { rounds });
    }
    case 'idle': {
      const { measureIdle } = await import('./idle.ts');
      const amount = quick ? { sessions: 200, metered: 20 } : { sessions: 1_000, metered: 100 };
      return measureIdle(await started(), { ...amount, watchMs: quick ? 8_000 : 30_000 });
    }
    case 'approvals': {
      const { measureApprovals } = await import('./approvals.ts');
      const amount = quick ? { clicks: 20, pending: 200 } : { clicks: 100, pending: 1_000 };
      return measureApprovals(await started(), { ...amount, watchMs: quick ? 8_000 : 20_000 });
    }
    case 'bundle': {
      const { measureBundle } = await import('./bundle-size.ts');
      return measureBundle(await started(), { rounds });
    }
    case 'cost': {
      const { measureCost } = await import('./cost.ts');
      const amount = quick
        ? { statements: 1_000, pacedSeconds: 10 }
        : { statements: 5_000, pacedSeconds: 30 };
      return measureCost(await started(), { ...amount, perSecond: 4 });
    }
    default:
      return name satisfies never;
  }
}

async function measureAll(): Promise<readonly Group[]> {
  const groups: Group[] = [];
  for (const name of options.only) {
    say(dim(`· measuring ${name}`));
    const group = await measure(name);
    // Every runtime that was started took the signals for itself.
    shutdown.claim();
    say(groupText(group));
    groups.push(group);
  }
  return groups;
}

const machine = describeMachine();
const groups = await Promise.race([measureAll(), shutdown.requested.then(() => null)]).catch(
  async (error: unknown): Promise<null> => {
    say(`the bench failed: ${error instanceof Error ? error.stack : String(error)}`);
    await shutdown.finish(async () => rig?.stop(), 1);
    return null;
  },
);
if (groups === null) await shutdown.finish(async () => rig?.stop(), 130);
else {
  say(`\nresults: ${writeResults(machine, groups)}`);
  if (options.writeDocs) say(`docs: ${writeDocs(machine, groups)}`);
  const missed = misses(groups);
  for (const { what } of missed) say(`missed its budget: ${what}`);
  await shutdown.finish(async () => rig?.stop(), options.strict && missed.length > 0 ? 1 : 0);
}
