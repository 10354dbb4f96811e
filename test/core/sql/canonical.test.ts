// What must not matter to an approval, and what must. Uses Postgres' own parser, the one that runs in the Worker.
import { loadModule } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalSql } from '../../../core/sql/canonical.ts';
import { parse } from '../approval/parser.ts';

beforeAll(loadModule);

function form(sql: string): string {
  const canonical = canonicalSql(parse, sql);
  if (!canonical.ok) throw new Error(`does not parse: ${sql}`);
  return canonical.value.form;
}

describe('texts with one meaning have one canonical form', () => {
  it.each([
    ['white space', 'DELETE FROM t WHERE id = 1', '\n\tDELETE  FROM\n t\r\nWHERE id=1  '],
    [
      'comments',
      'DELETE FROM t WHERE id = 1',
      '/* a /* b */ c */ DELETE FROM t -- all\nWHERE id = 1',
    ],
    ['case of keywords', 'DELETE FROM t WHERE id IN (1,2)', 'delete from t where id in (1,2)'],
    ['case of unquoted names', 'SELECT a FROM Orders', 'SELECT A FROM orders'],
    ['needless quotes', 'SELECT "a" FROM "orders"', 'SELECT a FROM orders'],
    ['semicolons', 'SELECT 1', ';;SELECT 1;;'],
    ['the way a string is quoted', "SELECT 'a''b'", "SELECT $x$a'b$x$"],
    ['escapes in a string', "SELECT 'a'", "SELECT E'\\x61'"],
    ['names spelt in Unicode escapes', 'SELECT a', 'SELECT U&"\\0061"'],
    ['needless parentheses', 'SELECT 1 + 2', 'SELECT ((1) + (2))'],
    ['an optional AS', 'SELECT a b FROM t u', 'SELECT a AS b FROM t AS u'],
    ['two spellings of one operator', 'SELECT 1 <> 2', 'SELECT 1 != 2'],
    ['an optional noise word', 'BEGIN', 'BEGIN WORK'],
    [
      'positions inside lists',
      'SELECT a IN (1,2), ARRAY[1]',
      'SELECT a IN ( 1 , 2 ) , ARRAY [ 1 ]',
    ],
  ])('%s', (_what, a, b) => {
    expect(form(b)).toBe(form(a));
  });
});

