// The budget of one decision: 100 rules that all concern the caller, asked about facts never seen before (design: 20 µs),
// and about facts seen before. Pure computation, so the clock is the only instrument.
import type { SqlEffect, SqlFacts } from '../core/facts.ts';
import { judge, ruleSet, type RuleSet } from '../core/policy/judge.ts';
import { parsePolicy } from '../core/policy/parse.ts';
import { compilePolicy } from '../core/policy/rule.ts';

export interface DecisionBench {
  readonly rules: number;
  /** Microseconds per decision, the best of several rounds. */
  readonly coldMicroseconds: number;
  readonly cachedMicroseconds: number;
  readonly ruleSetMicroseconds: number;
  readonly budgetMicroseconds: number;
}

const BUDGET_MICROSECONDS = 20;
const ROUNDS = 60;

export function benchDecision(rules = 100): DecisionBench {
  const { policy, principal, target } = fixture(rules);
  const set = ruleSet(policy, principal, target);
  const facts = Array.from({ length: 100 }, (_, i) => factsNumber(i));
  const decideAll = (rulesOf: RuleSet, of: readonly SqlFacts[]) => {
    for (const sql of of) judge(rulesOf, { kind: 'sql', sql }, 0);
  };
  // A fresh copy has never been seen by the cache of decisions.
  const cold = best(
    () => facts.map((sql) => ({ ...sql })),
    facts.length,
    (copies) => decideAll(set, copies),
  );
  decideAll(set, facts);
  const cached = best(
    () => facts,
    facts.length,
    (seen) => decideAll(set, seen),
  );
  const made = best(
    () => null,
    50,
    () => {
      for (let i = 0; i < 50; i++) ruleSet(policy, principal, target);
    },
  );
  return {
    rules,
    coldMicroseconds: cold,
    cachedMicroseconds: cached,
    ruleSetMicroseconds: made,
    budgetMicroseconds: BUDGET_MICROSECONDS,
  };
}

function best<T>(prepare: () => T, count: number, run: (input: T) => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const input = prepare();
    const started = performance.now();
    run(input);
    least = Math.min(least, ((performance.now() - started) * 1000) / count);
  }
  return least;
}

/** Conditions as people write them; the number makes every rule's own part its own, as tables and columns do. */
const CONDITIONS: readonly ((n: number) => string)[] = [
  (n) => `sql.effect == "read" && "public.t${n}" in sql.tables`,
  (n) => `sql.effect == "write" && sql.writes == ["public.t${n}"] && !sql.whereless`,
  (n) => `"public.orders" in sql.tables && sql.effect != "read" && size(sql.statements) > ${n}`,
  (n) => `sql.tables.all(t, t.startsWith("s${n}."))`,
  (n) => `sql.statements.exists(s, s.verb == "COPY" && "public.t${n}" in s.reads)`,
  (n) => `"public.users.c${n}" in sql.columns`,
  (n) => `principal.claims.repository == "acme/r${n}" && sql.effect in ["read", "session"]`,
  (n) => `sql.effect == "read" && sql.statements.all(s, s.limit != null && s.limit <= ${n})`,
  (n) => `principal.subject.matches("^agent-${n}[0-9]+$") && sql.effect == "read"`,
  (n) => `has(principal.claims.env) && principal.claims.env == "e${n}" && sql.whereless`,
];

function fixture(count: number) {
  const rules = Array.from({ length: count }, (_, i) => {
    const then = i % 10 === 9 ? 'deny' : 'allow';
    const when = CONDITIONS[i % CONDITIONS.length]?.(i) ?? 'true';
    return `  - { id: rule-${i}, who: '"agents" in principal.groups', on: [shop], when: '${when}', then: ${then} }\n`;
  });
  const parsed = parsePolicy(
    `version: 1
issuers:
  - { id: ci, issuer: "https://ci.example", audience: gate, kind: workload, groupsFrom: claims.groups }
targets:
  - id: shop
    kind: postgres
    address: db.example:5432
    database: shop
    credential: { user: app, password: SHOP_PASSWORD }
rules:
${rules.join('')}`,
    { development: false },
  );
  if (!parsed.ok) throw new Error(parsed.error.map(({ message }) => message).join('\n'));
  const policy = compilePolicy(parsed.value, 1);
  const target = policy.targets.get('shop');
  if (target === undefined) throw new Error('the bench lost its target');
  const principal = {
    id: 'ci:agent-1',
    issuer: 'ci',
    subject: 'agent-1',
    kind: 'workload' as const,
    groups: ['agents', 'deploy'],
    claims: { repository: 'acme/shop', env: 'test' },
    expiresAtMs: 0,
  };
  return { policy, principal, target };
}

function factsNumber(i: number): SqlFacts {
  const effect: SqlEffect = i % 3 === 0 ? 'write' : 'read';
  const lists = {
    reads: ['public.orders', 'public.users'],
    writes: effect === 'write' ? ['public.orders'] : [],
    columns: ['public.orders.id', 'public.orders.total', 'public.users.name'],
    functions: ['pg_catalog.count'],
    settings: [],
  };
  const base = { effect, whereless: false, ...lists };
  return {
    ...base,
    statements: [{ ...base, verb: 'SELECT', limit: i }],
    verbs: ['SELECT'],
    tables: ['public.orders', 'public.users'],
    opaque: [],
  };
}
