import { describe, expect, it } from 'vitest';
import { maskSet } from '../../../core/policy/mask.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { compilePolicy } from '../../../core/policy/rule.ts';
import { AGENT, problems } from './fixtures.ts';
import { fileWithHttp } from './http-fixtures.ts';

const file = (...masks: readonly string[]) =>
  `${fileWithHttp()}masks:\n${masks.map((mask) => `  - { ${mask} }\n`).join('')}`;

function masksAt(target: string, ...masks: readonly string[]) {
  const parsed = parsePolicy(file(...masks), { development: false });
  if (!parsed.ok) throw new Error(problems(file(...masks)).join('\n'));
  const policy = compilePolicy(parsed.value, 1);
  const known = policy.targets.get(target);
  if (known === undefined) throw new Error('no such target');
  return maskSet(policy, AGENT, known);
}

describe('masks of fields', () => {
  it.each([['$.user.email'], ['$.items[*].card'], ['$..token'], ['$["a b"][0]'], ['$.*']])(
    'take the path %s',
    (path) => {
      expect(problems(file(`id: m, fields: ['${path}'], as: redact`))).toEqual([]);
    },
  );

  it.each([
    ['user.email'],
    ['$'],
    ['$.'],
    ['$.a[?(@.b)]'],
    ['$.a[0:2]'],
    ['$.a[0,1]'],
    ['$.a[-1]'],
    ['$a'],
    ['$.a b'],
    [' $.a'],
    [''],
  ])('refuse the path %s', (path) => {
    expect(problems(file(`id: m, fields: ['${path}'], as: redact`)).join('\n')).toContain(
      'masks.0.fields.0: must be a JSONPath of names',
    );
  });

  it('are compiled for services, once for each path, the strictest of those that meet', () => {
    const set = masksAt(
      'billing',
      'id: a, fields: [$.user.email, $.card], as: partial',
      `id: b, fields: ["$['user']['email']"], as: redact`,
    );
    expect(set?.fields).toEqual([
      { ids: ['a', 'b'], path: '$.user.email', kind: 'redact' },
      { ids: ['a'], path: '$.card', kind: 'partial' },
    ]);
  });

  it('concern no database, and masks of columns no service', () => {
    expect(masksAt('shop', 'id: a, fields: [$.email], as: redact')).toBeNull();
    expect(masksAt('billing', 'id: a, columns: [a.b.c], as: redact')).toBeNull();
    const both = 'id: a, columns: [a.b.c], fields: [$.email], as: redact';
    expect(masksAt('shop', both)?.column('a', 'b', 'c')).toMatchObject({ kind: 'redact' });
    expect(masksAt('billing', both)?.fields).toHaveLength(1);
  });

  it('spare those whom an exception spares', () => {
    const mask = `id: a, fields: [$.email], as: redact, except: 'principal.kind == "workload"'`;
    expect(masksAt('billing', mask)).toBeNull();
  });

  it('stand beside detectors', () => {
    const set = masksAt('billing', 'id: a, detect: [email], as: hash');
    expect(set?.detect).toHaveLength(1);
    expect(set).not.toHaveProperty('fields');
  });

  it.each([
    [
      'id: m, on: [billing], columns: [a.b.c], as: redact',
      'columns: masks nothing: no target of kind postgres',
    ],
    [
      'id: m, on: [shop], fields: [$.a], as: redact',
      'fields: masks nothing: no target of kind http',
    ],
    [
      `id: m, on: 'target.labels.env == "test"', fields: [$.a], columns: [a.b.c], as: redact`,
      'fails for target billing',
    ],
    ['id: m, as: redact', 'masks.0: names neither columns, fields, detect nor model'],
  ])('%s is refused', (mask, problem) => {
    expect(problems(file(mask)).join('\n')).toContain(problem);
  });

  it.each([
    ['$.a', '$.a', true],
    ['$.a', "$['a']", true],
    ['$.a', '$.b', false],
    ['$.a', '$..a', true],
    ['$.x.a', '$..a', true],
    ['$.*', '$.a', true],
    ['$.a[*]', '$.a[0]', true],
    ['$.a[1]', '$.a[0]', false],
    ['$.a', '$.a.b', false],
    ['$..a.b', '$.x..b', true],
    ['$..a', '$..b', false],
  ])('%s (hash) and %s (partial): refused for having no order: %s', (left, right, tie) => {
    const found = problems(
      file(`id: a, fields: ["${left}"], as: hash`, `id: b, fields: ["${right}"], as: partial`),
    );
    expect(found.some((problem) => problem.includes('neither is the stricter'))).toBe(tie);
  });

  it('compares long paths in good time', () => {
    const path = `$${'..a'.repeat(90)}`;
    const found = problems(
      file(`id: a, fields: ["${path}"], as: hash`, `id: b, fields: ["${path}..b"], as: partial`),
    );
    expect(found).toEqual([]);
  });
});
