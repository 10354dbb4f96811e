// The JSON API through the whole gateway: values, refusals, approvals that come late, keys that are sent fifty times, and a
// gateway that dies in the middle. The same policy and the same engine as psql's.
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, changePolicy, decide } from '../support/held-statement.ts';
import { descendants } from '../support/processes.ts';
import { shopDatabase } from '../support/shop-database.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const RULES = `
  - id: api-writes
    who: '"api-writers" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: allow
  - id: api-reads
    who: '"api-writers" in principal.groups || "api-held" in principal.groups || "api-impatient" in principal.groups'
    on: [shop-db]
    when: sql.effect == "read"
    then: allow
  - id: api-held
    who: '"api-held" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 30s, maxRows: 5 }
  - id: api-impatient
    who: '"api-impatient" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 2s, keep: true }
  - id: api-window
    who: '"api-window" in principal.groups'
    on: [shop-db]
    when: action.kind == "connect"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 2s, grants: 1h }
  - id: api-window-reads
    who: '"api-window" in principal.groups'
    on: [shop-db]
    when: sql.effect == "read"
    then: allow
`;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { readonly rows: unknown[][]; readonly call: string };
}

let stack: TestStack;
let shop: pg.Client;
let writer: string;
let held: string;
let dana: string;

async function answerOf(response: Response): Promise<Answer> {
  const body = (await response.json()) as Answer['body'];
  return { status: response.status, headers: response.headers, body };
}

async function query(
  token: string,
  body: unknown,
  more: { readonly key?: string; readonly target?: string; readonly gateway?: string } = {},
): Promise<Answer> {
  const { key, target = 'shop-db', gateway = stack.gateway } = more;
  const response = await fetch(`${gateway}/v1/targets/${target}/query`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return answerOf(response);
}

async function poll(token: string, id: string, wait = 0, gateway = stack.gateway): Promise<Answer> {
  const headers = { authorization: `Bearer ${token}` };
  return answerOf(await fetch(`${gateway}/v1/calls/${id}?wait=${wait}`, { headers }));
}

function approvalIn(answer: Answer): string {
  return (answer.body['approval'] as { readonly id: string }).id;
}

async function count(marker: string): Promise<number> {
  const found = await shop.query('SELECT count(*)::int AS n FROM customers WHERE name = $1', [
    marker,
  ]);
  return (found.rows[0] as { n: number }).n;
}

let markers = 0;
const fresh = (): string => `api-${Date.now()}-${++markers}`;

const insert = (marker: string) => ({
  sql: "INSERT INTO customers (name, email, city, created_at) VALUES ($1, $2, 'Delft', '2024-01-01') RETURNING name",
  params: [marker, `${marker}@example.test`],
});

beforeAll(async () => {
  stack = await startStack();
  shop = await shopDatabase(stack);
  await changePolicy(stack, (document) => document.replace(/^rules:\n/m, `rules:${RULES}`));
  writer = await stack.token('api-writer', ['api-writers']);
  held = await stack.token('api-held', ['api-held']);
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
});

afterAll(async () => {
  await shop.end();
  await stack.stop();
});

describe('a query', () => {
  it('comes back as rows with their types', async () => {
    const { status, body } = await query(writer, {
      sql: 'SELECT 1 AS one, $1::text AS said',
      params: ['héllo'],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      state: 'succeeded',
      command: 'SELECT',
      rowCount: 1,
      truncated: false,
      columns: [
        { name: 'one', type: 'int4' },
        { name: 'said', type: 'text' },
      ],
      rows: [[1, 'héllo']],
    });
  });

  it.each<[string, unknown]>([
    ["'t'::bool", true],
    ['32767::int2', 32767],
    ['9007199254740993::int8', '9007199254740993'],
    ['1.10::numeric', '1.10'],
    ['1.5::float8', 1.5],
    ["'NaN'::float8", 'NaN'],
    ["'-Infinity'::float4", '-Infinity'],
    [String.raw`'\x00ff'::bytea`, 'AP8='],
    ["'2024-02-29 12:34:56.789'::timestamp", '2024-02-29T12:34:56.789'],
    ["'2024-02-29'::date", '2024-02-29'],
    [`'{"a":[1,null]}'::jsonb`, { a: [1, null] }],
    [
      'ARRAY[[1,2],[3,NULL]]::int4[]',
      [
        [1, 2],
        [3, null],
      ],
    ],
    ["ARRAY['a,b','\"','NULL',NULL]::text[]", ['a,b', '"', 'NULL', null]],
    ['NULL::text', null],
  ])('gives %s its JSON form', async (expression, value) => {
    const { body } = await query(writer, { sql: `SELECT ${expression} AS v` });
    expect(body.rows).toEqual([[value]]);
  });

  it('gives instants in ISO 8601 with their zone', async () => {
    const { body } = await query(writer, {
      sql: "SELECT '2024-02-29 12:00:00+00'::timestamptz AS v",
    });
    const [[shown] = []] = body.rows;
    expect(shown).toMatch(/^2024-02-\d\dT\d\d:00:00(?:Z|[+-]\d\d:\d\d)$/);
    expect(new Date(String(shown)).toISOString()).toBe('2024-02-29T12:00:00.000Z');
  });

  it('takes parameters with types, bytes as base64 and arrays as arrays', async () => {
    const { body } = await query(writer, {
      sql: 'SELECT $1 AS a, $2 AS b, $3 AS c, $4 AS d, $5 AS e',
      params: ['9007199254740993', 'AP8=', ['x', null, 'a"b'], [1, [2]], null],
      types: ['int8', 'bytea', 'text[]', 'jsonb', 'date'],
    });
    expect(body.rows).toEqual([['9007199254740993', 'AP8=', ['x', null, 'a"b'], [1, [2]], null]]);
  });

  it('says that there is more than maxRows, and stops there', async () => {
    const { body } = await query(writer, {
      sql: 'SELECT * FROM generate_series(1, 1000000)',
      maxRows: 3,
    });
    expect(body).toMatchObject({ truncated: true, truncatedBy: 'rows', rows: [[1], [2], [3]] });
    const whole = await query(writer, { sql: 'SELECT * FROM generate_series(1, 3)', maxRows: 3 });
    expect(whole.body).toMatchObject({ truncated: false, rowCount: 3 });
  });

  it('leaves rows out that are too large together, and says so', async () => {
    const { status, body } = await query(writer, {
      sql: "SELECT repeat('x', 1000000) FROM generate_series(1, 20)",
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ truncated: true, truncatedBy: 'bytes' });
    expect(body.rows).toHaveLength(8);
  });

  it('runs a write to its end, however many of its rows are shown', async () => {
    const marker = fresh();
    const { body } = await query(writer, {
      sql: "INSERT INTO customers (name, email, city, created_at) SELECT $1, $1 || n || '@example.test', 'Delft', '2024-01-01' FROM generate_series(1, 5) n RETURNING email",
      params: [marker],
      types: ['text'],
      maxRows: 2,
    });
    expect(body).toMatchObject({ command: 'INSERT', rowCount: 5, truncated: true });
    expect(body.rows).toHaveLength(2);
    expect(await count(marker)).toBe(5);
  });
});

describe('a refusal', () => {
  it('names the code, the rule and what to do', async () => {
    const { status, headers, body } = await query(writer, { sql: 'DROP TABLE customers' });
    expect(status).toBe(403);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({
      code: 'rule',
      rule: 'no-ddl',
      state: 'failed',
      detail: 'Schema changes go through migrations.',
    });
  });

  it('is the default', async () => {
    const nobody = await stack.token('api-nobody', []);
    const { status, body } = await query(nobody, { sql: 'SELECT 1' });
    expect(status).toBe(403);
    expect(body).toMatchObject({ code: 'no_rule' });
  });

  it('sounds the same for a target that does not exist and one that is not allowed', async () => {
    const nobody = await stack.token('api-nobody', []);
    const [unknown, refused] = await Promise.all([
      query(nobody, { sql: 'SELECT 1' }, { target: 'no-such-target' }),
      query(nobody, { sql: 'SELECT 1' }),
    ]);
    // Everything but what is random in each.
    const said = ({ status, body }: Answer) => {
      const { call: _call, session: _session, instance: _instance, ...rest } = body;
      return [status, rest];
    };
    expect(said(unknown)).toEqual(said(refused));
  });

  it('of the target itself keeps its SQLSTATE', async () => {
    const { status, body } = await query(writer, { sql: 'SELECT 1 / $1::int', params: [0] });
    expect(status).toBe(422);
    expect(body).toMatchObject({ code: 'query_failed', sqlstate: '22012', state: 'failed' });
  });

  it('does not let two statements through in one', async () => {
    const { status, body } = await query(writer, { sql: 'SELECT 1; SELECT 2' });
    expect([status, body['sqlstate']]).toEqual([422, '42601']);
  });

  it('of COPY FROM leaves nothing hanging', async () => {
    const { status } = await query(writer, { sql: 'COPY products (sku, name, price) FROM STDIN' });
    expect(status).toBe(422);
  });

  it('stops what takes longer than it may', async () => {
    const { status, body } = await query(writer, { sql: 'SELECT pg_sleep(20)', timeoutSeconds: 1 });
    expect([status, body['code'], body['sqlstate']]).toEqual([422, 'query_timeout', '57014']);
  });

  it.each<[string, unknown]>([
    ['an unknown key', { sql: 'SELECT 1', maxrows: 1 }],
    ['too many rows', { sql: 'SELECT 1', maxRows: 10_001 }],
    ['a zero byte', { sql: 'SELECT 1\0' }],
    ['half a surrogate pair', '{"sql":"SELECT \'\\ud800\'"}'],
    ['an unknown type', { sql: 'SELECT $1', params: [1], types: ['colour'] }],
    ['base64 that is none', { sql: 'SELECT $1', params: ['?'], types: ['bytea'] }],
    ['an object as parameter', { sql: 'SELECT $1', params: [{}] }],
    ['what is not JSON', 'sql=SELECT 1'],
  ])('meets %s', async (_, body) => {
    expect((await query(writer, body)).status).toBe(400);
  });

  it('meets a body over 1 MiB', async () => {
    expect((await query(writer, { sql: `SELECT '${'x'.repeat(1_048_576)}'` })).status).toBe(413);
  });

  it('meets a key that is none', async () => {
    const { status, body } = await query(writer, { sql: 'SELECT 1' }, { key: 'two words' });
    expect([status, body['code']]).toEqual([400, 'idempotency_key_invalid']);
  });
});

describe('an Idempotency-Key', () => {
  it('sent fifty times at once has one effect and one answer', async () => {
    const marker = fresh();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => query(writer, insert(marker), { key: marker })),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    expect(await count(marker)).toBe(1);
  });

  it('answers for what it was first sent with, quoted or not, and for nothing else', async () => {
    const marker = fresh();
    const first = await query(writer, insert(marker), { key: marker });
    const again = await query(writer, insert(marker), { key: `"${marker}"` });
    expect(again.body).toEqual(first.body);
    const other = await query(writer, insert(`${marker}-other`), { key: marker });
    expect([other.status, other.body['code']]).toEqual([422, 'idempotency_conflict']);
    expect(await count(marker)).toBe(1);
    expect(await count(`${marker}-other`)).toBe(0);
  });

  it("is its sender's own", async () => {
    const marker = fresh();
    const another = await stack.token('api-another', ['api-writers']);
    const mine = await query(writer, { sql: 'SELECT 1' }, { key: marker });
    const theirs = await query(another, { sql: 'SELECT 2' }, { key: marker });
    expect(theirs.body.rows).toEqual([[2]]);
    expect(theirs.body.call).not.toBe(mine.body.call);
  });
});

describe('a call', () => {
  it('is seen by nobody but its caller', async () => {
    const { body } = await query(writer, { sql: 'SELECT 1' });
    expect((await poll(writer, body.call)).body).toEqual(body);
    expect((await poll(held, body.call)).status).toBe(404);
    expect((await poll(dana, body.call)).status).toBe(404);
    expect((await poll(writer, '0'.repeat(32))).status).toBe(404);
  });

  it('that a human must agree to answers at once, and has its rows when they have', async () => {
    const marker = fresh();
    const began = Date.now();
    const asked = await query(held, insert(marker), { key: marker });
    expect(asked.status).toBe(202);
    expect(Date.now() - began).toBeLessThan(10_000);
    const approval = approvalIn(asked);
    expect(asked.body).toMatchObject({
      state: 'pending',
      poll: `/v1/calls/${asked.body.call}`,
      approval: { url: `${stack.gateway}/approvals/${approval}` },
    });
    expect(asked.headers.get('location')).toBe(`/v1/calls/${asked.body.call}`);
    expect(Number(asked.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await count(marker)).toBe(0);
    // The same key while it waits: the same call, and nobody is asked again.
    const again = await query(held, insert(marker), { key: marker });
    expect([again.status, again.body.call, approvalIn(again)]).toEqual([
      202,
      asked.body.call,
      approval,
    ]);
    const waiting = poll(held, asked.body.call, 30);
    expect((await decide(stack.gateway, approval, dana, 'approve')).status).toBe(200);
    const answer = await waiting;
    expect([answer.status, answer.body.rows]).toEqual([200, [[marker]]]);
    expect(await count(marker)).toBe(1);
    expect((await query(held, insert(marker), { key: marker })).body).toEqual(answer.body);
    expect(await count(marker)).toBe(1);
  });

  it('that a human refuses ends with their reason', async () => {
    const marker = fresh();
    const asked = await query(held, insert(marker));
    const waiting = poll(held, asked.body.call, 30);
    await decide(stack.gateway, approvalIn(asked), dana, 'deny', 'not this one');
    const { status, body } = await waiting;
    expect([status, body['code'], body['rule']]).toEqual([403, 'approval_denied', 'api-held']);
    expect(body['detail']).toContain('not this one');
    expect(await count(marker)).toBe(0);
  });

  it('that is approved after its session gave up runs at the next poll, once', async () => {
    const marker = fresh();
    const impatient = await stack.token('api-impatient', ['api-impatient']);
    const asked = await query(impatient, insert(marker));
    expect(asked.status).toBe(202);
    await sleep(4_000);
    expect((await poll(impatient, asked.body.call)).body).toMatchObject({ state: 'pending' });
    await decide(stack.gateway, approvalIn(asked), dana, 'approve');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => poll(impatient, asked.body.call, 20)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(await count(marker)).toBe(1);
  });

  it('can be cancelled after its session gave up', async () => {
    const marker = fresh();
    const impatient = await stack.token('api-impatient-too', ['api-impatient']);
    const asked = await query(impatient, insert(marker));
    await sleep(4_000);
    const cancelled = await fetch(`${stack.gateway}/v1/calls/${asked.body.call}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${impatient}` },
    });
    expect((await answerOf(cancelled)).body).toMatchObject({
      state: 'failed',
      code: 'call_cancelled',
    });
    expect((await approvalOf(stack.gateway, approvalIn(asked), dana))?.state).toBe('cancelled');
    expect(await count(marker)).toBe(0);
  });

  it('waits for a window of access, and runs in it', async () => {
    const jit = await stack.token('api-window', ['api-window']);
    const asked = await query(jit, { sql: 'SELECT 7 AS n' });
    expect(asked.status).toBe(202);
    await decide(stack.gateway, approvalIn(asked), dana, 'approve');
    await sleep(3_000);
    expect((await poll(jit, asked.body.call, 20)).body.rows).toEqual([[7]]);
  });

  it('that waits can be cancelled, and its approval with it', async () => {
    const marker = fresh();
    const asked = await query(held, insert(marker));
    const headers = { authorization: `Bearer ${held}` };
    const foreign = await fetch(`${stack.gateway}/v1/calls/${asked.body.call}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${writer}` },
    });
    expect(foreign.status).toBe(404);
    const cancelled = await fetch(`${stack.gateway}/v1/calls/${asked.body.call}`, {
      method: 'DELETE',
      headers,
    });
    expect((await answerOf(cancelled)).body).toMatchObject({
      state: 'failed',
      code: 'approval_cancelled',
    });
    expect((await approvalOf(stack.gateway, approvalIn(asked), dana))?.state).toBe('cancelled');
    expect(await count(marker)).toBe(0);
  });
});

describe('when the gateway is killed', () => {
  it('a statement that was held for people runs once they have agreed, at the next poll', async () => {
    const marker = fresh();
    const asked = await query(held, insert(marker), { key: marker });
    expect(asked.status).toBe(202);
    for (const pid of descendants(stack.pid, 'workerd')) process.kill(pid, 'SIGKILL');
    const healthy = async (): Promise<boolean> =>
      fetch(`${stack.gateway}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(healthy, { timeout: 30_000, interval: 250 }).toBe(true);
    expect((await poll(held, asked.body.call)).body).toMatchObject({ state: 'pending' });
    expect((await decide(stack.gateway, approvalIn(asked), dana, 'approve')).status).toBe(200);
    expect(await count(marker)).toBe(0);
    const answers = await Promise.all([
      poll(held, asked.body.call, 20),
      query(held, insert(marker), { key: marker }),
    ]);
    const final = await poll(held, asked.body.call, 20);
    expect([final.status, final.body.rows]).toEqual([200, [[marker]]]);
    expect(answers[0].body).toEqual(final.body);
    expect(await count(marker)).toBe(1);
  });

  it('a running statement is unknown afterwards, and is never sent again', async () => {
    const first = await startStack();
    const { state } = first;
    const marker = fresh();
    const token = await first.token('api-killed', ['agents'], { ttlSeconds: 900 });
    const body = { sql: `SELECT pg_sleep(20), '${marker}'`, timeoutSeconds: 60 };
    const lost = query(token, body, { key: marker, gateway: first.gateway }).catch(() => null);
    const watcher = await shopDatabase(first);
    await expect
      .poll(
        async () => {
          const active =
            "SELECT 1 FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid() AND state = 'active'";
          return (await watcher.query(active, [`%${marker}%`])).rowCount;
        },
        { timeout: 20_000 },
      )
      .toBe(1);
    await watcher.end();
    for (const pid of descendants(first.pid, 'workerd')) process.kill(pid, 'SIGKILL');
    await lost;
    await first.stop({ remove: false }).catch(() => null);

    const second = await startStack({ state });
    try {
      const again = await second.token('api-killed', ['agents'], { ttlSeconds: 900 });
      const answer = await query(again, body, { key: marker, gateway: second.gateway });
      expect([answer.status, answer.body['code'], answer.body['state']]).toEqual([
        409,
        'outcome_unknown',
        'unknown',
      ]);
      const look = await shopDatabase(second);
      const running = await look.query(
        'SELECT 1 FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid()',
        [`%${marker}%`],
      );
      expect(running.rowCount).toBe(0);
      await look.end();
    } finally {
      await second.stop({ remove: true });
    }
  }, 180_000);
});
