// Reads a target's catalog with the gateway's own login, over a connection of its own, in one read-only transaction.
// core/sql/catalog-snapshot.ts makes the Catalog of it; who keeps it fresh is durable-objects' business.
import { createHash } from 'node:crypto';
import postgres from 'postgres';
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
import { ConnectionStream } from './connection-stream.ts';
import type { Connection } from './connection.ts';

/** From the first byte to the last row. */
const DEADLINE_MS = 15_000;

/** The catalog could not be read; `detail` is for the journal: an SQLSTATE or one word, never a text of the server. */
export class CatalogFailure extends Error {
  override readonly name = 'CatalogFailure';
  readonly code: 'target_auth_failed' | 'catalog_unavailable';
  readonly detail: string;

  constructor(code: CatalogFailure['code'], detail: string) {
    super('the catalog could not be read');
    this.code = code;
    this.detail = detail;
  }
}

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
 * Opens one connection with `connect`, reads, closes it. Rejects with CatalogFailure within DEADLINE_MS; rejections of
 * `connect` come through as they are. `previous`: the last snapshot of the same target and database.
 */
export async function readCatalog(
  connect: () => Promise<Connection>,
  login: TargetLogin,
  previous?: CatalogSnapshot,
): Promise<CatalogSnapshot> {
  const connection = await connect();
  const stream = new ConnectionStream(connection);
  const sql = client(stream, login);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new CatalogFailure('catalog_unavailable', 'deadline'));
    }, DEADLINE_MS);
  });
  const reading = read(sql, previous?.system);
  try {
    return await Promise.race([reading, deadline]);
  } catch (error) {
    // The loser of the race ends when its stream is destroyed; its own rejection says nothing new.
    reading.catch(() => undefined);
    throw failure(error);
  } finally {
    clearTimeout(timer);
    // Only our one connection is in the pool: closing the stream ends it, whatever state it is in.
    stream.destroy();
    await sql.end({ timeout: 0 });
  }
}

function client(stream: ConnectionStream, login: TargetLogin): postgres.Sql {
  let used = false;
  const options: postgres.Options<Record<string, never>> & { readonly socket: () => object } = {
    user: login.user,
    password: login.password,
    database: login.database,
    // Only names for postgres.js' own messages: the bytes go through `socket`.
    host: 'target',
    port: 5432,
    ssl: false,
    max: 1,
    prepare: false,
    fetch_types: false,
    idle_timeout: 0,
    max_lifetime: null,
    connect_timeout: DEADLINE_MS / 1000,
    onnotice: () => undefined,
    connection: { application_name: 'postern-catalog' },
    socket: () => {
      // A driver that lost its connection would dial again; this one has nothing to dial.
      if (used) throw new CatalogFailure('catalog_unavailable', 'closed');
      used = true;
      return stream;
    },
  };
  return postgres(options);
}

async function read(sql: postgres.Sql, known: SystemPart | undefined): Promise<CatalogSnapshot> {
  return sql.begin('ISOLATION LEVEL REPEATABLE READ READ ONLY', async (transaction) => {
    await transaction.unsafe(PREPARATION).simple();
    const [server] = await transaction.unsafe<{ version: string; encoding: string }[]>(SERVER);
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

function failure(error: unknown): CatalogFailure {
  if (error instanceof CatalogFailure) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  // Class 28: invalid authorization; 3D000: no such database.
  const refused = code.startsWith('28') || code === '3D000';
  return new CatalogFailure(refused ? 'target_auth_failed' : 'catalog_unavailable', code);
}
