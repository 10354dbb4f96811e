// What must hold for every text: no exception, comments and white space change nothing, and nothing that is added to a
// text makes it look more harmless.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SQL_EFFECTS } from '../../../core/facts.ts';
import { createInspect } from '../../../core/sql/facts.ts';
import type { Inspection } from '../../../core/sql/inspection.ts';
import { MAX_SQL_BYTES, MAX_SQL_TOKENS } from '../../../core/limits.ts';
import { catalog, CONTEXT, inspect, look, parse } from './judging.ts';

const WORDS = [
  'SELECT',
  'FROM',
  'WHERE',
  'DELETE',
  'UPDATE',
  'INSERT',
  'INTO',
  'SET',
  'VALUES',
  'WITH',
  'AS',
  'JOIN',
  'ON',
  'USING',
  'LATERAL',
  'RECURSIVE',
  'RETURNING',
  'UNION',
  'ALL',
  'GROUP BY',
  'ORDER BY',
  'LIMIT',
  'FOR UPDATE',
  'EXPLAIN',
  'ANALYZE',
  'COPY',
  'TO',
  'STDOUT',
  'PREPARE',
  'EXECUTE',
  'DECLARE',
  'CURSOR',
  'FETCH',
  'CREATE',
  'TABLE',
  'TEMP',
  'VIEW',
  'DROP',
  'ALTER',
  'BEGIN',
  'COMMIT',
  'ROLLBACK',
  'customers',
  'orders',
  'c',
  'o',
  'id',
  'ssn',
  'name',
  'public',
  'audit',
  'lower',
  'count',
  'purge_customer',
  'set_config',
  '(',
  ')',
  '(',
  ')',
  ',',
  ',',
  '.',
  '*',
  '*',
  '=',
  '=',
  ';',
  '1',
  "'x'",
  '$1',
  '"',
  "'",
  '$$',
  '--',
  '/*',
  '*/',
  "E'\\'",
  'é',
  '::',
  'text',
  'CASE',
  'WHEN',
  'THEN',
  'END',
  'AND',
  'NOT',
  'NULL',
];

/** Statements that parse, to be taken apart and put together. */
const STATEMENTS = [
  'SELECT id, ssn FROM customers WHERE country = $1 ORDER BY name LIMIT 5',
  'WITH gone AS (DELETE FROM orders RETURNING id) SELECT count(*) FROM gone',
  "UPDATE customers SET name = lower('X') WHERE id IN (SELECT customer_id FROM orders)",
  'INSERT INTO orders (id, total) SELECT id, price FROM products ON CONFLICT DO NOTHING',
  'MERGE INTO orders o USING customers c ON c.id = o.customer_id WHEN MATCHED THEN DELETE',
  'SELECT * FROM payment_summary JOIN active_customers a ON a.id = customer_id',
  'SELECT purge_customer(id) FROM customers FOR UPDATE',
  'COPY (SELECT card_number FROM payments) TO STDOUT',
  'EXPLAIN ANALYZE DELETE FROM audit.log',
  'CREATE TEMP TABLE t AS SELECT * FROM customers',
  'SET search_path = audit',
  'DROP TABLE orders',
];

const statement = fc.constantFrom(...STATEMENTS);
const rank = (inspection: Inspection) => SQL_EFFECTS.indexOf(inspection.facts.effect);

describe('any text', () => {
  it('is judged without an exception', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(fc.constantFrom(...WORDS), { maxLength: 40 }).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(text, (sql) => {
        const { facts, refusal } = look(sql);
        // What the parser refuses is never harmless.
        if (refusal?.code === 'sql_unparsable') expect(facts.effect).toBe('opaque');
        // That sentence is for mistakes of ours, and crashes of the parser.
        expect(refusal?.message).not.toBe('The statement could not be analysed.');
        expect(facts.statements.length).toBeGreaterThan(0);
      }),
      { numRuns: 1_500 },
    );
  }, 30_000);

  it('survives being cut anywhere', () => {
    for (const sql of STATEMENTS) {
      for (let end = 0; end <= sql.length; end++) look(sql.slice(0, end));
    }
  });
});

