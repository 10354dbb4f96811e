import { describe, expect, it } from 'vitest';
import { DETECTOR_IDS } from '../../../core/masking/detect/detector.ts';
import type { Principal } from '../../../core/identity.ts';
import { policyChanges } from '../../../core/policy/difference.ts';
import { maskSet } from '../../../core/policy/mask.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { compilePolicy } from '../../../core/policy/rule.ts';
import { AGENT, fileWith, problems } from './fixtures.ts';

function parsed(masks: readonly string[]) {
  const file = `${fileWith([])}masks:\n${masks.map((mask) => `  - { ${mask} }\n`).join('')}`;
  const policy = parsePolicy(file, { development: false });
  if (!policy.ok) throw new Error(problems(file).join('\n'));
  return policy.value;
}

function maskSetOf(masks: readonly string[], principal: Principal = AGENT, targetId = 'shop') {
  const policy = compilePolicy(parsed(masks), 1);
  const target = policy.targets.get(targetId);
  if (target === undefined) throw new Error('no such target');
  return maskSet(policy, principal, target);
}

const EMAIL = 'columns: [public.customers.email]';
const bob: Principal = { ...AGENT, groups: ['fraud'] };

describe('whom a mask concerns', () => {
  it.each([
    ['everybody, by default', '', true],
    ['whom who holds for', `who: '"agents" in principal.groups',`, true],
    ['nobody whom who does not hold for', `who: '"staff" in principal.groups',`, false],
    ['whom who fails for', "who: 'principal.claims.nothing == 1',", true],
    ['nobody whom except holds for', `except: '"agents" in principal.groups',`, false],
    ['whom except does not hold for', `except: '"fraud" in principal.groups',`, true],
    ['whom except fails for', "except: 'principal.claims.nothing == 1',", true],
    ['whom except is no boolean for', "except: 'principal.claims.repository',", true],
    ['nobody on another target', 'on: [lab],', false],
    ['who is on its target', `on: 'target.labels.env == "prod"',`, true],
  ])('%s', (_name, more, concerned) => {
    const set = maskSetOf([`id: m, ${more} ${EMAIL}, as: redact`]);
    expect(set !== null).toBe(concerned);
    expect(set?.column('public', 'customers', 'email') ?? null).toEqual(
      concerned ? { ids: ['m'], kind: 'redact', predicates: 'equality' } : null,
    );
  });
});

describe('which columns', () => {
  const set = maskSetOf([
    `id: a, columns: ["*.*.ssn", '"odd.schema"."*".x', public.Users.Email], as: partial`,
  ]);
  it.each([
    ['public', 'people', 'ssn', true],
    ['pg_temp', 'people', 'ssn', true],
    ['public', 'people', 'SSN', false],
    ['public', 'people', 'ssn2', false],
    ['odd.schema', '*', 'x', true],
    ['odd.schema', 'y', 'x', false],
    ['odd', 'schema.*', 'x', false],
    ['public', 'Users', 'Email', true],
    ['public', 'users', 'email', false],
  ])('%s . %s . %s: %s', (schema, relation, column, masked) => {
    expect(set?.column(schema, relation, column) !== null).toBe(masked);
  });
});

describe('where masks meet', () => {
  it('the strictest kind and the strictest predicates win, whichever mask has them', () => {
    const set = maskSetOf([
      'id: a, columns: ["*.*.email"], as: partial, predicates: deny',
      `id: b, ${EMAIL}, as: redact, predicates: allow`,
      `id: c, ${EMAIL}, as: 'null', except: '"agents" in principal.groups'`,
    ]);
    expect(set?.column('public', 'customers', 'email')).toEqual({
      ids: ['a', 'b'],
      kind: 'redact',
      predicates: 'deny',
    });
  });

  it('the same of detectors, groups spelt out in the order of the list', () => {
    const set = maskSetOf(['id: a, detect: [all], as: fake', 'id: b, detect: [email], as: redact']);
    expect(set?.detect.map(({ detector }) => detector)).toEqual(DETECTOR_IDS);
    expect(set?.detect.find(({ detector }) => detector === 'email')).toEqual({
      ids: ['a', 'b'],
      detector: 'email',
      kind: 'redact',
    });
    expect(set?.detectOnly).toBe(true);
  });

  it('what a mask vouches for is said of the target, whomever the mask concerns', () => {
    const masks = [
      `id: a, ${EMAIL}, as: redact, functions: [public.vat]`,
      `id: b, columns: [public.payments.card], as: redact, functions: [public.luhn], except: '"fraud" in principal.groups'`,
      `id: c, on: [lab], ${EMAIL}, as: redact, functions: [public.other]`,
    ];
    expect(maskSetOf(masks, bob)?.safeFunctions).toEqual(new Set(['public.vat', 'public.luhn']));
  });
});

it('a change of a mask shows in the plan', () => {
  const before = parsed([`id: a, ${EMAIL}, as: redact`]);
  const after = parsed([`id: a, ${EMAIL}, as: hash`, 'id: b, detect: [email], as: redact']);
  expect(policyChanges(before, after)).toMatchObject([
    {
      section: 'mask',
      id: 'a',
      kind: 'changed',
      fields: [{ field: 'as', before: '"redact"', after: '"hash"' }],
    },
    { section: 'mask', id: 'b', kind: 'added' },
  ]);
});
