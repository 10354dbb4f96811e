// Limits of the policy through the whole gateway and a real Postgres: sessions, actions, rows; over drivers that wait, over
// bytes that do not, over the JSON API; and an approval that a limit does not burn.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, changePolicy, connected, decide, hold } from '../support/held-statement.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, psql, type Tunnel } from '../support/tunnel.ts';

const RULES = `
  - id: limited-reads
    who: 'principal.groups.exists(g, g.startsWith("limited"))'
    on: [shop-db, shop-reports]
    when: sql.effect == "read"
    then: allow
  - id: limited-writes
    who: '"limited-held" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 60s }
`;

const LIMITS = `
limits:
  - { id: places, who: '"limited-places" in principal.groups', sessions: 3 }
  - { id: pace, who: '"limited-pace" in principal.groups', actionsPerMinute: 5 }
  - { id: volume, who: '"limited-volume" in principal.groups', rowsPerHour: 100 }
  - { id: held, who: '"limited-held" in principal.groups', actionsPerMinute: 2 }
`;

let stack: TestStack;
const tunnels: Tunnel[] = [];
const clients: pg.Client[] = [];

/** A local port on which every connection is this agent's. */
async function port(subject: string, group: string, target = 'shop-db'): Promise<number> {
  const tunnel = await openTunnel(stack.gateway, target, await stack.token(subject, [group]));
  tunnels.push(tunnel);
  return tunnel.port;
}

async function client(at: number): Promise<pg.Client> {
  const opened = await connected(at);
  clients.push(opened);
  return opened;
}

const refusal = async (asked: Promise<unknown>): Promise<pg.DatabaseError> => {
  const answer = await asked.catch((error: unknown) => error);
  if (!(answer instanceof pg.DatabaseError)) throw new Error('it was not refused');
  return answer;
};

beforeAll(async () => {
  stack = await startStack();
  await changePolicy(
    stack,
    (document) => `${document.replace(/^rules:\n/m, `rules:${RULES}`)}\n${LIMITS}`,
  );
});

afterAll(async () => {
  for (const open of clients) await open.end().catch(() => undefined);
  for (const tunnel of tunnels) await tunnel.close();
  await stack.stop();
});

