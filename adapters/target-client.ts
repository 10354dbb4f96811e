// postgres.js over a connection of the gateway's own dialling: for the questions the gateway itself has for a target, never
// for a caller's statements. One connection, one use, with a deadline.
import postgres from 'postgres';
import type { TargetLogin } from '../core/engine.ts';
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

/**
 * Opens one connection with `connect`, hands it to `use`, closes it. Rejects with CatalogFailure, within DEADLINE_MS;
 * rejections of `connect` come through as they are.
 */
export async function withTarget<T>(
  connect: () => Promise<Connection>,
  login: TargetLogin,
  name: string,
  use: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  const connection = await connect();
  const stream = new ConnectionStream(connection);
  const sql = client(stream, login, name);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new CatalogFailure('catalog_unavailable', 'deadline'));
    }, DEADLINE_MS);
  });
  const using = use(sql);
  try {
    return await Promise.race([using, deadline]);
  } catch (error) {
    // The loser of the race ends when its stream is destroyed; its own rejection says nothing new.
    using.catch(() => undefined);
    throw failure(error);
  } finally {
    clearTimeout(timer);
    // Only our one connection is in the pool: closing the stream ends it, whatever state it is in.
    stream.destroy();
    await sql.end({ timeout: 0 });
  }
}

function client(stream: ConnectionStream, login: TargetLogin, name: string): postgres.Sql {
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
    connection: { application_name: name },
    socket: () => {
      // A driver that lost its connection would dial again; this one has nothing to dial.
      if (used) throw new CatalogFailure('catalog_unavailable', 'closed');
      used = true;
      return stream;
    },
  };
  return postgres(options);
}

function failure(error: unknown): CatalogFailure {
  if (error instanceof CatalogFailure) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  // Class 28: invalid authorization; 3D000: no such database.
  const refused = code.startsWith('28') || code === '3D000';
  return new CatalogFailure(refused ? 'target_auth_failed' : 'catalog_unavailable', code);
}
