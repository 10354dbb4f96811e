// What a Quota object keeps in its SQLite: the rows of core/quota/book.ts, as they are. Synchronous and without a clock.
import type { BookChanges, SessionRow, Unit, UseRow } from '../core/quota/book.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sessions (session TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS uses (
    key TEXT NOT NULL, unit TEXT NOT NULL, slot INTEGER NOT NULL, count INTEGER NOT NULL, until INTEGER NOT NULL,
    PRIMARY KEY (key, unit, slot)) WITHOUT ROWID;`;

export class QuotaStore {
  readonly #storage: DurableObjectStorage;
  #exists: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#exists =
      storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'uses'").toArray().length > 0;
  }

  sessions(): readonly SessionRow[] {
    return this.#exec('SELECT json FROM sessions').map(
      (row) => JSON.parse(textOf(row, 'json')) as SessionRow,
    );
  }

  uses(): readonly UseRow[] {
    return this.#exec('SELECT * FROM uses').map((row) => ({
      key: textOf(row, 'key'),
      unit: unitOf(row['unit']),
      slot: Number(row['slot']),
      count: Number(row['count']),
      untilMs: Number(row['until']),
    }));
  }

  /** All or nothing. */
  write({ sessions, gone, uses }: BookChanges): void {
    if (sessions.length + gone.length + uses.length === 0) return;
    this.#storage.transactionSync(() => {
      const { sql } = this.#storage;
      if (!this.#exists) sql.exec(SCHEMA);
      for (const row of sessions)
        sql.exec('INSERT OR REPLACE INTO sessions VALUES (?, ?)', row.session, JSON.stringify(row));
      for (const session of gone) sql.exec('DELETE FROM sessions WHERE session = ?', session);
      for (const { key, unit, slot, count, untilMs } of uses)
        sql.exec(
          'INSERT OR REPLACE INTO uses VALUES (?, ?, ?, ?, ?)',
          key,
          unit,
          slot,
          count,
          untilMs,
        );
    });
    this.#exists = true;
  }

  /** Forgets uses that count no longer. */
  prune(nowMs: number): void {
    this.#exec('DELETE FROM uses WHERE until <= ?', nowMs);
  }

  #exec(query: string, ...bindings: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.#exists ? this.#storage.sql.exec(query, ...bindings).toArray() : [];
  }
}

function unitOf(value: SqlStorageValue | undefined): Unit {
  if (value !== 'actions' && value !== 'rows') throw new Error('a use of no unit');
  return value;
}

/** A TEXT column; storage gives nothing else for it. */
function textOf(row: Readonly<Record<string, SqlStorageValue>>, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new Error(`column ${column} holds no text`);
  return value;
}
