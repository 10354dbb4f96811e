// What a Call object keeps in its SQLite: one call, its state before each step, and its outcome. Synchronous. Rows
// are kept in parts: a value of a Durable Object's SQLite is at most 2 MB.
import type { CallFailure, CallResult, CallState } from '../core/call/outcome.ts';
import type { CallOrder, CallView } from '../core/call/order.ts';

/** UTF-16 units: at most three bytes each. */
const PART_CHARS = 512 * 1024;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS call (
    id TEXT PRIMARY KEY, principal TEXT NOT NULL, target TEXT NOT NULL, fingerprint TEXT NOT NULL, body TEXT NOT NULL,
    state TEXT NOT NULL, session TEXT NOT NULL, approval TEXT, result TEXT, failure TEXT) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS times (created_ms INTEGER NOT NULL, changed_ms INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS parts (part INTEGER PRIMARY KEY, text TEXT NOT NULL)`;

export interface KnownCall {
  readonly id: string;
  readonly principalId: string;
  readonly target: string;
  readonly fingerprint: string;
  readonly body: CallOrder['body'];
}

export class CallStore {
  readonly #storage: DurableObjectStorage;
  #known: KnownCall | null = null;
  #state: CallState = 'pending';
  #session = '';
  #approval: string | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    // An object that was only asked whether it exists stays empty.
    const [table] = this.#exec("SELECT 1 FROM sqlite_master WHERE name = 'call'");
    const [row] = table === undefined ? [] : this.#exec('SELECT * FROM call');
    if (row === undefined) return;
    // One that an older version began has no times.
    this.#storage.sql.exec(SCHEMA);
    this.#known = {
      id: text(row, 'id'),
      principalId: text(row, 'principal'),
      target: text(row, 'target'),
      fingerprint: text(row, 'fingerprint'),
      body: JSON.parse(text(row, 'body')) as CallOrder['body'],
    };
    this.#state = text(row, 'state') as CallState;
    this.#session = text(row, 'session');
    this.#approval = row['approval'] === null ? null : text(row, 'approval');
  }

  get call(): KnownCall | null {
    return this.#known;
  }

  get state(): CallState {
    return this.#state;
  }

  get session(): string {
    return this.#session;
  }

  get approval(): string | null {
    return this.#approval;
  }

  create({ id, target, fingerprint, body, caller }: CallOrder): void {
    this.#storage.sql.exec(SCHEMA);
    const principalId = caller.principal.id;
    this.#exec(
      `INSERT INTO call (id, principal, target, fingerprint, body, state, session)
       VALUES (?, ?, ?, ?, ?, 'pending', '')`,
      id,
      principalId,
      target,
      fingerprint,
      JSON.stringify(body),
    );
    const now = Date.now();
    this.#exec('INSERT INTO times (created_ms, changed_ms) VALUES (?, ?)', now, now);
    this.#known = { id, principalId, target, fingerprint, body };
  }

  /** A session is about to be entered for it; nothing has been sent. */
  entering(session: string): void {
    this.#session = session;
    this.#exec('UPDATE call SET session = ?', session);
  }

  move(state: 'pending' | 'approved' | 'executing'): void {
    this.#state = state;
    this.#exec('UPDATE call SET state = ?', state);
    this.#changed();
  }

  waiting(approval: string): void {
    this.#approval = approval;
    this.#state = 'pending';
    this.#exec("UPDATE call SET state = 'pending', approval = ?", approval);
    this.#changed();
  }

  /** From the beginning, after a failure that left nothing behind. */
  again(): void {
    this.#state = 'pending';
    this.#session = '';
    this.#approval = null;
    this.#exec("UPDATE call SET state = 'pending', session = '', approval = NULL, failure = NULL");
    this.#changed();
  }

  succeeded(result: CallResult, rows: string): void {
    this.#storage.transactionSync(() => {
      for (let at = 0; at < rows.length; at += PART_CHARS) {
        const part = rows.slice(at, at + PART_CHARS);
        this.#exec('INSERT INTO parts (text) VALUES (?)', JSON.stringify(part));
      }
      this.#exec("UPDATE call SET state = 'succeeded', result = ?", JSON.stringify(result));
      this.#changed();
    });
    this.#state = 'succeeded';
  }

  ended(state: 'failed' | 'unknown', failure: CallFailure): void {
    this.#state = state;
    this.#exec('UPDATE call SET state = ?, failure = ?', state, JSON.stringify(failure));
    this.#changed();
  }

  /** @throws Error when there is no call */
  view(): CallView {
    const [row] = this.#exec('SELECT * FROM call');
    if (row === undefined) throw new Error('no call to be shown');
    // A part may end between the halves of a surrogate pair, which JSON writes as escapes.
    const parts = this.#exec('SELECT text FROM parts ORDER BY part');
    const [times] = this.#exec('SELECT * FROM times');
    return {
      id: text(row, 'id'),
      target: text(row, 'target'),
      state: this.#state,
      session: this.#session,
      approval: this.#approval,
      result: row['result'] === null ? null : (JSON.parse(text(row, 'result')) as CallResult),
      rows: parts.map((part) => JSON.parse(text(part, 'text')) as string).join(''),
      failure: row['failure'] === null ? null : (JSON.parse(text(row, 'failure')) as CallFailure),
      createdAtMs: Number(times?.['created_ms'] ?? 0),
      changedAtMs: Number(times?.['changed_ms'] ?? 0),
    };
  }

  #changed(): void {
    this.#exec('UPDATE times SET changed_ms = ?', Date.now());
  }

  #exec(query: string, ...bindings: SqlStorageValue[]): Record<string, SqlStorageValue>[] {
    return this.#storage.sql.exec(query, ...bindings).toArray();
  }
}

/** A TEXT column; storage gives nothing else for it. */
function text(row: Readonly<Record<string, SqlStorageValue>>, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new Error(`column ${column} holds no text`);
  return value;
}
