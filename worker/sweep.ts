// The cron's work, every five minutes: sessions that a crash left open get their closing record, and the index forgets
// what the policy's retention ends.
import { createApprovalIndex } from '../adapters/approval-index.ts';
import { IndexUnavailable } from '../adapters/audit-index.ts';
import { isDevelopment, type Env } from '../adapters/env.ts';
import { policies } from '../adapters/policy-store.ts';
import { sweepSessions } from '../adapters/retention.ts';

/** @param now milliseconds since the epoch */
export async function sweep(env: Env, now: number): Promise<void> {
  const active = await policies.current(env.DB, isDevelopment(env), now);
  // Without a readable policy nothing is pruned: what to keep is not known.
  const seconds = active.ok ? active.value.policy.retention.indexSeconds : null;
  if (seconds !== null) await pruneApprovals(env, now - seconds * 1000);
  const done = await sweepSessions(env, now, seconds === null ? null : seconds * 1000);
  if (done.failed > 0 || done.interrupted) {
    console.warn(JSON.stringify({ event: 'sweep', ...done }));
  }
}

/** A few at a time: the next run comes in five minutes. */
const PRUNED_APPROVALS = 100;

async function pruneApprovals(env: Env, before: number): Promise<void> {
  try {
    await createApprovalIndex(env.DB).prune(before, PRUNED_APPROVALS);
  } catch (error) {
    if (!(error instanceof IndexUnavailable)) throw error;
    console.warn(JSON.stringify({ event: 'sweep', approvals: 'index_unavailable' }));
  }
}
