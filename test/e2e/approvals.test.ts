// Held statements through the whole gateway: asked on the wire, answered by a human over the API, run once, within a bound.
// The page a human sees is test/e2e/approval-browser.test.ts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  approvalOf,
  changePolicy,
  connected,
  decide as decideAt,
  hold,
  nextApproval,
} from '../support/held-statement.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, psql, type Tunnel } from '../support/tunnel.ts';

const RULES = `
  - id: e2e-writes
    who: '"writers" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    message: Writes of this agent are looked at.
    approval: { by: [dba], quorum: 1, expires: 15m, wait: 20s, maxRows: 5 }
  - id: e2e-reads
    who: '"writers" in principal.groups'
    on: [shop-db]
    when: sql.effect == "read"
    then: allow
  - id: e2e-impatient
    who: '"impatient" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], quorum: 1, expires: 15m, wait: 2s, keep: true }
  - id: e2e-fleeting
    who: '"fleeting" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], quorum: 1, expires: 5s, wait: 4s }
  - id: e2e-two
    who: '"careful" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba, sre], quorum: 2, expires: 15m, wait: 20s }
  - id: e2e-access
    who: '"jit" in principal.groups'
    on: [shop-db]
    when: action.kind == "connect"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 5s, grants: 1h }
  - id: e2e-access-reads
    who: '"jit" in principal.groups'
    on: [shop-db]
    when: sql.effect == "read"
    then: allow
`;

let stack: TestStack;
let writer: Tunnel;
let dana: string;
let omar: string;

beforeAll(async () => {
  stack = await startStack();
  await changePolicy(stack, (document) => document.replace(/^rules:\n/m, `rules:${RULES}`));
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
  omar = await stack.token('omar', ['sre'], { issuer: 'human' });
  writer = await openTunnel(stack.gateway, 'shop-db', await stack.token('writer', ['writers']));
});

afterAll(async () => {
  await writer.close();
  await stack.stop();
});

const decide = (id: string, token: string, decision: 'approve' | 'deny', reason?: string) =>
  decideAt(stack.gateway, id, token, decision, reason);

