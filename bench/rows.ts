// A million rows through, as rows and as COPY data, without masks and with them: megabytes per second against the pump, and
// how much memory the gateway's process takes meanwhile.
import { memory, resetPeak } from './clock.ts';
import { shown, type Finding, type Group } from './findings.ts';
import { waysOf, type Rig } from './rig.ts';
import type { WireSession } from './wire.ts';

interface Case {
  readonly kind: string;
  readonly text: string;
  readonly target: 'shop' | 'masked';
  readonly atLeast: number;
}

const PEOPLE = 'id, email, card, phone, note, remark';
const CASES: readonly Case[] = [
  {
    kind: 'SELECT of 1 M rows, no mask',
    text: 'SELECT id, name, note, price FROM bench_rows',
    target: 'shop',
    atLeast: 0.8,
  },
  {
    kind: 'COPY of 1 M rows, no mask',
    text: 'COPY bench_rows (id, name, note, price) TO STDOUT',
    target: 'shop',
    atLeast: 0.8,
  },
  {
    kind: 'SELECT of 1 M rows, 3 masked columns, 2 searched',
    text: `SELECT ${PEOPLE} FROM bench_people`,
    target: 'masked',
    atLeast: 0.5,
  },
  {
    kind: 'COPY of 1 M rows, 3 masked columns, 2 searched',
    text: `COPY bench_people (${PEOPLE}) TO STDOUT`,
    target: 'masked',
    atLeast: 0.5,
  },
];

/** A result that were held would be over 90 MiB; collecting garbage late is allowed some. */
const GROWTH_BUDGET_MIB = 48;

interface Stream {
  readonly seconds: number;
  readonly megabytes: number;
  readonly peakMiB: number | null;
  readonly growthMiB: number | null;
}

export async function measureRows(rig: Rig, options: { readonly rounds: number }): Promise<Group> {
  const findings: Finding[] = [];
  const rows: string[][] = [];
  const raw: Record<string, Record<string, Stream[]>> = {};
  let names: readonly string[] = [];
  for (const { kind, text, target, atLeast } of CASES) {
    const ways = await waysOf(rig, { command: false, target });
    names = ways.map(({ name }) => name);
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
    // Masks change how long a value is: everybody is measured by the bytes that the server sends.
    const sent = streams['direct']?.[0]?.megabytes ?? Number.NaN;
    const rate = (name: string): number =>
      sent / Math.min(...(streams[name] ?? []).map(({ seconds }) => seconds));
    const gateway = streams['gateway'] ?? [];
    findings.push(
      {
        what: `${kind}: rate against the pump's`,
        value: rate('gateway') / rate('pump'),
        unit: '×',
        budget: { atLeast },
        note: `${shown(rate('gateway'))} of ${shown(rate('pump'))} MB/s`,
      },
      {
        what: `${kind}: memory the gateway takes for it`,
        value: Math.min(...gateway.map(({ growthMiB }) => growthMiB ?? Number.NaN)),
        unit: 'MiB',
        budget: { atMost: GROWTH_BUDGET_MIB },
        note: `peak of the process ${shown(Math.max(...gateway.map(({ peakMiB }) => peakMiB ?? 0)))} MiB`,
      },
    );
    rows.push([kind, ...ways.map(({ name }) => shown(rate(name)))]);
  }
  return {
    name: 'rows',
    title: 'A million rows',
    findings,
    details: [{ head: ['MB/s', ...names], rows }],
    raw,
  };
}

async function once(session: WireSession, text: string, pid: number | null): Promise<Stream> {
  resetPeak(pid);
  const before = memory(pid);
  const { received } = session;
  const start = performance.now();
  await session.query(text);
  const seconds = (performance.now() - start) / 1000;
  const after = memory(pid);
  return {
    seconds,
    megabytes: (session.received - received) / 1e6,
    peakMiB: after?.peakMiB ?? null,
    growthMiB: after === null || before === null ? null : after.peakMiB - before.residentMiB,
  };
}
