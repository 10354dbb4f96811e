// The cron's part in the audit trail: closes what crashes left open, and prunes the index. Recordings are R2's to keep
// and to delete, by bucket lock and lifecycle rules (docs/recordings.md); nothing here ever deletes one.
import { createAuditIndex, IndexUnavailable } from './audit-index.ts';
import { withinMs } from './deadline.ts';

export interface RetentionEnv {
  readonly DB: D1Database;
  readonly SESSION: {
    getByName(name: string): { settle(): Promise<boolean> };
  };
}

export interface Sweep {
  /** Sessions without a whole recording that were woken: a dead one has closed its journal by then. */
  readonly settled: number;
  /** Of those, sessions with a connection. */
  readonly live: number;
  /** Sessions that did not answer; the next sweep tries them again. */
  readonly failed: number;
  /** Index rows of sessions deleted. */
  readonly pruned: number;
  /** D1 did not answer, and the sweep broke off. */
  readonly interrupted: boolean;
}

/** A session that is not wholly recorded, and of which the index has not heard for so long, may be dead. */
const SILENT_MS = 2 * 60_000;
/** Sessions woken in one sweep: a Worker's invocation may make 1,000 calls. */
const MAX_SETTLED = 200;
const AT_ONCE = 6;
/** It goes on in the object afterwards; the sweep need not wait for a long recording. */
const SETTLE_MS = 20_000;
/** Sessions pruned in one sweep, and in one round of it. */
const MAX_PRUNED = 2_000;
const PRUNED_AT_ONCE = 50;

/**
 * @param now milliseconds since the epoch
 * @param indexRetentionMs how long sessions stay searchable after their end; null: for ever
 */
export async function sweepSessions(
  env: RetentionEnv,
  now: number,
  indexRetentionMs: number | null,
): Promise<Sweep> {
  const index = createAuditIndex(env.DB);
  let settled = 0;
  let live = 0;
  let failed = 0;
  let pruned = 0;

  const settle = async (id: string): Promise<void> => {
    try {
      if (await withinMs(SETTLE_MS, () => env.SESSION.getByName(id).settle())) live++;
      settled++;
    } catch {
      failed++; // the object's own error is in its own log; it stays silent, so the next sweep finds it
    }
    // Answered or not: it goes to the end of the line, so that one dead object cannot hold up the others.
    await index.touch(id, now);
  };

  try {
    const silent = await index.silent(now - SILENT_MS, MAX_SETTLED);
    for (let i = 0; i < silent.length; i += AT_ONCE) {
      await Promise.all(silent.slice(i, i + AT_ONCE).map(settle));
    }
    if (indexRetentionMs !== null) {
      let gone: number;
      do {
        gone = await index.prune(now - indexRetentionMs, PRUNED_AT_ONCE);
        pruned += gone;
      } while (gone === PRUNED_AT_ONCE && pruned < MAX_PRUNED);
    }
  } catch (error) {
    if (!(error instanceof IndexUnavailable)) throw error;
    return { settled, live, failed, pruned, interrupted: true };
  }
  return { settled, live, failed, pruned, interrupted: false };
}
