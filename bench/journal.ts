// Appending to the journal, measured inside workerd by journal-object.ts, which wrangler bundles as it bundles the gateway.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../dev/bundle.ts';
import { childEnvironment } from '../dev/environment.ts';
import { median } from './clock.ts';
import { shown, type Group } from './findings.ts';
import type { Rig } from './rig.ts';
import { platform, startWorker } from './worker.ts';

interface Times {
  readonly appendMicros: number;
  readonly durableMicros: number;
}

export async function measureJournal(
  rig: Rig,
  options: { readonly rounds: number },
): Promise<Group> {
  const worker = await startWorker(rig.reaper, {
    name: 'journal',
    modules: [{ type: 'ESModule', path: bundled(rig) }],
    durableObjects: { JOURNAL: { className: 'JournalBench', useSQLite: true } },
    resources: rig.state.path('journal', 'resources'),
  });
  try {
    const rounds: Times[] = [];
    for (let round = 0; round < options.rounds; round++) {
      rounds.push((await (await fetch(worker.url)).json()) as Times);
    }
    const appends = rounds.map(({ appendMicros }) => appendMicros);
    const durable = rounds.map(({ durableMicros }) => durableMicros);
    return {
      name: 'journal',
      title: 'The journal',
      findings: [
        {
          what: 'an intent and an outcome: encoded, hashed, inserted',
          value: Math.min(...appends),
          unit: 'µs',
          note: `median ${shown(median(appends))} µs`,
        },
        {
          what: 'the same, and waited for until it is durable',
          value: Math.min(...durable),
          unit: 'µs',
          note: `median ${shown(median(durable))} µs; storage in memory`,
        },
      ],
      raw: rounds,
    };
  } finally {
    await worker.close();
  }
}

function bundled(rig: Rig): string {
  const dir = rig.state.path('journal');
  mkdirSync(dir, { recursive: true });
  const config = join(dir, 'wrangler.json');
  const { compatibilityDate, compatibilityFlags } = platform();
  writeFileSync(
    config,
    JSON.stringify({
      name: 'journal',
      main: join(ROOT, 'bench', 'journal-object.ts'),
      compatibility_date: compatibilityDate,
      compatibility_flags: compatibilityFlags,
    }),
  );
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  const args = ['deploy', '--dry-run', '--config', config, '--outdir', dir];
  execFileSync(process.execPath, [wrangler, ...args], { env: childEnvironment(), stdio: 'pipe' });
  return join(dir, 'journal-object.js');
}
