// Texts whose meaning depends on the session: prepared statements, cursors, search paths, and what earlier statements of
// the same text or transaction did to names.
import { describe, expect, it } from 'vitest';
import type { SqlContext } from '../../../core/sql/inspection.ts';
import { createInspect } from '../../../core/sql/facts.ts';
import { catalog, check, CONTEXT, inspect, look, parse, type Expected } from './judging.ts';
import type { SqlEffect } from '../../../core/facts.ts';

type KnownRow = [
  sql: string,
  texts: Readonly<Record<string, readonly string[]>>,
  effect: SqlEffect,
  expected?: Expected,
];

const known = (texts: Readonly<Record<string, readonly string[]>>): Partial<SqlContext> => ({
  prepared: (name) => texts[name] ?? [],
  cursor: (name) => texts[name] ?? [],
});

describe('prepared statements', () => {
  const rows: readonly KnownRow[] = [
    [
      'EXECUTE p(1)',
      { p: ['SELECT * FROM orders'] },
      'read',
      { reads: 'orders', verbs: 'EXECUTE, SELECT', changes: '' },
    ],
    [
      'EXECUTE p',
      { p: ['DELETE FROM orders'] },
      'write',
      { writes: 'orders', whereless: true, verbs: 'DELETE, EXECUTE' },
    ],
    [
      'EXECUTE p',
      { p: ['PREPARE p AS DELETE FROM orders'] },
      'write',
      { writes: 'orders', whereless: true, changes: '' },
    ],
    [
      'EXECUTE p',
      { p: ['SELECT 1', 'DELETE FROM orders'] },
      'write',
      { writes: 'orders', whereless: true },
    ],
    ['EXECUTE p(purge_customer(1))', { p: ['SELECT $1'] }, 'opaque', { opaque: 'user_function' }],
    ['EXECUTE p', { p: ['SET search_path = audit'] }, 'session', { changes: 'state' }],
    ['EXECUTE p', { p: ['SET row_security = off'] }, 'admin', { refusal: 'guarded_setting' }],
    ['EXECUTE p', { p: ['PREPARE q AS SELECT 1'] }, 'read', { changes: 'prepare' }],
    ['EXECUTE p', { p: ['not sql'] }, 'opaque', { opaque: 'unknown_prepared' }],
    ['EXECUTE p', { p: ['EXECUTE p'] }, 'opaque', { opaque: 'unknown_prepared' }],
    ['EXECUTE p', { p: ['FETCH q'], q: ['EXECUTE p'] }, 'opaque', { opaque: 'unknown_prepared' }],
    [
      'EXPLAIN EXECUTE p',
      { p: ['DELETE FROM orders'] },
      'read',
      { reads: 'orders', verbs: 'EXPLAIN' },
    ],
    [
      'EXPLAIN ANALYZE EXECUTE p',
      { p: ['DELETE FROM orders'] },
      'write',
      { writes: 'orders', whereless: true },
    ],
    [
      'CREATE TABLE t AS EXECUTE p',
      { p: ['SELECT ssn FROM customers'] },
      'schema',
      { reads: 'customers', writes: 't' },
    ],
    [
      'PREPARE p AS DELETE FROM orders',
      {},
      'write',
      { writes: 'orders', whereless: true, changes: 'prepare' },
    ],
    [
      'PREPARE p (iban) AS SELECT 1',
      {},
      'opaque',
      { opaque: 'user_type', changes: 'prepare catalog state' },
    ],
    // In one text, in order.
    [
      'PREPARE p AS DELETE FROM orders; EXECUTE p',
      {},
      'write',
      { writes: 'orders', whereless: true },
    ],
    ['PREPARE p AS SELECT 1; EXECUTE p', { p: ['DELETE FROM orders'] }, 'read'],
    ['DEALLOCATE p; EXECUTE p', { p: ['SELECT 1'] }, 'opaque', { opaque: 'unknown_prepared' }],
    ['DEALLOCATE ALL; EXECUTE p', { p: ['SELECT 1'] }, 'opaque', { opaque: 'unknown_prepared' }],
    ['DISCARD ALL; EXECUTE p', { p: ['SELECT 1'] }, 'opaque', { opaque: 'unknown_prepared' }],
    ['DEALLOCATE p; PREPARE p AS SELECT 1; EXECUTE p', { p: ['DELETE FROM orders'] }, 'read'],
  ];
  it.each(rows)('%s with %o', (sql, texts, effect, expected) => {
    check(look(sql, known(texts)), effect, expected);
  });

  it('registers the text of the statement alone', () => {
    const { changes } = look("SELECT 'é'; PREPARE p AS SELECT 'ü'; SELECT 2");
    expect(changes).toEqual([{ kind: 'prepare', name: 'p', text: "PREPARE p AS SELECT 'ü'" }]);
  });
});

