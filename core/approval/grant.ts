// Just-in-time access: an approved `connect` opens a window for one principal on one target. When it may be asked for, how
// long it is, and whether it still covers what the policy asks.
import type { ApprovalDemand } from '../decision.ts';

/** A window that is open. It ends by itself at `endsAtMs`, or earlier when it is given back or taken away. */
export interface ActiveGrant {
  /** Id of the approval that opened it. */
  readonly id: string;
  readonly endsAtMs: number;
  /** demandKey() of every demand that was satisfied. */
  readonly satisfied: readonly string[];
}

/** Why a window is over. */
export type GrantEnd = 'expired' | 'returned' | 'revoked';

/**
 * Length of the window that these demands offer, in seconds: the shortest. Null: at least one rule offers none, and then
 * each connection needs its own approval.
 */
export function grantSecondsOf(demands: readonly ApprovalDemand[]): number | null {
  if (demands.length === 0) return null;
  let shortest = Number.POSITIVE_INFINITY;
  for (const { grantSeconds } of demands) {
    if (grantSeconds === null || !(grantSeconds > 0)) return null;
    shortest = Math.min(shortest, grantSeconds);
  }
  return shortest;
}

/** Whether a window still answers everything that the policy, perhaps a newer one, asks of a connection. */
export function grantCovers(
  grant: ActiveGrant,
  demands: readonly ApprovalDemand[],
  nowMs: number,
): boolean {
  return (
    grant.endsAtMs > nowMs && demands.every((demand) => grant.satisfied.includes(demandKey(demand)))
  );
}

/** One spelling for what a rule asks of whom: a rule that keeps its name and asks others is another demand. */
export function demandKey({ rule, by, quorum, grantSeconds }: ApprovalDemand): string {
  return JSON.stringify([rule, [...new Set(by)].sort(), quorum, grantSeconds]);
}

export const MIN_GRANT_SECONDS = 60;