describe('a held statement', () => {
  it('runs once a human has approved it, with its values', async () => {
    const held = await hold(writer.port, 'UPDATE products SET stock = $1 WHERE id = $2', [77, 1]);
    expect((await decide(held.id, dana, 'approve')).status).toBe(200);
    expect(await held.answer).toMatchObject({ command: 'UPDATE', rowCount: 1 });
    expect((await held.client.query('SELECT stock FROM products WHERE id = 1')).rows).toEqual([
      { stock: 77 },
    ]);
    await held.client.end();
  });

  it('is refused with the reason of whoever denied it', async () => {
    const held = await hold(writer.port, 'DELETE FROM products WHERE id = 2');
    await decide(held.id, dana, 'deny', 'ask the owner first');
    const answer = (await held.answer) as pg.DatabaseError;
    expect(answer).toMatchObject({
      code: '42501',
      detail: expect.stringContaining('code approval_denied') as string,
    });
    expect(answer.message).toContain('ask the owner first');
    expect(
      (await held.client.query('SELECT count(*)::int AS n FROM products WHERE id = 2')).rows,
    ).toEqual([{ n: 1 }]);
    await held.client.end();
  });

  it('cannot be approved by whoever asks, nor by any workload', async () => {
    const held = await hold(writer.port, 'DELETE FROM products WHERE id = 3');
    const agent = await stack.token('writer', ['writers', 'dba']);
    const other = await stack.token('other-agent', ['dba']);
    for (const token of [agent, other])
      expect((await decide(held.id, token, 'approve')).status).toBe(403);
    expect((await decide(held.id, omar, 'approve')).ok).toBe(false);
    await decide(held.id, dana, 'deny', 'test');
    expect(await held.answer).toMatchObject({ code: '42501' });
    await held.client.end();
  });

  it('is asked for anew when any value differs', async () => {
    const one = await hold(writer.port, 'UPDATE products SET stock = $1 WHERE id = $2', [1, 5]);
    const two = await hold(writer.port, 'UPDATE products SET stock = $1 WHERE id = $2', [2, 5]);
    const same = await hold(
      writer.port,
      'update products  SET stock = $1 /* why */ where id = $2',
      [1, 5],
    );
    expect(two.id).not.toBe(one.id);
    expect(same.id).toBe(one.id);
    await decide(one.id, dana, 'deny', 'test');
    await decide(two.id, dana, 'deny', 'test');
    for (const held of [one, two, same]) {
      expect(await held.answer).toMatchObject({ code: '42501' });
      await held.client.end();
    }
  });

  it('ends with a cancel from the client', async () => {
    const held = await hold(writer.port, 'DELETE FROM products WHERE id = 4');
    const { processID, secretKey } = held.client as unknown as {
      processID: number;
      secretKey: number;
    };
    const { connection } = new pg.Client({
      host: '127.0.0.1',
      port: writer.port,
      ssl: false,
    }) as unknown as {
      connection: {
        connect(port: number, host: string): void;
        cancel(processId: number, secret: number): void;
        once(event: string, then: () => void): void;
      };
    };
    connection.once('connect', () => connection.cancel(processID, secretKey));
    connection.connect(writer.port, '127.0.0.1');
    expect(await held.answer).toMatchObject({
      severity: 'ERROR',
      detail: expect.stringContaining('code approval_cancelled') as string,
    });
    expect((await held.client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect((await decide(held.id, dana, 'approve')).ok).toBe(false);
    await held.client.end();
  });

  it('tells how to come back when nobody answers in time, and then runs on the same approval', async () => {
    const tunnel = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('hasty', ['impatient']),
    );
    const text = 'UPDATE products SET stock = 9 WHERE id = 6';
    const first = await hold(tunnel.port, text);
    const late = (await first.answer) as pg.DatabaseError;
    expect(late).toMatchObject({
      code: '42501',
      detail: expect.stringContaining('code approval_pending') as string,
    });
    expect(late.message).toContain(first.id);
    expect((await decide(first.id, dana, 'approve')).status).toBe(200);
    const retry = await connected(tunnel.port);
    expect(await retry.query(text)).toMatchObject({ rowCount: 1 });
    // Used up: the same again is asked for anew.
    const again = await hold(tunnel.port, text);
    expect(again.id).not.toBe(first.id);
    for (const client of [first.client, retry, again.client]) await client.end();
    await tunnel.close();
  });

  it('is told when nobody decided before it expired, and no vote counts after that', async () => {
    const tunnel = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('fleeting', ['fleeting']),
    );
    const text = 'UPDATE products SET stock = 4 WHERE id = 7';
    const first = await hold(tunnel.port, text);
    await sleep(2_500);
    // Its own wait would be over later than the request that it joins.
    const held = await hold(tunnel.port, text);
    expect(held.id).toBe(first.id);
    expect(await held.answer).toMatchObject({
      code: '42501',
      detail: expect.stringContaining('code approval_expired') as string,
    });
    await first.client.end();
    const late = await decide(held.id, dana, 'approve');
    expect({ status: late.status, body: await late.json() }).toMatchObject({
      status: 409,
      body: { code: 'approval_settled' },
    });
    await held.client.end();
    await tunnel.close();
  });

  it('needs two different people where the rule says two', async () => {
    const tunnel = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('careful', ['careful']),
    );
    const held = await hold(tunnel.port, 'UPDATE products SET stock = 3 WHERE id = 7');
    expect((await decide(held.id, dana, 'approve')).status).toBe(200);
    expect((await decide(held.id, dana, 'approve')).ok).toBe(false);
    expect((await decide(held.id, omar, 'approve')).status).toBe(200);
    expect(await held.answer).toMatchObject({ rowCount: 1 });
    await held.client.end();
    await tunnel.close();
  });

  it('runs once when fifty connections wait for it', async () => {
    const text = 'UPDATE products SET stock = stock + 1000 WHERE id = 8';
    const before = await connected(writer.port);
    const stock = async () =>
      (await before.query('SELECT stock FROM products WHERE id = 8')).rows[0].stock as number;
    const was = await stock();
    const held = await Promise.all(Array.from({ length: 50 }, () => hold(writer.port, text)));
    expect(new Set(held.map(({ id }) => id)).size).toBe(1);
    await decide(held[0]!.id, dana, 'approve');
    // Whoever was too late asks anew, all of them the same, and hears the answer to that.
    const second = held[0]!.id.replace(/\d+$/, (round) => `${Number(round) + 1}`);
    await expect
      .poll(async () => (await approvalOf(stack.gateway, second, dana))?.state, { timeout: 10_000 })
      .toBe('pending');
    await decide(second, dana, 'deny', 'once is enough');
    const answers = await Promise.all(held.map(({ answer }) => answer));
    expect(answers.filter((answer) => 'rowCount' in answer).length).toBe(1);
    expect(
      answers.filter((answer) => 'message' in answer && answer.message.includes('once is enough')),
    ).toHaveLength(49);
    expect(await stock()).toBe(was + 1000);
    for (const { client } of [...held, { client: before }]) await client.end();
  });
});

