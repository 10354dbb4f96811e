// Random expressions: a column in the position of a value is never lost, and never said to be as stored once anything was
// done to it.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { look } from '../judging.ts';

const COLUMNS = ['id', 'name', 'email', 'ssn', 'country'] as const;

interface Made {
  readonly sql: string;
  readonly columns: readonly string[];
}

const leaf: fc.Arbitrary<Made> = fc.oneof(
  fc.constantFrom(...COLUMNS).map((name) => ({ sql: `c.${name}::text`, columns: [name] })),
  fc.constantFrom("'x'", '$1', 'NULL', 'now()::text').map((sql) => ({ sql, columns: [] })),
);

/** `_` stands for an operand. */
const SHAPES = [
  '_ || _',
  'upper(_)',
  'coalesce(_, _)',
  'nullif(_, _)',
  'greatest(_, _)',
  'CASE WHEN _ = _ THEN _ ELSE _ END',
  'CASE _ WHEN _ THEN _ END',
  '(ARRAY[_, _])[1]',
  '(ROW(_, _)).f1 || (ROW(_)).f1',
  '(SELECT _)',
  '(SELECT x || _ FROM (SELECT _ AS x) s)',
  '(SELECT string_agg(x, _) FROM (VALUES (_), (_)) v(x))',
  '(WITH w AS (SELECT _ AS x) SELECT x || _ FROM w)',
  '(SELECT _ UNION ALL SELECT _ LIMIT 1)',
  '(SELECT max(_) FROM orders)',
  'array_to_string(ARRAY(SELECT _), _)',
  '(_ LIKE _)::text',
  '(_ = _ AND _ IS NULL)::text',
  '(_ IN (_, _))::text',
  'JSON_OBJECT(_: _)::text',
  'json_build_array(_, _)::text',
  'xmlforest(_ AS a)::text',
  'concat(_, _)',
  '(SELECT y FROM LATERAL (SELECT _ AS y) l)',
  'substr(_, length(_))',
  '(json_build_array(_) ->> 0)',
];

const { expression } = fc.letrec<{ expression: Made }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.constantFrom(...SHAPES).chain((shape) => {
      const parts = shape.split(/\b_\b/);
      return fc
        .array(tie('expression'), { minLength: parts.length - 1, maxLength: parts.length - 1 })
        .map((operands) => ({
          sql: `(${parts.map((part, at) => part + (operands[at]?.sql ?? '')).join('')})`,
          columns: operands.flatMap((operand) => operand.columns),
        }));
    }),
  ),
}));

it('never loses a column in a value position', () => {
  fc.assert(
    fc.property(expression, ({ sql, columns }) => {
      // (ROW(a, b)).f1 and greatest parts that are not picked are dropped on purpose.
      const wanted = sql.includes('.f1') ? [] : columns;
      const statement = look(`SELECT ${sql} AS v FROM customers c`).lineage()?.[0];
      const output = statement?.outputs?.[0];
      const found = [...(output?.columns ?? [])].map(({ column }) => column.name);
      expect(found, sql).toEqual(expect.arrayContaining([...wanted]));
      expect(statement?.unproven, sql).toEqual([]);
    }),
    { numRuns: 1_500 },
  );
});
