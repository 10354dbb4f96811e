// The Postgres engine between real clients and real servers, over loopback TCP. Decisions are fixed here (nothing whose
// text says `forbidden`), so what is tested is the protocol: that a client cannot tell the difference, refusals excepted.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { Client, type ClientConfig } from 'pg';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeCrypto } from '../../adapters/crypto.ts';
import type { Decision } from '../../core/decision.ts';
import type { Effect } from '../../core/engine.ts';
import { createPostgresEngine } from '../../core/postgres/engine.ts';
import { OWNER, SERVERS, type RealPostgres } from '../contract/real-postgres.ts';
import { startTcpDriver, type TcpDriver } from '../contract/tcp-driver.ts';
import { stubInspect } from '../core/postgres/stub-inspect.ts';

const run = promisify(execFile);
const NONCE = 'e2enonce0123456789';
const ALLOW: Decision = { kind: 'allow', rules: ['all'], revision: 3, observed: [] };
const DENY: Decision = {
  kind: 'deny',
  code: 'rule',
  rule: 'no-forbidden',
  message: 'The table is off limits.',
  hint: 'Ask the owner.',
  revision: 3,
  observed: [],
};

function decide(effect: Extract<Effect, { kind: 'decide' }>): Decision {
  const { action, refusal } = effect;
  if (refusal !== null) return { ...refusal, revision: 3, observed: [] };
  if (action.kind !== 'sql') return ALLOW;
  return action.sql.tables.some((table) => table.endsWith('.forbidden')) ? DENY : ALLOW;
}

