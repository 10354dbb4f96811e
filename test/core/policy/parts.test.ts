// A conjunction is asked in parts, some when the session starts and some for each action. The answer must be the one that
// the whole expression gives.
import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { compileCondition } from '../../../core/policy/condition.ts';
import {
  ActionView,
  PrincipalView,
  RequestView,
  SqlView,
  TargetView,
} from '../../../core/policy/vocabulary.ts';
import { AGENT, NOON, decisionOf, sqlFacts } from './fixtures.ts';

// Properties take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const FACTS = sqlFacts('read');
const VARIABLES = {
  principal: new PrincipalView(AGENT),
  target: new TargetView({ id: 'shop', kind: 'postgres', labels: { env: 'prod' } }),
  action: new ActionView('sql'),
  request: new RequestView({ client: 'psql', country: 'DE' }),
  now: new Date(NOON),
  sql: new SqlView(FACTS),
};

function compiled(source: string) {
  const result = compileCondition(source, 'when');
  if (!result.ok) throw new Error(result.error.message);
  return result.value;
}

function expected(source: string): string {
  const verdict = compiled(source).holds(VARIABLES);
  if (typeof verdict !== 'boolean') return 'deny condition_error r0';
  return verdict ? 'allow r0' : 'deny no_rule';
}

describe('the parts of a conjunction', () => {
  // Each of: settled with the session or asked for the action; true, false, failing or no boolean.
  const atom = constantFrom(
    'principal.kind == "workload"',
    'principal.kind == "human"',
    'principal.claims.missing == 1',
    'principal.claims.sub',
    'request.country == "DE"',
    'target.labels.env == "test"',
    'now.getHours() == 12',
    'sql.effect == "read"',
    'sql.whereless',
    'sql.statements[9].whereless',
    'true',
    '(sql.whereless || principal.kind == "workload")',
    '(sql.effect == "read" && principal.kind == "workload")',
    '!(sql.whereless && principal.claims.missing == 1)',
  );

  it('give what the whole gives, for every mixture', () => {
    assert(
      property(array(atom, { minLength: 1, maxLength: 5 }), (atoms) => {
        const source = atoms.join(' && ');
        // The rule must stay about sql, or it would be asked otherwise.
        const about = `sql.effect == "read" && ${source}`;
        expect(decisionOf([`when: '${about}', then: allow`], { kind: 'sql', sql: FACTS })).toBe(
          expected(about),
        );
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['sql.whereless', 0],
    ['sql.whereless || sql.whereless && true', 0],
    ['sql.whereless && true', 2],
    ['(sql.whereless) && (true || false)', 2],
    // The library's position of the last part lacks its brackets: the condition stays whole.
    ['sql.whereless && ((sql.effect) == ("read"))', 0],
    ['(sql.whereless && true) && true', 3],
    ['sql.effect == "a && b" && true', -1],
    ['principal.subject == "&&" && sql.tables.exists(t, t == "a.b" && t != "a.c") && true', 3],
    ['principal.subject.matches("^a&&") && sql.whereless', 2],
    ['sql.statements.all(s, s.verb != "X" && s.whereless)', 0],
    ['"\\"&&\\"" == principal.subject && r"\\d" != principal.subject', 2],
  ])('%s has %i', (source, count) => {
    if (count === -1) return expect(compileCondition(source, 'when').ok).toBe(false);
    expect(compiled(source).parts).toHaveLength(count);
  });

  it('keep a rule about connect about connect although its caller can never meet it', () => {
    const rules = [
      'when: \'sql.effect == "read"\', then: allow',
      'when: \'action.kind == "connect" && principal.kind == "human"\', then: allow',
    ];
    const action = {
      kind: 'connect' as const,
      connect: { protocol: 'postgres', client: 'psql', country: 'DE' },
    };
    expect(decisionOf(rules, action)).toBe('deny no_rule');
  });
});
