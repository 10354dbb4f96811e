// Masked results of a real server, through the real maskers: a driver's own decoding of text and binary, simple and
// extended, cursors, pipelines, COPY and errors. Plans are written by hand, so that only the engine is tested.
import { connect, type Socket } from 'node:net';
import { Client, type ClientConfig, type QueryConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeCrypto } from '../../adapters/crypto.ts';
import type { Decision } from '../../core/decision.ts';
import type { Masking, MaskKind, ResultPlan } from '../../core/masking/mask.ts';
import { createMaskers } from '../../core/masking/maskers/maskers.ts';
import { createPostgresEngine } from '../../core/postgres/engine.ts';
import { createResultMaskers } from '../../core/postgres/result-maskers.ts';
import { stubInspect } from '../core/postgres/stub-inspect.ts';
import * as wire from '../core/postgres/wire.ts';
import { OWNER, SERVERS, type RealPostgres } from './real-postgres.ts';
import { startTcpDriver, type TcpDriver } from './tcp-driver.ts';

const CANARY = 'jane.canary7f3a';
const ALLOW: Decision = { kind: 'allow', rules: ['all'], revision: 3, observed: [] };

const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, pin int, note text);
  INSERT INTO people SELECT n, '${CANARY}' || n || '@example.com', 424200 + n, 'note ' || n FROM generate_series(1, 5) n;
  CREATE TABLE orders (id int PRIMARY KEY, owner text REFERENCES people (email) DEFERRABLE INITIALLY DEFERRED);
