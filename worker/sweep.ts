// The cron's work, every five minutes: sessions that a crash left open get their closing record, and the index forgets
// what the policy's retention ends.
import { isDevelopment, type Env } from '../adapters/env.ts';
import { policies } from '../adapters/policy-store.ts';
import { sweepSessions } from '../adapters/retention.ts';

/** @param now milliseconds since the epoch */
export async function sweep(env: Env, now: number): Promise<void> {
  const active = await policies.current(env.DB, isDevelopment(env), now);
  // Without a readable policy nothing is pruned: what to keep is not known.
  const seconds = active.ok ? active.value.policy.retention.indexSeconds : null;
  const done = await sweepSessions(env, now, seconds === null ? null : seconds * 1000);
  if (done.failed > 0 || done.interrupted) {
    console.warn(JSON.stringify({ event: 'sweep', ...done }));
  }
}
