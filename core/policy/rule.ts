// One rule, compiled: its conditions, and which actions ask it. compilePolicy does this once per revision; nothing here
// depends on who asks.
import type { ApprovalDemand } from '../decision.ts';
import type { TargetIdentity } from '../identity.ts';
import { compiled, coverage } from './compiled.ts';
import type { Condition, Verdict } from './condition.ts';
import type { RuleDocument } from './document.ts';
import { factsOf, namesConnect } from './document-conditions.ts';
import { compileLimit, type Limit } from './limit.ts';
import { compileMask, type Mask } from './mask.ts';
import type { PolicyModel } from './model.ts';
import type { PolicyNotify } from './notify.ts';
import type { Policy, PolicyIssuer, PolicyRetention, PolicyTarget } from './policy.ts';
import type { FactName } from './vocabulary.ts';

export interface Rule {
  readonly id: string;
  readonly then: RuleDocument['then'];
  readonly observe: boolean;
  readonly who: Condition | null;
  readonly when: Condition | null;
  /** The kind of action whose facts `when` names; null when it names none and so can be asked of any action. */
  readonly facts: FactName | null;
  /** `when` is about opening a session. */
  readonly aboutConnect: boolean;
  /** Null: no message of its own. */
  readonly message: string | null;
  /** Null unless `then: approve`. */
  readonly demand: ApprovalDemand | null;
  covers(target: TargetIdentity): Verdict;
}

export interface CompiledPolicy {
  readonly revision: number;
  readonly issuers: readonly PolicyIssuer[];
  readonly targets: ReadonlyMap<string, PolicyTarget>;
  /** In file order. */
  readonly rules: readonly Rule[];
  /** By id. */
  readonly models: ReadonlyMap<string, PolicyModel>;
  readonly masks: readonly Mask[];
  readonly limits: readonly Limit[];
  readonly audit: { readonly read: Condition | null; readonly kill: Condition | null };
  readonly retention: PolicyRetention;
  readonly notify: PolicyNotify;
}

/** `policy` comes from parsePolicy, which has compiled every expression once; failing here is a bug. */
export function compilePolicy(policy: Policy, revision: number): CompiledPolicy {
  return {
    revision,
    issuers: policy.issuers,
    targets: new Map(policy.targets.map((target) => [target.id, target])),
    rules: policy.rules.map(compileRule),
    models: new Map(policy.models.map((model) => [model.id, model])),
    masks: policy.masks.map(compileMask),
    limits: policy.limits.map(compileLimit),
    retention: policy.retention,
    audit: {
      read: compiled(policy.audit.read, 'audit'),
      kill: compiled(policy.audit.kill, 'audit'),
    },
    notify: policy.notify,
  };
}

function compileRule(rule: RuleDocument): Rule {
  const when = compiled(rule.when ?? null, 'when');
  return {
    id: rule.id,
    // oxlint-disable-next-line unicorn/no-thenable -- data, never awaited
    then: rule.then,
    observe: rule.state === 'observe',
    who: compiled(rule.who ?? null, 'who'),
    when,
    facts: factsOf(when)[0] ?? null,
    aboutConnect: namesConnect(when),
    message: rule.message ?? null,
    demand: demand(rule),
    covers: coverage(rule.on),
  };
}

function demand(rule: RuleDocument): ApprovalDemand | null {
  const { approval } = rule;
  if (rule.then !== 'approve' || approval === undefined) return null;
  return {
    rule: rule.id,
    message: rule.message ?? '',
    by: approval.by,
    quorum: approval.quorum,
    expiresSeconds: approval.expires,
    waitSeconds: approval.wait,
    maxRows: approval.maxRows ?? null,
    grantSeconds: approval.grants ?? null,
    keep: approval.keep,
    slackButtons: approval.slackButtons,
  };
}
