// How far the journal has been copied to R2 and D1, kept beside it in the object's SQLite so that a restart goes on where
// the last shipment ended. Written after each copy is confirmed; ship.ts copes with a crash in between.
import type { Part } from '../core/recording/format.ts';

/** Everything up to event `seq` is copied: `bytes` of the journal, as it counts them. */
export interface Position {
  readonly seq: number;
  readonly bytes: number;
}

/** Sums over everything that is in the index. */
export interface Totals {
  readonly actions: number;
  readonly refused: number;
  readonly rows: number;
  readonly bytes: number;
  /** Distinct names of rules that decided anything. */
  readonly rules: readonly string[];
}

/** Manifest `written` · everything read back and `verified` · `announced` by the index: nothing is left to do. */
export type Closing = 'open' | 'written' | 'verified' | 'announced';

export interface ShippingState {
  readonly recorded: Position;
  readonly indexed: Position;
  readonly totals: Totals;
  readonly closing: Closing;
  /** Segments that were read back, from the first on. */
  readonly verifiedParts: number;
  /** Segments in R2, in order. */
  segments(): Part[];
  /** A segment is in R2. */
  addSegment(part: Part, position: Position): void;
  /** Events are in D1. */
  setIndexed(position: Position, totals: Totals): void;
  setClosing(closing: Closing): void;
  setVerifiedParts(count: number): void;
}

const NOTHING: Position = { seq: 0, bytes: 0 };
const NO_TOTALS: Totals = { actions: 0, refused: 0, rows: 0, bytes: 0, rules: [] };

export function createShippingState(sql: SqlStorage): ShippingState {
  createTables(sql);
  const row = sql.exec<ShippingRow>('SELECT * FROM shipping').toArray()[0];
  let recorded = row === undefined ? NOTHING : { seq: row.recorded_seq, bytes: row.recorded_bytes };
  let indexed = row === undefined ? NOTHING : { seq: row.indexed_seq, bytes: row.indexed_bytes };
  let totals = row === undefined ? NO_TOTALS : (JSON.parse(row.totals) as Totals);
  let closing: Closing = row === undefined ? 'open' : (row.closing as Closing);
  let verifiedParts = row?.verified_parts ?? 0;

  const save = (): void => {
    sql.exec(
      `INSERT OR REPLACE INTO shipping
         (id, recorded_seq, recorded_bytes, indexed_seq, indexed_bytes, totals, closing, verified_parts)
         VALUES (1, ?, ?, ?, ?, ?, ?, ?)`,
      recorded.seq,
      recorded.bytes,
      indexed.seq,
      indexed.bytes,
      JSON.stringify(totals),
      closing,
      verifiedParts,
    );
  };

  return {
    get recorded() {
      return recorded;
    },
    get indexed() {
      return indexed;
    },
    get totals() {
      return totals;
    },
    get closing() {
      return closing;
    },
    get verifiedParts() {
      return verifiedParts;
    },
    segments() {
      return sql
        .exec<SegmentRow>('SELECT * FROM segments ORDER BY part')
        .toArray()
        .map((segment) => ({
          key: segment.key,
          bytes: segment.bytes,
          sha256: segment.sha256,
          firstSeq: segment.first_seq,
          lastSeq: segment.last_seq,
        }));
    },
    addSegment(part, position) {
      sql.exec(
        'INSERT INTO segments (key, bytes, sha256, first_seq, last_seq) VALUES (?, ?, ?, ?, ?)',
        part.key,
        part.bytes,
        part.sha256,
        part.firstSeq,
        part.lastSeq,
      );
      recorded = position;
      save();
    },
    setIndexed(position, sums) {
      indexed = position;
      totals = sums;
      save();
    },
    setClosing(next) {
      closing = next;
      save();
    },
    setVerifiedParts(count) {
      verifiedParts = count;
      save();
    },
  };
}

interface ShippingRow extends Record<string, SqlStorageValue> {
  recorded_seq: number;
  recorded_bytes: number;
  indexed_seq: number;
  indexed_bytes: number;
  totals: string;
  closing: string;
  verified_parts: number;
}

interface SegmentRow extends Record<string, SqlStorageValue> {
  key: string;
  bytes: number;
  sha256: string;
  first_seq: number;
  last_seq: number;
}

function createTables(sql: SqlStorage): void {
  sql.exec(`
    CREATE TABLE IF NOT EXISTS segments (
      part INTEGER PRIMARY KEY,
      key TEXT NOT NULL,
      bytes INTEGER NOT NULL,
      sha256 TEXT NOT NULL,
      first_seq INTEGER NOT NULL,
      last_seq INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE IF NOT EXISTS shipping (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      recorded_seq INTEGER NOT NULL,
      recorded_bytes INTEGER NOT NULL,
      indexed_seq INTEGER NOT NULL,
      indexed_bytes INTEGER NOT NULL,
      totals TEXT NOT NULL,
      closing TEXT NOT NULL,
      verified_parts INTEGER NOT NULL
    ) STRICT;
  `);
}
