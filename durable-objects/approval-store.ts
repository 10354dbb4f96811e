// What an Approval object keeps in its SQLite: rounds, the requests they are about, who waits, who voted, and what has to be
// told to whom. Synchronous and without a clock; the rules of the game are in approval.ts.
import type { ApprovalRequest, ApprovalState } from '../core/approval/request.ts';
import type { VoteRecord } from '../core/approval/view.ts';
import { APPROVAL_RETENTION_MS } from '../core/limits.ts';
import type { NotifyReference } from '../adapters/notify.ts';

export interface Round {
  readonly round: number;
  /** Counts its changes; the index keeps the highest. */
  readonly version: number;
  readonly state: ApprovalState;
  readonly digest: string;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly decidedAt: number | null;
  readonly decidedBy: readonly string[];
  readonly reason: string;
  readonly usedSession: string | null;
  readonly usedAction: number | null;
  readonly usedAt: number | null;
}

export interface Waiter {
  readonly session: string;
  readonly action: number;
}

export interface StoredVote extends VoteRecord {
  /** marks() of the voter, so that one person is recognised again. */
  readonly marks: readonly string[];
}

/**
 * Something owed to the outside, until it is done:
 * `grant` open the window that was approved · `place` give up the place among the requester's waiting requests · `tell` a waiting session · `event` to Slack and webhooks · `index` in D1.
 */
export type ErrandKind = 'grant' | 'place' | 'tell' | 'event' | 'index';

