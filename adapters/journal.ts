// The session's journal in its Durable Object's SQLite: a hash chain that is durable before anything it speaks of leaves
// the object (output gates hold every send until the write is confirmed). Also keeps what shipping has copied so far.
// Who ships is ship.ts; who closes the session when a write fails is durable-objects/session.ts.
//
//   events       one row per event; a row holds the first slice of its JSON
//   event_parts  further slices of long events (a row must stay below 2 MB)
//   segments     recording segments in R2        shipping  one row: how far R2 and D1 are
import { canonicalJson } from '../core/audit/canonical.ts';
import { eventHash, genesisHash, slices, SLICE_LENGTH, type Hasher } from '../core/audit/chain.ts';
import type { ChainedEvent, SessionEvent } from '../core/audit/event.ts';
import { createShippingState, type ShippingState } from './journal-shipping.ts';

/** What `read` returns at most, unless one event alone is longer. RPC carries 32 MiB. */
const READ_BYTES = 8 * 1024 * 1024;
/** Hashes, numbers and punctuation of one event beside its JSON. Sizes count UTF-16 units: near enough for a bound. */
const EVENT_OVERHEAD_BYTES = 200;
/** Columns of `events`; SQLite in Durable Objects takes 100 bound values. */
const COLUMNS = 9;
const MAX_ROWS = Math.floor(100 / COLUMNS);

const INSERTS: readonly string[] = Array.from(
  { length: MAX_ROWS + 1 },
  (_, rows) =>
    `INSERT INTO events (seq, at, kind, ref, size, parts, json, prev_hash, hash) VALUES ${Array(
      rows,
    )
      .fill('(?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .join(', ')}`,
);

export interface Journal {
  /** The last event's number and hash; seq 0 when there is none. */
  readonly head: { readonly seq: number; readonly hash: string };
  /** The session's id, from its first event; empty before. */
  readonly session: string;
  /** Of the session's first event; empty before. */
  readonly protocol: string;
  /** The last event's time, milliseconds since the epoch; 0 before. */
  readonly lastAt: number;
  /** The highest number of an action; 0 before. */
  readonly lastAction: number;
  /** The closing record is written. */
  readonly ended: boolean;
  /** Actions with an intent and no outcome. */
  readonly openActions: ReadonlySet<number>;
  /**
   * Bytes that R2 or D1, whichever is further behind, does not have yet. The driver holds it below MAX_UNSHIPPED_BYTES,
   * and ships again while it is above 0: an ended session whose recording is not announced counts as one byte.
   */
  readonly unshippedBytes: number;
  /** Bytes that R2 does not have yet. */
  readonly unrecordedBytes: number;
  readonly shipping: ShippingState;
  /**
   * Appends in one synchronous write; `at` in milliseconds since the epoch, never before the event in front of it.
   * @throws Error when storage fails, when the journal is closed, or when it does not begin with session.start. After a
   * storage failure the journal finds its true end again before the next append.
   */
  append(events: readonly SessionEvent[], at: number): void;
  /**
   * Settles what a dead object left open: `unknown` for every action that may have been sent, `refused` for those that were
   * denied; then, unless the session can go on in a new object, session.end with code `interrupted`. False when there was
   * nothing to do.
   */
  recover(at: number, goesOn?: boolean): boolean;
  /** Events after `afterSeq`, at most `limit` of them and about 8 MiB, but at least one if there is one. */
  read(afterSeq: number, limit: number): ChainedEvent[];
  /** Size of the journal up to and with event `seq`, as `unshippedBytes` counts it. */
  bytesUpTo(seq: number): number;
  /** A `statement` event by its number; null when the session has none. */
  statement(number: number): ChainedEvent | null;
}

export function createJournal(sql: SqlStorage, crypto: Hasher): Journal {
  return new SqlJournal(sql, crypto);
}

interface EventRow extends Record<string, SqlStorageValue> {
  seq: number;
  at: number;
  parts: number;
  json: string;
  prev_hash: string;
  hash: string;
}

class SqlJournal implements Journal {
  readonly shipping: ShippingState;
  readonly #sql: SqlStorage;
  readonly #crypto: Hasher;
  #session = '';
  #protocol = '';
  #seq = 0;
  #hash = '';
  #at = 0;
  #ended = false;
  #open = new Set<number>();
  /** Size of everything appended; what was shipped is subtracted from it. */
  #bytes = 0;
  /** A write failed half-way: what is in memory may be ahead of what is stored. */
  #doubtful = false;

  constructor(sql: SqlStorage, crypto: Hasher) {
    this.#sql = sql;
    this.#crypto = crypto;
    createTables(sql);
    this.shipping = createShippingState(sql);
    this.#load();
  }

