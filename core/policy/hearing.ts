// One action before the rules: which of them are asked, and what they answer.
//
//   sql      every rule that names sql facts or no facts at all
//   http     every rule that names http facts or no facts at all
//   mcp      every rule that names mcp facts or no facts at all
//   connect  deny rules that name connect facts or none, and the allow and approve rules that are about connect. Where no
//            such allow or approve rule exists for the caller, connecting is implied by any rule that lets it do something.
//
// Harmless session statements (effect `session`) and messages of MCP that do nothing are implied the same way. An approve rule that names no facts means
// "everything needs approval", and asks for none for connecting or for BEGIN and SHOW: a rule that means those names them.
import type { Decision } from '../decision.ts';
import type { Action, SqlFacts } from '../facts.ts';
import { unreachable } from '../failure.ts';
import type { Condition, Verdict } from './condition.ts';
import { isHarmless } from '../mcp-target/methods.ts';
import { combine, type Answer, type Outcome } from './outcome.ts';
import type { Rule } from './rule.ts';
import {
  ActionView,
  ConnectView,
  HttpView,
  McpView,
  SqlView,
  type PrincipalView,
  type RequestView,
  type FactName,
  type TargetView,
} from './vocabulary.ts';

export interface Candidate {
  readonly rule: Rule;
  /** Settled when the set was made; null: `who` depends on the time and is asked again for every action. */
  readonly who: Verdict | null;
  /** What the parts of `when` gave that name nothing but caller, target and request. */
  readonly settled: Verdict;
  /** The other parts, as places in `RuleSet.parts`. */
  readonly open: readonly number[];
}

/** The rules of one revision that concern one caller on one target. */
export interface RuleSet {
  readonly revision: number;
  readonly target: string;
  /** In file order. */
  readonly candidates: readonly Candidate[];
  /** Distinct parts of conditions that are asked for every action: rules say the same things about it. */
  readonly parts: readonly Condition[];
  readonly hasObservers: boolean;
  readonly fixed: {
    readonly principal: PrincipalView;
    readonly target: TargetView;
    readonly request?: RequestView;
  };
  /** Decisions on facts seen before; null when a condition depends on the time. */
  readonly known: WeakMap<SqlFacts, Decision> | null;
}

const CONNECT = new ActionView('connect');
const SQL = new ActionView('sql');
const HTTP = new ActionView('http');
const MCP = new ActionView('mcp');

export class Hearing {
  readonly #action: Action;
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #parts: readonly Condition[];
  /** By place in `parts`; undefined: not asked yet. */
  readonly #answers: (Verdict | undefined)[];

  constructor(rules: RuleSet, action: Action, nowMs: number) {
    this.#action = action;
    this.#variables = { ...rules.fixed, now: new Date(nowMs), ...views(action) };
    this.#parts = rules.parts;
    this.#answers = [];
  }

  outcome(candidates: readonly Candidate[]): Outcome {
    switch (this.#action.kind) {
      case 'connect':
        return this.#connect(candidates);
      case 'sql':
        return this.#doing('sql', candidates, this.#action.sql.effect === 'session');
      case 'http':
        return this.#doing('http', candidates, false);
      case 'mcp':
        return this.#doing('mcp', candidates, isHarmless(this.#action.mcp.method));
      default:
        return unreachable(this.#action);
    }
  }

  /** What is done in a session. `harmless`: it needs no rule of its own. */
  #doing(kind: FactName, candidates: readonly Candidate[], harmless: boolean): Outcome {
    const answers: Answer[] = [];
    for (const candidate of candidates) {
      const { facts, then } = candidate.rule;
      if (facts !== null && facts !== kind) continue;
      if (harmless && then === 'approve' && facts === null) continue;
      answers.push(this.#ask(candidate));
    }
    return combine(answers, harmless ? this.#implied(candidates) : null);
  }

  #connect(candidates: readonly Candidate[]): Outcome {
    const answers: Answer[] = [];
    let explicit = false;
    for (const candidate of candidates) {
      const { facts, then, aboutConnect } = candidate.rule;
      const asked = then === 'deny' ? facts === null || facts === 'connect' : aboutConnect;
      if (!asked) continue;
      if (then !== 'deny' && this.#who(candidate) !== false) explicit = true;
      answers.push(this.#ask(candidate));
    }
    return combine(answers, explicit ? null : this.#implied(candidates));
  }

  /**
   * Ids of the allow and approve rules that concern the caller here; null when there are none. A `when` that can be asked
   * without facts must hold; one that is about other actions cannot be asked yet, and counts.
   */
  #implied(candidates: readonly Candidate[]): readonly string[] | null {
    const basis = candidates.filter((candidate) => {
      const { then, facts, when } = candidate.rule;
      if (then === 'deny') return false;
      const aboutActions = facts !== null || (when?.names.has('action') ?? false);
      return (aboutActions ? this.#who(candidate) : this.#ask(candidate).verdict) === true;
    });
    return basis.length === 0 ? null : basis.map(({ rule }) => rule.id);
  }

  #who({ rule, who }: Candidate): Verdict {
    return who ?? rule.who?.holds(this.#variables) ?? true;
  }

  #ask(candidate: Candidate): Answer {
    const { rule } = candidate;
    const who = this.#who(candidate);
    return { rule, verdict: who === true ? this.#when(candidate) : who };
  }

  /** One false part makes the whole false, even when another part fails: so CEL reads &&, and so the whole would be read. */
  #when({ settled, open }: Candidate): Verdict {
    let verdict = settled;
    for (const place of open) {
      if (verdict === false) return false;
      const next = this.#part(place);
      if (next !== true && (next === false || verdict === true)) verdict = next;
    }
    return verdict;
  }

  #part(place: number): Verdict {
    const answered = this.#answers[place];
    if (answered !== undefined) return answered;
    const verdict = this.#parts[place]?.holds(this.#variables) ?? { error: 'It is missing.' };
    this.#answers[place] = verdict;
    return verdict;
  }
}

function views(action: Action): Readonly<Record<string, unknown>> {
  switch (action.kind) {
    case 'connect':
      return { action: CONNECT, connect: new ConnectView(action.connect) };
    case 'sql':
      return { action: SQL, sql: new SqlView(action.sql) };
    case 'http':
      return { action: HTTP, http: new HttpView(action.http) };
    case 'mcp':
      return { action: MCP, mcp: new McpView(action.mcp) };
    default:
      return unreachable(action);
  }
}
