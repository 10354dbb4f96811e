// Which limits are in force for whom, and what an action costs of them.
import { describe, expect, it } from 'vitest';
import type { SqlFacts, SqlStatementFacts } from '../../../core/facts.ts';
import type { Principal, TargetIdentity } from '../../../core/identity.ts';
import { policyChanges } from '../../../core/policy/difference.ts';
import { limitsFor } from '../../../core/policy/limit.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { compilePolicy } from '../../../core/policy/rule.ts';
import { sqlCost } from '../../../core/quota/cost.ts';
import { limitDenial } from '../../../core/quota/wording.ts';

const file = (limits: string) => `version: 1
issuers:
  - { id: ci, issuer: "https://ci.example", audience: gate, kind: workload, groups: { agents: 'claims.agent == true' } }
targets:
  - { id: shop, kind: postgres, address: "db.example:5432", database: d, credential: { user: u, password: P }, labels: { env: prod } }
  - { id: lab, kind: postgres, address: "db.example:5432", database: d, credential: { user: u, password: P } }
limits:
${limits
  .split('\n')
  .map((line) => `  - { ${line} }`)
  .join('\n')}
`;

function parsed(limits: string) {
  const result = parsePolicy(file(limits), { development: true });
  if (!result.ok) throw new Error(result.error.map(({ message }) => message).join('\n'));
  return result.value;
}

const agent: Principal = {
  id: 'ci:a',
  issuer: 'ci',
  subject: 'a',
  kind: 'workload',
  groups: ['agents'],
  claims: {},
  expiresAtMs: 0,
};
const shop: TargetIdentity = { id: 'shop', kind: 'postgres', labels: { env: 'prod' } };
const lab: TargetIdentity = { id: 'lab', kind: 'postgres', labels: {} };

const names = (limits: string, principal = agent, target = shop) =>
  limitsFor(compilePolicy(parsed(limits), 1), principal, target).map(({ name }) => name);

describe('a limit is in force', () => {
  it.each<[string, string, Principal, TargetIdentity, boolean]>([
    ['for everybody everywhere', 'id: l, sessions: 1', agent, lab, true],
    [
      'for whom `who` holds',
      `id: l, sessions: 1, who: '"agents" in principal.groups'`,
      agent,
      shop,
      true,
    ],
    ['for nobody else', `id: l, sessions: 1, who: 'principal.kind == "human"'`, agent, shop, false],
    ['where `on` says', 'id: l, sessions: 1, on: [lab]', agent, lab, true],
    ['nowhere else', 'id: l, sessions: 1, on: [lab]', agent, shop, false],
    ['where the labels say', `id: l, sessions: 1, on: 'has(target.labels.env)'`, agent, lab, false],
    [
      'where `who` fails',
      `id: l, sessions: 1, who: 'principal.claims.team == "x"'`,
      agent,
      shop,
      true,
    ],
  ])('%s', (_name, limits, principal, target, expected) => {
    expect(names(limits, principal, target)).toEqual(expected ? ['l'] : []);
  });

  it('beside all others', () => {
    expect(names('id: a, sessions: 9\nid: b, sessions: 1\nactionsPerMinute: 5')).toEqual([
      'a',
      'b',
      null,
    ]);
  });
});

describe('the count of an entry', () => {
  const key = (limits: string) => limitsFor(compilePolicy(parsed(limits), 1), agent, shop)[0]?.key;

  it('is kept when its numbers change', () => {
    expect(key('sessions: 1, on: [shop]')).toBe(key('sessions: 2, rowsPerHour: 5, on: [shop]'));
    expect(key('id: l, sessions: 1')).toBe(key('id: l, sessions: 1, on: [shop]'));
  });

  it('is another one for other callers or targets', () => {
    expect(key('sessions: 1, on: [shop]')).not.toBe(key('sessions: 1'));
    expect(key('id: l, sessions: 1')).not.toBe(key('id: m, sessions: 1'));
  });
});

