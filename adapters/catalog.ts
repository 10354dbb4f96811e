// Reads a target's catalog with the gateway's own login, over a connection of its own, in one read-only transaction.
// core/sql/catalog-snapshot.ts makes the Catalog of it; who keeps it fresh is durable-objects' business.
import { createHash } from 'node:crypto';
import type postgres from 'postgres';
import type { TargetLogin } from '../core/engine.ts';
import type { Catalog } from '../core/sql/catalog.ts';
import { createCatalog, createLayer, type CatalogLayer } from '../core/sql/catalog-snapshot.ts';
import type { FunctionRow, RelationRow, TypeRow } from '../core/sql/catalog-snapshot.ts';
import {
  functions,
  OPERATORS,
  PREPARATION,
  relations,
  SCHEMAS,
  SERVER,
  types,
  type CatalogPart,
} from './catalog-queries.ts';
import type { Connection } from './connection.ts';
import { CatalogFailure, withTarget } from './target-client.ts';

/** A catalog that was read, and what the next read of the same target can do without. */
export interface CatalogSnapshot {
  readonly catalog: Catalog;
  readonly system: SystemPart;
}

interface SystemPart {
  readonly serverVersion: string;
  readonly digest: string;
  readonly layer: CatalogLayer;
}

/**
 * Opens one connection with `connect`, reads, closes it. Rejects as withTarget does. `previous`: the last snapshot of the same target and database.
 */
export async function readCatalog(
  connect: () => Promise<Connection>,
  login: TargetLogin,
  previous?: CatalogSnapshot,
): Promise<CatalogSnapshot> {
  return withTarget(connect, login, 'postern-catalog', (sql) => read(sql, previous?.system));
}

async function read(sql: postgres.Sql, known: SystemPart | undefined): Promise<CatalogSnapshot> {
  return sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (transaction) => {
    await transaction.unsafe(PREPARATION).simple();
    const [server] = await transaction.unsafe<{ version: string }[]>(SERVER);
    if (server === undefined) throw new CatalogFailure('catalog_unavailable', 'no answer');
    const system =
      known?.serverVersion === server.version
        ? known
        : await readSystem(transaction, server.version);
    const texts = await readPart(transaction, 'user');
    const catalog = createCatalog(
      [layerOf(texts), system.layer],
      digest(system.digest, Object.values(texts)),
    );
    return { catalog, system };
  });
}

async function readSystem(sql: postgres.TransactionSql, version: string): Promise<SystemPart> {
  const texts = await readPart(sql, 'system');
  return {
    serverVersion: version,
    digest: digest(version, Object.values(texts)),
    layer: layerOf(texts),
  };
}

interface PartTexts {
  readonly schemas: string;
  readonly relations: string;
  readonly functions: string;
  readonly types: string;
  readonly operators: string;
}

async function readPart(sql: postgres.TransactionSql, part: CatalogPart): Promise<PartTexts> {
  const rows = async (query: string) => {
    const [row] = await sql.unsafe<{ rows: string }[]>(query);
    if (row === undefined) throw new CatalogFailure('catalog_unavailable', 'no rows');
    return row.rows;
  };
  const system = part === 'system';
  return {
    schemas: system ? '[]' : await rows(SCHEMAS),
    relations: await rows(relations(part)),
    functions: await rows(functions(part)),
    types: await rows(types(part)),
    operators: system ? '[]' : await rows(OPERATORS),
  };
}

function layerOf(texts: PartTexts): CatalogLayer {
  return createLayer({
    schemas: JSON.parse(texts.schemas) as string[],
    relations: JSON.parse(texts.relations) as RelationRow[],
    functions: JSON.parse(texts.functions) as FunctionRow[],
    types: JSON.parse(texts.types) as TypeRow[],
    operators: JSON.parse(texts.operators) as string[],
  });
}

function digest(before: string, texts: readonly string[]): string {
  const hash = createHash('sha256').update(before);
  for (const text of texts) hash.update('\0').update(text);
  return hash.digest('base64url');
}