describe.each(SERVERS)('with %s', (_name, start) => {
  let server: RealPostgres;
  let driver: TcpDriver;

  beforeAll(async () => {
    server = await start();
    driver = await startTcpDriver({
      engine: () =>
        createPostgresEngine({
          crypto: nativeCrypto,
          inspect: () => stubInspect,
          target: { id: 'shop', database: 'postgres', readOnly: false },
          principalAuthenticated: false,
          clientKey: { processId: 77, secret: nativeCrypto.randomBytes(32) },
          nonce: NONCE,
        }),
      target: { host: '127.0.0.1', port: server.port },
      login: { ...OWNER, database: 'postgres' },
      decide,
      authenticate: (token) =>
        token === 'good-token' ? { ok: true } : { ok: false, code: 'signature_invalid' },
    });
    const setup = await client();
    await setup.query(
      'CREATE TABLE items (id int PRIMARY KEY, name text); INSERT INTO items SELECT g, $$n$$ || g FROM generate_series(1, 1000) g',
    );
    await setup.query('CREATE TABLE other (id int)');
    await setup.end();
  }, 120_000);

  afterAll(async () => {
    await driver?.close();
    await server?.stop();
  });

  async function client(settings: ClientConfig = {}): Promise<Client> {
    const made = new Client({
      host: '127.0.0.1',
      port: driver.port,
      user: 'agent',
      password: 'good-token',
      database: 'shop',
      ssl: false,
      ...settings,
    });
    await made.connect();
    return made;
  }

  it('serves simple and prepared statements', async () => {
    const c = await client();
    const simple = await c.query('SELECT count(*)::int AS n FROM items');
    expect(simple.rows).toEqual([{ n: 1000 }]);
    const bound = await c.query('SELECT name FROM items WHERE id = $1', [7]);
    expect(bound.rows).toEqual([{ name: 'n7' }]);
    for (let i = 1; i < 20; i++) {
      const named = await c.query({
        name: 'by-id',
        text: 'SELECT name FROM items WHERE id = $1',
        values: [i],
      });
      expect(named.rows[0]).toEqual({ name: `n${i}` });
    }
    await c.end();
  });

  it('refuses a statement as Postgres would, and goes on', async () => {
    const c = await client();
    await expect(c.query('SELECT * FROM forbidden')).rejects.toMatchObject({
      code: '42501',
      message: 'The table is off limits.',
      detail: 'code rule; rule no-forbidden; revision 3',
      hint: 'Ask the owner.',
      severity: 'ERROR',
    });
    await expect(c.query('SELECT * FROM forbidden WHERE id = $1', [1])).rejects.toMatchObject({
      code: '42501',
    });
    expect((await c.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await c.query('BEGIN');
    await expect(c.query('DELETE FROM forbidden')).rejects.toMatchObject({ code: '42501' });
    await expect(c.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' });
    await c.query('ROLLBACK');
    expect((await c.query('SELECT 2 AS two')).rows).toEqual([{ two: 2 }]);
    await c.end();
    expect(server.log()).not.toContain('forbidden');
  });

  it('refuses a wrong token with one sentence', async () => {
    await expect(client({ password: 'bad-token' })).rejects.toMatchObject({
      code: '28000',
      message: 'The access token was not accepted.',
    });
  });

  it('pipelines many statements of postgres.js', async () => {
    const sql = postgres({
      host: '127.0.0.1',
      port: driver.port,
      user: 'agent',
      password: 'good-token',
      database: 'shop',
      max: 1,
      onnotice: () => undefined,
    });
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        i % 10 === 3
          ? sql`SELECT * FROM forbidden WHERE id = ${i}`.catch(
              (error: { code: string }) => error.code,
            )
          : sql`SELECT ${i}::int AS i, name FROM items WHERE id = ${i + 1}`.then(
              (rows) => rows[0]?.['i'],
            ),
      ),
    );
    expect(all).toEqual(Array.from({ length: 200 }, (_, i) => (i % 10 === 3 ? '42501' : i)));
    const cursorRows: number[] = [];
    await sql`SELECT id FROM items ORDER BY id`.cursor(100, (rows) => {
      cursorRows.push(rows.length);
    });
    expect(cursorRows).toEqual(Array.from({ length: 10 }, () => 100));
    await sql.begin(async (tx) => {
      await tx`SET LOCAL search_path TO pg_catalog`;
      await expect(tx.savepoint((sp) => sp`SELECT * FROM items`)).rejects.toMatchObject({
        code: '42P01',
      });
    });
    expect((await sql`SELECT count(*)::int AS n FROM items`)[0]).toEqual({ n: 1000 });
    await sql.end();
  });

  it('carries 100,000 rows and a 5 MB value', async () => {
    const c = await client();
    const rows = await c.query('SELECT g AS g FROM generate_series(1, 100000) g');
    expect(rows.rows.length).toBe(100_000);
    const value = 'x'.repeat(5 * 1024 * 1024);
    const echoed = await c.query('SELECT $1::text AS v', [value]);
    expect(echoed.rows[0].v === value).toBe(true);
    await c.end();
  });

  it('keeps the search path exact through SET, transactions and opaque code', async () => {
    const c = await client();
    await c.query(
      'CREATE SCHEMA IF NOT EXISTS aside; CREATE TABLE IF NOT EXISTS aside.items (only_here int)',
    );
    await c.query('SET search_path TO aside, public');
    driver.events.length = 0;
    await c.query('SELECT * FROM items');
    expect(lastStatement()).toMatchObject({ reads: ['aside.items'] });
    await c.query('BEGIN');
    await c.query("SELECT set_config('search_path', 'public', true)");
    await c.query('SELECT id FROM items LIMIT 1');
    expect(lastStatement()).toMatchObject({ reads: ['public.items'] });
    await c.query('COMMIT');
    await c.query('SELECT * FROM items AS again');
    expect(lastStatement()).toMatchObject({ reads: ['aside.items'] });
    await c.query('BEGIN');
    await c.query('SET search_path TO public');
    await expect(c.query('SELECT nonsense FROM items')).rejects.toMatchObject({ code: '42703' });
    await c.query('ROLLBACK');
    await c.query('SELECT * FROM items AS after_rollback');
    expect(lastStatement()).toMatchObject({ reads: ['aside.items'] });
    await c.end();
  });

  function lastStatement(): unknown {
    const event = driver.events.findLast((e) => e.kind === 'statement');
    return event?.kind === 'statement' ? event.facts : null;
  }

  const psql = existsSync('/usr/bin/psql') ? it : it.skip; // psql is a Debian package

  psql('serves psql: meta commands, COPY both ways, cancel', async () => {
    const url = `postgres://agent:good-token@127.0.0.1:${driver.port}/shop`;
    const tell = (...commands: string[]) =>
      run('/usr/bin/psql', ['-X', '-At', url, ...commands.flatMap((command) => ['-c', command])], {
        timeout: 20_000,
      });
    const described = await run(
      '/usr/bin/psql',
      ['-X', url, '-c', '\\d items', '-c', '\\dt', '-c', '\\df'],
      {
        timeout: 20_000,
      },
    );
    expect(described.stdout).toContain('items_pkey');
    expect(described.stdout).toContain('| other |');
    const copied = await tell(
      "\\copy other from program 'seq 1 5000'",
      'SELECT count(*) FROM other',
      '\\copy (select id from other order by id limit 3) to stdout',
    );
    expect(copied.stdout).toBe('COPY 5000\n5000\n1\n2\n3\n');
    await expect(tell("\\copy other from program 'echo not-a-number'")).rejects.toMatchObject({
      stderr: expect.stringContaining('invalid input syntax'),
    });
    const refused = await tell('SELECT * FROM forbidden').catch(
      (e: { stderr: string }) => e.stderr,
    );
    expect(refused).toContain('The table is off limits.');
    const slow = execFile('/usr/bin/psql', ['-X', url, '-c', 'SELECT pg_sleep(20)']);
    let stderr = '';
    slow.stderr?.on('data', (text) => (stderr += String(text)));
    await new Promise((resolve) => setTimeout(resolve, 700));
    slow.kill('SIGINT');
    await new Promise((resolve) => slow.once('exit', resolve));
    expect(stderr).toContain('canceling statement due to user request');
  });

  it('never shows the credential, the nonce or the probe', async () => {
    const c = await client();
    const prepared = await c.query('SELECT name FROM pg_prepared_statements');
    expect(prepared.rows).toEqual([]);
    await c.end();
    const told = JSON.stringify([driver.events, driver.closes]);
    expect(told).not.toContain(OWNER.password);
    expect(told).not.toContain(NONCE);
  });
});
