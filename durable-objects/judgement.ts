// What the policy says, for one session: keeps the compiled rules and masks that concern this caller and this target, the active
// revision and the target's catalog fresh, and answers from memory whenever it can.
import { analyze, canAnalyze } from '../adapters/analyzer.ts';
import { isDevelopment, type Env } from '../adapters/env.ts';
import { maskKey } from '../adapters/mask-key.ts';
import { policies, type ActivePolicy } from '../adapters/policy-store.ts';
import { tokens } from '../adapters/tokens.ts';
import type { Decision, Denial } from '../core/decision.ts';
import type { Effect } from '../core/engine.ts';
import type { ConnectFacts } from '../core/facts.ts';
import type { DenyCode, Result, TokenCode } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import type { ModelFinding } from '../core/masking/detect/model.ts';
import type { PolicyTarget } from '../core/policy/policy.ts';
import { judge, reaches, ruleSet, type RuleSet } from '../core/policy/judge.ts';
import { limitsFor } from '../core/policy/limit.ts';
import { maskSet } from '../core/policy/mask.ts';
import type { LimitInForce } from '../core/quota/quota.ts';
import type { SessionTicket } from '../core/session-ticket.ts';
import { maskedDecision, type MaskedDecision, type MasksInForce } from './masked-decision.ts';
import type { TargetCatalog } from './target-catalog.ts';

type Decide = Extract<Effect, { kind: 'decide' }>;

const MESSAGES: Partial<Record<DenyCode, string>> = {
  policy_unreadable: 'The gateway cannot read its policy, so nothing is allowed.',
  catalog_unavailable:
    'The gateway cannot read the schema of the target, so the statement cannot be judged.',
  journal_unavailable: 'The gateway cannot record what would run, so nothing runs.',
  approval_unavailable: 'This needs the approval of a human, which this gateway cannot ask for.',
};

export class Judgement {
  readonly #env: Env;
  readonly #ticket: SessionTicket;
  readonly #catalog: TargetCatalog | null;
  #active: ActivePolicy | null = null;
  /** The revision by which the connection was judged last. */
  #connectedUnder: number | null = null;
  #rules: RuleSet | null = null;
  /** Of the same revision as the rules. */
  #masks: MasksInForce | null = null;
  /** Of the same revision as the rules. */
  #limits: readonly LimitInForce[] = [];
  /** Actions whose unknown names have already cost a reading of the catalog. */
  readonly #reread = new Set<number>();

  /** `catalog: null`: a protocol whose actions name no objects of one. */
  constructor(env: Env, ticket: SessionTicket, catalog: TargetCatalog | null) {
    this.#env = env;
    this.#ticket = ticket;
    this.#catalog = catalog;
  }

