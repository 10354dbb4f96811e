// Lineage of single texts, and what a session adds to them.
import { describe, expect, it } from 'vitest';
import { createInspect } from '../../../../core/sql/facts.ts';
import type { SqlContext } from '../../../../core/sql/inspection.ts';
import { catalog, CONTEXT, inspect, look, parse } from '../judging.ts';
import { described, readRows } from './described.ts';

const lines = (sql: string, context: Partial<SqlContext> = {}) =>
  look(sql, context).lineage()?.flatMap(described);

const ROWS = readRows();

it('has some hundreds of rows', () => {
  expect(ROWS.length).toBeGreaterThan(300);
});

describe.each([...new Set(ROWS.map(({ group }) => group))])('%s', (group) => {
  it.each(ROWS.filter((row) => row.group === group))('$sql', ({ sql, lines: expected }) => {
    expect(lines(sql)).toEqual(expected);
  });
});

describe('what a session adds', () => {
  const prepared = (...texts: string[]) => ({ prepared: () => texts });

  it.each<[string, string, Partial<SqlContext>, readonly string[]]>([
    [
      'a prepared statement',
      'EXECUTE p',
      prepared('PREPARE p AS SELECT ssn FROM customers'),
      ['out ssn = customers.ssn', 'touches customers'],
    ],
    [
      'one of the extended protocol',
      'EXECUTE p',
      prepared('SELECT ssn FROM customers'),
      ['out ssn = customers.ssn', 'touches customers'],
    ],
    [
      'one of two',
      'EXECUTE p',
      prepared('SELECT ssn FROM customers', 'SELECT email FROM customers'),
      ['out ssn ~ customers.ssn + customers.email', 'touches customers'],
    ],
    [
      'one of two with different columns',
      'EXECUTE p',
      prepared('SELECT ssn FROM customers', 'SELECT 1, 2'),
      ['touches customers', 'unproven a statement that may be one of several'],
    ],
    ['none', 'EXECUTE p', prepared(), ['unproven the prepared statement p']],
    ['itself', 'EXECUTE p', prepared('EXECUTE p'), ['unproven the prepared statement p']],
    [
      'a cursor',
      'FETCH ALL FROM c',
      { cursor: () => ['DECLARE c CURSOR FOR SELECT upper(ssn) FROM customers'] },
      ['out upper ~ customers.ssn', 'touches customers'],
    ],
    [
      'a cursor opened under another path',
      'FETCH c',
      { cursor: () => ['DECLARE c CURSOR FOR TABLE orders'], cursorPaths: () => [['audit']] },
      ['out id = audit.orders.id', 'out was = audit.orders.was', 'touches audit.orders'],
    ],
    [
      'a table made before',
      'SELECT a FROM fresh',
      { uncommitted: [{ text: 'CREATE TABLE fresh (a text)', searchPaths: CONTEXT.searchPaths }] },
      ['out a -', 'unproven the table fresh, which this transaction has made or changed'],
    ],
    [
      'a table changed before',
      'SELECT ssn FROM customers',
      {
        uncommitted: [
          { text: 'ALTER TABLE customers RENAME ssn TO x', searchPaths: CONTEXT.searchPaths },
        ],
      },
      ['out ssn -', 'unproven the table customers, which this transaction has made or changed'],
    ],
    [
      'two search paths that agree',
      'SELECT ssn FROM customers',
      {
        searchPaths: [
          ['pg_catalog', 'public'],
          ['pg_catalog', 'public', 'audit'],
        ],
      },
      ['out ssn = customers.ssn', 'touches customers'],
    ],
    [
      'two search paths that do not',
      'TABLE orders',
      { searchPaths: [['public'], ['audit']] },
      ['touches orders, audit.orders', 'unproven a statement that may be one of several'],
    ],
    [
      'no search path',
      'SELECT 1',
      { searchPaths: [] },
      ['out ?column? -', 'unproven a search path that is not known'],
    ],
  ])('%s', (_what, sql, context, expected) => {
    expect(lines(sql, context)).toEqual(expected);
  });

  it('is what it was when the text was looked at', () => {
    const texts = ['SELECT ssn FROM customers'];
    const path = ['pg_catalog', 'public'];
    const { lineage } = look('SELECT ssn FROM customers', {
      searchPaths: [path],
      prepared: () => texts,
    });
    path.length = 0;
    expect(lineage()?.flatMap(described)).toEqual(['out ssn = customers.ssn', 'touches customers']);
  });
});

describe('what cannot be walked', () => {
  it('is null for what does not parse', () => {
    expect(look('SELECT FROM WHERE').lineage()).toBeNull();
  });

  it.each([
    ['a deep expression', `SELECT ${'('.repeat(2000)}1${')'.repeat(2000)} + ${'-'.repeat(0)}1`],
    [
      'a chain of operators',
      `SELECT ${Array.from({ length: 3000 }, () => 'id').join(' + ')} FROM customers`,
    ],
    [
      'subqueries in subqueries',
      `${'SELECT * FROM ('.repeat(1300)}SELECT 1${Array.from({ length: 1300 }, (_, i) => `) s${i}`).join('')}`,
    ],
  ])('is unproven for %s, or walked', (_what, sql) => {
    const found = look(sql).lineage();
    if (found === null) return;
    const [only] = found;
    const walked = only?.unproven.length === 0 && only.outputs?.length === 1;
    expect(walked || only?.unproven).toSatisfy(
      (answer) => answer === true || (Array.isArray(answer) && answer.length > 0),
    );
  });

  it('ends with recursion in recursion', () => {
    let query = 'SELECT 1 AS n';
    for (let level = 0; level < 24; level++) {
      query = `WITH RECURSIVE t AS (${query}) SELECT n FROM t`;
    }
    const started = process.cpuUsage();
    expect(look(query).lineage()).toHaveLength(1);
    expect(process.cpuUsage(started).user).toBeLessThan(10_000_000);
  });

  it('walks a long union without a deep stack', () => {
    const sql = Array.from({ length: 3000 }, () => 'SELECT ssn FROM customers').join(' UNION ALL ');
    expect(lines(sql)).toEqual(['out ssn = customers.ssn', 'touches customers']);
  });

  it('refuses a view that cannot be read', () => {
    const broken = {
      ...catalog,
      relation: (schema: string, name: string) => {
        const found = catalog.relation(schema, name);
        return name === 'rich' && found !== undefined ? { ...found, definition: 'SELECT' } : found;
      },
    };
    const found = createInspect({ parse, catalog: () => broken })('TABLE rich', CONTEXT).lineage();
    expect(found?.[0]?.unproven).toEqual(['the view public.rich']);
  });
});

it('is computed once and remembered with the inspection', () => {
  const sql = 'SELECT ssn FROM customers -- remembered';
  const { lineage } = inspect(sql, CONTEXT);
  expect(lineage()).toBe(lineage());
  expect(inspect(sql, CONTEXT).lineage()).toBe(lineage());
});
