// What a million statements cost on Cloudflare: every billable operation of two sessions is counted, one that asks as fast
// as it is answered and one at the pace of an agent, and multiplied with the list prices. Free allowances are left out.
import { setTimeout as sleep } from 'node:timers/promises';
import { concatBytes, utf8 } from '../core/bytes.ts';
import { encodeBind, encodeExecute, SYNC } from '../core/postgres/client-messages.ts';
import { SHIP_INTERVAL_MS } from '../core/limits.ts';
import type { Detail, Group } from './findings.ts';
import { difference, startMetered, type Counts, type MeteredGateway } from './metered.ts';
import type { Rig } from './rig.ts';
import { doorPipe, WireSession } from './wire.ts';

/** Dollars a million, on the pages named; read in November 2026. */
const PRICES = {
  /** developers.cloudflare.com/workers/platform/pricing */
  workerRequests: 0.3,
  /** developers.cloudflare.com/durable-objects/platform/pricing */
  objectRequests: 0.15,
  objectGigabyteSeconds: 12.5,
  objectRowsRead: 0.001,
  objectRowsWritten: 1,
  /** developers.cloudflare.com/d1/platform/pricing */
  d1RowsRead: 0.001,
  d1RowsWritten: 1,
  /** developers.cloudflare.com/r2/pricing */
  r2Writes: 4.5,
  r2Reads: 0.36,
} as const;

/** Twenty incoming WebSocket messages are billed as one request. */
const MESSAGES_PER_REQUEST = 20;
/** An object is billed for 128 MB as long as it is in memory, whatever it uses. */
const OBJECT_GIGABYTES = 0.128;

export interface CostOptions {
  readonly statements: number;
  readonly pacedSeconds: number;
  readonly perSecond: number;
}

interface Counted {
  readonly statements: number;
  readonly messages: number;
  readonly seconds: number;
  readonly counts: Counts;
}

export async function measureCost(rig: Rig, options: CostOptions): Promise<Group> {
  const gateway = await startMetered(rig);
  // Keys, policy and catalog of a fresh isolate are not what a million statements pay for.
  await count(rig, gateway, 10, 0);
  const paced = await count(
    rig,
    gateway,
    options.pacedSeconds * options.perSecond,
    1000 / options.perSecond,
  );
  const eager = await count(rig, gateway, options.statements, 0);
  const bills = [bill(`${options.perSecond} a second`, paced), bill('one after another', eager)];
  return {
    name: 'cost',
    title: 'A million statements',
    findings: bills.map(({ pace, dollars }) => ({
      what: `1 M statements, ${pace}`,
      value: dollars,
      unit: '$',
      note: 'list prices, allowances not taken off',
    })),
    details: [table(bills)],
    raw: { paced, eager, prices: PRICES },
  };
}

async function count(
  rig: Rig,
  gateway: MeteredGateway,
  statements: number,
  paceMs: number,
): Promise<Counted> {
  const { user, password, database } = rig.shop;
  const before = await gateway.counts();
  const token = await rig.token();
  const start = performance.now();
  const pipe = await doorPipe(`${gateway.url}/postgres/shop`, { token, credited: true });
  let messages = 0;
  const send = pipe.send.bind(pipe);
  pipe.send = (bytes) => {
    messages += 1;
    send(bytes);
  };
  const session = await WireSession.open(pipe, { user, password, database });
  await session.prepare('bench', 'SELECT name FROM customers WHERE id = $1');
  for (let n = 0; n < statements; n++) {
    const due = start + n * paceMs;
    if (paceMs > 0) await sleep(Math.max(0, due - performance.now()));
    await session.ask(execution(n % 100));
  }
  const seconds = (performance.now() - start) / 1000;
  session.close();
  // The end of the session is recorded and indexed a moment later.
  await sleep(SHIP_INTERVAL_MS);
  return { statements, messages, seconds, counts: difference(await gateway.counts(), before) };
}

function execution(id: number): Uint8Array {
  const values = [utf8(String(id + 1))];
  return concatBytes([
    encodeBind({ portal: '', statement: 'bench', formats: [], values, resultFormats: [] }),
    encodeExecute({ portal: '', maxRows: 0 }),
    SYNC,
  ]);
}

interface Bill {
  readonly pace: string;
  readonly lines: readonly {
    readonly what: string;
    readonly perStatement: number;
    readonly dollars: number;
  }[];
  readonly dollars: number;
}

function bill(pace: string, { statements, messages, seconds, counts }: Counted): Bill {
  const line = (what: string, amount: number, price: number) => ({
    what,
    perStatement: amount / statements,
    dollars: (amount / statements) * price,
  });
  const lines = [
    line('Worker requests', counts.workerRequests, PRICES.workerRequests),
    line(
      'object requests',
      counts.objectRequests + messages / MESSAGES_PER_REQUEST,
      PRICES.objectRequests,
    ),
    line('object GB-s', seconds * OBJECT_GIGABYTES, PRICES.objectGigabyteSeconds),
    line('object rows written', counts.objectRowsWritten, PRICES.objectRowsWritten),
    line('object rows read', counts.objectRowsRead, PRICES.objectRowsRead),
    line('D1 rows written', counts.d1RowsWritten, PRICES.d1RowsWritten),
    line('D1 rows read', counts.d1RowsRead, PRICES.d1RowsRead),
    line('R2 writes', counts.r2Writes, PRICES.r2Writes),
    line('R2 reads', counts.r2Reads, PRICES.r2Reads),
  ];
  return { pace, lines, dollars: lines.reduce((sum, { dollars }) => sum + dollars, 0) };
}

function table(bills: readonly Bill[]): Detail {
  const [first] = bills;
  return {
    head: ['per statement; $ a million', ...bills.map(({ pace }) => pace)],
    rows: (first?.lines ?? []).map(({ what }, at) => [
      what,
      ...bills.map(({ lines }) => {
        const line = lines[at];
        return line === undefined
          ? ''
          : `${line.perStatement.toPrecision(3)}; ${line.dollars.toFixed(3)}`;
      }),
    ]),
  };
}
