// What the limits of a policy are counted by, in the words that sessions and Quota objects share. Every principal has one
// count for each entry that concerns it. A session takes small batches of actions and rows from it and reports what it has
// used (durable-objects/allowance.ts); the count itself is book.ts.

/** One entry of `limits`, for one caller on one target. At least one number is not null. */
export interface LimitInForce {
  /** What the count is kept under; text of the policy file. */
  readonly key: string;
  /** Null for an entry without an id. */
  readonly name: string | null;
  readonly sessions: number | null;
  readonly actionsPerMinute: number | null;
  readonly rowsPerHour: number | null;
}

/** The entry as a Quota object gets it: `key` is a digest. */
export type CountedLimit = Omit<LimitInForce, 'name'>;

/** What was used since the last report. */
export interface Usage {
  /** Counts the session's calls, whatever they ask: one that comes after a later one is dropped. */
  readonly call: number;
  /** Counts reports. The same number again is the same report, and counted once. */
  readonly seq: number;
  readonly actions: number;
  readonly rows: number;
}

export interface QuotaAsk {
  readonly session: string;
  readonly limits: readonly CountedLimit[];
  /** Closes the batch that the session had: what it does not name was not used. */
  readonly usage: Usage;
  /** Actions that must fit, and how many of either the session would like. */
  readonly cost: number;
  readonly actions: number;
  readonly rows: number;
}

export type LimitKind = 'sessions' | 'actionsPerMinute' | 'rowsPerHour';

export interface QuotaRefusal {
  readonly kind: 'refused';
  readonly key: string;
  readonly limit: LimitKind;
  readonly most: number;
  /** Milliseconds until there is room, if nothing else comes; null: there never is. */
  readonly againMs: number | null;
}

export type QuotaAnswer =
  /** At least `cost` actions; null where no entry counts them. The same for rows, at least 1. */
  | { readonly kind: 'granted'; readonly actions: number | null; readonly rows: number | null }
  /** All that is left is in batches of other sessions, which may come back unused. */
  | { readonly kind: 'later' }
  | QuotaRefusal;

/** A batch may be used for so long after it was asked for, by the session's own clock. */
export const BATCH_MS = 3_000;
/** The object counts it as out for this much longer than that: clocks tick differently. */
export const BATCH_GRACE_MS = 1_000;
/** A place among the live sessions is held for so long, and renewed while the session lives. */
export const PLACE_MS = 60_000;
/** The largest part of a limit, and of what is left of it, that one batch may take. */
export const BATCH_SHARE = 10;