describe('sessions', () => {
  it('are as many as the limit has, in psql’s words too, and free when one is closed', async () => {
    const at = await port('places', 'limited-places');
    const all = [await client(at), await client(at), await client(at)];
    const told = await refusal(connected(at));
    expect(told).toMatchObject({ code: '53300', severity: 'FATAL' });
    expect(told.message).toBe('The limit places allows you 3 sessions at a time.');
    expect(told.hint).toContain('try again in 5 seconds');
    const refused = await psql(at, ['SELECT 1']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('3 sessions at a time');
    await all[0]?.end();
    await expect
      .poll(async () => (await psql(at, ['SELECT 1'])).code, { timeout: 10_000, interval: 300 })
      .toBe(0);
    for (const open of all.slice(1)) await open.end();
  });

  it('of another principal are counted apart', async () => {
    const at = await port('other-places', 'limited-places');
    for (let n = 0; n < 3; n++) await client(at);
    expect((await refusal(connected(at))).code).toBe('53300');
  });
});

describe('actions', () => {
  it('are counted over targets and sessions, and a transaction can always be ended', async () => {
    const [shop, reports] = [
      await port('pace', 'limited-pace'),
      await port('pace', 'limited-pace', 'shop-reports'),
    ];
    const [a, b] = [await client(shop), await client(reports)];
    await a.query('BEGIN');
    for (let n = 0; n < 3; n++) await a.query('SELECT $1::int', [n]);
    const texts = await refusal(b.query('SELECT 1; SELECT 2; SELECT 3'));
    expect(texts.code).toBe('53400');
    for (let n = 0; n < 2; n++) await b.query('SELECT 1');
    const told = await refusal(a.query('SELECT 1'));
    expect(told).toMatchObject({ code: '53400', severity: 'ERROR' });
    expect(told.message).toBe('The limit pace allows you 5 actions a minute.');
    expect(told.hint).toMatch(/^Try again in \d+ seconds\.$/);
    expect(told.detail).toMatch(/^code limit_exceeded; revision \d+; retry \d+$/);
    await a.query('ROLLBACK');
    expect((await refusal(b.query('SELECT 1'))).code).toBe('53400');
  });

  it('are exactly as many as the limit has, however many ask at once', async () => {
    const at = await port('crowd', 'limited-pace');
    const crowd = await Promise.all(Array.from({ length: 12 }, () => client(at)));
    const answers = await Promise.all(
      crowd.flatMap((one) => [1, 2].map(() => one.query('SELECT 1').catch(() => null))),
    );
    expect(answers.filter((answer) => answer !== null)).toHaveLength(5);
  });
});

describe('rows', () => {
  const rows = (count: number) => `SELECT n FROM generate_series(1, ${count}) AS n`;

  it('that cross the limit are all shown, and nothing begins after them', async () => {
    const one = await client(await port('volume', 'limited-volume'));
    expect((await one.query(rows(99))).rowCount).toBe(99);
    expect((await one.query(rows(150))).rowCount).toBe(150);
    const told = await refusal(one.query('SELECT 1'));
    expect(told).toMatchObject({ code: '53400' });
    expect(told.message).toBe('The limit volume allows you 100 rows an hour.');
    expect(told.hint).toMatch(/minutes/);
  });

  it.each([
    ['ends in an error', 'SELECT 1 / (n - 200) FROM generate_series(1, 200) AS n'],
    ['is copied', 'COPY (SELECT n FROM generate_series(1, 200) AS n) TO STDOUT'],
    ['is fetched', 'BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 200); FETCH ALL FROM c'],
  ])('of a result that %s count', async (name, text) => {
    const one = await client(await port(`volume-${name.replaceAll(' ', '-')}`, 'limited-volume'));
    await one.query(text).catch(() => undefined);
    await one.query('ROLLBACK').catch(() => undefined);
    expect((await refusal(one.query('SELECT 1'))).code).toBe('53400');
  });

  it('of a connection that is cut off count', async () => {
    const at = await port('volume-cut', 'limited-volume');
    const cut = await client(at);
    const asked = cut.query(`${rows(500)}, pg_sleep(0.01)`).catch(() => undefined);
    await sleep(4_000);
    (cut as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    await Promise.race([asked, sleep(1_000)]);
    await expect
      .poll(
        async () => {
          const next = await client(at);
          return next.query('SELECT 1').then(
            () => 'ran',
            (error: pg.DatabaseError) => error.code,
          );
        },
        { timeout: 10_000, interval: 500 },
      )
      .toBe('53400');
  });

  it.each([
    ['queries', (text: string) => [query(text)]],
    ['executes without a Sync', (text: string) => [parse(text), bind(), execute()]],
  ])('count before the next of many %s that were sent at once', async (_name, one) => {
    const at = await port(`volume-${_name.split(' ')[0]}`, 'limited-volume');
    const many = Array.from({ length: 6 }, () => one(rows(60))).flat();
    const { rows: got, errors } = await exchange(at, Buffer.concat([...many, message('S')]));
    expect(got).toBe(120);
    expect(errors[0]).toContain('53400');
  });
});

describe('the JSON API', () => {
  it('answers 429 with Retry-After, and the same key runs once there is room', async () => {
    const token = await stack.token('api-pace', ['limited-pace']);
    const ask = (key: string) =>
      fetch(`${stack.gateway}/v1/targets/shop-db/query`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': key,
        },
        body: JSON.stringify({ sql: 'SELECT 1' }),
      });
    for (let n = 0; n < 5; n++) expect((await ask(`fits-${n}`)).status).toBe(200);
    const refused = await ask('too-many');
    expect(refused.status).toBe(429);
    const seconds = Number(refused.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(30);
    expect(seconds).toBeLessThanOrEqual(61);
    const body = (await refused.json()) as Record<string, unknown>;
    expect(body).toMatchObject({ code: 'limit_exceeded', state: 'failed', status: 429 });
    expect(body['hint']).toMatch(/^Try again in \d+ seconds\.$/);
    await changePolicy(stack, (text) => text.replace('actionsPerMinute: 5', 'actionsPerMinute: 6'));
    expect((await ask('too-many')).status).toBe(200);
    expect((await ask('one-more')).status).toBe(429);
  });
});

describe('an approval', () => {
  it('is neither asked for nor used up by what a limit refuses', async () => {
    const at = await port('held', 'limited-held');
    const dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
    const write = "UPDATE customers SET city = 'Delft' WHERE name = 'nobody of that name'";
    const held = await hold(at, write);
    clients.push(held.client);
    const other = await client(at);
    await other.query('SELECT 1');
    await other.query('SELECT 2');
    expect((await refusal(other.query(`${write} AND true`))).code).toBe('53400');
    expect((await decide(stack.gateway, held.id, dana, 'approve')).status).toBe(200);
    expect(await held.answer).toMatchObject({ code: '53400' });
    expect((await approvalOf(stack.gateway, held.id, dana))?.state).toBe('approved');
  });
});

it('a lower number of sessions ends the youngest within ten seconds', async () => {
  const at = await port('fewer', 'limited-places');
  const all = [await client(at), await client(at), await client(at)];
  // A driver may tell of one end twice: the FATAL, and the connection that closes.
  const ends = new Set<number>();
  for (const [n, open] of all.entries()) open.on('error', () => ends.add(n));
  const changed = Date.now();
  await changePolicy(stack, (text) => text.replace('sessions: 3', 'sessions: 1'));
  await expect.poll(() => [...ends].toSorted((a, b) => a - b), { timeout: 12_000 }).toEqual([1, 2]);
  expect(Date.now() - changed).toBeLessThan(12_000);
  expect((await all[0]?.query('SELECT 1'))?.rowCount).toBe(1);
});

// --- bytes, for what no driver sends ---------------------------------------------------------------------------------

function message(tag: string, body = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(5);
  head.write(tag);
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const text = (value: string) => Buffer.from(`${value}\0`);
const query = (sql: string) => message('Q', text(sql));
const parse = (sql: string) => message('P', Buffer.concat([text(''), text(sql), Buffer.alloc(2)]));
const bind = () => message('B', Buffer.concat([text(''), text(''), Buffer.alloc(6)]));
const execute = () => message('E', Buffer.concat([text(''), Buffer.alloc(4)]));

function startup(): Buffer {
  const body = Buffer.concat([
    text('user'),
    text('agent'),
    text('database'),
    text('shop'),
    text(''),
  ]);
  const head = Buffer.alloc(8);
  head.writeInt32BE(body.length + 8, 0);
  head.writeInt32BE(196_608, 4);
  return Buffer.concat([head, body]);
}

/** Sends everything in one write once the server is ready; counts rows and keeps errors until nothing comes any more. */
async function exchange(at: number, bytes: Buffer): Promise<{ rows: number; errors: string[] }> {
  const socket = connect(at, '127.0.0.1');
  let seen = Buffer.alloc(0);
  let sent = false;
  let rows = 0;
  const errors: string[] = [];
  socket.on('data', (chunk: Buffer) => {
    seen = Buffer.concat([seen, chunk]);
    while (seen.length >= 5 && seen.length > seen.readInt32BE(1)) {
      const length = seen.readInt32BE(1) + 1;
      const tag = String.fromCharCode(seen[0] ?? 0);
      if (tag === 'D') rows += 1;
      if (tag === 'E') errors.push(seen.subarray(5, length).toString('latin1'));
      if (tag === 'Z' && !sent) {
        sent = true;
        socket.write(bytes);
      }
      seen = seen.subarray(length);
    }
  });
  socket.write(startup());
  await sleep(6_000);
  socket.destroy();
  return { rows, errors };
}