describe('access for a while', () => {
  it('is asked for, used by one command, and gone when that ends', async () => {
    const token = await stack.token('on-call', ['jit']);
    const run = spawn(
      process.execPath,
      [
        join(import.meta.dirname, '../../cli/main.ts'),
        'exec',
        'shop-db',
        '--for',
        '2m',
        '--reason',
        'look at an order',
        '--',
        'psql',
        '-X',
        '-At',
        '-c',
        'SELECT 40 + 2',
      ],
      {
        env: {
          ...process.env,
          POSTERN_GATEWAY: stack.gateway,
          POSTERN_TOKEN: token,
          NO_COLOR: '1',
        },
      },
    );
    let shown = '';
    run.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const id = await new Promise<string>((resolve) => {
      let errors = '';
      run.stderr.on('data', (chunk: Buffer) => {
        errors += chunk.toString();
        const found = /approvals\/([0-9a-f]{32}-\d+)/.exec(errors)?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    expect((await decide(id, dana, 'approve')).status).toBe(200);
    const [code] = (await once(run, 'close')) as [number | null];
    expect({ code, shown }).toEqual({ code: 0, shown: '42\n' });
    // Given back: once every isolate has heard of it, the next connection has to ask again.
    await sleep(6_000);
    const tunnel = await openTunnel(stack.gateway, 'shop-db', token);
    const again = await psql(tunnel.port, ['SELECT 1']);
    expect(again.code).toBe(2);
    expect(again.stderr).toContain('FATAL');
    await tunnel.close();
  });
});

describe('the bound on rows', () => {
  it.each([
    ['UPDATE products SET stock = stock + 1 WHERE id BETWEEN 10 AND 20', undefined],
    ['UPDATE products SET stock = stock + $1 WHERE id BETWEEN 10 AND 20', [1]],
    [
      'WITH u AS (UPDATE products SET stock = stock + 1 WHERE id BETWEEN 10 AND 20 RETURNING 1) SELECT count(*) FROM u',
      undefined,
    ],
    [
      'WITH u AS (UPDATE products SET stock = stock + $1 WHERE id BETWEEN 10 AND 20 RETURNING 1) SELECT count(*) FROM u',
      [1],
    ],
    ['UPDATE products SET stock = stock + 1 WHERE id BETWEEN 10 AND 20 RETURNING id', undefined],
  ])('rolls back %s', async (text, values) => {
    const held = await hold(writer.port, text, values);
    const sum = async () =>
      (await held.client.query('SELECT sum(stock)::int AS n FROM products')).rows[0].n as number;
    const watcher = await connected(writer.port);
    const was = (await watcher.query('SELECT sum(stock)::int AS n FROM products')).rows[0]
      .n as number;
    await decide(held.id, dana, 'approve');
    const answer = (await held.answer) as pg.DatabaseError;
    expect(answer).toMatchObject({
      code: '42501',
      detail: expect.stringContaining('code row_bound') as string,
    });
    expect(answer.message).toMatch(/11 rows.* 5 /);
    expect(await sum()).toBe(was);
    await held.client.end();
    await watcher.end();
  });

  it("aborts the client's own transaction", async () => {
    const client = await connected(writer.port);
    const notice = nextApproval(client);
    await client.query('BEGIN');
    const answer = client
      .query('UPDATE products SET stock = 0 WHERE id BETWEEN 10 AND 30')
      .catch((error: unknown) => error);
    await decide(await notice, dana, 'approve');
    expect(await answer).toMatchObject({ code: '42501' });
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await client.query('ROLLBACK');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await client.end();
  });

  it('lets through what stays within it, with psql too', async () => {
    const child = spawn(
      'psql',
      [
        `host=127.0.0.1 port=${writer.port} user=agent dbname=shop sslmode=disable`,
        '-X',
        '-c',
        'UPDATE products SET stock = 5 WHERE id BETWEEN 30 AND 33',
      ],
      { env: { ...process.env, PSQLRC: '/dev/null' } },
    );
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));
    const id = await new Promise<string>((resolve) => {
      child.stderr.on('data', (chunk: Buffer) => {
        const found = /approvals\/([0-9a-f]{32}-\d+)/.exec(chunk.toString())?.[1];
        if (found !== undefined) resolve(found);
      });
    });
    await decide(id, dana, 'approve');
    await once(child, 'close');
    expect(shown).toBe('UPDATE 4\n');
    const check = await psql(
      writer.port,
      ['SELECT count(*) FROM products WHERE stock = 5 AND id BETWEEN 30 AND 33'],
      { args: ['-At'] },
    );
    expect(check.stdout).toBe('4\n');
  });

  it('refuses what cannot be held to it, before anybody is asked', async () => {
    const client = await connected(writer.port);
    await expect(
      client.query(
        'UPDATE products SET stock = 1 WHERE id = 1; UPDATE products SET stock = 1 WHERE id = 2',
      ),
    ).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });
});
