// What a new policy would have decided over recorded actions, against the old one on the same facts. As good as what was
// recorded: verified claims are not, so a decision that needs one is counted as undecided, never guessed.
import type { Action } from '../facts.ts';
import { unreachable } from '../failure.ts';
import type { Principal } from '../identity.ts';
import { judge, ruleSet, type RuleSet } from './judge.ts';
import type { CompiledPolicy } from './rule.ts';

/** One row of the index: an action that policy decided, and the session it belongs to. */
export interface RecordedAction {
  readonly target: string;
  readonly principalId: string;
  readonly principalKind: Principal['kind'];
  readonly groups: readonly string[];
  readonly client: string;
  readonly country: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly action: Exclude<Action, { readonly kind: 'connect' }>;
  /** The beginning of it; of a request its method, path and query. */
  readonly statement: string;
}

export type ReplayedKind = 'allow' | 'approve' | 'deny' | 'undecided' | 'no target';

/** Recorded actions of one caller, target and verb whose decision changes the same way. */
export interface Flip {
  readonly before: ReplayedKind;
  readonly after: ReplayedKind;
  readonly principalId: string;
  readonly target: string;
  readonly verbs: string;
  readonly count: number;
  /** The newest of their statements. */
  readonly example: string;
}

export interface Replay {
  readonly actions: number;
  readonly undecided: number;
  /** Most frequent first. */
  readonly flips: readonly Flip[];
}

/** `actions`: newest first. */
export function replay(
  before: CompiledPolicy,
  after: CompiledPolicy,
  actions: readonly RecordedAction[],
): Replay {
  const judges = [before, after].map(replayer);
  const flips = new Map<string, Flip>();
  let undecided = 0;
  for (const action of actions) {
    const [old = 'undecided', fresh = 'undecided'] = judges.map((decide) => decide(action));
    if (old === 'undecided' || fresh === 'undecided') {
      undecided += 1;
      continue;
    }
    if (old === fresh) continue;
    const verbs = verbsOf(action.action);
    const key = JSON.stringify([old, fresh, action.principalId, action.target, verbs]);
    const seen = flips.get(key);
    flips.set(key, {
      before: old,
      after: fresh,
      principalId: action.principalId,
      target: action.target,
      verbs,
      count: (seen?.count ?? 0) + 1,
      example: seen?.example ?? action.statement,
    });
  }
  return {
    actions: actions.length,
    undecided,
    flips: [...flips.values()].toSorted((a, b) => b.count - a.count),
  };
}

function verbsOf(action: RecordedAction['action']): string {
  switch (action.kind) {
    case 'sql':
      return action.sql.verbs.join(', ');
    case 'http': {
      const { method, graphql } = action.http;
      return graphql === null ? method : `${method} (GraphQL ${graphql.operation})`;
    }
    case 'mcp':
      return action.mcp.tool === '' ? action.mcp.method : action.mcp.tool;
    default:
      return unreachable(action);
  }
}

function replayer(policy: CompiledPolicy): (action: RecordedAction) => ReplayedKind {
  const sets = new Map<string, RuleSet | null>();
  const setFor = (action: RecordedAction): RuleSet | null => {
    const { target, principalId, principalKind, groups, client, country } = action;
    const key = JSON.stringify([target, principalId, principalKind, groups, client, country]);
    const known = sets.get(key);
    if (known !== undefined) return known;
    const entry = policy.targets.get(target);
    const made =
      entry === undefined ? null : ruleSet(policy, principalOf(action), entry, { client, country });
    sets.set(key, made);
    return made;
  };
  return (action) => {
    const rules = setFor(action);
    if (rules === null) return 'no target';
    const decision = judge(rules, action.action, action.at);
    return decision.kind === 'deny' && decision.code === 'condition_error'
      ? 'undecided'
      : decision.kind;
  };
}

/** Ids are `issuer:subject`, and no issuer's id has a colon. */
function principalOf({ principalId, principalKind, groups, at }: RecordedAction): Principal {
  const colon = principalId.indexOf(':');
  return {
    id: principalId,
    issuer: principalId.slice(0, colon),
    subject: principalId.slice(colon + 1),
    kind: principalKind,
    groups,
    claims: {},
    expiresAtMs: at,
  };
}