describe('refused at load', () => {
  it.each([
    ['no number', 'id: l', 'limits.0: names none of sessions, actionsPerMinute and rowsPerHour'],
    ['a number below one', 'sessions: 0', 'limits.0.sessions'],
    ['a target that is not there', 'sessions: 1, on: [nope]', 'there is no target nope'],
    [
      'no target',
      `sessions: 1, on: 'target.id == "shop" && target.id == "lab"'`,
      'covers no target',
    ],
    ['an id twice', 'id: l, sessions: 1\nid: l, rowsPerHour: 1', 'l is already taken'],
    ['two of a kind', 'sessions: 1\nrowsPerHour: 1', 'give them ids'],
    ['a time', `sessions: 1, who: 'now.getHours() < 8'`, 'limits.0.who'],
    ['a group nobody has', `sessions: 1, who: '"agnts" in principal.groups'`, 'limits.0.who'],
    ['an unknown key', 'sessions: 1, bytes: 1', 'there is no such key'],
  ])('%s', (_name, limits, problem) => {
    const result = parsePolicy(file(limits), { development: true });
    if (result.ok) throw new Error('it was accepted');
    const told = result.error.map(({ path, message }) => `${path}: ${message}`).join('\n');
    expect(told).toContain(problem);
  });
});

it('a plan shows what changes', () => {
  const changes = policyChanges(
    parsed('id: l, sessions: 1\nsessions: 2, on: [lab]'),
    parsed('id: l, sessions: 3\nsessions: 2, on: [shop]'),
  );
  expect(changes.map(({ section, id, kind }) => `${kind} ${section} ${id}`)).toEqual([
    'removed limit (everybody on lab)',
    'changed limit l',
    'added limit (everybody on shop)',
  ]);
  expect(changes[1]?.fields).toEqual([{ field: 'sessions', before: '1', after: '3' }]);
});

describe('a text costs', () => {
  const facts = (...statements: readonly [effect: string, verb: string][]): SqlFacts =>
    ({
      effect: statements.find(([effect]) => effect !== 'session')?.[0] ?? 'session',
      statements: statements.map(([effect, verb]) => ({ effect, verb }) as SqlStatementFacts),
    }) as unknown as SqlFacts;

  it.each<[string, SqlFacts, number]>([
    ['one for a read', facts(['read', 'SELECT']), 1],
    ['one for each statement', facts(['read', 'SELECT'], ['write', 'UPDATE']), 2],
    ['nothing for what ends a transaction', facts(['session', 'COMMIT']), 0],
    [
      'nothing for what is around a write',
      facts(['session', 'BEGIN'], ['write', 'UPDATE'], ['session', 'COMMIT']),
      1,
    ],
    ['one for rows of a cursor', facts(['session', 'FETCH']), 1],
    ['one where its statements are not known', { ...facts(), effect: 'opaque' } as SqlFacts, 1],
  ])('%s', (_name, text, cost) => {
    expect(sqlCost(text)).toBe(cost);
  });
});

describe('a refusal', () => {
  const refusal = { kind: 'refused', key: 'k' } as const;

  it.each([
    ['sessions', 1, 30_000, 'one session at a time', 5],
    ['sessions', 10, 30_000, '10 sessions at a time', 5],
    ['actionsPerMinute', 600, 12_001, '600 actions a minute', 13],
    ['rowsPerHour', 100_000, 3_600_000, '100,000 rows an hour', 3_600],
  ] as const)(
    'by %s %d says what is allowed and when to come back',
    (limit, most, againMs, words, seconds) => {
      const denial = limitDenial({ ...refusal, limit, most, againMs }, 'agents');
      expect(denial).toMatchObject({ code: 'limit_exceeded', retryAfterSeconds: seconds });
      expect(denial.message).toBe(`The limit agents allows you ${words}.`);
      expect(denial.hint).not.toBe('');
    },
  );

  it('of what never fits names no time', () => {
    const denial = limitDenial(
      { ...refusal, limit: 'actionsPerMinute', most: 2, againMs: null },
      null,
    );
    expect(denial).not.toHaveProperty('retryAfterSeconds');
    expect(denial.message).toBe('A limit of the policy allows you 2 actions a minute.');
  });
});
