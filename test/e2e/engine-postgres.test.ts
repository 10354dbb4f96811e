// The Postgres engine between real clients and real servers, over loopback TCP. Decisions are fixed here (nothing whose
// text says `forbidden`), so what is tested is the protocol: that a client cannot tell the difference, refusals excepted.
import { execFile } from 'node:child_process';
import type { Socket } from 'node:net';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { array, assert, asyncProperty, constantFrom, integer, oneof, tuple } from 'fast-check';
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
import * as wire from '../core/postgres/wire.ts';

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

const TEXTS = [
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'SAVEPOINT sp',
  'ROLLBACK TO sp',
  'SET search_path TO a',
  'SET search_path TO b, a',
  'SET LOCAL search_path TO a',
  'RESET search_path',
  "SELECT set_config('search_path', 'b', true)",
  "SELECT set_config('search_path', 'a', false)",
  'DISCARD ALL',
  'SELECT g FROM generate_series(1, 4) g',
  'SELECT count(*) FROM t',
  'INSERT INTO t VALUES (1)',
  'SELECT 1/0',
  'SELECT nothing FROM t',
  'PREPARE s1 AS SELECT 1',
  'EXECUTE s1',
  'DEALLOCATE s1',
  'DECLARE p1 CURSOR FOR SELECT g FROM generate_series(1, 3) g',
  'DECLARE p1 CURSOR WITH HOLD FOR SELECT 7',
  'FETCH 1 FROM p1',
  'CLOSE p1',
  'COPY t TO STDOUT',
  'CREATE TEMP TABLE tt (n int)',
  'DO $$ BEGIN PERFORM 1; END $$',
  'SHOW search_path',
  'nonsense',
  'SELECT 1; SELECT 2; INSERT INTO t VALUES (2)',
  'INSERT INTO t VALUES (3); SELECT 1/0',
  '',
];
const sqlText = constantFrom(...TEXTS);
const statement = constantFrom('', 's1');
const portal = constantFrom('', 'p1');
const extendedPart = oneof(
  tuple(sqlText, statement, portal, constantFrom(0, 1)).map(([sql, name, to, rows]) =>
    wire.join(
      wire.parse(name, sql),
      wire.bind(to, name),
      wire.describePortal(to),
      wire.execute(to, rows),
    ),
  ),
  tuple(statement, sqlText).map(([name, sql]) => wire.parse(name, sql)),
  tuple(portal, statement).map(([to, name]) => wire.bind(to, name)),
  tuple(statement, portal).map(([name, to]) =>
    wire.join(wire.describeStatement(name), wire.closePortal(to)),
  ),
  statement.map(wire.closeStatement),
  constantFrom(wire.flush),
  constantFrom('1\n', 'bad\n').map((data) =>
    wire.join(
      wire.parse('', 'COPY t FROM STDIN'),
      wire.bind('', ''),
      wire.execute(),
      wire.copyData(data),
      wire.copyDone,
    ),
  ),
);
const segment = oneof(
  sqlText.map(wire.query),
  constantFrom('1\n2\n', 'bad\n').map((data) =>
    wire.join(wire.query('COPY t FROM STDIN'), wire.copyData(data), wire.copyDone),
  ),
  array(extendedPart, { minLength: 1, maxLength: 4 }).map((parts) =>
    wire.join(...parts, wire.sync),
  ),
);

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

  it('answers any pipeline as the server itself does', async () => {
    const setup = await client();
    await setup.query(
      'CREATE SCHEMA IF NOT EXISTS a; CREATE SCHEMA IF NOT EXISTS b; CREATE TABLE IF NOT EXISTS t (n int); CREATE TABLE IF NOT EXISTS a.t (n int); CREATE TABLE IF NOT EXISTS b.t (n int)',
    );
    const reset = () => setup.query('TRUNCATE t, a.t, b.t');
    await assert(
      asyncProperty(
        array(segment, { minLength: 1, maxLength: 6 }),
        integer({ min: 1, max: 200 }),
        async (segments, piece) => {
          const input = wire.join(...segments);
          await reset();
          const direct = await converse(
            { port: server.port, database: 'postgres', ...OWNER },
            input,
            65_536,
          );
          await reset();
          const through = await converse(
            { port: driver.port, user: 'agent', password: 'good-token', database: 'shop' },
            input,
            piece,
          );
          expect(through).toEqual(direct);
        },
      ),
      { numRuns: Number(process.env['POSTERN_RUNS'] ?? 12) },
    );
    await setup.end();
    expect(
      driver.closes.filter(
        (close) => close.code !== 'client_closed' && close.code !== 'signature_invalid',
      ),
    ).toEqual([]);
  });

  /** Everything the server answers to `input`, messages apart, on a connection that is logged in. */
  async function converse(
    config: ClientConfig,
    input: Uint8Array,
    piece: number,
  ): Promise<string[]> {
    const connected = await client(config);
    const socket = (connected as unknown as { connection: { stream: Socket } }).connection.stream;
    socket.removeAllListeners('data');
    const chunks: Buffer[] = [];
    const done = new Promise<void>((resolve, reject) => {
      socket.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        const last = Buffer.concat(chunks.slice(-3)).toString('latin1');
        if (last.includes('the-end') && last.at(-6) === 'Z') resolve();
      });
      socket.once('close', () => reject(new Error('closed before the end')));
    });
    // Whatever state the pipeline leaves behind, these end it.
    const all = wire.join(input, wire.sync, wire.query('ROLLBACK'), wire.query("SELECT 'the-end'"));
    for (let at = 0; at < all.length; at += piece) socket.write(all.subarray(at, at + piece));
    await done;
    socket.removeAllListeners('close');
    socket.destroy();
    return wire.frames(new Uint8Array(Buffer.concat(chunks))).map(({ tag, body }) => {
      if (tag !== 'E' && tag !== 'N') return `${tag} ${Buffer.from(body).toString('latin1')}`;
      return `${tag} ${wire.fields(body)['C'] ?? ''}`;
    });
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
    await new Promise((resolve) => setTimeout(resolve, 2_500));
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
