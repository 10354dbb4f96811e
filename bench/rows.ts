// A million rows through, once as rows and once as COPY data: megabytes per second against the pump, and how much memory
// the gateway's process takes meanwhile.
import { memory, resetPeak } from './clock.ts';
import { shown, type Finding, type Group } from './findings.ts';
import { waysOf, type Rig } from './rig.ts';
import type { WireSession } from './wire.ts';

const STATEMENTS = {
  SELECT: 'SELECT id, name, note, price FROM bench_rows',
  COPY: 'COPY bench_rows (id, name, note, price) TO STDOUT',
} as const;

const RATE_BUDGET = 0.8;
/** A result that were held would be over 90 MiB; collecting garbage late is allowed some. */
const GROWTH_BUDGET_MIB = 48;

interface Stream {
  readonly megabytesPerSecond: number;
  readonly peakMiB: number | null;
  readonly growthMiB: number | null;
}

export async function measureRows(rig: Rig, options: { readonly rounds: number }): Promise<Group> {
  const ways = await waysOf(rig, { command: false });
  const findings: Finding[] = [];
  const rows: string[][] = [];
  const raw: Record<string, Record<string, Stream[]>> = {};
  for (const [kind, text] of Object.entries(STATEMENTS)) {
    const streams: Record<string, Stream[]> = {};
    for (const way of ways) {
      const session = await way.open();
      await session.query('SELECT 1');
      session.close();
    }
    for (let round = 0; round < options.rounds; round++) {
      for (const way of ways) {
        const session = await way.open();
        const stream = await once(session, text, way.runtime?.pid ?? null);
        (streams[way.name] ??= []).push(stream);
        session.close();
      }
    }
    raw[kind] = streams;
    const rate = (name: string): number =>
      Math.max(...(streams[name] ?? []).map((stream) => stream.megabytesPerSecond));
    const gateway = streams['gateway'] ?? [];
    findings.push(
      {
        what: `${kind} of 1 M rows, no mask: rate against the pump's`,
        value: rate('gateway') / rate('pump'),
        unit: '×',
        budget: { atLeast: RATE_BUDGET },
        note: `${shown(rate('gateway'))} of ${shown(rate('pump'))} MB/s`,
      },
      {
        what: `${kind} of 1 M rows: memory the gateway takes for it`,
        value: Math.min(...gateway.map(({ growthMiB }) => growthMiB ?? Number.NaN)),
        unit: 'MiB',
        budget: { atMost: GROWTH_BUDGET_MIB },
        note: `peak of the process ${shown(Math.max(...gateway.map(({ peakMiB }) => peakMiB ?? 0)))} MiB`,
      },
    );
    rows.push([kind, ...ways.map(({ name }) => shown(rate(name)))]);
  }
  findings.push({
    what: '1 M rows, 3 masked columns',
    value: null,
    unit: '×',
    note: 'this version has no masks to measure',
  });
  return {
    name: 'rows',
    title: 'A million rows',
    findings,
    details: [{ head: ['MB/s', ...ways.map(({ name }) => name)], rows }],
    raw,
  };
}

async function once(session: WireSession, text: string, pid: number | null): Promise<Stream> {
  resetPeak(pid);
  const before = memory(pid);
  const start = performance.now();
  await session.query(text);
  const seconds = (performance.now() - start) / 1000;
  const after = memory(pid);
  return {
    megabytesPerSecond: session.received / 1e6 / seconds,
    peakMiB: after?.peakMiB ?? null,
    growthMiB: after === null || before === null ? null : after.peakMiB - before.residentMiB,
  };
}
