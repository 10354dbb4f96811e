// How the rules that were asked make one answer (docs/policy.md, "How decisions combine"): any deny wins; a condition that
// could not be evaluated denies; then every matching approve must be satisfied; then one allow is enough; otherwise denied.
import type { ApprovalDemand } from '../decision.ts';
import type { Rule } from './rule.ts';
import type { Verdict } from './condition.ts';

/** A rule that was asked, and what its condition gave. */
export interface Answer {
  readonly rule: Rule;
  readonly verdict: Verdict;
}

export type Outcome =
  | { readonly kind: 'deny'; readonly rule: Rule }
  | { readonly kind: 'error'; readonly rule: Rule; readonly error: string }
  | { readonly kind: 'approve'; readonly demands: readonly ApprovalDemand[] }
  | { readonly kind: 'allow'; readonly rules: readonly string[] }
  | { readonly kind: 'none' };

/** `allowed`: the action needs no allow rule of its own (harmless session statements, an implied connect). */
export function combine(answers: readonly Answer[], allowed: readonly string[] | null): Outcome {
  let failed: Outcome | null = null;
  const demands: ApprovalDemand[] = [];
  const allows: string[] = [];
  for (const { rule, verdict } of answers) {
    if (verdict === false) continue;
    if (verdict !== true) {
      failed ??= { kind: 'error', rule, error: verdict.error };
      continue;
    }
    switch (rule.then) {
      case 'deny':
        return { kind: 'deny', rule };
      case 'approve':
        // A compiled approve rule always has its demand; one without could never be satisfied.
        if (rule.demand === null) return { kind: 'deny', rule };
        demands.push(rule.demand);
        break;
      case 'allow':
        allows.push(rule.id);
        break;
    }
  }
  if (failed !== null) return failed;
  if (demands.length > 0) return { kind: 'approve', demands };
  if (allows.length > 0) return { kind: 'allow', rules: allows };
  return allowed === null ? { kind: 'none' } : { kind: 'allow', rules: allowed };
}

/** Whether two outcomes let the caller do the same. */
export function sameOutcome(a: Outcome, b: Outcome): boolean {
  if (a.kind === 'approve' && b.kind === 'approve') return a.demands.length === b.demands.length;
  return refuses(a) === refuses(b) && (refuses(a) || a.kind === b.kind);
}

function refuses(outcome: Outcome): boolean {
  return outcome.kind === 'deny' || outcome.kind === 'error' || outcome.kind === 'none';
}