  async verify(
    token: string,
  ): Promise<Result<Principal, { readonly code: TokenCode; readonly detail: string }>> {
    const active = await policies.current(this.#env.DB, isDevelopment(this.#env), Date.now());
    if (!active.ok) return { ok: false, error: { code: 'keys_unavailable', detail: 'no policy' } };
    return tokens.verify(token, active.value.policy, Date.now());
  }

  /** The target as the policy now in force describes it; null when it is not there. */
  target(): PolicyTarget | null {
    return this.#active?.policy.targets.get(this.#ticket.target) ?? null;
  }

  /** From memory when policy and catalog are fresh; null asks the engine to look again after the catalog was read. */
  decide(effect: Decide, principal: Principal): Decision | Promise<Decision | null> {
    const now = Date.now();
    const active = policies.peek(now);
    if (active === null) return this.#decideLater(effect, principal);
    return this.#decideWith(active, effect, principal, now);
  }

  /** What the engine may be told: with the masks in force now, which a long wait for a human may have seen change. */
  masked(effect: Decide, decision: Decision): MaskedDecision {
    return maskedDecision(effect, decision, this.#masks);
  }

  /** The limits in force for the caller on the target; the same array while the policy is the same. */
  get limits(): readonly LimitInForce[] {
    return this.#limits;
  }

  /** What approvals are bound to besides the action; null before the policy was read. */
  get policyHash(): string | null {
    return this.#active?.hash ?? null;
  }

  /** An approval that a window of access has answered already. */
  allow({ demands, revision, observed }: Extract<Decision, { kind: 'approve' }>): Decision {
    return { kind: 'allow', rules: demands.map(({ rule }) => rule), revision, observed };
  }

  /** What an approve rule would ask a human for and no human can allow. */
  refuse(
    code: DenyCode,
    { demands, revision, observed }: Extract<Decision, { kind: 'approve' }>,
    message: string,
  ): Decision {
    const rule = demands[0]?.rule ?? null;
    return { kind: 'deny', code, rule, message, hint: '', revision, observed };
  }

  deny(code: DenyCode): Decision {
    const denial: Denial = {
      kind: 'deny',
      code,
      rule: null,
      message: MESSAGES[code] ?? 'This is not allowed.',
      hint: '',
    };
    return { ...denial, revision: this.#active?.revision ?? 0, observed: [] };
  }

  /**
   * Reads the policy again and judges the connection by it; null when it has been judged by this revision already. Kept
   * apart from what statements are judged by, which may have seen the new revision first.
   */
  async refresh(
    principal: Principal,
    connect: ConnectFacts,
  ): Promise<{ revision: number; mayConnect: boolean } | null> {
    const now = Date.now();
    const active = await policies.current(this.#env.DB, isDevelopment(this.#env), now);
    if (!active.ok || active.value.revision === this.#connectedUnder) return null;
    this.#connectedUnder = active.value.revision;
    const rules = this.#rulesFor(active.value, principal);
    if (rules === null) return { revision: active.value.revision, mayConnect: false };
    const decision = judge(rules, { kind: 'connect', connect }, now);
    return { revision: active.value.revision, mayConnect: decision.kind !== 'deny' };
  }

  /** Starts reading the catalog when it is not there, so that the first statement finds it. */
  warm(): void {
    if (this.#catalog?.fresh(Date.now()) === false) void this.#catalog.refresh('age');
  }

  /** By the policy that judged last: null where it no longer has one of these models. */
  async analyze({
    uses,
    texts,
  }: Extract<Effect, { kind: 'analyze' }>): Promise<readonly (readonly ModelFinding[])[] | null> {
    if (this.#active === null) return null;
    return analyze(this.#env, this.#active.policy.models, uses, texts);
  }

  stale(): void {
    this.#catalog?.stale(Date.now());
  }

  async #decideLater(effect: Decide, principal: Principal): Promise<Decision | null> {
    const active = await policies.current(this.#env.DB, isDevelopment(this.#env), Date.now());
    if (!active.ok) return this.deny('policy_unreadable');
    return this.#decideWith(active.value, effect, principal, Date.now());
  }

  #decideWith(
    active: ActivePolicy,
    effect: Decide,
    principal: Principal,
    now: number,
  ): Decision | Promise<Decision | null> {
    const rules = this.#rulesFor(active, principal);
    if (effect.action.kind === 'connect') this.#connectedUnder = active.revision;
    const target = this.target();
    // A target of another kind is as good as none: names cannot be tried at the wrong door.
    if (rules === null || target === null || !reaches(target, effect.action)) {
      return this.deny('no_rule');
    }
    if (this.#needsCatalog(effect, now)) return this.#readCatalog(effect);
    this.#reread.delete(effect.id);
    if (effect.refusal !== null)
      return { ...effect.refusal, revision: active.revision, observed: [] };
    if (effect.unresolved.length > 0) return this.#unknown(effect, active.revision);
    return judge(rules, effect.action, now);
  }

  async #readCatalog(effect: Decide): Promise<Decision | null> {
    this.#reread.add(effect.id);
    const reason = effect.unresolved.length > 0 ? 'unknown' : 'age';
    const read = await this.#catalog?.refresh(reason);
    return read === true ? null : this.deny('catalog_unavailable');
  }

  /** Whether the catalog must be read before these facts count. */
  #needsCatalog(effect: Decide, now: number): boolean {
    if (effect.action.kind !== 'sql') return false;
    if (this.#reread.has(effect.id)) return false;
    if (effect.unresolved.length > 0) return true;
    return effect.action.sql.effect !== 'session' && this.#catalog?.fresh(now) !== true;
  }

  #unknown(effect: Decide, revision: number): Decision {
    const names = effect.unresolved.slice(0, 5).join(', ');
    return {
      kind: 'deny',
      code: 'sql_unknown_object',
      rule: null,
      message: `Not known on this target: ${names}.`,
      hint: 'Check the spelling and the schema; objects created in a transaction still open are not visible to the gateway.',
      revision,
      observed: [],
    };
  }

  #rulesFor(active: ActivePolicy, principal: Principal): RuleSet | null {
    if (this.#active?.revision === active.revision && this.#rules !== null) return this.#rules;
    this.#active = active;
    const target = active.policy.targets.get(this.#ticket.target);
    this.#masks =
      target === undefined
        ? null
        : {
            masks: maskSet(active.policy, principal, target),
            keyed: maskKey(this.#env, target.id) !== null,
            askable: (models) => canAnalyze(this.#env, active.policy.models, models, Date.now()),
          };
    this.#limits = target === undefined ? [] : limitsFor(active.policy, principal, target);
    this.#rules =
      target === undefined
        ? null
        : ruleSet(active.policy, principal, target, {
            client: this.#ticket.client.agent,
            country: this.#ticket.client.country,
          });
    return this.#rules;
  }
}
