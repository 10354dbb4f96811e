// Lineage against a real server: a result has as many columns as lineage says, under the names it says, and the table and
// attribute number that RowDescription gives a column are among those its value can come from.
import { readFileSync } from 'node:fs';
import { Client, type FieldDef, type QueryResult } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCatalog, createLayer } from '../../../../core/sql/catalog-snapshot.ts';
import type { CatalogRows } from '../../../../core/sql/catalog-snapshot.ts';
import { createInspect } from '../../../../core/sql/facts.ts';
import type { Inspect } from '../../../../core/sql/inspection.ts';
import {
  functions,
  OPERATORS,
  PREPARATION,
  relations,
  SCHEMAS,
  types,
} from '../../../../adapters/catalog-queries.ts';
import { OWNER, SERVERS, type RealPostgres } from '../../../contract/real-postgres.ts';
import { CONTEXT, parse } from '../judging.ts';
import { TABLES } from '../rows.ts';
import { readRows } from './described.ts';

const SHOP = readFileSync(new URL('../../../fixtures/shop-catalog.sql', import.meta.url), 'utf8');

/** Texts that end a session, wait, or need what a test cannot give. */
const UNRUNNABLE =
  /\$\d|pg_sleep|COPY|TRANSACTION|^(?:BEGIN|COMMIT|ROLLBACK|DISCARD|START|END)|pg_terminate|VACUUM/i;

const TEXTS = [
  ...readRows().map(({ sql }) => sql),
  ...Object.values(TABLES)
    .flat()
    .filter(([, , expected]) => expected?.refusal === undefined)
    .map(([sql]) => sql),
].filter((sql) => !UNRUNNABLE.test(sql));

describe.each(SERVERS)('%s', (_, start) => {
  let server: RealPostgres;
  let client: Client;
  let inspect: Inspect;

  beforeAll(async () => {
    server = await start();
    client = new Client({ host: '127.0.0.1', port: server.port, ...OWNER, database: 'postgres' });
    await client.connect();
    await client.query(SHOP);
    const rows = async <T>(query: string): Promise<T[]> => {
      const { rows: found } = await client.query<{ rows: string }>(query);
      return JSON.parse(found[0]?.rows ?? '[]') as T[];
    };
    await client.query('BEGIN');
    await client.query(PREPARATION);
    const layer = async (part: 'system' | 'user'): Promise<CatalogRows> => ({
      schemas: part === 'system' ? [] : await rows(SCHEMAS),
      relations: await rows(relations(part)),
      functions: await rows(functions(part)),
      types: await rows(types(part)),
      operators: part === 'system' ? [] : await rows(OPERATORS),
    });
    const layers = [createLayer(await layer('user')), createLayer(await layer('system'))];
    await client.query('ROLLBACK');
    const catalog = createCatalog(layers, 'real');
    inspect = createInspect({ parse, catalog: () => catalog });
  }, 120_000);

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  }, 60_000);

  /** Runs in a transaction that leaves nothing behind; null when the server refuses. */
  async function fieldsOf(sql: string): Promise<readonly FieldDef[][] | null> {
    await client.query('BEGIN');
    await client.query('SET LOCAL statement_timeout = 2000');
    try {
      const result: QueryResult | QueryResult[] = await client.query(sql);
      return (Array.isArray(result) ? result : [result]).map(({ fields }) => fields);
    } catch (error) {
      if (error instanceof Error && 'code' in error) return null;
      throw error;
    } finally {
      await client.query('ROLLBACK');
    }
  }

  it('answers with the columns that lineage says', async () => {
    let compared = 0;
    for (const sql of TEXTS) {
      const lineage = inspect(sql, CONTEXT).lineage();
      const results = await fieldsOf(sql);
      if (results === null || lineage === null || lineage.length !== results.length) continue;
      for (const [position, fields] of results.entries()) {
        const statement = lineage[position];
        if (statement === undefined) continue;
        // What is not proven is refused, whatever its columns are.
        if (statement.unproven.length > 0) continue;
        const outputs = statement.outputs ?? [];
        expect(outputs.length, sql).toBe(fields.length);
        for (const [at, field] of fields.entries()) {
          const output = outputs[at];
          if (output?.name !== '?column?') expect(output?.name, sql).toBe(field.name);
          if (field.tableID === 0 || field.columnID <= 0) continue;
          const origins = [...(output?.columns ?? [])].map(
            ({ relation, column }) => `${relation.oid}.${column.attnum}`,
          );
          expect(origins, `${sql}: ${field.name}`).toContain(`${field.tableID}.${field.columnID}`);
        }
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(350);
  }, 120_000);
});
