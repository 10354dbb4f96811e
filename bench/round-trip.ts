// One SQL round trip, a statement that was seen before: through the gateway, the pump, pgbouncer, and straight. All ways
// take turns within a round, so that whatever else the machine does, it does to all of them; the best round of each counts,
// since noise only ever adds.
import { concatBytes, utf8 } from '../core/bytes.ts';
import { encodeBind, encodeExecute, encodeQuery, SYNC } from '../core/postgres/client-messages.ts';
import { closedLoop, median, type Round } from './clock.ts';
import { shown, type Detail, type Finding, type Group } from './findings.ts';
import { waysOf, type Rig, type Way } from './rig.ts';
import type { WireSession } from './wire.ts';

const TEXT = 'SELECT name FROM customers WHERE id = 7';
const STATEMENT = 'SELECT name FROM customers WHERE id = $1';
const NAME = 'bench';

const MODES = {
  simple: encodeQuery(TEXT),
  prepared: concatBytes([
    encodeBind({
      portal: '',
      statement: NAME,
      formats: [],
      values: [utf8('7')],
      resultFormats: [],
    }),
    encodeExecute({ portal: '', maxRows: 0 }),
    SYNC,
  ]),
} as const;

const CLIENTS = [1, 8] as const;
const MOST_CLIENTS = 8;
/** Time the gateway may add, as a part of the pump's own. */
const ADDED_BUDGET = 0.35;

export interface RoundTripOptions {
  readonly rounds: number;
  readonly milliseconds: number;
}

interface Series {
  readonly mode: keyof typeof MODES;
  readonly clients: number;
  readonly rounds: Readonly<Record<string, readonly Round[]>>;
}

export async function measureRoundTrips(rig: Rig, options: RoundTripOptions): Promise<Group> {
  const ways = await waysOf(rig, { command: true });
  const open: { way: Way; sessions: readonly WireSession[] }[] = [];
  try {
    for (const way of ways) open.push({ way, sessions: await openSessions(way) });
    const series: Series[] = [];
    for (const mode of ['simple', 'prepared'] as const) {
      for (const clients of CLIENTS) {
        const rounds: Record<string, Round[]> = {};
        for (let round = 0; round < options.rounds; round++) {
          for (const { way, sessions } of open) {
            const pid = way.runtime?.pid ?? null;
            const busy = sessions.slice(0, clients);
            const done = await closedLoop(busy, MODES[mode], options.milliseconds, pid);
            (rounds[way.name] ??= []).push(done);
          }
        }
        series.push({ mode, clients, rounds });
      }
    }
    return report(ways, series);
  } finally {
    for (const { sessions } of open) for (const session of sessions) session.close();
  }
}

async function openSessions(way: Way): Promise<readonly WireSession[]> {
  const sessions: WireSession[] = [];
  for (let i = 0; i < MOST_CLIENTS; i++) {
    const session = await way.open();
    await session.prepare(NAME, STATEMENT);
    // Seen before, and compiled: the first answers of a fresh isolate are not what a session lives from.
    for (let warm = 0; warm < 200; warm++) {
      await session.ask(MODES.simple);
      await session.ask(MODES.prepared);
    }
    sessions.push(session);
  }
  return sessions;
}

function best(rounds: readonly Round[] | undefined, of: (round: Round) => number | null): number {
  return Math.min(...(rounds ?? []).map((round) => of(round) ?? Number.POSITIVE_INFINITY));
}

function report(ways: readonly Way[], series: readonly Series[]): Group {
  const findings = series.map(({ mode, clients, rounds }): Finding => {
    const pump = best(rounds['pump'], (round) => round.meanMicros);
    const gateway = best(rounds['gateway'], (round) => round.meanMicros);
    const pairs = (rounds['gateway'] ?? []).map(
      (round, at) => round.meanMicros / (rounds['pump']?.[at]?.meanMicros ?? Number.NaN) - 1,
    );
    return {
      what: `${mode} query, ${clients} client${clients === 1 ? '' : 's'}: time added to the pump's`,
      value: (gateway - pump) / pump,
      unit: '×',
      budget: { atMost: ADDED_BUDGET },
      note: `${shown(pump)} + ${shown(gateway - pump)} µs; median of the pairs ${shown(median(pairs))} ×`,
    };
  });
  const columns = series.map(({ mode, clients }) => `${mode} ${clients}`);
  const table = (head: string, of: (round: Round) => number | null): Detail => ({
    head: [head, ...columns],
    rows: ways.flatMap(({ name }) => {
      const values = series.map(({ rounds }) => best(rounds[name], of));
      if (values.some((value) => !Number.isFinite(value))) return [];
      return [[name, ...values.map(shown)]];
    }),
  });
  return {
    name: 'round-trip',
    title: 'One SQL round trip',
    findings,
    details: [
      table('µs per round trip', (round) => round.meanMicros),
      table('µs of workerd’s processor time', (round) => round.cpuMicros),
    ],
    raw: series,
  };
}