  get head(): { readonly seq: number; readonly hash: string } {
    return { seq: this.#seq, hash: this.#hash };
  }

  get session(): string {
    return this.#session;
  }

  get protocol(): string {
    return this.#protocol;
  }

  get lastAt(): number {
    return this.#at;
  }

  get lastAction(): number {
    const rows = this.#sql.exec<{ last: number | null }>(
      "SELECT MAX(ref) AS last FROM events WHERE kind IN ('intent', 'request', 'call')",
    );
    return rows.one().last ?? 0;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get openActions(): ReadonlySet<number> {
    return this.#open;
  }

  get unrecordedBytes(): number {
    return this.#bytes - this.shipping.recorded.bytes;
  }

  get unshippedBytes(): number {
    const { recorded, indexed, closing } = this.shipping;
    const unclosed = this.#ended && closing !== 'announced' ? 1 : 0;
    return Math.max(this.#bytes - Math.min(recorded.bytes, indexed.bytes), unclosed);
  }

  append(events: readonly SessionEvent[], at: number): void {
    if (this.#doubtful) this.#load();
    if (this.#ended) throw new Error('the journal is closed');
    try {
      this.#append(events, Math.max(Math.trunc(at), this.#at));
    } catch (error) {
      this.#doubtful = true;
      throw error;
    }
  }

  recover(at: number, goesOn = false): boolean {
    if (this.#doubtful) this.#load();
    if (this.#seq === 0 || this.#ended) return false;
    const outcomes = [...this.#open]
      .sort((a, b) => a - b)
      .map((action): SessionEvent => ({
        kind: 'outcome',
        action,
        outcome: this.#denied(action) ? 'refused' : 'unknown',
        rows: 0,
        bytes: 0,
        error: null,
        digest: null,
      }));
    const end: SessionEvent = {
      kind: 'session.end',
      code: 'interrupted',
      detail: 'The object was restarted under the session.',
    };
    const events = goesOn ? outcomes : [...outcomes, end];
    if (events.length > 0) this.append(events, at);
    return events.length > 0;
  }

  read(afterSeq: number, limit: number): ChainedEvent[] {
    const sizes = this.#sql.exec<{ seq: number; size: number }>(
      'SELECT seq, size FROM events WHERE seq > ? ORDER BY seq LIMIT ?',
      afterSeq,
      limit,
    );
    let last = afterSeq;
    let bytes = 0;
    for (const { seq, size } of sizes.toArray()) {
      bytes += size;
      if (bytes > READ_BYTES && last > afterSeq) break;
      last = seq;
    }
    const rows = this.#sql.exec<EventRow>(
      'SELECT seq, at, parts, json, prev_hash, hash FROM events WHERE seq > ? AND seq <= ? ORDER BY seq',
      afterSeq,
      last,
    );
    return rows.toArray().map((row) => this.#event(row));
  }

  bytesUpTo(seq: number): number {
    return this.#bytes - this.#sizeAfter(seq);
  }

  statement(number: number): ChainedEvent | null {
    const rows = this.#sql.exec<EventRow>(
      "SELECT seq, at, parts, json, prev_hash, hash FROM events WHERE kind = 'statement' AND ref = ? LIMIT 1",
      number,
    );
    const row = rows.toArray()[0];
    return row === undefined ? null : this.#event(row);
  }

  #append(events: readonly SessionEvent[], at: number): void {
    let session = this.#session;
    let protocol = this.#protocol;
    let seq = this.#seq;
    let prevHash = this.#hash;
    let size = 0;
    let rows: SqlStorageValue[] = [];
    for (const event of events) {
      if ((seq === 0) !== (event.kind === 'session.start')) {
        throw new Error('a journal begins with session.start, and only there');
      }
      if (event.kind === 'session.start') {
        session = event.session;
        protocol = event.protocol;
        prevHash = genesisHash(session, this.#crypto);
      }
      seq += 1;
      const json = canonicalJson(event);
      const hash = eventHash({ seq, at, json, prevHash }, this.#crypto);
      const [first, parts] = this.#writeParts(seq, json);
      const rowSize = json.length + EVENT_OVERHEAD_BYTES;
      rows.push(seq, at, event.kind, reference(event), rowSize, parts, first, prevHash, hash);
      size += rowSize;
      prevHash = hash;
      if (rows.length === MAX_ROWS * COLUMNS || parts > 1) {
        this.#insert(rows);
        rows = [];
      }
    }
    if (rows.length > 0) this.#insert(rows);
    // Everything is stored: only now does memory follow.
    this.#session = session;
    this.#protocol = protocol;
    this.#seq = seq;
    this.#hash = prevHash;
    this.#at = at;
    this.#bytes += size;
    for (const event of events) this.#follow(event);
  }

  #insert(rows: readonly SqlStorageValue[]): void {
    const statement = INSERTS[rows.length / COLUMNS];
    if (statement === undefined) throw new Error('too many rows for one statement');
    this.#sql.exec(statement, ...rows);
  }

  /** Stores the slices of a long event before its row: a row that exists is whole. */
  #writeParts(seq: number, json: string): [first: string, parts: number] {
    if (json.length <= SLICE_LENGTH) return [json, 1];
    let first = '';
    let part = 0;
    for (const slice of slices(json)) {
      if (part === 0) first = slice;
      else {
        this.#sql.exec(
          'INSERT INTO event_parts (seq, part, json) VALUES (?, ?, ?)',
          seq,
          part,
          slice,
        );
      }
      part += 1;
    }
    return [first, part];
  }

  #follow(event: SessionEvent): void {
    if (isIntent(event)) this.#open.add(event.action);
    else if (event.kind === 'outcome') this.#open.delete(event.action);
    else if (event.kind === 'session.end') this.#ended = true;
  }

  /** Reads the true state from storage: at the start, and after a write that failed half-way. */
  #load(): void {
    const last = this.#sql
      .exec<{ seq: number; at: number; kind: string; hash: string }>(
        'SELECT seq, at, kind, hash FROM events ORDER BY seq DESC LIMIT 1',
      )
      .toArray()[0];
    this.#seq = last?.seq ?? 0;
    this.#hash = last?.hash ?? '';
    this.#at = last?.at ?? 0;
    this.#ended = last?.kind === 'session.end';
    this.#open = new Set();
    if (last === undefined) {
      this.#session = '';
      this.#protocol = '';
      this.#bytes = 0;
    } else {
      const start = JSON.parse(this.read(0, 1)[0]?.json ?? '{}') as {
        session?: string;
        protocol?: string;
      };
      this.#session = start.session ?? '';
      this.#protocol = start.protocol ?? '';
      this.#bytes = this.#sizeAfter(0);
      const open = this.#sql.exec<{ ref: number }>(
        "SELECT ref FROM events WHERE kind IN ('intent', 'request', 'call') EXCEPT SELECT ref FROM events WHERE kind = 'outcome'",
      );
      for (const { ref } of open.toArray()) this.#open.add(ref);
    }
    // Slices without their row belong to an append that failed.
    const stray = 'FROM event_parts WHERE seq > ?';
    if (this.#sql.exec(`SELECT 1 ${stray} LIMIT 1`, this.#seq).toArray().length > 0) {
      this.#sql.exec(`DELETE ${stray}`, this.#seq);
    }
    this.#doubtful = false;
  }

