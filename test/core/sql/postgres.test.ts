// The facts against real servers: the catalog as adapters/catalog.ts reads it, and Postgres' own opinion of what a query
// uses (the dependencies of a view over it), takes (its locks) and changes (a read-only transaction).
import { readFileSync } from 'node:fs';
import { connect as dial, type Socket } from 'node:net';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCatalog, type CatalogSnapshot } from '../../../adapters/catalog.ts';
import type { Connection } from '../../../adapters/connection.ts';
import { createInspect } from '../../../core/sql/facts.ts';
import type { Inspect, Inspection } from '../../../core/sql/inspection.ts';
import { OWNER, SERVERS, type RealPostgres } from '../../contract/real-postgres.ts';
import { shopRows } from '../../fixtures/shop-catalog.ts';
import { CONTEXT, parse } from './judging.ts';
import { TABLES } from './rows.ts';

const SHOP = readFileSync(new URL('../../fixtures/shop-catalog.sql', import.meta.url), 'utf8');
const LOGIN = { ...OWNER, database: 'postgres' };

/** A socket as the gateway's dialled connections look. */
async function connection(port: number): Promise<Connection> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const opening = dial(port, '127.0.0.1', () => resolve(opening));
    opening.once('error', reject);
  });
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  return {
    read: async () => {
      const { value, done } = await chunks.next();
      return done === true ? null : value;
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    close: () => void socket.destroy(),
  };
}

/** Rows that can be run as they stand: one statement, no parameters, and it is in a server's power to run them. */
const RUNNABLE = Object.values(TABLES)
  .flat()
  .filter(([sql, , expected]) => expected?.refusal === undefined && !/\$\d/.test(sql))
  .map(([sql]) => sql);