describe('a text that parses', () => {
  const noise = fc.constantFrom(
    ' ',
    '\n',
    '\t',
    ' /* x */ ',
    ' -- DELETE FROM orders\n',
    '/* /* ; */ */',
  );

  it('means the same with other white space and comments', () => {
    fc.assert(
      fc.property(statement, fc.infiniteStream(noise), (sql, noises) => {
        const spaced = sql.replaceAll(' ', () => {
          const [next = ' '] = noises.take(1);
          return next;
        });
        expect(look(spaced).facts).toEqual(look(sql).facts);
      }),
      { numRuns: 400 },
    );
  });

  it('is never more harmless together with another one', () => {
    fc.assert(
      fc.property(statement, statement, (first, second) => {
        const both = look(`${first}; ${second}`);
        expect(rank(both)).toBeGreaterThanOrEqual(rank(look(first)));
        for (const table of look(first).facts.tables) expect(both.facts.tables).toContain(table);
      }),
    );
  });

  it('is never more harmless when it is explained, prepared, declared or wrapped', () => {
    for (const sql of STATEMENTS) {
      const alone = look(sql);
      for (const prefix of ['EXPLAIN ANALYZE ', 'PREPARE p AS ', 'DECLARE c CURSOR FOR ']) {
        const wrapped = look(prefix + sql);
        if (wrapped.refusal !== null) continue;
        expect(rank(wrapped), prefix + sql).toBeGreaterThanOrEqual(rank(alone));
        expect(wrapped.facts.tables).toEqual(alone.facts.tables);
      }
    }
  });

  it('has the same facts from a cold and from a warm cache', () => {
    const fresh = createInspect({ parse, catalog: () => catalog });
    for (const sql of STATEMENTS) {
      // Lineage is computed when it is asked for: a function of each inspection's own.
      const { lineage: _, ...cold } = fresh(sql, CONTEXT);
      expect(inspect(sql, CONTEXT)).toMatchObject(cold);
      expect(inspect(sql, CONTEXT)).toBe(inspect(sql, CONTEXT));
    }
  });

  it('is looked at again after the parser was away', () => {
    let away = true;
    const failing = createInspect({
      parse: (sql) => (away ? { ok: false, failure: { kind: 'unclassifiable' } } : parse(sql)),
      catalog: () => catalog,
    });
    expect(failing('SELECT 1', CONTEXT).refusal?.code).toBe('sql_unparsable');
    away = false;
    expect(failing('SELECT 1', CONTEXT).facts.effect).toBe('read');
  });

  it('is refused when our own code fails on it', () => {
    const failing = createInspect({
      parse,
      catalog: () => ({
        ...catalog,
        relation: () => {
          throw new TypeError('a mistake of ours');
        },
      }),
    });
    const { facts, refusal } = failing('SELECT * FROM orders', CONTEXT);
    expect([facts.effect, refusal?.code]).toEqual(['opaque', 'sql_unparsable']);
  });

  it('is looked at again when catalog, path or access differ', () => {
    let version = 'one';
    const changing = createInspect({ parse, catalog: () => ({ ...catalog, version }) });
    const first = changing('SELECT id FROM orders', CONTEXT);
    expect(changing('SELECT id FROM orders', CONTEXT)).toBe(first);
    version = 'two';
    expect(changing('SELECT id FROM orders', CONTEXT)).not.toBe(first);
    const audit = { ...CONTEXT, searchPaths: [['pg_catalog', 'audit']] };
    expect(changing('SELECT id FROM orders', audit).facts.reads).toEqual(['audit.orders']);
    expect(changing('DROP TABLE orders', CONTEXT).refusal).toBeNull();
    expect(changing('DROP TABLE orders', { ...CONTEXT, readOnly: true }).refusal).not.toBeNull();
  });
});

describe('a text without end', () => {
  it.each([
    ['bytes', `SELECT '${'x'.repeat(MAX_SQL_BYTES)}'`],
    ['bytes of characters', `SELECT '${'é'.repeat(MAX_SQL_BYTES / 2)}'`],
    ['tokens', `SELECT ${'1,'.repeat(MAX_SQL_TOKENS)}1`],
    ['words', 'a '.repeat(MAX_SQL_TOKENS + 1)],
  ])('of too many %s is refused', (_, sql) => {
    expect(look(sql).refusal?.code).toBe('sql_too_large');
  });

  it.each([
    ['a megabyte in one literal', `SELECT '${'x,1 '.repeat(250_000)}'`],
    ['a megabyte in an escaped literal', `SELECT E'${"x\\', ".repeat(150_000)}'`],
    ['a megabyte between dollars', `SELECT $a$${'x,1 '.repeat(250_000)}$a$`],
    ['twenty thousand numbers', `SELECT 1 WHERE 1 IN (${'1,'.repeat(20_000)}1)`],
    ['a thousand unions', `SELECT 1${' UNION ALL SELECT 1'.repeat(1_000)}`],
    ['a thousand conditions', `SELECT 1 WHERE 1 = 1${' AND 2 = 2'.repeat(1_000)}`],
    ['three hundred concatenations', `SELECT ''${" || 'x'".repeat(300)}`],
  ])('may hold %s', (_, sql) => {
    expect(look(sql).facts.effect).toBe('read');
  });

  it.each([
    ['parentheses', `SELECT ${'('.repeat(10_000)}1${')'.repeat(10_000)}`],
    ['operators', `SELECT 1${'+1'.repeat(4_000)}`],
    ['subqueries', `${'SELECT * FROM ('.repeat(1_500)}SELECT 1${') x'.repeat(1_500)}`],
    ['function calls', `SELECT ${'lower('.repeat(2_000)}'x'${')'.repeat(2_000)}`],
    ['joins', `SELECT 1 FROM ${'('.repeat(1_400)}orders${' CROSS JOIN orders)'.repeat(1_400)}`],
    ['casts', `SELECT 1${'::int'.repeat(3_000)}`],
  ])('of deep %s is judged or refused', (_, sql) => {
    const { facts, refusal } = look(sql);
    if (refusal === null) expect(facts.effect).toBe('read');
    else expect(refusal.code).toBe('sql_unparsable');
    // And the parser lives on.
    expect(look('SELECT 1 /* still here */').facts.effect).toBe('read');
  });
});
