// Whose votes count, and when they are enough.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { demandKey, grantCovers, grantSecondsOf } from '../../../core/approval/grant.ts';
import { marks, persons } from '../../../core/approval/person.ts';
import { questions, tally, voteRefusal, type Approving } from '../../../core/approval/quorum.ts';
import type { ApprovalDemand } from '../../../core/decision.ts';
import type { Principal } from '../../../core/identity.ts';
import { agent, demand, human } from './fixtures.ts';

const ask = (by: readonly string[], quorum = 1, rule = by.join('+')): ApprovalDemand => ({
  ...demand,
  rule,
  by,
  quorum,
});

const vote = (principal: Principal): Approving => ({
  id: principal.id,
  groups: principal.groups,
  marks: marks(principal),
});

describe('may not vote', () => {
  const ann = human('ann', ['dba']);
  it.each<[string, Principal, Principal, string]>([
    [
      'a workload, even in the group',
      agent,
      { ...agent, id: 'github:other', subject: 'other', groups: ['dba'] },
      'workload_cannot_decide',
    ],
    [
      'what is of no known kind',
      agent,
      human('x', ['dba'], { kind: 'robot' as never }),
      'workload_cannot_decide',
    ],
    ['the requester', ann, ann, 'own_request'],
    ['the requester with new groups', ann, human('ann', ['dba', 'sre']), 'own_request'],
    [
      'the requester by another issuer, with the same subject',
      ann,
      human('ann', ['dba'], { id: 'google:ann', issuer: 'google', claims: {} }),
      'own_request',
    ],
    [
      'the requester by another issuer, with the same e-mail',
      ann,
      human('7741', ['dba'], {
        id: 'google:7741',
        issuer: 'google',
        claims: { email: 'ANN@acme.dev ' },
      }),
      'own_request',
    ],
    [
      'the requester whose user name is that e-mail',
      ann,
      human('7742', ['dba'], { id: 'entra:7742', claims: { preferred_username: 'ann@acme.dev' } }),
      'own_request',
    ],
    [
      'the requester whose subject is that e-mail',
      ann,
      human('ann@acme.dev', ['dba'], { id: 'x:ann@acme.dev', claims: {} }),
      'own_request',
    ],
    [
      'the human a delegated workload acts for',
      { ...agent, subject: 'ann', id: 'exchange:ann' },
      ann,
      'own_request',
    ],
    [
      'the human whose address a workload carries',
      { ...agent, claims: { email: 'ann@acme.dev' } },
      ann,
      'own_request',
    ],
    ['a human in no group that is asked', agent, human('bo', ['sre']), 'not_an_approver'],
    ['a human in no group at all', agent, human('bo', []), 'not_an_approver'],
    ['a human whose group is spelt another way', agent, human('bo', ['DBA']), 'not_an_approver'],
  ])('%s', (_who, requester, voter, code) => {
    expect(voteRefusal([ask(['dba'])], requester, voter)).toBe(code);
  });

  it('anybody, when nobody is asked', () => {
    expect(voteRefusal([], agent, human('ann', ['dba']))).toBe('not_an_approver');
  });
});

it('may vote: another human in one of the groups of one of the rules', () => {
  expect(voteRefusal([ask(['sre']), ask(['x', 'dba'])], agent, human('ann', ['dba']))).toBeNull();
  expect(voteRefusal([ask(['dba'])], human('bo', ['dba']), human('ann', ['dba']))).toBeNull();
});

