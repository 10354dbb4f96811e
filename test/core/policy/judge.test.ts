import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Action } from '../../../core/facts.ts';
import { judge, ruleSet } from '../../../core/policy/judge.ts';
import { AGENT, NOON, connect, decisionOf, policyOf, sql } from './fixtures.ts';

// Properties take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const READS = 'when: \'sql.effect == "read"\', then: allow';
const APPROVE = 'then: approve, approval: { by: [dba] }';
const HUMAN = {
  ...AGENT,
  id: 'people:kim',
  issuer: 'people',
  kind: 'human' as const,
  groups: ['dba'],
};

type Row = readonly [name: string, rules: readonly string[], action: Action, decision: string];

const check = (rows: readonly Row[]) =>
  it.each(rows)('%s', (_name, rules, action, decision) => {
    expect(decisionOf(rules, action)).toBe(decision);
  });

describe('how decisions combine', () => {
  check([
    ['denies when there is no rule', [], sql('read'), 'deny no_rule'],
    ['denies when no rule matches', [READS], sql('write'), 'deny no_rule'],
    ['allows what one rule allows', [READS], sql('read'), 'allow r0'],
    ['names every rule that allows', [READS, 'then: allow'], sql('read'), 'allow r0+r1'],
    ['lets any deny win over an allow', ['then: allow', 'then: deny'], sql('read'), 'deny rule r1'],
    ['lets any deny win over an approve', [APPROVE, 'then: deny'], sql('read'), 'deny rule r1'],
    [
      'asks for approval although another rule allows',
      ['then: allow', APPROVE],
      sql('read'),
      'approve r1',
    ],
    ['demands every matching approval', [APPROVE, APPROVE], sql('write'), 'approve r0+r1'],
    [
      'ignores a deny that does not match',
      ['then: allow', 'when: sql.whereless, then: deny'],
      sql('write'),
      'allow r0',
    ],
    [
      'denies a whereless write',
      ['then: allow', 'when: sql.whereless, then: deny'],
      sql('write', { whereless: true }),
      'deny rule r1',
    ],
  ]);

  it.each([
    ['who', ['who: \'"staff" in principal.groups\', then: allow'], 'deny no_rule'],
    ['on', ['on: [lab], then: allow'], 'deny no_rule'],
    ['on as CEL', ['on: \'target.labels.env == "test"\', then: allow'], 'deny no_rule'],
    ['on as CEL that holds', ['on: \'target.labels.env == "prod"\', then: allow'], 'allow r0'],
  ])('asks only rules whose %s matches', (_key, rules, decision) => {
    expect(decisionOf(rules, sql('read'))).toBe(decision);
  });
});

describe('a condition that cannot be evaluated', () => {
  const failing = 'principal.claims.missing == "x"';
  check([
    [
      'denies, in an allow rule',
      [`when: '${failing}', then: allow`],
      sql('read'),
      'deny condition_error r0',
    ],
    [
      'denies although another rule allows',
      ['then: allow', `when: '${failing}', then: allow`],
      sql('read'),
      'deny condition_error r1',
    ],
    [
      'denies although approval could be asked',
      [APPROVE, `when: '${failing}', then: allow`],
      sql('read'),
      'deny condition_error r1',
    ],
    [
      'gives way to a deny that matched',
      [`when: '${failing}', then: allow`, 'then: deny'],
      sql('read'),
      'deny rule r1',
    ],
    [
      'denies in who',
      ['then: allow', `who: '${failing}', then: deny`],
      sql('read'),
      'deny condition_error r1',
    ],
    [
      'is not reached when the rule is not asked',
      ['then: allow', `when: 'connect.country == principal.claims.missing', then: deny`],
      sql('read'),
      'allow r0',
    ],
    [
      'denies when a claim is truthy but no boolean',
      ["when: 'principal.claims.repository', then: allow"],
      sql('read'),
      'deny condition_error r0',
    ],
    [
      'is avoided by has()',
      [
        'when: \'has(principal.claims.missing) && principal.claims.missing == "x"\', then: deny',
        'then: allow',
      ],
      sql('read'),
      'allow r1',
    ],
  ]);

  it('names the rule and the missing key, and nothing of the caller', () => {
    const policy = policyOf([`when: '${failing}', then: allow`]);
    const decision = judge(ruleSet(policy, AGENT, policy.targets.get('shop')!), sql('read'), NOON);
    expect(decision).toMatchObject({ rule: 'r0', revision: 7 });
    expect(JSON.stringify(decision)).toContain('No such key: missing');
    expect(JSON.stringify(decision)).not.toContain('acme/shop');
  });

  it('denies when a condition names the request and the driver gave none', () => {
    const policy = policyOf(['when: \'request.country == "DE"\', then: allow']);
    const set = ruleSet(policy, AGENT, policy.targets.get('shop')!);
    expect(judge(set, sql('read'), NOON)).toMatchObject({ kind: 'deny', code: 'condition_error' });
  });
});