describe('cursors', () => {
  const rows: readonly KnownRow[] = [
    [
      'DECLARE c CURSOR FOR SELECT ssn FROM customers',
      {},
      'read',
      { reads: 'customers', columns: 'customers.ssn', changes: 'declare' },
    ],
    [
      'DECLARE c CURSOR WITH HOLD FOR SELECT purge_customer(1)',
      {},
      'opaque',
      { opaque: 'user_function' },
    ],
    [
      'FETCH ALL FROM c',
      { c: ['DECLARE c CURSOR FOR SELECT ssn FROM customers'] },
      'read',
      { reads: 'customers', columns: 'customers.ssn', changes: '', verbs: 'FETCH, SELECT' },
    ],
    // A portal of the extended protocol does its work when it is fetched from.
    [
      'FETCH c',
      { c: ['DELETE FROM orders RETURNING *'] },
      'write',
      { reads: 'orders', writes: 'orders', whereless: true },
    ],
    [
      'MOVE ALL IN c',
      { c: ['DELETE FROM orders RETURNING *'] },
      'write',
      { reads: 'orders', writes: 'orders', whereless: true },
    ],
    [
      'FETCH c',
      { c: ['EXECUTE p'], p: ['DELETE FROM orders'] },
      'write',
      { writes: 'orders', whereless: true },
    ],
    [
      'FETCH c',
      { c: ['SELECT 1', 'DELETE FROM orders'] },
      'write',
      { writes: 'orders', whereless: true },
    ],
    ['FETCH c', { c: ['FETCH c'] }, 'opaque', { opaque: 'unknown_cursor' }],
    ['DECLARE c CURSOR FOR SELECT 1; FETCH c', {}, 'read', { changes: 'declare' }],
    ['CLOSE c; FETCH c', { c: ['SELECT 1'] }, 'opaque', { opaque: 'unknown_cursor' }],
    ['CLOSE ALL; FETCH c', { c: ['SELECT 1'] }, 'opaque', { opaque: 'unknown_cursor' }],
    ['CLOSE c', {}, 'session', { changes: 'close' }],
  ];
  it.each(rows)('%s with %o', (sql, texts, effect, expected) => {
    check(look(sql, known(texts)), effect, expected);
  });

  it('keeps the search path it was opened under', () => {
    const context: SqlContext = {
      ...CONTEXT,
      ...known({ c: ['DECLARE c CURSOR FOR SELECT id FROM orders'] }),
      searchPaths: [['pg_catalog', 'audit']],
      cursorPaths: () => [['pg_catalog', 'public']],
    };
    expect(inspect('FETCH c', context).facts.reads).toEqual(['public.orders']);
    expect(inspect('SELECT id FROM orders', context).facts.reads).toEqual(['audit.orders']);
  });
});