export interface Errand {
  readonly seq: number;
  readonly kind: ErrandKind;
  readonly round: number;
  /** The session's name, the place's id, or the event without its request; empty otherwise. */
  readonly payload: string;
  readonly attempts: number;
  readonly createdAt: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS rounds (
    round INTEGER PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, digest TEXT NOT NULL,
    requested_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, decided_at INTEGER, decided_by TEXT NOT NULL,
    reason TEXT NOT NULL, used_session TEXT, used_action INTEGER, used_at INTEGER, reference TEXT,
    forgotten INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE IF NOT EXISTS request_parts (
    round INTEGER NOT NULL, part INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (round, part)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS waiters (
    round INTEGER NOT NULL, session TEXT NOT NULL, action INTEGER NOT NULL,
    PRIMARY KEY (round, session, action)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS votes (
    round INTEGER NOT NULL, seq INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (round, seq)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS errands (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, round INTEGER NOT NULL, payload TEXT NOT NULL,
    attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, due_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS seen (mark TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;`;

/** Signed requests are taken within five minutes of either clock: a mark older than both can never come again. */
const SEEN_MS = 15 * 60_000;

/** A row of SQLite holds 2 MB; a request is up to MAX_APPROVAL_BYTES. */
const PART_BYTES = 1024 * 1024;

type Row = Record<string, SqlStorageValue>;

export class ApprovalStore {
  readonly #storage: DurableObjectStorage;
  /** The last request that was read: the page, the vote and the events after it need the same one. */
  #cached: { readonly round: number; readonly request: ApprovalRequest } | null = null;

  #exists: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    const [table] = storage.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'rounds'").toArray();
    this.#exists = table !== undefined;
  }

  /** Whether anything was ever asked here. Looking at made-up ids leaves nothing behind. */
  get exists(): boolean {
    return this.#exists;
  }

  create(): void {
    if (this.#exists) return;
    this.#storage.sql.exec(SCHEMA);
    this.#exists = true;
  }

  /** All or nothing. */
  atomically<T>(change: () => T): T {
    return this.#storage.transactionSync(change);
  }

  latest(): Round | null {
    return this.#one('SELECT * FROM rounds ORDER BY round DESC LIMIT 1');
  }

  round(round: number): Round | null {
    return this.#one('SELECT * FROM rounds WHERE round = ? AND forgotten = 0', round);
  }

  /** Bytes of the request as it is kept. */
  static encode(request: ApprovalRequest): Uint8Array {
    return new TextEncoder().encode(JSON.stringify(request));
  }

  begin(
    round: Pick<Round, 'round' | 'digest' | 'requestedAt' | 'expiresAt'>,
    request: Uint8Array,
  ): void {
    this.#exec(
      `INSERT INTO rounds (round, version, state, digest, requested_at, expires_at, decided_by, reason)
       VALUES (?, 1, 'pending', ?, ?, ?, '[]', '')`,
      round.round,
      round.digest,
      round.requestedAt,
      round.expiresAt,
    );
    for (let part = 0; part * PART_BYTES < request.length; part++) {
      const bytes = request.slice(part * PART_BYTES, (part + 1) * PART_BYTES);
      this.#exec('INSERT INTO request_parts VALUES (?, ?, ?)', round.round, part, bytes.buffer);
    }
  }

  request(round: number): ApprovalRequest {
    if (this.#cached?.round === round) return this.#cached.request;
    const rows = this.#exec('SELECT bytes FROM request_parts WHERE round = ? ORDER BY part', round);
    const text = new TextDecoder();
    let json = '';
    for (const { bytes } of rows) {
      if (bytes instanceof ArrayBuffer)
        json += text.decode(new Uint8Array(bytes), { stream: true });
    }
    const request = JSON.parse(json + text.decode()) as ApprovalRequest;
    this.#cached = { round, request };
    return request;
  }

  settle(
    round: number,
    state: ApprovalState,
    at: number,
    decidedBy: readonly string[],
    reason: string,
  ): void {
    this.#exec(
      `UPDATE rounds SET state = ?, version = version + 1, decided_at = COALESCE(decided_at, ?), decided_by = ?, reason = ?
       WHERE round = ?`,
      state,
      at,
      JSON.stringify(decidedBy),
      reason,
      round,
    );
  }

  /** Compare and set: false unless the round was approved and is now consumed. */
  consume(round: number, by: Waiter, at: number): boolean {
    const { rowsWritten } = this.#storage.sql.exec(
      `UPDATE rounds SET state = 'consumed', version = version + 1, used_session = ?, used_action = ?, used_at = ?
       WHERE round = ? AND state = 'approved'`,
      by.session,
      by.action,
      at,
      round,
    );
    return rowsWritten > 0;
  }

  wait(round: number, { session, action }: Waiter): void {
    this.#exec('INSERT OR IGNORE INTO waiters VALUES (?, ?, ?)', round, session, action);
  }

  waiters(round: number): readonly Waiter[] {
    return this.#exec('SELECT session, action FROM waiters WHERE round = ?', round).map((row) => ({
      session: textOf(row, 'session'),
      action: Number(row['action']),
    }));
  }

  leave(round: number, { session, action }: Waiter): void {
    this.#exec(
      'DELETE FROM waiters WHERE round = ? AND session = ? AND action = ?',
      round,
      session,
      action,
    );
  }

  votes(round: number): readonly StoredVote[] {
    return this.#exec('SELECT json FROM votes WHERE round = ? ORDER BY seq', round).map(
      (row) => JSON.parse(textOf(row, 'json')) as StoredVote,
    );
  }

  cast(round: number, seq: number, vote: StoredVote): void {
    this.#exec('INSERT INTO votes VALUES (?, ?, ?)', round, seq, JSON.stringify(vote));
    this.#exec('UPDATE rounds SET version = version + 1 WHERE round = ?', round);
  }

  /** True for the first time that this mark comes. */
  first(mark: string, now: number): boolean {
    this.#exec('DELETE FROM seen WHERE at < ?', now - SEEN_MS);
    const known = this.#exec('SELECT 1 FROM seen WHERE mark = ?', mark).length > 0;
    if (!known) this.#exec('INSERT INTO seen VALUES (?, ?)', mark, now);
    return !known;
  }

  /** Where messages about this round stand; null before the first. */
  reference(round: number): NotifyReference | null {
    const [row] = this.#exec('SELECT reference FROM rounds WHERE round = ?', round);
    const json = row?.['reference'];
    return typeof json === 'string' ? (JSON.parse(json) as NotifyReference) : null;
  }

  refer(round: number, reference: NotifyReference): void {
    this.#exec('UPDATE rounds SET reference = ? WHERE round = ?', JSON.stringify(reference), round);
  }

  owe(kind: ErrandKind, round: number, payload: string, now: number): void {
    this.#exec(
      'INSERT INTO errands (kind, round, payload, attempts, created_at, due_at) VALUES (?, ?, ?, 0, ?, ?)',
      kind,
      round,
      payload,
      now,
      now,
    );
  }

  /** What is due of one kind, oldest first. */
  due(kind: ErrandKind, now: number): readonly Errand[] {
    return this.#exec(
      'SELECT * FROM errands WHERE kind = ? AND due_at <= ? ORDER BY seq',
      kind,
      now,
    ).map((row) => ({
      seq: Number(row['seq']),
      kind,
      round: Number(row['round']),
      payload: textOf(row, 'payload'),
      attempts: Number(row['attempts']),
      createdAt: Number(row['created_at']),
    }));
  }

  done(errand: Errand): void {
    this.#exec('DELETE FROM errands WHERE seq = ?', errand.seq);
  }

  /** As `done`, for all of its kind and round up to it: one row in the index stands for every change before. */
  doneUpTo({ kind, round, seq }: Errand): void {
    this.#exec('DELETE FROM errands WHERE kind = ? AND round = ? AND seq <= ?', kind, round, seq);
  }

  putOff(errand: Errand, dueAt: number): void {
    this.#exec(
      'UPDATE errands SET attempts = attempts + 1, due_at = ? WHERE seq = ?',
      dueAt,
      errand.seq,
    );
  }

  /** Drops the statements, values and votes of rounds that ended before `endedBefore`. Their numbers are never given again. */
  forget(endedBefore: number): void {
    const old = `SELECT round FROM rounds
      WHERE state NOT IN ('pending', 'approved') AND forgotten = 0 AND decided_at < ?`;
    for (const table of ['request_parts', 'waiters', 'votes', 'errands']) {
      this.#exec(`DELETE FROM ${table} WHERE round IN (${old})`, endedBefore);
    }
    this.#exec(
      `UPDATE rounds SET decided_by = '[]', reason = '', reference = NULL, forgotten = 1 WHERE round IN (${old})`,
      endedBefore,
    );
    this.#cached = null;
  }

  /** When the object has to wake up next; null when there is nothing to expire, to tell or to forget. */
  nextDue(): number | null {
    const [row] = this.#exec(
      `SELECT MIN(at) AS at FROM (
         SELECT MIN(expires_at) AS at FROM rounds WHERE state IN ('pending', 'approved')
         UNION ALL SELECT MIN(due_at) FROM errands
         UNION ALL SELECT MIN(decided_at) + ? FROM rounds
           WHERE state NOT IN ('pending', 'approved') AND forgotten = 0)`,
      APPROVAL_RETENTION_MS + 1,
    );
    const at = row?.['at'];
    return typeof at === 'number' ? at : null;
  }

  #exec(query: string, ...bindings: SqlStorageValue[]): Row[] {
    return this.#storage.sql.exec(query, ...bindings).toArray();
  }

  #one(query: string, ...bindings: SqlStorageValue[]): Round | null {
    const [row] = this.#exec(query, ...bindings);
    if (row === undefined) return null;
    return {
      round: Number(row['round']),
      version: Number(row['version']),
      state: row['state'] as ApprovalState,
      digest: textOf(row, 'digest'),
      requestedAt: Number(row['requested_at']),
      expiresAt: Number(row['expires_at']),
      decidedAt: row['decided_at'] as number | null,
      decidedBy: JSON.parse(textOf(row, 'decided_by')) as readonly string[],
      reason: textOf(row, 'reason'),
      usedSession: row['used_session'] as string | null,
      usedAction: row['used_action'] as number | null,
      usedAt: row['used_at'] as number | null,
    };
  }
}

/** A TEXT column; storage gives nothing else for it. */
function textOf(row: Readonly<Record<string, SqlStorageValue>>, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new Error(`column ${column} holds no text`);
  return value;
}