describe('which rules see which action', () => {
  const night = "when: 'now.getHours() < 6', then: deny";
  const onCall = `when: 'action.kind == "connect"', ${APPROVE}`;
  check([
    ['connect is implied by an allow rule over sql', [READS], connect(), 'allow r0'],
    [
      'connect is implied by an approve rule over sql',
      [`when: 'sql.effect == "write"', ${APPROVE}`],
      connect(),
      'allow r0',
    ],
    [
      'connect is implied by a rule that means sql by kind',
      ['when: \'action.kind == "sql"\', then: allow'],
      connect(),
      'allow r0',
    ],
    [
      'connect is not implied by a deny rule',
      ['when: \'sql.effect == "read"\', then: deny'],
      connect(),
      'deny no_rule',
    ],
    [
      'connect is not implied for somebody else',
      [`who: '"staff" in principal.groups', ${READS}`],
      connect(),
      'deny no_rule',
    ],
    [
      'connect is not implied by a rule that could be asked and does not hold',
      ["when: 'now.getHours() < 6', then: allow"],
      connect(),
      'deny no_rule',
    ],
    ['a rule about connect decides', [READS, onCall], connect(), 'approve r1'],
    [
      'a rule about connect decides although it does not hold',
      [READS, 'when: \'connect.country == "FR"\', then: allow'],
      connect(),
      'deny no_rule',
    ],
    [
      'a rule about connect of somebody else does not decide',
      [READS, `who: '"sre" in principal.groups', ${onCall}`],
      connect(),
      'allow r0',
    ],
    [
      'a deny rule about connect denies',
      [READS, 'when: \'connect.country == "DE"\', then: deny'],
      connect(),
      'deny rule r1',
    ],
    [
      'a deny rule about connect that does not hold leaves connect implied',
      [READS, 'when: \'connect.country == "FR"\', then: deny'],
      connect(),
      'allow r0',
    ],
    ['a deny rule without facts denies connect', [READS, 'then: deny'], connect(), 'deny rule r1'],
    [
      'a deny rule over sql is not asked for connect',
      [READS, 'when: sql.whereless, then: deny'],
      connect(),
      'allow r0',
    ],
    ['a deny rule by time that does not hold is ignored', [READS, night], connect(), 'allow r0'],
    ['a rule about connect is not asked for sql', [onCall], sql('read'), 'deny no_rule'],
    ['an approve rule without when does not hold up connect', [APPROVE], connect(), 'allow r0'],
    ['an approve rule without when holds up every statement', [APPROVE], sql('read'), 'approve r0'],
    ['a session statement is implied', [READS], sql('session'), 'allow r0'],
    ['a session statement is implied by an approve rule', [APPROVE], sql('session'), 'allow r0'],
    ['a session statement is nothing without a session', [], sql('session'), 'deny no_rule'],
    [
      'a session statement is denied by a rule that says so',
      [READS, 'when: \'sql.effect == "session"\', then: deny'],
      sql('session'),
      'deny rule r1',
    ],
    [
      'a session statement is denied by a rule that denies everything',
      [READS, 'then: deny'],
      sql('session'),
      'deny rule r1',
    ],
    [
      'a session statement needs the approval that a rule names it for',
      [READS, `when: 'sql.effect != "read"', ${APPROVE}`],
      sql('session'),
      'approve r1',
    ],
    [
      'a session statement is refused when a rule over sql fails',
      [READS, "when: 'sql.statements[5].whereless', then: deny"],
      sql('session'),
      'deny condition_error r1',
    ],
  ]);
});