describe.each(SERVERS)('%s', (_, start) => {
  let server: RealPostgres;
  let client: Client;
  let snapshot: CatalogSnapshot;
  let inspect: Inspect;
  const look = (sql: string): Inspection => inspect(sql, CONTEXT);

  beforeAll(async () => {
    server = await start();
    client = new Client({ host: '127.0.0.1', port: server.port, ...LOGIN });
    await client.connect();
    await client.query(SHOP);
    snapshot = await readCatalog(() => connection(server.port), LOGIN);
    inspect = createInspect({ parse, catalog: () => snapshot.catalog });
  }, 120_000);

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  }, 60_000);

  /** Runs in a transaction that leaves nothing behind; null when the server refuses. */
  async function tried<T>(begin: string, work: () => Promise<T>): Promise<T | { code: unknown }> {
    await client.query(begin);
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error && 'code' in error) return { code: error.code };
      throw error;
    } finally {
      await client.query('ROLLBACK');
    }
  }

  it('gives the catalog that the fixture holds', () => {
    const { catalog } = snapshot;
    for (const [, schema, name, kind, , rules, triggers, , , columns] of shopRows().user
      .relations) {
      const found = catalog.relation(schema, name);
      expect(found).toMatchObject({ kind, rules, triggers });
      expect(found?.columns.map((column) => column.name)).toEqual(
        columns.map(([column]) => column),
      );
    }
    for (const [, schema, name, volatility, , builtin] of shopRows().user.functions) {
      // What an extension brings differs between its versions.
      if (builtin) continue;
      expect(catalog.functions(schema, name).map((fn) => fn.volatility)).toContain(volatility);
    }
    expect([...catalog.userOperators]).toEqual(['audit.===']);
    expect(catalog.type('public', 'iban')?.code).toBe(true);
    expect(catalog.type('public', 'positive')?.code).toBe(false);
    expect(catalog.functions('pg_catalog', 'lower').length).toBeGreaterThan(1);
  });

  it('has the same version when nothing changed, and another one when something did', async () => {
    const again = await readCatalog(() => connection(server.port), LOGIN, snapshot);
    expect(again.catalog.version).toBe(snapshot.catalog.version);
    await client.query('ALTER TABLE products ADD COLUMN weight int');
    const changed = await readCatalog(() => connection(server.port), LOGIN, snapshot);
    await client.query('ALTER TABLE products DROP COLUMN weight');
    expect(changed.catalog.version).not.toBe(snapshot.catalog.version);
    expect(changed.catalog.relation('public', 'products')?.columns.at(-1)?.name).toBe('weight');
  });

  it.each([
    ['a wrong password', { password: 'wrong' }],
    ['a database that is not there', { database: 'nowhere' }],
  ])('says that %s was refused', async (_reason, wrong) => {
    const reading = readCatalog(() => connection(server.port), { ...LOGIN, ...wrong });
    await expect(reading).rejects.toMatchObject({ code: 'target_auth_failed' });
    await expect(reading).rejects.not.toThrow(/wrong|nowhere/);
  });

  it('says so when the connection breaks', async () => {
    const broken = async (): Promise<Connection> => ({
      read: async () => null,
      write: async () => undefined,
      close: () => undefined,
    });
    await expect(readCatalog(broken, LOGIN)).rejects.toMatchObject({ code: 'catalog_unavailable' });
  });

  it('finds every column that the server says a query depends on', async () => {
    let compared = 0;
    for (const sql of RUNNABLE) {
      const { facts, unresolved } = look(sql);
      if (facts.statements[0]?.verb !== 'SELECT' || unresolved.length > 0) continue;
      if (facts.effect === 'opaque') continue;
      // Nothing of such a list ever reaches anybody, so its columns are left out on purpose.
      if (sql.includes('EXISTS (SELECT *')) continue;
      const used = await tried('BEGIN', async () => {
        await client.query(`CREATE TEMP VIEW probe AS ${sql}`);
        const { rows } = await client.query<{ used: string }>(`
          SELECT format('%s.%s.%s', n.nspname, c.relname, a.attname) AS used
          FROM pg_rewrite w
          JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
          JOIN pg_class c ON d.refclassid = 'pg_class'::regclass AND c.oid = d.refobjid AND c.relkind <> 'S'
          JOIN pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid AND a.attnum > 0
          WHERE w.ev_class = 'probe'::regclass AND c.relname <> 'probe'`);
        return rows.map((row) => row.used);
      });
      if ('code' in used) continue;
      compared++;
      expect(facts.columns, sql).toEqual(expect.arrayContaining(used));
    }
    expect(compared).toBeGreaterThan(80);
  }, 60_000);

  it('calls nothing reading that a read-only transaction refuses', async () => {
    let compared = 0;
    for (const sql of RUNNABLE) {
      const { facts } = look(sql);
      if (facts.effect !== 'read' || facts.verbs.includes('COPY')) continue;
      const result = await tried('BEGIN READ ONLY', async () => client.query(sql));
      if ('code' in result) expect(result.code, sql).not.toBe('25006');
      else compared++;
    }
    expect(compared).toBeGreaterThan(100);
  }, 60_000);

  it('lists every table that a statement locks, and how', async () => {
    let compared = 0;
    for (const sql of RUNNABLE) {
      const { facts } = look(sql);
      if (!/^(?:SELECT|INSERT|UPDATE|DELETE|MERGE)$/.test(facts.statements[0]?.verb ?? ''))
        continue;
      if (facts.statements.length > 1 || facts.effect === 'opaque') continue;
      const locks = await tried('BEGIN', async () => {
        await client.query(sql);
        const { rows } = await client.query<{ name: string; writes: boolean }>(`
          SELECT n.nspname || '.' || c.relname AS name, l.mode LIKE '%Exclusive%' AS writes
          FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE l.pid = pg_backend_pid() AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
            AND n.nspname NOT IN ('pg_catalog', 'information_schema')`);
        return rows;
      });
      if ('code' in locks) continue;
      compared++;
      for (const { name, writes } of locks) {
        expect(writes ? facts.writes : facts.tables, sql).toContain(name);
      }
    }
    expect(compared).toBeGreaterThan(100);
  }, 60_000);
});
