// Limits, compiled; and which of them concern one caller on one target. limitsFor() settles that once per session and
// revision: who and on depend on nothing else. An error in either means that the limit applies. Counting is core/quota's.
import type { Principal, TargetIdentity } from '../identity.ts';
import type { LimitInForce } from '../quota/quota.ts';
import { compiled, coverage } from './compiled.ts';
import type { Condition, Verdict } from './condition.ts';
import type { LimitDocument } from './document.ts';
import type { CompiledPolicy } from './rule.ts';
import { PrincipalView } from './vocabulary.ts';

export interface Limit extends LimitInForce {
  readonly who: Condition | null;
  covers(target: TargetIdentity): Verdict;
}

/** `limit` has passed parsePolicy; failing here is a bug. */
export function compileLimit(limit: LimitDocument): Limit {
  return {
    key: limitKey(limit),
    name: limit.id ?? null,
    sessions: limit.sessions ?? null,
    actionsPerMinute: limit.actionsPerMinute ?? null,
    rowsPerHour: limit.rowsPerHour ?? null,
    who: compiled(limit.who ?? null, 'mask'),
    covers: coverage(limit.on),
  };
}

/** Empty: nothing is counted for this caller there. */
export function limitsFor(
  policy: CompiledPolicy,
  principal: Principal,
  target: TargetIdentity,
): readonly LimitInForce[] {
  if (policy.limits.length === 0) return NONE;
  const variables = { principal: new PrincipalView(principal) };
  return policy.limits.filter(
    (limit) =>
      limit.covers(target) !== false &&
      (limit.who === null || limit.who.holds(variables) !== false),
  );
}

const NONE: readonly LimitInForce[] = [];

/**
 * What an entry's count is kept under: its id, or else what it is about. Its numbers are not part of that, so changing them
 * does not start the count anew.
 */
export function limitKey({ id, who, on }: LimitDocument): string {
  return id === undefined ? JSON.stringify([who ?? null, on ?? null]) : `id ${id}`;
}

/** The same for people. */
export function limitLabel({ id, who, on }: LimitDocument): string {
  if (id !== undefined) return id;
  const where = Array.isArray(on) ? on.join(', ') : (on ?? 'every target');
  return `(${who ?? 'everybody'} on ${where})`;
}
