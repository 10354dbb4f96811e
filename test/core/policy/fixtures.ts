// Small policies and actions for the policy tests.
import type { Action, SqlEffect, SqlFacts } from '../../../core/facts.ts';
import { unreachable } from '../../../core/failure.ts';
import type { Principal } from '../../../core/identity.ts';
import { judge, ruleSet } from '../../../core/policy/judge.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { formatProblem } from '../../../core/policy/problem.ts';
import { compilePolicy, type CompiledPolicy } from '../../../core/policy/rule.ts';

export const NOON = Date.UTC(2026, 5, 1, 12, 0, 0);

const HEAD = `version: 1
issuers:
  - id: ci
    issuer: https://ci.example
    audience: https://gate.example
    kind: workload
    groupsFrom: claims.groups
  - id: people
    issuer: https://people.example
    audience: gate
    kind: human
    groupsFrom: claims.groups
targets:
  - id: shop
    kind: postgres
    address: db.example:5432
    database: shop
    credential: { user: app, password: SHOP_PASSWORD }
    labels: { env: prod }
  - id: lab
    kind: postgres
    address: lab.example:5432
    database: lab
    credential: { user: app, password: LAB_PASSWORD }
    labels: { env: test }
`;

/** A whole file around these rules, each a YAML flow mapping without its id: r0, r1, … unless it has one. */
export function fileWith(rules: readonly string[]): string {
  const lines = rules.map((rule, i) => {
    const body = rule.includes('id:') ? rule : `id: r${i}, ${rule}`;
    return `  - { ${body} }\n`;
  });
  return `${HEAD}rules:${lines.length === 0 ? ' []' : ''}\n${lines.join('')}`;
}

export function problems(text: string, development = false): string[] {
  const parsed = parsePolicy(text, { development });
  return parsed.ok ? [] : parsed.error.map((problem) => formatProblem('postern.yaml', problem));
}

export function policyOf(rules: readonly string[], revision = 7): CompiledPolicy {
  const parsed = parsePolicy(fileWith(rules), { development: false });
  if (!parsed.ok) throw new Error(problems(fileWith(rules)).join('\n'));
  return compilePolicy(parsed.value, revision);
}

export const AGENT: Principal = {
  id: 'ci:agent-1',
  issuer: 'ci',
  subject: 'agent-1',
  kind: 'workload',
  groups: ['agents'],
  claims: { sub: 'agent-1', groups: ['agents'], repository: 'acme/shop' },
  expiresAtMs: NOON + 3_600_000,
};

export function sqlFacts(effect: SqlEffect, over: Partial<SqlFacts> = {}): SqlFacts {
  const base = {
    effect,
    reads: [],
    writes: [],
    columns: [],
    functions: [],
    settings: [],
    whereless: false,
  };
  return {
    ...base,
    statements: [{ ...base, verb: 'SELECT', limit: 10, ...over }],
    verbs: ['SELECT'],
    tables: [],
    opaque: [],
    ...over,
  };
}

export const sql = (effect: SqlEffect, over: Partial<SqlFacts> = {}): Action => ({
  kind: 'sql',
  sql: sqlFacts(effect, over),
});

export const connect = (country = 'DE'): Action => ({
  kind: 'connect',
  connect: { protocol: 'postgres', client: 'psql', country },
});

/** Judges one action of the agent on a target; the short form of the decision that tables compare. */
export function decisionOf(
  rules: readonly string[],
  action: Action,
  options: { principal?: Principal; target?: string; nowMs?: number } = {},
): string {
  const policy = policyOf(rules);
  const target = policy.targets.get(options.target ?? 'shop');
  if (target === undefined) throw new Error('no such target');
  const set = ruleSet(policy, options.principal ?? AGENT, target, {
    client: 'psql',
    country: 'DE',
  });
  const decision = judge(set, action, options.nowMs ?? NOON);
  const observed = decision.observed.length === 0 ? '' : ` (${decision.observed.join(' ')})`;
  switch (decision.kind) {
    case 'allow':
      return `allow ${decision.rules.join('+')}${observed}`;
    case 'approve':
      return `approve ${decision.demands.map(({ rule }) => rule).join('+')}${observed}`;
    case 'deny':
      return `deny ${decision.code}${decision.rule === null ? '' : ` ${decision.rule}`}${observed}`;
    default:
      return unreachable(decision);
  }
}