describe('the votes are', () => {
  const ann = human('ann', ['dba']);
  const bo = human('bo', ['dba', 'sre']);
  const cy = human('cy', ['sre']);
  const annAgain = human('ann', ['sre'], { id: 'google:1', issuer: 'google', subject: '1' });

  it.each<[string, readonly ApprovalDemand[], readonly Principal[], boolean]>([
    ['not enough without any', [ask(['dba'])], [], false],
    ['not enough when nobody is asked', [], [ann], false],
    ['enough with one for a quorum of one', [ask(['dba'])], [ann], true],
    ['not enough from another group', [ask(['dba'])], [cy], false],
    ['not enough with one for a quorum of two', [ask(['dba'], 2)], [ann], false],
    ['enough with two for a quorum of two', [ask(['dba'], 2)], [ann, bo], true],
    ['not enough with one person twice', [ask(['dba'], 2)], [ann, ann], false],
    ['not enough with one person in two groups', [ask(['dba', 'sre'], 2)], [bo], false],
    [
      'not enough with two identities of one person',
      [ask(['dba', 'sre'], 2)],
      [ann, annAgain],
      false,
    ],
    [
      'enough with one for two rules that ask the same groups',
      [ask(['dba'], 1, 'a'), ask(['dba'], 1, 'b')],
      [ann],
      true,
    ],
    [
      'the same whatever order the groups are in',
      [ask(['dba', 'sre'], 1, 'a'), ask(['sre', 'dba'], 1, 'b')],
      [cy],
      true,
    ],
    [
      'not enough with the lower of two quorums',
      [ask(['dba'], 1, 'a'), ask(['dba'], 2, 'b')],
      [ann],
      false,
    ],
    [
      'not enough with one person in both of two groups asked apart',
      [ask(['dba']), ask(['sre'])],
      [bo],
      false,
    ],
    [
      'not enough with two for one group of two',
      [ask(['dba']), ask(['sre'])],
      [ann, human('di', ['dba'])],
      false,
    ],
    ['enough with one of each', [ask(['dba']), ask(['sre'])], [ann, cy], true],
    ['enough when somebody can move over', [ask(['dba']), ask(['sre'])], [bo, ann], true],
    ['the same in the other order', [ask(['dba']), ask(['sre'])], [ann, bo], true],
    [
      'enough when several must move over',
      [ask(['a']), ask(['b']), ask(['c'])],
      [human('1', ['a', 'b']), human('2', ['b', 'c']), human('3', ['a'])],
      true,
    ],
    [
      'not enough when two questions share their only two people and one is asked twice',
      [ask(['dba'], 2), ask(['sre'])],
      [bo, ann],
      false,
    ],
    ['enough with a third', [ask(['dba'], 2), ask(['sre'])], [bo, ann, cy], true],
  ])('%s', (_what, demands, voters, satisfied) => {
    expect(tally(demands, voters.map(vote)).satisfied).toBe(satisfied);
  });

  it('shown with who fills which place', () => {
    const { questions } = tally([ask(['dba'], 2), ask(['sre'])], [bo, ann, cy].map(vote));
    expect(questions.map(({ by, filledBy }) => [by, [...filledBy].sort()])).toEqual([
      [['dba'], ['okta:ann', 'okta:bo']],
      [['sre'], ['okta:cy']],
    ]);
  });

  it('never made enough by a person repeated under any identity', () => {
    const groups = fc.subarray(['a', 'b', 'c']);
    fc.assert(
      fc.property(
        fc.array(groups, { maxLength: 6 }),
        fc.array(fc.tuple(groups, fc.integer({ min: 1, max: 3 })), { maxLength: 3 }),
        (identities, asks) => {
          const demands = asks
            .filter(([by]) => by.length > 0)
            .map(([by, quorum], i) => ask(by, quorum, `r${i}`));
          // All of these are one person: the same address under different subjects.
          const one = identities.map((own, i) =>
            vote(human(`s${i}`, own, { claims: { email: 'one@acme.dev' } })),
          );
          const places = questions(demands).reduce((sum, { quorum }) => sum + quorum, 0);
          return tally(demands, one).satisfied ? places === 1 : true;
        },
      ),
    );
  });

  it('only helped by more of them', () => {
    const people = fc.array(fc.subarray(['a', 'b', 'c']), { maxLength: 6 });
    fc.assert(
      fc.property(people, people, (some, more) => {
        const demands = [ask(['a'], 2), ask(['a', 'b']), ask(['c'])];
        const voters = (list: readonly (readonly string[])[], from: number) =>
          list.map((own, i) => vote(human(`p${from + i}`, own)));
        const before = tally(demands, voters(some, 0));
        const after = tally(demands, [...voters(some, 0), ...voters(more, 100)]);
        return !before.satisfied || after.satisfied;
      }),
    );
  });
});

describe('persons', () => {
  it('joins two through a third', () => {
    expect(persons([['a'], ['b'], ['c'], ['b', 'a']])).toEqual([[0, 1, 3], [2]]);
  });

  it('keeps an id apart from a name that spells it', () => {
    const odd = human('okta:ann', ['dba'], { id: 'x:okta:ann', claims: {} });
    expect(persons([marks(human('ann', [], { claims: {} })), marks(odd)])).toHaveLength(2);
  });
});

describe('a window of access', () => {
  const grants = (grantSeconds: number | null, rule = 'a') => ({ ...demand, rule, grantSeconds });

  it.each<[string, readonly ApprovalDemand[], number | null]>([
    ['none without demands', [], null],
    ['none when a rule offers none', [grants(60), grants(null)], null],
    ['the shortest', [grants(3600), grants(600)], 600],
    ['none of no length', [grants(0)], null],
  ])('is %s', (_what, demands, seconds) => {
    expect(grantSecondsOf(demands)).toBe(seconds);
  });

  it('covers only demands that were satisfied, and only until its end', () => {
    const grant = { id: 'g', endsAtMs: 1000, satisfied: [demandKey(grants(60))] };
    expect(grantCovers(grant, [grants(60)], 999)).toBe(true);
    expect(grantCovers(grant, [grants(60)], 1000)).toBe(false);
    expect(grantCovers(grant, [grants(60), grants(60, 'b')], 0)).toBe(false);
    expect(grantCovers(grant, [{ ...grants(60), quorum: 2 }], 0)).toBe(false);
    expect(grantCovers(grant, [{ ...grants(60), by: ['sre'] }], 0)).toBe(false);
    expect(grantCovers(grant, [{ ...grants(60), message: 'new words' }], 0)).toBe(true);
  });
});