describe('search paths', () => {
  const under = (...searchPaths: readonly (readonly string[])[]) => ({ searchPaths });

  it.each<[string, readonly (readonly string[])[], SqlEffect, Expected?]>([
    [
      'SELECT id FROM orders',
      [['pg_catalog', 'audit', 'public']],
      'read',
      { reads: 'audit.orders' },
    ],
    [
      'SELECT id FROM public.orders',
      [['pg_catalog', 'audit', 'public']],
      'read',
      { reads: 'orders' },
    ],
    [
      'SELECT id FROM customers',
      [['pg_catalog', 'audit', 'public']],
      'read',
      { reads: 'customers' },
    ],
    // A function or operator in an earlier schema, or in any when types decide.
    [
      "SELECT lower('x')",
      [['audit', 'pg_catalog']],
      'opaque',
      { opaque: 'user_function', functions: 'audit.lower pg_catalog.lower' },
    ],
    ["SELECT lower('x')", [['pg_catalog', 'audit']], 'opaque', { opaque: 'user_function' }],
    ["SELECT pg_catalog.lower('x')", [['audit', 'pg_catalog']], 'read'],
    ["SELECT 'a' === 'b'", [['pg_catalog', 'audit']], 'opaque', { opaque: 'user_operator' }],
    ["SELECT 'a' = 'b'", [['pg_catalog', 'audit']], 'read'],
    // Two candidates that agree, and two that do not.
    [
      'SELECT id FROM customers',
      [
        ['pg_catalog', 'public'],
        ['pg_catalog', 'audit', 'public'],
      ],
      'read',
      { reads: 'customers' },
    ],
    [
      'SELECT id FROM orders',
      [
        ['pg_catalog', 'public'],
        ['pg_catalog', 'audit', 'public'],
      ],
      'opaque',
      { reads: 'orders audit.orders', opaque: 'search_path_uncertain' },
    ],
    [
      'SELECT id FROM log',
      [
        ['pg_catalog', 'public'],
        ['pg_catalog', 'audit'],
      ],
      'opaque',
      { reads: 'audit.log', opaque: 'search_path_uncertain unknown_relation', unresolved: 'log' },
    ],
    ['SELECT 1', [], 'opaque', { opaque: 'search_path_uncertain' }],
  ])('%s under %o', (sql, searchPaths, effect, expected) => {
    check(look(sql, under(...searchPaths)), effect, expected);
  });

  it.each<[string, SqlEffect, Expected?]>([
    // A path that changes on the way is not known to the rest of the text.
    ['SET search_path = audit; SELECT * FROM orders', 'opaque', { opaque: 'changed_in_text' }],
    [
      "SELECT set_config('search_path', 'audit', false); SELECT lower('x')",
      'opaque',
      { opaque: 'changed_in_text' },
    ],
    ['SET search_path = audit; SELECT id FROM public.orders', 'read', { reads: 'orders' }],
    ['SET ROLE mallory; SELECT * FROM orders', 'opaque', { opaque: 'changed_in_text' }],
    ['RESET ALL; SELECT * FROM orders', 'opaque', { opaque: 'changed_in_text' }],
    ['SELECT id FROM orders; SET search_path = audit', 'read', { reads: 'orders' }],
    // The end of a transaction takes SET LOCAL back.
    ['COMMIT; SELECT id FROM orders', 'opaque', { opaque: 'changed_in_text' }],
    ['BEGIN; SELECT id FROM orders; COMMIT', 'read', { reads: 'orders' }],
  ])('%s', (sql, effect, expected) => check(look(sql), effect, expected));

  it('goes on after COMMIT when the engine says that nothing reverts', () => {
    check(look('COMMIT; SELECT id FROM orders', { settled: true }), 'read', { reads: 'orders' });
  });
});

