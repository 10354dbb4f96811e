// The decision. ruleSet() settles once per session and revision what can be settled then (who asks, which target);
// judge() answers for one action, from its facts and the time, and touches nothing else.
// Which rules an action asks is in hearing.ts, how their answers combine in outcome.ts, what the caller reads in wording.ts.
import type { Decision, Denial } from '../decision.ts';
import type { Action } from '../facts.ts';
import { unreachable } from '../failure.ts';
import type { Principal, TargetIdentity } from '../identity.ts';
import { Hearing, type Candidate, type RuleSet } from './hearing.ts';
import type { Condition, Verdict } from './condition.ts';
import { sameOutcome, type Outcome } from './outcome.ts';
import type { CompiledPolicy, Rule } from './rule.ts';
import {
  FACTS_OF_KIND,
  PrincipalView,
  RequestView,
  TargetView,
  type RequestFacts,
} from './vocabulary.ts';
import { deniedByDefault, deniedByError, deniedByRule, whatIsAllowed } from './wording.ts';

export type { RuleSet } from './hearing.ts';

/**
 * Keeps the rules whose `on` covers the target and whose `who` is not false for the caller. `request` is what the session
 * knows of its connection; without it, a condition that names `request` fails and denies.
 */
export function ruleSet(
  policy: CompiledPolicy,
  principal: Principal,
  target: TargetIdentity,
  request?: RequestFacts,
): RuleSet {
  const fixed = {
    principal: new PrincipalView(principal),
    target: new TargetView(target),
    ...(request === undefined ? {} : { request: new RequestView(request) }),
  };
  const parts = new Parts();
  const candidates = policy.rules.flatMap((rule) => candidate(rule, fixed, target, parts) ?? []);
  const timeless = candidates.every(
    ({ rule, who }) => who !== null && !rule.when?.names.has('now'),
  );
  return {
    revision: policy.revision,
    target: target.id,
    candidates,
    parts: parts.distinct,
    hasObservers: candidates.some(({ rule }) => rule.observe),
    fixed,
    known: timeless ? new WeakMap() : null,
  };
}

/** Numbers conditions; those with the same tree get the same number. */
class Parts {
  readonly distinct: Condition[] = [];
  readonly #places = new Map<string, number>();

  placeOf(part: Condition): number {
    const known = this.#places.get(part.tree);
    if (known !== undefined) return known;
    this.#places.set(part.tree, this.distinct.length);
    return this.distinct.push(part) - 1;
  }
}

/** Null for a rule that is not about this caller or this target. */
function candidate(
  rule: Rule,
  fixed: RuleSet['fixed'],
  target: TargetIdentity,
  parts: Parts,
): Candidate | null {
  const { facts } = rule;
  if (facts !== null && FACTS_OF_KIND.get(target.kind)?.includes(facts) === false) return null;
  const covered = rule.covers(target);
  if (covered === false) return null;
  if (covered !== true) return { rule, who: covered, settled: true, open: [] };
  const who = rule.who === null ? true : rule.who.names.has('now') ? null : rule.who.holds(fixed);
  if (who === false) return null;
  let settled: Verdict = true;
  const open: number[] = [];
  const whole = rule.when === null ? [] : [rule.when];
  const split = rule.when === null || rule.when.parts.length === 0 ? whole : rule.when.parts;
  for (const part of split) {
    if (![...part.names].every((name) => Object.hasOwn(fixed, name))) {
      open.push(parts.placeOf(part));
      continue;
    }
    const verdict = part.holds(fixed);
    if (verdict !== true && (verdict === false || settled === true)) settled = verdict;
  }
  // A rule that can never hold stays: that a rule is about connect decides whether connecting is implied.
  return { rule, who, settled, open };
}

/**
 * Whether an action is one that targets of this kind have. A door that opens on other targets asks before it judges, and
 * answers as if there were none of that name.
 */
export function reaches(target: { readonly kind: string }, action: Action): boolean {
  if (action.kind === 'connect') return action.connect.protocol === target.kind;
  return FACTS_OF_KIND.get(target.kind)?.includes(action.kind) === true;
}

/** `nowMs`: milliseconds since the epoch. Facts are immutable; the same facts object gives the same decision. */
export function judge(rules: RuleSet, action: Action, nowMs: number): Decision {
  if (action.kind !== 'sql') return decide(rules, action, nowMs);
  const known = rules.known?.get(action.sql);
  if (known !== undefined) return known;
  const decision = decide(rules, action, nowMs);
  rules.known?.set(action.sql, decision);
  return decision;
}

function decide(rules: RuleSet, action: Action, nowMs: number): Decision {
  if (!reaches(rules.fixed.target, action)) return render(rules, action, { kind: 'none' }, []);
  const hearing = new Hearing(rules, action, nowMs);
  const enforced = rules.hasObservers
    ? rules.candidates.filter(({ rule }) => !rule.observe)
    : rules.candidates;
  const outcome = hearing.outcome(enforced);
  const observed = rules.hasObservers ? observations(rules, hearing, enforced, outcome) : [];
  return render(rules, action, outcome, observed);
}

/** Each observing rule that alone would have changed what the caller may do. */
function observations(
  rules: RuleSet,
  hearing: Hearing,
  enforced: readonly Candidate[],
  outcome: Outcome,
): string[] {
  return rules.candidates.flatMap((candidate) => {
    const { rule } = candidate;
    if (!rule.observe) return [];
    const would = hearing.outcome([...enforced, candidate]);
    if (sameOutcome(outcome, would)) return [];
    return [`${rule.id}:${would.kind === 'error' ? 'error' : rule.then}`];
  });
}

function render(
  rules: RuleSet,
  action: Action,
  outcome: Outcome,
  observed: readonly string[],
): Decision {
  const { revision, target } = rules;
  const deny = (
    code: Denial['code'],
    rule: string | null,
    message: string,
    hint: string,
  ): Decision => ({
    kind: 'deny',
    code,
    rule,
    message,
    hint,
    revision,
    observed,
  });
  const allowed = () =>
    whatIsAllowed(
      rules.candidates.map(({ rule }) => rule),
      target,
    );
  switch (outcome.kind) {
    case 'allow':
      return { kind: 'allow', rules: outcome.rules, revision, observed };
    case 'approve':
      return { kind: 'approve', demands: outcome.demands, revision, observed };
    case 'deny':
      return deny('rule', outcome.rule.id, deniedByRule(outcome.rule, action, target), allowed());
    case 'error':
      return deny(
        'condition_error',
        outcome.rule.id,
        deniedByError(outcome.rule, action, target),
        `Its condition needs its author: ${outcome.error}`,
      );
    case 'none':
      return deny('no_rule', null, deniedByDefault(action, target), allowed());
    default:
      return unreachable(outcome);
  }
}