describe('time', () => {
  const day = ["when: 'now.getHours() >= 9 && now.getHours() < 18', then: allow"];
  const shift = ['who: \'now.getHours() >= 9 && "agents" in principal.groups\', then: allow'];
  const at = (hour: number) => Date.UTC(2026, 5, 1, hour);

  it.each([
    [day, 12, 'allow r0'],
    [day, 20, 'deny no_rule'],
    [shift, 12, 'allow r0'],
    [shift, 3, 'deny no_rule'],
  ])('%s at %i h: %s', (rules, hour, decision) => {
    expect(decisionOf(rules, sql('read'), { nowMs: at(hour) })).toBe(decision);
  });

  it('is asked again for the same facts in the same session', () => {
    const policy = policyOf(shift);
    const set = ruleSet(policy, AGENT, policy.targets.get('shop')!);
    const action = sql('read');
    expect(judge(set, action, at(12)).kind).toBe('allow');
    expect(judge(set, action, at(3)).kind).toBe('deny');
    expect(judge(set, action, at(12)).kind).toBe('allow');
  });

  it('answers from memory for facts seen before when nothing depends on the time', () => {
    const policy = policyOf([READS]);
    const set = ruleSet(policy, AGENT, policy.targets.get('shop')!);
    const action = sql('read');
    expect(judge(set, action, at(3))).toBe(judge(set, action, at(12)));
    expect(judge(set, sql('write'), at(3)).kind).toBe('deny');
  });
});

describe('observing rules', () => {
  const observe = (body: string) => `${body}, state: observe`;
  check([
    [
      'record a deny they would have given',
      ['then: allow', observe('then: deny')],
      sql('read'),
      'allow r0 (r1:deny)',
    ],
    [
      'record an approval they would have asked',
      ['then: allow', observe(APPROVE)],
      sql('read'),
      'allow r0 (r1:approve)',
    ],
    [
      'record an allow they would have given',
      [observe('then: allow')],
      sql('read'),
      'deny no_rule (r0:allow)',
    ],
    [
      'record a failing condition without denying',
      ['then: allow', observe("when: 'principal.claims.missing == 1', then: deny")],
      sql('read'),
      'allow r0 (r1:error)',
    ],
    [
      'record nothing that changes nothing',
      ['then: allow', observe('then: allow')],
      sql('read'),
      'allow r0',
    ],
    [
      'record nothing when a deny wins anyway',
      ['then: deny', observe('then: allow')],
      sql('read'),
      'deny rule r0',
    ],
    ['do not imply connect', [observe(READS)], connect(), 'deny no_rule (r0:allow)'],
    [
      'do not take over connect',
      [READS, observe(`when: 'action.kind == "connect"', ${APPROVE}`)],
      connect(),
      'allow r0 (r1:approve)',
    ],
    [
      'record one more approval',
      [APPROVE, observe(APPROVE)],
      sql('read'),
      'approve r0 (r1:approve)',
    ],
  ]);
});

