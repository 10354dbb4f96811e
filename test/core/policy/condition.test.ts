import { describe, expect, it } from 'vitest';
import { compileCondition } from '../../../core/policy/condition.ts';
import type { Scope } from '../../../core/policy/vocabulary.ts';
import { AGENT, NOON, fileWith, problems, sqlFacts } from './fixtures.ts';
import { ActionView, PrincipalView, SqlView, TargetView } from '../../../core/policy/vocabulary.ts';

const VARIABLES = {
  principal: new PrincipalView(AGENT),
  target: new TargetView({ id: 'shop', kind: 'postgres', labels: { env: 'prod' } }),
  action: new ActionView('sql'),
  now: new Date(NOON),
  sql: new SqlView(
    sqlFacts('write', {
      tables: ['public.orders', 'public.users'],
      writes: ['public.orders'],
      verbs: ['UPDATE'],
    }),
  ),
};

function compiled(source: string, scope: Scope = 'when') {
  const result = compileCondition(source, scope);
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function refusal(source: string, scope: Scope = 'when'): string {
  const result = compileCondition(source, scope, 'bool', { 'Target.id': new Set(['shop']) });
  return result.ok ? 'accepted' : `${result.error.offset}: ${result.error.message}`;
}

describe('evaluation', () => {
  it.each([
    ['sql.effect == "write"', true],
    ['sql.effect in ["read", "session"]', false],
    ['"public.orders" in sql.writes && !sql.whereless', true],
    ['sql.tables.all(t, t.startsWith("public."))', true],
    ['sql.statements.exists(s, s.verb == "SELECT" && s.limit != null && s.limit <= 100)', true],
    ['size(sql.statements) == 1', true],
    ['principal.claims.repository == "acme/shop"', true],
    ['has(principal.claims.nope)', false],
    ['principal.claims["repository"].matches("^acme/")', true],
    ['"agents" in principal.claims.groups', true],
    ['now.getHours() == 12', true],
    ['now.getHours("Europe/Berlin") == 14', true],
    ['now < timestamp("2026-06-01T13:00:00Z")', true],
    ['target.labels.env == "prod" && target.kind == "postgres"', true],
    ['cel.bind(t, size(sql.tables), t > 1)', true],
  ])('%s is %s', (source, verdict) => {
    expect(compiled(source).holds(VARIABLES)).toBe(verdict);
  });

  it.each([
    ['principal.claims.nope', 'No such key: nope'],
    ['principal.claims.nope == 1 && true', 'No such key: nope'],
    ['principal.claims.repository', 'It gave no boolean.'],
    [
      'principal.claims.repository && true',
      "Logical operator requires bool operands, got 'string'",
    ],
    ['sql.statements[7].whereless', 'No such key: index out of bounds, index 7 >= size 1'],
    ['connect.country == "DE"', 'Unknown variable: connect'],
    [
      'principal.claims[principal.claims.repository] == 1',
      'It could not be evaluated (no_such_key).',
    ],
    ['bool(principal.claims.repository)', 'It could not be evaluated (bool_conversion_error).'],
    [
      'duration(principal.claims.repository) > duration("1s")',
      'It could not be evaluated (invalid_duration).',
    ],
    ['1 / (size(sql.tables) - 2) == 1', 'It could not be evaluated (division_by_zero).'],
  ])('%s is an error, told without values', (source, error) => {
    expect(compiled(source).holds(VARIABLES)).toEqual({ error });
  });

  it.each([['constructor'], ['__proto__'], ['toString'], ['hasOwnProperty']])(
    'claims do not reach %s of JavaScript',
    (key) => {
      expect(compiled(`has(principal.claims.${key})`).holds(VARIABLES)).toBe(false);
      expect(compiled(`principal.claims["${key}"] == 1`).holds(VARIABLES)).toHaveProperty('error');
    },
  );

  it('a claim of null, a number or a list is never taken for true', () => {
    for (const claim of [null, 1, 'true', [], {}, [true]]) {
      const principal = new PrincipalView({ ...AGENT, claims: { flag: claim } });
      expect(compiled('principal.claims.flag').holds({ ...VARIABLES, principal })).toHaveProperty(
        'error',
      );
    }
  });
});

describe('what is refused at load', () => {
  it.each<[string, string]>([
    ['sql.efect == "read"', '4: No such key: efect'],
    ['sql["efect"] == "read"', '0: No such key: efect'],
    ['squl.effect == "read"', '0: Unknown variable: squl'],
    ['k8s.verb == "get"', '0: k8s facts are not served by this version'],
    ['sql.effect', '0: must give bool, gives string'],
    ['sql.effect = "read"', '11: Unexpected character: ='],
    ['sql.effect == ', '14: Unexpected token: EOF'],
    ['sql.tables + 1 == 2', '0: no such overload: list<string> + int'],
    ['process.exit()', '0: Unknown variable: process'],
    [
      'sql.effect == "wirte"',
      '14: "wirte" never matches effect: expected one of session, read, write, schema, admin, opaque',
    ],
    [
      'sql.effect != "reads"',
      '14: "reads" never matches effect: expected one of session, read, write, schema, admin, opaque',
    ],
    [
      '"none" == sql.effect',
      '0: "none" never matches effect: expected one of session, read, write, schema, admin, opaque',
    ],
    [
      'sql.effect in ["read", "wirte"]',
      '23: "wirte" never matches effect: expected one of session, read, write, schema, admin, opaque',
    ],
    [
      'sql.statements.exists(s, s.effect == "ddl")',
      '37: "ddl" never matches effect: expected one of session, read, write, schema, admin, opaque',
    ],
    [
      '"drop table" in sql.verbs',
      '0: "drop table" never matches verbs: expected upper case, as Postgres tags commands',
    ],
    ['"payments" in sql.tables', '0: "payments" never matches tables: expected schema.table'],
    [
      '"payments.card" in sql.columns',
      '0: "payments.card" never matches columns: expected schema.table.column',
    ],
    [
      '"Search_Path" in sql.settings',
      '0: "Search_Path" never matches settings: expected lower case',
    ],
    [
      'principal.kind == "robot"',
      '18: "robot" never matches kind: expected one of workload, human',
    ],
    [
      'action.kind == "conect"',
      '15: "conect" never matches kind: expected one of connect, sql, http, mcp',
    ],
    [
      'sql.tables.exists(t, t == "payments")',
      '26: "payments" never matches tables: expected schema.table',
    ],
    [
      'sql.statements.exists(s, s.reads.all(t, t in ["public.a", "b"]))',
      '58: "b" never matches reads: expected schema.table',
    ],
    [
      'sql.verbs[0] == "select"',
      '16: "select" never matches verbs: expected upper case, as Postgres tags commands',
    ],
    [
      'cel.bind(e, sql.effect, e == "wirte")',
      '29: "wirte" never matches effect: expected one of session, read, write, schema, admin, opaque',
    ],
    ['target.id == "shp"', '13: "shp" is no target\'s id in this file'],
    ['[1, 2].exists(sql, sql > 1)', '14: sql is taken: name the iteration variable otherwise'],
    ['cel.bind(now, 1, now > 0)', '9: now is taken: name the iteration variable otherwise'],
    [
      'sql.effect.matches(principal.subject)',
      '0: matches() takes one string literal, in RE2 syntax',
    ],
    ['now.getHours("Europe/Belrin") > 3', '0: "Europe/Belrin" is no time zone'],
  ])('%s', (source, problem) => {
    const found = refusal(source);
    // Offsets of method calls are the library's own; ours are exact.
    expect(found.replace(/^\d+/, (offset) => (problem.startsWith('0:') ? '0' : offset))).toBe(
      problem,
    );
  });

  it.each([
    ['sql.tables.exists(t, t == "public.payments")'],
    ['sql.tables.exists(t, ["payments"].exists(t, t == "payments"))'],
    ['principal.groups.exists(g, g == "whatever")'],
    ['sql.tables[0] == "public.a"'],
    ['principal.claims.list.exists(t, t == "payments")'],
  ])('%s is accepted', (source) => {
    expect(refusal(source)).toBe('accepted');
  });

  it.each<[Scope, string]>([
    ['who', 'sql.effect == "read"'],
    ['who', 'target.id == "shop"'],
    ['on', 'principal.kind == "human"'],
    ['claims', 'principal.kind == "human"'],
    ['audit', 'target.id == "shop"'],
  ])('%s cannot name %s', (scope, source) => {
    expect(refusal(source, scope)).toMatch(/Unknown variable/);
  });

  it('an expression too large or too deep to be read by a human', () => {
    expect(refusal(Array.from({ length: 400 }, () => 'true').join(' && '))).toMatch(/maxAstNodes/);
    expect(refusal(`${'('.repeat(40)}true${')'.repeat(40)}`)).toMatch(/maxDepth/);
  });

  it('a rule over two kinds of action, which no action could ever meet', () => {
    expect(
      problems(fileWith(['when: \'sql.whereless && connect.country == "DE"\', then: deny'])),
    ).toEqual([
      'postern.yaml:27:21: rules.0.when: names the facts of connect and sql, which no action has together: write two rules',
    ]);
    expect(
      problems(fileWith(['when: \'action.kind == "connect" || sql.whereless\', then: deny'])),
    ).toEqual([
      'postern.yaml:27:21: rules.0.when: names sql facts and action.kind "connect": write two rules',
    ]);
  });

  it('a group that nobody can have, when the file lists all groups', () => {
    const file = fileWith(['who: \'"agnets" in principal.groups\', then: allow']);
    const closed = file.replaceAll('groupsFrom: claims.groups', 'groups: { agents: "true" }');
    expect(problems(file)).toEqual([]);
    expect(problems(closed)).toEqual([
      'postern.yaml:27:21: rules.0.who: "agnets" is no principal\'s groups in this file',
    ]);
  });

  it('points into a condition that is folded over several lines by its start', () => {
    const file = fileWith([]).replace(
      'rules: []\n',
      'rules:\n  - id: a\n    when: >-\n      sql.effect == "read"\n      && sql.efect == "x"\n    then: allow\n',
    );
    expect(problems(file)).toEqual(['postern.yaml:28:11: rules.0.when: No such key: efect']);
  });
});

describe('matches()', () => {
  const hostile = `${'a'.repeat(50_000)}!`;
  const principal = new PrincipalView({
    ...AGENT,
    subject: hostile,
    claims: { list: [hostile], name: hostile },
  });
  const variables = { ...VARIABLES, principal };

  // With JavaScript's RegExp the first of these takes longer than the universe has been there.
  it.each([
    ['principal.subject.matches("^(a+)+$")'],
    ['principal.claims.name.matches("^(a+)+$")'],
    ['principal.claims.list.exists(x, x.matches("^(a|aa)+$"))'],
    ['principal.claims.list.all(x, x.matches("(.*a){12}$"))'],
    ['principal.claims.list.filter(x, x.matches("^(a+)+$")).size() > 0'],
    ['principal.claims.list.map(x, x.matches("^(a+)+$")) == [true]'],
    ['cel.bind(m, principal.subject.matches("^(a+)+$"), m)'],
    ['true ? principal.subject.matches("^(a+)+$") : false'],
    ['[principal.subject.matches("^(a+)+$")][0]'],
    ['{"k": principal.subject.matches("^(a+)+$")}["k"]'],
    ['!(!principal.subject.matches("^(a+)+$"))'],
    ['cel.bind(f, principal.subject, f.matches("^(a+)+$") || f.matches("^(a*)*$"))'],
  ])('%s takes linear time', (source) => {
    const condition = compiled(source);
    const started = performance.now();
    expect(condition.holds(variables)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('finds a match anywhere, as CEL has it', () => {
    expect(compiled('principal.subject.matches("ent-[0-9]")').holds(VARIABLES)).toBe(true);
    expect(compiled('principal.subject.matches("^ent")').holds(VARIABLES)).toBe(false);
  });

  it.each([['(?=a)a'], ['(a)\\\\1'], ['(']])('refuses %s, which is no RE2', (pattern) => {
    expect(refusal(`principal.subject.matches("${pattern}")`)).toMatch(/is no RE2 pattern/);
  });

  it('refuses a pattern that would grow into a huge program', () => {
    expect(refusal('principal.subject.matches("((a{1000}){1000}){1000}")')).toMatch(
      /is no RE2 pattern/,
    );
  });
});