`;

/** What each text's results are, by `oid.attnum` of `people`; filled when the table is there. */
const plans = new Map<string, Masking>();

type Plan = readonly (readonly [
  name: string,
  kind: MaskKind | 'pass' | 'derived',
  ...attributes: number[],
])[];

function resultOf(oid: number, plan: Plan): ResultPlan {
  return {
    copyOut: null,
    columns: plan.map(([name, kind, ...attributes]) => ({
      name,
      treatment: kind === 'pass' ? 'pass' : kind === 'derived' ? 'redact' : 'mask',
      kind: kind === 'pass' || kind === 'derived' ? null : kind,
      origins: new Set(attributes.map((attribute) => `${oid}.${attribute}`)),
    })),
  };
}

const ID = ['id', 'pass', 1] as const;
const EMAIL = ['email', 'partial', 2] as const;
const PIN = ['pin', 'redact', 3] as const;
const NONE: ResultPlan = { columns: null, copyOut: null };

describe.each(SERVERS.slice(0, 1))('masks over %s', (_name, start) => {
  let server: RealPostgres;
  let driver: TcpDriver;
  let oid = 0;
  const clients: Client[] = [];

  const direct = (): ClientConfig => ({
    host: '127.0.0.1',
    port: server.port,
    database: 'postgres',
    ...OWNER,
  });

  async function gateway(more: ClientConfig = {}): Promise<Client> {
    const client = new Client({
      host: '127.0.0.1',
      port: driver.port,
      database: 'postgres',
      user: 'agent',
      password: 'token',
      ...more,
    });
    client.on('error', () => undefined);
    clients.push(client);
    await client.connect();
    return client;
  }

  /** The text, with what its results are. */
  function planned(text: string, results: readonly (Plan | ResultPlan)[], hushed = true): string {
    const all = results.map((result) => ('copyOut' in result ? result : resultOf(oid, result)));
    plans.set(text, { results: all, detect: [], hushed });
    return text;
  }

  beforeAll(async () => {
    server = await start();
    const owner = new Client(direct());
    await owner.connect();
    await owner.query(SCHEMA);
    const { rows } = await owner.query<{ oid: string }>(
      "SELECT 'people'::regclass::oid::text AS oid",
    );
    oid = Number(rows[0]?.oid);
    await owner.end();
    let texts: string | null = null;
    driver = await startTcpDriver({
      target: { host: '127.0.0.1', port: server.port },
      login: { ...OWNER, database: 'postgres' },
      engine: () =>
        createPostgresEngine({
          crypto: nativeCrypto,
          inspect: () => (sql, context) => {
            texts = sql;
            return stubInspect(sql, context);
          },
          target: { id: 'shop', database: 'postgres', readOnly: false },
          principalAuthenticated: false,
          clientKey: { processId: 7, secret: new Uint8Array(8).fill(5) },
          nonce: 'maskscontract01',
          digestResults: true,
          maskers: createResultMaskers(() =>
            createMaskers({ key: new Uint8Array(32).fill(9), crypto: nativeCrypto }),
          ),
        }),
      decide: ({ action, refusal, content, preparing }): Decision => {
        if (refusal !== null) return { ...refusal, revision: 3, observed: [] };
        if (action.kind !== 'sql') return ALLOW;
        const asked = preparing ? null : content();
        const text = asked?.kind === 'sql' ? asked.text : texts;
        const masking = plans.get(text ?? '');
        return masking === undefined ? ALLOW : { ...ALLOW, masking };
      },
    });
  }, 60_000);

  afterAll(async () => {
    for (const client of clients) await client.end().catch(() => undefined);
    await driver.close();
    await server.stop();
  });

  const SELECT = 'SELECT id, email, pin FROM people ORDER BY id';
  const expectMasked = (rows: readonly Record<string, unknown>[], count = 5): void => {
    expect(rows.map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
    expect(JSON.stringify(rows)).not.toContain('canary7f3a');
    expect(JSON.stringify(rows)).not.toContain('4242');
    for (const { email, pin } of rows) {
      expect(email).toMatch(/^j.*com$/);
      expect(pin === 0 || pin === null).toBe(true);
    }
  };

  it('masks a simple query', async () => {
    planned(SELECT, [[ID, EMAIL, PIN]]);
    const { rows } = await (await gateway()).query(SELECT);
    expectMasked(rows);
  });

  it.each([false, true])('masks the extended protocol, binary: %s', async (binary) => {
    const text = planned('SELECT id, email, pin FROM people WHERE id < $1 ORDER BY id', [
      [ID, EMAIL, PIN],
    ]);
    const client = await gateway({ binary } as ClientConfig);
    const { rows } = await client.query(text, [4]);
    expectMasked(rows, 3);
    const { rows: again } = await client.query({ name: 'again', text, values: [3] });
    expectMasked(again, 2);
    const { rows: cached } = await client.query({ name: 'again', text, values: [2] });
    expectMasked(cached, 1);
  });

  it('masks a portal that is read in parts', async () => {
    planned(SELECT, [[ID, EMAIL, PIN]]);
    // `rows` is an option that the driver has and its types do not.
    const query: QueryConfig & { readonly rows: number } = { text: SELECT, values: [], rows: 2 };
    const { rows } = await (await gateway()).query(query);
    expectMasked(rows);
  });

  it('masks what a cursor fetches, in binary too', async () => {
    const client = await gateway();
    const fetch = planned('FETCH 2 FROM c', [[ID, EMAIL, PIN]]);
    await client.query('BEGIN');
    await client.query(planned(`DECLARE c BINARY CURSOR FOR ${SELECT}`, [NONE]));
    const { rows } = await client.query(fetch);
    expect(JSON.stringify(rows)).not.toContain('canary7f3a');
    expect(rows.length).toBe(2);
    await client.query('ROLLBACK');
  });

  it('masks each statement of a text by its own plan', async () => {
    const client = await gateway();
    const text = planned(`SELECT 1 AS one; ${SELECT}; SELECT id FROM people ORDER BY id`, [
      [['one', 'pass']],
      [ID, EMAIL, PIN],
      [ID],
    ]);
    const results = (await client.query(text)) as unknown as { rows: Record<string, unknown>[] }[];
    expect(results[0]?.rows).toEqual([{ one: 1 }]);
    expectMasked(results[1]?.rows ?? []);
    expect(results[2]?.rows.length).toBe(5);
  });

  it('masks what a write returns, and derived values whole', async () => {
    const client = await gateway();
    const text = planned(
      "UPDATE people SET note = 'x' WHERE id = 1 RETURNING id, email, pin, upper(email) AS up, pin + 1 AS more",
      [[ID, EMAIL, PIN, ['up', 'derived', 2], ['more', 'derived', 3]]],
    );
    const { rows } = await client.query(text);
    expectMasked(rows, 1);
    expect(JSON.stringify(rows).toLowerCase()).not.toContain('canary7f3a');
  });

  it.each(['text', 'csv', 'binary'] as const)('masks COPY as %s', async (format) => {
    const text = `COPY people (id, email) TO STDOUT (FORMAT ${format})`;
    const delimiter = format === 'csv' ? ',' : '\t';
    const { columns } = resultOf(oid, [ID, ['email', 'hash', 2]]);
    planned(text, [
      {
        columns,
        copyOut: {
          format,
          delimiter,
          null: format === 'csv' ? '' : '\\N',
          quote: '"',
          escape: '"',
          header: false,
        },
      },
    ]);
    const bytes = await raw(driver.port, wire.query(text), 'Z', 2);
    const frames = wire.frames(bytes);
    expect(frames.filter((f) => f.tag === 'd').length).toBeGreaterThanOrEqual(5);
    expect(frames.find((f) => f.tag === 'C' && f.body.length > 5)?.body.toString()).toBeDefined();
    expect(wire.tags(bytes)).toMatch(/Hd+cCZ$/);
    expect(Buffer.from(bytes).toString('latin1')).not.toContain('canary7f3a');
  });

  it('masks pipelined executes without waiting for any of them', async () => {
    planned(SELECT, [[ID, EMAIL, PIN]]);
    const one = wire.join(
      wire.parse('', SELECT),
      wire.bind('', ''),
      wire.describePortal(''),
      wire.execute(),
    );
    const two = wire.join(wire.bind('', ''), wire.execute('', 3), wire.execute('', 3));
    const bytes = await raw(
      driver.port,
      wire.join(one, two, wire.sync, wire.query('SELECT 1')),
      'Z',
      3,
    );
    expect(wire.tags(bytes)).toMatch(/Z12TDDDDDC2DDDsDDCZTDCZ$/);
    expect(Buffer.from(bytes).toString('latin1')).not.toContain('canary7f3a');
  });

  it.each([
    ['a unique key', 'INSERT INTO people SELECT 9, email FROM people WHERE id = 2'],
    ['a cast', 'SELECT email::int FROM people WHERE id = 2'],
    ['a table that a value names', 'SELECT email::regclass FROM people WHERE id = 2'],
  ])('hushes the error of %s', async (_name, text) => {
    planned(text, [text.startsWith('SELECT') ? [['x', 'derived', 2]] : NONE]);
    const client = await gateway();
    const own = await client.query(text).catch((error: unknown) => error);
    expect(JSON.stringify(own) + String(own)).not.toContain('canary7f3a');
    expect(own).toMatchObject({ severity: 'ERROR' });
    const other = new Client(direct());
    await other.connect();
    const plain = await other.query(text).catch((error: unknown) => error);
    await other.end();
    expect(JSON.stringify(plain) + String(plain)).toContain('canary7f3a');
    expect((own as { code: string }).code).toBe((plain as { code: string }).code);
  });

  it('hushes the error of a deferred constraint at COMMIT', async () => {
    const client = await gateway();
    const text = planned("INSERT INTO orders SELECT 1, email || '.x' FROM people WHERE id = 3", [
      NONE,
    ]);
    await client.query('BEGIN');
    await client.query(text);
    const own = await client.query('COMMIT').catch((error: unknown) => error);
    expect(own).toMatchObject({ code: '23503', constraint: 'orders_owner_fkey' });
    expect(JSON.stringify(own) + String(own)).not.toContain('canary7f3a');
  });

  it('hushes a notice with a value', async () => {
    const client = await gateway();
    const notices: string[] = [];
    client.on('notice', (notice) => notices.push(JSON.stringify(notice) + String(notice.message)));
    const text = planned(
      "DO $$ BEGIN RAISE NOTICE '%', (SELECT email FROM people WHERE id = 4); END $$",
      [NONE],
    );
    await client.query(text);
    expect(notices.length).toBe(1);
    expect(notices.join()).not.toContain('canary7f3a');
  });

  it.each([
    ['simple', []],
    ['extended', [1]],
  ])('ends the session at a table that is not the planned one: %s', async (_name, values) => {
    const client = await gateway();
    const text = planned(
      values.length === 0
        ? 'SELECT id, email FROM people -- drift'
        : 'SELECT id, email FROM people WHERE id = $1 -- drift',
      [[ID, ['email', 'pass', 4]]],
    );
    const own = await client.query(text, values).catch((error: unknown) => error);
    expect(own).toMatchObject({ severity: 'FATAL', code: '58000', detail: 'code mask_mismatch' });
    expect(JSON.stringify(own)).not.toContain('canary7f3a');
    expect(driver.closes.at(-1)).toMatchObject({ code: 'mask_mismatch' });
  });

  it('leaves results alone where no column is masked', async () => {
    const text = planned('SELECT id, note FROM people WHERE id > 1 ORDER BY id', [
      [ID, ['note', 'pass', 4]],
    ]);
    const other = new Client(direct());
    await other.connect();
    const plain = await other.query(text);
    await other.end();
    const own = await (await gateway()).query(text);
    expect(own.rows).toEqual(plain.rows);
    expect(own.fields).toEqual(plain.fields);
  });
});

/** Sends bytes behind a login of its own; everything that came until the nth message of that type. */
function raw(port: number, bytes: Uint8Array, until: string, times: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1');
    let got: Uint8Array = new Uint8Array(0);
    socket.write(
      wire.join(
        wire.startup(wire.V30, { user: 'agent', database: 'postgres' }),
        wire.password('token'),
        bytes,
      ),
    );
    socket.on('data', (chunk) => {
      got = wire.join(got, new Uint8Array(chunk));
      if (wire.frames(got).filter((f) => f.tag === until).length < times) return;
      socket.destroy();
      resolve(got);
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closed after ${wire.tags(got)}`)));
  });
}