describe('names that the text itself changes', () => {
  it.each<[string, SqlEffect, Expected?]>([
    [
      'CREATE TABLE t (a int); INSERT INTO t VALUES (1); SELECT a FROM t',
      'schema',
      { reads: 't', writes: 't' },
    ],
    [
      'CREATE TEMP TABLE customers AS SELECT 1 AS a; SELECT a FROM customers',
      'opaque',
      { writes: 'pg_temp.customers', opaque: 'changed_in_text' },
    ],
    [
      'SELECT 1 AS a INTO TEMP t; DELETE FROM t WHERE a = 1',
      'schema',
      { reads: 'pg_temp.t', writes: 'pg_temp.t' },
    ],
    [
      'CREATE TABLE t (a int); SELECT b FROM t',
      'opaque',
      { reads: 't', writes: 't', opaque: 'unknown_relation', unresolved: 'b' },
    ],
    [
      'ALTER TABLE orders ADD COLUMN note text; UPDATE orders SET note = $1 WHERE id = 1',
      'schema',
      { reads: 'orders', writes: 'orders' },
    ],
    [
      'CREATE VIEW t AS SELECT 1; SELECT * FROM t',
      'opaque',
      { writes: 't', opaque: 'changed_in_text' },
    ],
    [
      'ALTER TABLE customers RENAME TO t; SELECT * FROM t',
      'opaque',
      { writes: 'customers', opaque: 'changed_in_text' },
    ],
    [
      'ALTER TABLE audit.orders SET SCHEMA public; SELECT * FROM orders',
      'opaque',
      { writes: 'audit.orders', opaque: 'changed_in_text' },
    ],
    [
      'DROP TABLE orders; SELECT * FROM orders',
      'opaque',
      { writes: 'orders', opaque: 'changed_in_text' },
    ],
    [
      'DROP TABLE IF EXISTS t; CREATE TABLE t (a int); SELECT a FROM t',
      'schema',
      { reads: 't', writes: 't' },
    ],
    [
      "CREATE FUNCTION lower(int) RETURNS int LANGUAGE sql RETURN 1; SELECT lower('x')",
      'opaque',
      { opaque: 'changed_in_text' },
    ],
    [
      'CREATE FUNCTION lower(customers) RETURNS text LANGUAGE sql RETURN 1; SELECT c.lower FROM customers c',
      'opaque',
      { reads: 'customers', opaque: 'changed_in_text' },
    ],
    [
      'CREATE OPERATOR + (LEFTARG = text, RIGHTARG = text, FUNCTION = same_text); SELECT 1 + 1',
      'opaque',
      { opaque: 'user_operator' },
    ],
    ["CREATE DOMAIN mood AS text; SELECT 'x'::mood", 'opaque', { opaque: 'changed_in_text' }],
    ["CREATE TYPE mood AS ENUM ('x'); SELECT 'x'::mood", 'schema'],
    [
      'CREATE RULE r AS ON DELETE TO orders DO INSTEAD DELETE FROM customers; DELETE FROM orders',
      'opaque',
      { reads: 'customers', writes: 'orders', whereless: true, opaque: 'changed_in_text' },
    ],
    ['CREATE SCHEMA fresh; SELECT * FROM orders', 'opaque', { opaque: 'changed_in_text' }],
    [
      'CREATE SCHEMA fresh; CREATE TABLE fresh.t (a int); SELECT a FROM fresh.t',
      'schema',
      { reads: 'fresh.t', writes: 'fresh.t' },
    ],
    [
      'DROP SCHEMA audit CASCADE; SELECT * FROM public.orders',
      'opaque',
      { opaque: 'changed_in_text' },
    ],
    [
      'CREATE CAST (int AS text) WITH INOUT; SELECT * FROM orders',
      'opaque',
      { opaque: 'changed_in_text' },
    ],
  ])('%s', (sql, effect, expected) => check(look(sql), effect, expected));
});