describe('what the caller reads', () => {
  const denied = (rules: readonly string[], action: Action) => {
    const policy = policyOf(rules);
    const decision = judge(ruleSet(policy, AGENT, policy.targets.get('shop')!), action, NOON);
    if (decision.kind !== 'deny') throw new Error('was not denied');
    return decision;
  };
  const drop = sql('schema', { verbs: ['DROP TABLE'], tables: ['public.orders'] });

  it('is the rule’s own message', () => {
    expect(denied(['then: deny, message: Use migrations.'], drop).message).toBe('Use migrations.');
  });

  it('names rule, statement and target when the rule has no message', () => {
    expect(denied(['then: deny'], drop).message).toBe(
      'Rule r0 refuses DROP TABLE on public.orders (schema) at shop.',
    );
  });

  it('says what would be allowed when nothing matches', () => {
    const { message, hint } = denied([READS, `when: 'sql.effect == "write"', ${APPROVE}`], drop);
    expect(message).toBe('No rule allows DROP TABLE on public.orders (schema) at shop.');
    expect(hint).toBe(
      'You may, on shop — r0: allowed when sql.effect == "read"; r1: with approval when sql.effect == "write".',
    );
  });

  it('does not tell one caller about the rules of another', () => {
    const { hint } = denied([`who: '"staff" in principal.groups', ${READS}`], drop);
    expect(hint).toBe('No rule allows you anything on shop.');
  });

  it('does not show deny rules or observing rules as ways out', () => {
    const { hint } = denied(
      [READS, 'when: sql.whereless, then: deny', `${READS}, state: observe`],
      drop,
    );
    expect(hint).toBe('You may, on shop — r0: allowed when sql.effect == "read".');
  });

  it('stays short for a statement over many tables', () => {
    const tables = Array.from({ length: 500 }, (_, i) => `public.t${i}`);
    expect(denied([], sql('write', { verbs: ['DELETE'], tables })).message).toBe(
      'No rule allows DELETE on public.t0, public.t1, public.t2, public.t3, public.t4 and 495 more (write) at shop.',
    );
  });
});

describe('approval demands', () => {
  it('carry what the rule asks for, in seconds', () => {
    const policy = policyOf([
      'when: \'sql.effect == "write"\', then: approve, message: Ask the owners., approval: { by: [dba, sre], quorum: 2, expires: 15m, wait: 90s, maxRows: 100 }',
    ]);
    const decision = judge(ruleSet(policy, AGENT, policy.targets.get('shop')!), sql('write'), NOON);
    expect(decision).toEqual({
      kind: 'approve',
      revision: 7,
      observed: [],
      demands: [
        {
          rule: 'r0',
          message: 'Ask the owners.',
          by: ['dba', 'sre'],
          quorum: 2,
          expiresSeconds: 900,
          waitSeconds: 90,
          maxRows: 100,
          grantSeconds: null,
          keep: false,
          slackButtons: false,
        },
      ],
    });
  });
});

describe('for any order and any mixture of rules', () => {
  const rule = constantFrom(
    'then: allow',
    'then: deny',
    APPROVE,
    READS,
    'when: sql.whereless, then: deny',
    "when: 'principal.claims.missing == 1', then: allow",
    'who: \'"staff" in principal.groups\', then: deny',
    'when: \'connect.country == "DE"\', then: allow',
  );

  it('the decision’s kind does not depend on the order', () => {
    assert(
      property(
        array(rule, { maxLength: 6 }),
        constantFrom(sql('read'), sql('session'), connect()),
        (rules, action) => {
          const kind = (list: readonly string[]) => decisionOf(list, action).split(' ')[0];
          expect(kind(rules.toReversed())).toBe(kind(rules));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('adding a deny rule never opens anything, adding an allow rule never lifts a deny', () => {
    assert(
      property(array(rule, { maxLength: 5 }), (rules) => {
        const before = decisionOf(rules, sql('read'));
        expect(decisionOf([...rules, 'then: deny'], sql('read'))).toMatch(/^deny/);
        if (/^deny (rule|condition_error)/.test(before)) {
          expect(decisionOf([...rules, 'then: allow'], sql('read'))).toMatch(/^deny/);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('people and workloads are told apart by kind', () => {
    const rules = ['who: \'principal.kind == "human"\', then: allow'];
    expect(decisionOf(rules, sql('read'))).toBe('deny no_rule');
    expect(decisionOf(rules, sql('read'), { principal: HUMAN })).toBe('allow r0');
  });
});