describe('texts with two meanings have two canonical forms', () => {
  it.each([
    ['a constant', 'DELETE FROM t WHERE id = 1', 'DELETE FROM t WHERE id = 2'],
    ['a string and a number', 'SELECT 1', "SELECT '1'"],
    ['an integer and a decimal', 'SELECT 1', 'SELECT 1.0'],
    ['NULL and an empty string', 'SELECT NULL', "SELECT ''"],
    ["NULL and 'NULL'", 'SELECT NULL', "SELECT 'NULL'"],
    ['an empty string and a space', "SELECT ''", "SELECT ' '"],
    ['zero and false', 'SELECT 0', 'SELECT false'],
    ['false and true', 'SELECT false', 'SELECT true'],
    ['a bit string and a string', "SELECT B'1'", "SELECT '1'"],
    ['quotes that keep a capital', 'SELECT A FROM t', 'SELECT "A" FROM t'],
    ['a string and a name', "SELECT 'a' FROM t", 'SELECT "a" FROM t'],
    ['space inside a string', "SELECT 'a b'", "SELECT 'a  b'"],
    ['a comment inside a string', "SELECT 'a/* b */'", "SELECT 'a'"],
    ['a WHERE that is gone', 'DELETE FROM t WHERE true', 'DELETE FROM t'],
    ['a WHERE behind a comment', 'DELETE FROM t WHERE id = 1', 'DELETE FROM t -- WHERE id = 1'],
    ['the schema', 'DELETE FROM t', 'DELETE FROM public.t'],
    ['ONLY', 'DELETE FROM t', 'DELETE FROM ONLY t'],
    ['precedence', 'SELECT 1 + 2 * 3', 'SELECT (1 + 2) * 3'],
    ['NOT', 'SELECT a IN (1)', 'SELECT a NOT IN (1)'],
    ['the order of a list', 'SELECT a, b', 'SELECT b, a'],
    ['the order of statements', 'SELECT 1; SELECT 2', 'SELECT 2; SELECT 1'],
    ['one statement more', 'SELECT 1', 'SELECT 1; SELECT 1'],
    ['a cast', "SELECT '1'", "SELECT '1'::int"],
    ['the type of a cast', "SELECT '1'::int", "SELECT '1'::bigint"],
    ['a type modifier', "SELECT 'a'::varchar(1)", "SELECT 'a'::varchar(2)"],
    ['a parameter', 'SELECT $1', 'SELECT $2'],
    ['LIMIT', 'SELECT a FROM t LIMIT 1', 'SELECT a FROM t LIMIT 2'],
    ['ASC and DESC', 'SELECT a FROM t ORDER BY a', 'SELECT a FROM t ORDER BY a DESC'],
    [
      'LEFT and RIGHT',
      'SELECT 1 FROM a LEFT JOIN b USING (i)',
      'SELECT 1 FROM a RIGHT JOIN b USING (i)',
    ],
    ['UNION ALL', 'SELECT 1 UNION SELECT 2', 'SELECT 1 UNION ALL SELECT 2'],
    ['CASCADE', 'DROP TABLE t', 'DROP TABLE t CASCADE'],
    ['IF EXISTS', 'DROP TABLE t', 'DROP TABLE IF EXISTS t'],
    ['an isolation level', 'BEGIN ISOLATION LEVEL SERIALIZABLE', 'BEGIN'],
    ['ON CONFLICT', 'INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING'],
    ['RETURNING', 'DELETE FROM t WHERE a=1', 'DELETE FROM t WHERE a=1 RETURNING *'],
    ['the alias an expression means', 'SELECT x.a FROM t x, t y', 'SELECT y.a FROM t x, t y'],
    ['COPY direction', 'COPY t FROM STDIN', 'COPY t TO STDOUT'],
    ['COPY options', 'COPY t TO STDOUT', 'COPY t TO STDOUT (FORMAT csv)'],
    [
      'a tablespace path, though it is called location',
      "CREATE TABLESPACE s LOCATION '/a'",
      "CREATE TABLESPACE s LOCATION '/b'",
    ],
    ['the body of a DO block', 'DO $$begin end$$', 'DO $$begin perform 1; end$$'],
    ['a lookalike letter', 'DELETE FROM orders', 'DELETE FROM о' + 'rders'],
    ['normal forms of one letter', "SELECT 'é'", "SELECT 'e\u0301'"],
    ['an invisible letter', "SELECT 'ab'", "SELECT 'a\u200bb'"],
    ['EXECUTE arguments', 'EXECUTE p(1)', 'EXECUTE p(2)'],
    ['FETCH counts', 'FETCH 1 FROM c', 'FETCH ALL FROM c'],
    ['MOVE and FETCH', 'FETCH 1 FROM c', 'MOVE 1 FROM c'],
  ])('%s', (_what, a, b) => {
    expect(form(b)).not.toBe(form(a));
  });
});

it('says through which names a text runs other texts', () => {
  const canonical = canonicalSql(parse, 'EXPLAIN ANALYZE EXECUTE p(1); FETCH 3 FROM "C"');
  expect(canonical).toMatchObject({
    ok: true,
    value: {
      names: [
        { kind: 'prepared', name: 'p' },
        { kind: 'cursor', name: 'C' },
      ],
      currentOf: false,
    },
  });
});

it('notices WHERE CURRENT OF', () => {
  const canonical = canonicalSql(parse, 'DELETE FROM t WHERE CURRENT OF c');
  expect(canonical).toMatchObject({ ok: true, value: { currentOf: true } });
});

it('is JSON with sorted keys and no positions', () => {
  expect(form('select 1, f(null)')).toBe(
    '[{"SelectStmt":{"limitOption":"LIMIT_OPTION_DEFAULT","op":"SETOP_NONE","targetList":[' +
      '{"ResTarget":{"val":{"A_Const":{"ival":{"ival":1}}}}},' +
      '{"ResTarget":{"val":{"FuncCall":{"args":[{"A_Const":{"isnull":true}}],"funcformat":"COERCE_EXPLICIT_CALL",' +
      '"funcname":[{"String":{"sval":"f"}}]}}}}]}}]',
  );
});

it('reports what does not parse', () => {
  expect(canonicalSql(parse, 'DELETE FORM t').ok).toBe(false);
});

it('takes a deep tree and a wide one', () => {
  // The tree is built here: the parser's own depth is not what is tested.
  let node: unknown = { A_Const: { ival: { ival: 1 } } };
  for (let i = 0; i < 50_000; i++) node = { BoolExpr: { args: [node], location: i } };
  const deep = canonicalSql(
    () => ({ ok: true, statements: [{ node: node as never, location: 0, length: 0 }] }),
    '',
  );
  expect(deep.ok && deep.value.form.length).toBeGreaterThan(1_000_000);
  const wide = `SELECT 1 WHERE 1 IN (${Array.from({ length: 20_000 }, (_, i) => i).join(',')})`;
  expect(form(wide)).toBe(form(wide.replaceAll(',', ' ,\n')));
});
