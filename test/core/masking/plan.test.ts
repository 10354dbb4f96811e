// Plans over lineage written by hand: what the walk finds of a text is core/sql/lineage's to prove.
import { describe, expect, it } from 'vitest';
import type { ColumnMask, DetectorMask, MaskSet } from '../../../core/masking/mask.ts';
import { needsKey, planMasks, type BoundValues } from '../../../core/masking/plan.ts';
import type { CatalogRelation } from '../../../core/sql/catalog.ts';
import type {
  Assignment,
  BaseColumn,
  ColumnUse,
  StatementLineage,
} from '../../../core/sql/lineage/lineage.ts';

function relation(
  oid: number,
  name: string,
  columns: readonly string[],
  parents: readonly number[] = [],
): CatalogRelation {
  return {
    oid,
    schema: 'public',
    name,
    kind: 'r',
    columns: columns.map((column, i) => ({
      name: column,
      attnum: i + 1,
      type: 25,
      generated: false,
      expression: null,
    })),
    definition: null,
    rules: false,
    triggers: [],
    rowSecurity: false,
    parents,
  } as CatalogRelation;
}

const customers = relation(100, 'customers', ['id', 'email', 'phone', 'card']);
const partition = relation(101, 'customers_2026', ['id', 'mail'], [100]);
const orders = relation(200, 'orders', ['id', 'note']);