  #sizeAfter(seq: number): number {
    return this.#sql
      .exec<{ size: number }>(
        'SELECT COALESCE(SUM(size), 0) AS size FROM events WHERE seq > ?',
        seq,
      )
      .one().size;
  }

  #denied(action: number): boolean {
    const rows = this.#sql.exec<EventRow>(
      "SELECT seq, at, parts, json, prev_hash, hash FROM events WHERE kind IN ('intent', 'request', 'call') AND ref = ? LIMIT 1",
      action,
    );
    const row = rows.toArray()[0];
    if (row === undefined) return false;
    const intent = JSON.parse(this.#event(row).json) as { decision?: { kind?: string } };
    return intent.decision?.kind === 'deny';
  }

  #event(row: EventRow): ChainedEvent {
    const { seq, at, prev_hash: prevHash, hash } = row;
    if (row.parts === 1) return { seq, at, json: row.json, prevHash, hash };
    const parts = this.#sql
      .exec<{ json: string }>('SELECT json FROM event_parts WHERE seq = ? ORDER BY part', seq)
      .toArray();
    return { seq, at, json: row.json + parts.map((part) => part.json).join(''), prevHash, hash };
  }
}

/** Whether it begins an action. */
function isIntent(
  event: SessionEvent,
): event is Extract<SessionEvent, { kind: 'intent' | 'request' | 'call' }> {
  return event.kind === 'intent' || event.kind === 'request' || event.kind === 'call';
}

/** What an event is found by: a statement by its number, an intent and its outcome by their action. */
function reference(event: SessionEvent): number | null {
  switch (event.kind) {
    case 'statement':
      return event.statement;
    case 'intent':
    case 'request':
    case 'call':
    case 'outcome':
      return event.action;
    default:
      return null;
  }
}

function createTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS events (
      seq INTEGER PRIMARY KEY,
      at INTEGER NOT NULL,
      kind TEXT NOT NULL,
      ref INTEGER,
      size INTEGER NOT NULL,
      parts INTEGER NOT NULL,
      json TEXT NOT NULL,
      prev_hash TEXT NOT NULL,
      hash TEXT NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS statements ON events (ref) WHERE kind = 'statement';
    CREATE TABLE IF NOT EXISTS event_parts (
      seq INTEGER NOT NULL,
      part INTEGER NOT NULL,
      json TEXT NOT NULL,
      PRIMARY KEY (seq, part)
    ) STRICT, WITHOUT ROWID;
  `);
}