describe('tables that only the open transaction can see', () => {
  /** The session has made a temporary table before: its schema is on the path. */
  const path = [['pg_temp_9', 'pg_catalog', 'public']];
  const after = (...texts: readonly string[]): Partial<SqlContext> => ({
    searchPaths: path,
    settled: true,
    uncommitted: texts.map((text) => ({ text, searchPaths: path })),
  });
  const SHADOW = 'CREATE TEMP TABLE customers (id int, ssn text)';

  it.each<[string, readonly string[], SqlEffect, Expected?]>([
    ['SELECT a FROM t', ['CREATE TABLE t (a int)'], 'read', { reads: 't' }],
    ['SELECT * FROM customers', [SHADOW], 'read', { reads: 'pg_temp.customers' }],
    ['SELECT ssn FROM public.customers', [SHADOW], 'read', { reads: 'customers' }],
    [
      'SELECT * FROM customers',
      ['CREATE TEMP VIEW customers AS SELECT * FROM payments'],
      'opaque',
      { opaque: 'changed_in_text' },
    ],
    ['SELECT * FROM customers', ['what is this'], 'opaque', { opaque: 'changed_in_text' }],
    [
      'SELECT id FROM customers',
      ['CREATE TABLE t (a int); SET search_path = public'],
      'read',
      { reads: 'customers' },
    ],
    // What was made and taken back again must not stand for the table behind it.
    [
      'SELECT ssn FROM customers',
      [SHADOW, 'ROLLBACK TO a'],
      'opaque',
      { opaque: 'changed_in_text' },
    ],
    [
      'ROLLBACK TO a; SELECT ssn FROM customers',
      [SHADOW],
      'opaque',
      { opaque: 'changed_in_text', changes: 'state catalog' },
    ],
    ['ROLLBACK TO a', [SHADOW], 'session', { changes: 'state catalog' }],
    ['ROLLBACK TO a', [], 'session', { changes: 'state' }],
    // COMMIT of a failed transaction rolls back.
    ['COMMIT; SELECT ssn FROM customers', [SHADOW], 'opaque', { opaque: 'changed_in_text' }],
    [
      `BEGIN; ${SHADOW}; ROLLBACK; SELECT ssn FROM customers`,
      [],
      'opaque',
      { writes: 'pg_temp.customers', opaque: 'changed_in_text' },
    ],
    [
      `BEGIN; ${SHADOW}; COMMIT; SELECT ssn FROM customers`,
      [],
      'schema',
      { reads: 'pg_temp.customers', writes: 'pg_temp.customers' },
    ],
    [
      `BEGIN; ${SHADOW} ON COMMIT DROP; COMMIT; SELECT ssn FROM customers`,
      [],
      'opaque',
      { writes: 'pg_temp.customers', opaque: 'changed_in_text' },
    ],
    [
      'CREATE TEMP TABLE customers ON COMMIT DROP AS SELECT 1 AS ssn; COMMIT; SELECT ssn FROM customers',
      [],
      'opaque',
      { writes: 'pg_temp.customers', opaque: 'changed_in_text' },
    ],
    ['DISCARD ALL; SELECT ssn FROM customers', [SHADOW], 'opaque', { opaque: 'changed_in_text' }],
    ['DISCARD TEMP; SELECT ssn FROM customers', [SHADOW], 'opaque', { opaque: 'changed_in_text' }],
  ])('%s after %o', (sql, texts, effect, expected) => {
    check(look(sql, after(...texts)), effect, expected);
  });

  it('takes the first temporary table for the last on the path, or the first: it cannot know', () => {
    check(look(`${SHADOW}; SELECT ssn FROM customers`), 'opaque', {
      writes: 'pg_temp.customers',
      opaque: 'changed_in_text',
    });
  });

  it('keeps the columns of a table that was there before', () => {
    check(
      look('CREATE TABLE IF NOT EXISTS customers (id int); SELECT * FROM customers'),
      'schema',
      {
        reads: 'customers',
        writes: 'customers',
        columns: 'customers.id,name,email,ssn,country,created_at',
      },
    );
    check(look('CREATE TABLE IF NOT EXISTS t (id int); SELECT * FROM t'), 'schema', {
      reads: 't',
      writes: 't',
      columns: 't.*',
    });
  });

  it('never remembers facts from inside such a transaction', () => {
    const sql = 'SELECT id FROM customers';
    check(look(sql, after(SHADOW)), 'read', { reads: 'pg_temp.customers' });
    check(look(sql, { searchPaths: path, settled: true }), 'read', { reads: 'customers' });
  });

  it('walks each earlier text once, however long the transaction gets', () => {
    let parsed = 0;
    const counting = createInspect({
      parse: (sql) => {
        parsed++;
        return parse(sql);
      },
      catalog: () => catalog,
    });
    const uncommitted: { text: string; searchPaths: typeof path }[] = [];
    for (let n = 0; n < 50; n++) {
      const context = { ...CONTEXT, searchPaths: path, uncommitted };
      const text = `CREATE TABLE t${n} (a int)`;
      expect(counting(text, context).refusal).toBeNull();
      uncommitted.push({ text, searchPaths: path });
      expect(counting(`SELECT a FROM t${n}`, context).facts.reads).toEqual([`public.t${n}`]);
    }
    expect(parsed).toBe(150);
    // A transaction that begins anew knows nothing of the one before.
    expect(counting('SELECT a FROM t1', CONTEXT).unresolved).toEqual(['t1']);
    expect(
      counting('SELECT a FROM t1', { ...CONTEXT, uncommitted: uncommitted.slice(0, 1) }).unresolved,
    ).toEqual(['t1']);
  });

  it('places a table where the path of its own time did', () => {
    const context: Partial<SqlContext> = {
      uncommitted: [{ text: 'CREATE TABLE t (a int)', searchPaths: [['pg_catalog', 'audit']] }],
    };
    check(look('SELECT a FROM audit.t', context), 'read', { reads: 'audit.t' });
    check(look('SELECT a FROM t', context), 'opaque', {
      opaque: 'unknown_relation',
      unresolved: 't',
    });
  });
});
