// The parser inside workerd: the same answers as on Node, and nothing that a text can do to the next one.
import { describe, expect, it } from 'vitest';
import { loadSqlParser } from '../../adapters/sql-parser.ts';
import { MAX_SQL_BYTES, MAX_SQL_TOKENS } from '../../core/limits.ts';
import { createCatalog, createLayer } from '../../core/sql/catalog-snapshot.ts';
import { createInspect } from '../../core/sql/facts.ts';
import { tagOf } from '../../core/sql/parse.ts';

const parse = await loadSqlParser();

describe('the SQL parser in the Worker', () => {
  it('is loaded once', async () => {
    expect(await loadSqlParser()).toBe(parse);
  });

  it('gives statements with their place in bytes', () => {
    const result = parse("SELECT 'é'; DELETE FROM orders");
    expect(
      result.ok && result.statements.map(({ node, location }) => [tagOf(node), location]),
    ).toEqual([
      ['SelectStmt', 0],
      ['DeleteStmt', 13],
    ]);
  });

  it('says what is wrong and where', () => {
    expect(parse('SELECT 1 FROM WHERE')).toEqual({
      ok: false,
      failure: { kind: 'syntax', message: 'syntax error at or near "WHERE"', cursor: 15 },
    });
  });

  it.each([
    ['NUL', 'SELECT 1\0; DROP TABLE x', 'encoding'],
    ['half a character', 'SELECT \ud800', 'encoding'],
    ['many bytes', `SELECT '${'x'.repeat(MAX_SQL_BYTES)}'`, 'too_large'],
    ['many tokens', `SELECT ${'1,'.repeat(MAX_SQL_TOKENS)}1`, 'too_large'],
  ])('refuses %s', (_, sql, kind) => {
    const result = parse(sql);
    expect(result.ok ? null : result.failure.kind).toBe(kind);
  });

  it.each([
    ['parentheses', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['operators', `SELECT 1${'+1'.repeat(20_000)}`],
    ['subqueries', `${'SELECT * FROM ('.repeat(3_000)}SELECT 1${') x'.repeat(3_000)}`],
  ])('outlives deep %s', async (_, sql) => {
    const result = parse(sql);
    if (!result.ok) expect(['syntax', 'unclassifiable']).toContain(result.failure.kind);
    // A crashed instance is replaced without anybody asking for it.
    await expect.poll(() => parse('SELECT 1').ok).toBe(true);
  });

  it.each([100, 400, 1_000, 1_150, 1_300, 3_000])(
    'judges or refuses a tree of depth %i',
    (depth) => {
      const rows = { schemas: [], relations: [], functions: [], types: [], operators: [] };
      const catalog = createCatalog([createLayer(rows)], 'empty');
      const inspect = createInspect({ parse, catalog: () => catalog });
      const context = {
        searchPaths: [['pg_catalog']],
        prepared: () => [],
        cursor: () => [],
        readOnly: true,
      };
      for (const sql of [
        `SELECT 1${'+1'.repeat(depth)}`,
        `SELECT ${'-('.repeat(depth)}1${')'.repeat(depth)}`,
        `SELECT ${'(SELECT '.repeat(depth)}1${')'.repeat(depth)}`,
        `SELECT ${'CASE WHEN true THEN '.repeat(depth)}1${' END'.repeat(depth)}`,
      ]) {
        const { facts, refusal } = inspect(sql, context);
        if (refusal === null) expect(facts.effect).toBe('read');
        else expect(refusal.code).toBe('sql_unparsable');
        if (depth === 100) expect(refusal).toBeNull();
      }
    },
  );

  it('leaves no trace in the global scope', () => {
    expect('__filename' in globalThis || '__dirname' in globalThis).toBe(false);
  });
});