const column = (of: CatalogRelation, name: string): BaseColumn => {
  const found = of.columns.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no column ${name}`);
  return { relation: of, column: found };
};

const overview: CatalogRelation = { ...relation(300, 'overview', ['id', 'total']), kind: 'v' };

const email = column(customers, 'email');
const phone = column(customers, 'phone');
const card = column(customers, 'card');
const mail = column(partition, 'mail');
const note = column(orders, 'note');

const MASKS: Readonly<Record<string, ColumnMask>> = {
  'public.customers.email': { ids: ['mails', 'all'], kind: 'partial', predicates: 'equality' },
  'public.customers.phone': { ids: ['phones'], kind: 'hash', predicates: 'deny' },
  'public.customers.card': { ids: ['cards'], kind: 'redact', predicates: 'allow' },
};

function masksWith(over: Partial<MaskSet> = {}): MaskSet {
  return {
    column: (schema, table, name) => MASKS[`${schema}.${table}.${name}`] ?? null,
    detect: [],
    safeFunctions: new Set(['public.vat']),
    ...over,
  };
}

const DETECT: readonly DetectorMask[] = [{ ids: ['d'], detector: 'email', kind: 'redact' }];
const detecting = masksWith({ detect: DETECT, column: () => null, detectOnly: true });

function statement(over: Partial<StatementLineage> = {}): StatementLineage {
  return {
    outputs: null,
    uses: [],
    assignments: [],
    touches: new Set(),
    redefines: new Set(),
    unproven: [],
    untrusted: [],
    copyOut: null,
    copyIn: null,
    ...over,
  };
}

const output = (name: string, direct: boolean, ...columns: readonly BaseColumn[]) => ({
  name,
  direct,
  columns: new Set(columns),
});

const use = (
  how: ColumnUse['how'],
  by: string,
  clause: string,
  ...columns: readonly BaseColumn[]
): ColumnUse => ({ how, by, clause, columns: new Set(columns) });

const assign = (over: Partial<Assignment>): Assignment => ({
  into: new Set([note]),
  from: { columns: new Set(), direct: false },
  constant: null,
  parameter: null,
  ...over,
});

const plan = (
  lineage: readonly StatementLineage[] | null,
  masks = masksWith(),
  values: BoundValues = null,
) => planMasks(lineage, masks, () => values);

/** `code: message | hint` of what is refused; `ok` otherwise. */
function verdict(...args: Parameters<typeof plan>): string {
  const made = plan(...args);
  if (made.ok) return 'ok';
  const { code, message, hint, rule } = made.denial;
  expect(rule).toBeNull();
  return `${code}: ${message} | ${hint}`;
}

describe('columns of a result', () => {
  it.each([
    ['a masked column as it is', output('email', true, email), 'mask', 'partial'],
    ['its alias', output('x', true, email), 'mask', 'partial'],
    ['what is made from it', output('x', false, email), 'redact', null],
    ['what is made from it and others', output('x', false, note, email), 'redact', null],
    ['a relative of it', output('mail', true, mail, email), 'mask', 'partial'],
    ['two of them without an order', output('x', true, email, phone), 'mask', 'redact'],
    ['an unmasked column', output('note', true, note), 'pass', null],
    ['a constant', output('?column?', false), 'pass', null],
  ])('%s', (_name, column, treatment, kind) => {
    const made = plan([statement({ outputs: [column] })]);
    const origins = new Set(
      [...column.columns].map((base) => `${base.relation.oid}.${base.column.attnum}`),
    );
    const typed = treatment === 'mask' && { typeOid: 25 };
    expect(made.ok && made.masking.results).toEqual([
      { columns: [{ treatment, kind, name: column.name, origins, ...typed }], copyOut: null },
    ]);
  });

  it('are scanned where there are detectors, masked ones excepted', () => {
    const lineage = [
      statement({ outputs: [output('note', true, note), output('e', true, email)] }),
    ];
    const made = plan(lineage, masksWith({ detect: DETECT }));
    expect(made.ok && made.masking.detect).toEqual(DETECT);
    expect(made.ok && made.masking.results[0]?.columns?.map(({ treatment }) => treatment)).toEqual([
      'scan',
      'mask',
    ]);
  });

  it('are planned for each statement of a text, COPY and those without rows too', () => {
    const copyOut = {
      format: 'csv',
      delimiter: ',',
      null: '',
      quote: '"',
      escape: '"',
      header: false,
    } as const;
    const lineage = [statement(), statement({ outputs: [output('e', true, email)], copyOut })];
    const made = plan(lineage);
    expect(made.ok && made.masking.results).toMatchObject([
      { columns: null, copyOut: null },
      { columns: [{ treatment: 'mask' }], copyOut },
    ]);
  });
});

describe('texts of errors', () => {
  it.each([
    ['are kept for a session statement', statement(), false],
    ['are kept for other tables', statement({ touches: new Set([orders]) }), false],
    ['are replaced for a masked table', statement({ touches: new Set([customers]) }), true],
    ['are replaced where a vouched function runs', statement({ untrusted: ['public.vat'] }), true],
  ])('%s', (_name, of, hushed) => {
    const made = plan([statement(), of]);
    expect(made.ok && made.masking.hushed).toBe(hushed);
  });
});

describe('what cannot be proven', () => {
  it.each([
    ['a text without lineage', null, 'where the values of this text come from cannot be told'],
    [
      'a source',
      [statement({ unproven: ['the view public.v'] })],
      'what the view public.v would show',
    ],
    [
      'a function nobody vouches for',
      [statement({ untrusted: ['public.vat', 'public.spy'] })],
      'what the function public.spy would show',
    ],
    [
      'the second statement of a text',
      [statement(), statement({ unproven: ['DO'] })],
      'what DO would show',
    ],
  ])('%s is refused', (_name, lineage, message) => {
    expect(verdict(lineage)).toContain('mask_unproven: Columns of this target are masked');
    expect(verdict(lineage)).toContain(message);
  });

  it('a session statement and a vouched function are not', () => {
    expect(verdict([statement()])).toBe('ok');
    expect(verdict([statement({ untrusted: ['public.vat'] })])).toBe('ok');
    expect(verdict([])).toBe('ok');
  });

  it('is scanned, with hushed errors, where no mask names a column', () => {
    const lineage = [statement({ outputs: [output('f', false)], unproven: ['the function f'] })];
    const made = plan(lineage, detecting);
    expect(made).toMatchObject({
      ok: true,
      masking: { hushed: true, results: [{ columns: [{ treatment: 'scan' }] }] },
    });
    expect(verdict(null, detecting)).toContain('mask_unproven');
  });
});

describe('conditions, groupings and orderings', () => {
  const LIKE = use('other', 'LIKE', 'WHERE', email);
  it.each([
    ['equality mode: equality', use('equality', '=', 'WHERE', email), 'ok'],
    [
      'equality mode: LIKE',
      LIKE,
      'mask_predicate: public.customers.email is masked (mask mails, all) and cannot be used by LIKE in WHERE. | Compare public.customers.email as a whole: = or IN with constants or parameters, IS NULL, GROUP BY, or = with another masked column; or ask for an exception from the mask.',
    ],
    [
      'deny mode: even equality',
      use('equality', '=', 'JOIN', phone),
      'mask_predicate: public.customers.phone is masked (mask phones) and cannot be used by = in JOIN. | No condition, grouping or ordering may use it: select by other columns, or ask for an exception from the mask.',
    ],
    ['allow mode: anything', use('other', 'lower()', 'ORDER BY', card), 'ok'],
    ['an unmasked column: anything', use('other', 'LIKE', 'WHERE', note), 'ok'],
    [
      'a masked column among others',
      use('other', '<', 'HAVING', note, card, email),
      'public.customers.email',
    ],
    ['a relative of a masked column', use('other', '<', 'WHERE', mail, email), 'mask_predicate'],
  ])('%s', (_name, of, expected) => {
    const found = verdict([statement({ uses: [use('equality', '=', 'WHERE', note), of] })]);
    if (expected === 'ok') expect(found).toBe('ok');
    else expect(found).toContain(expected);
  });

  it('refuse a text for its last statement', () => {
    expect(verdict([statement(), statement({ uses: [LIKE] })])).toContain('mask_predicate');
  });
});

describe('writes', () => {
  const from = (direct: boolean, ...columns: readonly BaseColumn[]) => ({
    columns: new Set(columns),
    direct,
  });
  it.each([
    [
      'a masked value into its own column',
      { into: new Set([email]), from: from(true, email) },
      'ok',
    ],
    [
      'into its own column and relatives',
      { into: new Set([email, mail]), from: from(true, mail, email) },
      'ok',
    ],
    [
      'into another column',
      { from: from(true, email) },
      'mask_copied: public.customers.email is masked (mask mails, all), and what is made from it cannot be stored in public.orders.note.',
    ],
    [
      'into another masked column',
      { into: new Set([card]), from: from(true, email) },
      'mask_copied',
    ],
    ['into a new table', { into: null, from: from(true, email) }, 'stored in a new table'],
    [
      'a part of it into its own column, to be looked up there',
      { into: new Set([email]), from: from(false, email) },
      'mask_copied',
    ],
    ['unmasked values', { from: from(false, note) }, 'ok'],
    [
      'unmasked values into a masked column',
      { into: new Set([email]), from: from(true, note) },
      'ok',
    ],
    ['a constant', { into: new Set([email]), constant: 'ann@example.com' }, 'ok'],
    [
      'a placeholder',
      { into: new Set([email]), constant: '[masked]' },
      'mask_placeholder: What would be stored in public.customers.email is what a mask shows',
    ],
    ['a placeholder elsewhere', { into: new Set([note]), constant: '[masked]' }, 'ok'],
    ['a placeholder in a new table', { into: null, constant: '[masked]' }, 'ok'],
  ] as readonly [string, Partial<Assignment>, string][])('%s', (_name, assignment, expected) => {
    const found = verdict([statement({ assignments: [assign({}), assign(assignment)] })]);
    if (expected === 'ok') expect(found).toBe('ok');
    else expect(found).toContain(expected);
  });

  it.each([
    ['a value', ['x', 'ann@example.com'], 'ok'],
    ['NULL', ['x', null], 'ok'],
    ['a placeholder', ['x', '[masked]'], 'mask_placeholder'],
    ['a placeholder for another column', ['[masked]', 'ann@example.com'], 'ok'],
    ['nothing yet', [], 'ok'],
    ['what is not known', null, 'cannot be checked beforehand'],
  ] as readonly [string, BoundValues, string][])('a parameter: %s', (_name, values, expected) => {
    const lineage = [
      statement({
        assignments: [assign({ parameter: 1 }), assign({ into: new Set([email]), parameter: 2 })],
      }),
    ];
    const found = verdict(lineage, masksWith(), values);
    if (expected === 'ok') expect(found).toBe('ok');
    else expect(found).toContain(expected);
  });

  it('asks for values again each time, and only where they matter', () => {
    const masks = masksWith();
    const stored = [statement({ assignments: [assign({ into: new Set([email]), parameter: 1 })] })];
    expect(planMasks(stored, masks, () => ['[masked]']).ok).toBe(false);
    expect(planMasks(stored, masks, () => ['ann@example.com']).ok).toBe(true);
    const never = () => {
      throw new Error('asked for values that nobody needs');
    };
    expect(planMasks([statement()], masks, never).ok).toBe(true);
  });

  it('COPY FROM STDIN, whose data nobody has seen, goes into unmasked columns only', () => {
    expect(verdict([statement({ copyIn: [new Set([note])] })])).toBe('ok');
    expect(verdict([statement({ copyIn: [new Set([note]), new Set([email])] })])).toContain(
      'mask_placeholder: public.customers.email is masked for you',
    );
  });
});

describe('definitions', () => {
  const child = relation(300, 'child', ['id', 'other'], [101]);
  it.each([
    ['of a masked table', [customers], [], 'public.customers has columns that are masked'],
    ['of another table', [orders], [customers], 'ok'],
    ['of a child of a masked table', [partition], [customers], 'mask_redefined'],
    ['of a grandchild', [child], [partition, customers], 'mask_redefined'],
    ['of a child whose parent is not at hand', [partition], [], 'mask_redefined'],
    ['of a view of a masked table', [overview], [customers], 'mask_redefined'],
    ['of a view of other tables', [overview], [orders], 'ok'],
    ['of a child of another table', [relation(301, 'c', [], [200])], [orders], 'ok'],
  ])('%s', (_name, redefines, touches, expected) => {
    const found = verdict([
      statement({ redefines: new Set(redefines), touches: new Set(touches) }),
    ]);
    if (expected === 'ok') expect(found).toBe('ok');
    else expect(found).toContain(expected);
  });

  it('that could have gone a moment ago leave no name to a masked table', () => {
    const shadowing = statement({ shadowed: new Set([orders, customers]) });
    expect(verdict([shadowing])).toContain('public.customers would stand too');
    expect(verdict([statement({ shadowed: new Set([orders]) })])).toBe('ok');
    expect(verdict([shadowing], detecting)).toBe('ok');
  });

  it('are free where no mask names a column', () => {
    expect(verdict([statement({ redefines: new Set([partition]) })], detecting)).toBe('ok');
  });
});

describe('the key', () => {
  it.each([
    ['a hashed column', masksWith(), [output('p', true, phone)], true],
    ['a partial column', masksWith(), [output('e', true, email)], false],
    ['a derivation of a hashed column', masksWith(), [output('p', false, phone)], false],
    ['detectors that redact', detecting, [output('n', true, note)], false],
    [
      'detectors that hash',
      masksWith({ detect: [{ ids: ['d'], detector: 'email', kind: 'fake' }] }),
      [output('n', true, note)],
      true,
    ],
    [
      'detectors that hash, and nothing to scan',
      masksWith({ detect: [{ ids: ['d'], detector: 'email', kind: 'fake' }] }),
      null,
      false,
    ],
  ])('%s', (_name, masks, outputs, needed) => {
    const made = plan([statement({ outputs })], masks);
    expect(made.ok && needsKey(made.masking)).toBe(needed);
  });
});

describe('remembered plans', () => {
  it('are one object for a text and a mask set, and others for others', () => {
    const lineage = [statement({ outputs: [output('e', true, email)] })];
    const masks = masksWith();
    expect(plan(lineage, masks)).toBe(plan(lineage, masks));
    expect(plan(lineage, masksWith({ column: () => null }))).not.toEqual(plan(lineage, masks));
  });

  it('cost less than 1 µs', () => {
    const lineage = [statement({ outputs: [output('e', true, email)] })];
    const masks = masksWith();
    const values = () => null;
    const rounds = 200_000;
    for (let i = 0; i < rounds; i++) planMasks(lineage, masks, values);
    const best = Math.min(
      ...[1, 2, 3].map(() => {
        const start = performance.now();
        for (let i = 0; i < rounds; i++) planMasks(lineage, masks, values);
        return (performance.now() - start) / rounds;
      }),
    );
    console.log(`remembered plan: ${(best * 1e6).toFixed(0)} ns`);
    expect(best).toBeLessThan(0.001);
  });
});
