// The D1 tables in Node's own SQLite: what the plan and apply commands read and write, without wrangler.
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WranglerFailure, type Database } from '../../cli/wrangler-d1.ts';

const MIGRATIONS = resolve(import.meta.dirname, '../../migrations');

export interface MemoryDatabase extends Database {
  readonly sqlite: DatabaseSync;
  readonly written: string[];
}

export function memoryDatabase({ migrated = true } = {}): MemoryDatabase {
  const sqlite = new DatabaseSync(':memory:');
  if (migrated) {
    const files = readdirSync(MIGRATIONS).filter((name) => name.endsWith('.sql'));
    for (const file of files.sort()) sqlite.exec(readFileSync(join(MIGRATIONS, file), 'utf8'));
  }
  const written: string[] = [];
  const failing = <T>(run: () => T): Promise<T> => {
    try {
      return Promise.resolve(run());
    } catch (error) {
      return Promise.reject(new WranglerFailure(error instanceof Error ? error.message : ''));
    }
  };
  return {
    sqlite,
    written,
    query: (sql) => failing(() => sqlite.prepare(sql).all()),
    write: (sql) =>
      failing(() => {
        written.push(sql);
        sqlite.exec(sql);
      }),
  };
}

/** An action as the gateway's index holds it, with its session. */
export function recordAction(
  { sqlite }: MemoryDatabase,
  row: {
    readonly session: string;
    readonly action: number;
    readonly target?: string;
    readonly groups?: readonly string[];
    readonly facts: unknown;
    readonly code?: string | null;
    /** `http`: the facts are those of a request. */
    readonly via?: string;
    readonly statement?: string;
  },
): void {
  const insert = (table: string, values: Readonly<Record<string, string | number | null>>) => {
    // Columns this test says nothing about get a value of their own type.
    const columns = sqlite
      .prepare(`SELECT name, type, "notnull" AS must FROM pragma_table_info('${table}')`)
      .all();
    const filled = columns.map(({ name, type, must }) => {
      const given = values[String(name)];
      if (given !== undefined) return given;
      if (must !== 1) return null;
      return type === 'integer' ? 0 : '[]';
    });
    const names = columns.map(({ name }) => `"${String(name)}"`).join(', ');
    sqlite
      .prepare(
        `INSERT OR IGNORE INTO ${table} (${names}) VALUES (${filled.map(() => '?').join(', ')})`,
      )
      .run(...filled);
  };
  insert('sessions', {
    id: row.session,
    target: row.target ?? 'shop',
    protocol: 'postgres',
    principal_id: 'ci:agent-1',
    principal_kind: 'workload',
    groups: JSON.stringify(row.groups ?? ['agents']),
    client_name: 'psql',
    country: 'DE',
    started_at: 1,
  });
  insert('actions', {
    session_id: row.session,
    action: row.action,
    at: row.action,
    via: row.via ?? 'query',
    statement: row.statement ?? 'SELECT 1',
    facts: typeof row.facts === 'string' ? row.facts : JSON.stringify(row.facts),
    decision: 'allow',
    code: row.code ?? null,
  });
}
