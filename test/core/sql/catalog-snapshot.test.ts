// Rows into a Catalog: layers, overloads, inheritance, and which types run code.
import { describe, expect, it } from 'vitest';
import {
  createCatalog,
  createLayer,
  type CatalogRows,
  type FunctionRow,
  type RelationRow,
  type TypeRow,
} from '../../../core/sql/catalog-snapshot.ts';

const relation = (oid: number, name: string, parents: number[] = [], types: number[] = []) =>
  [
    oid,
    'app',
    name,
    'r',
    null,
    false,
    [],
    false,
    parents,
    types.map((type, n) => [`c${n}`, n + 1, type, false] as const),
  ] satisfies RelationRow;
const fn = (oid: number, schema: string, args: number[]) =>
  [oid, schema, 'f', 'i', 'f', false, args, 0, false, 23, [], 'sql'] satisfies FunctionRow;
const type = (oid: number, name: string, code: boolean, base = 0, element = 0, row = 0) =>
  [oid, 'app', name, code, base, element, row] satisfies TypeRow;

const rows = (given: Partial<CatalogRows>): CatalogRows => ({
  schemas: [],
  relations: [],
  functions: [],
  types: [],
  operators: [],
  ...given,
});

const catalog = createCatalog(
  [
    createLayer(
      rows({
        schemas: ['app', 'pg_catalog'],
        relations: [
          relation(1, 'parent'),
          relation(2, 'child', [1]),
          relation(3, 'pair', [], [20, 23]),
        ],
        functions: [fn(1, 'app', [23]), fn(2, 'app', [25]), fn(3, 'pg_catalog', [25])],
        types: [
          type(20, 'checked', true),
          type(21, 'of_checked', false, 20),
          type(22, '_of_checked', false, 0, 21),
          type(24, 'pair', false, 0, 0, 3),
          type(25, 'plain', false),
        ],
        operators: ['app.==='],
      }),
    ),
    createLayer(
      rows({
        functions: [fn(4, 'pg_catalog', [23])],
        types: [[23, 'pg_catalog', 'int4', false, 0, 0, 0]],
      }),
    ),
  ],
  'one',
);

describe('createCatalog', () => {
  it('finds relations by name and by oid', () => {
    expect(catalog.relation('app', 'child')?.oid).toBe(2);
    expect(catalog.relationByOid(2)?.name).toBe('child');
    expect(catalog.relation('app', 'nothing')).toBeUndefined();
    expect(catalog.relation('constructor', 'child')).toBeUndefined();
    expect(catalog.relation('app', '__proto__')).toBeUndefined();
  });

  it('gives the children of a table', () => {
    expect(catalog.children(1).map(({ name }) => name)).toEqual(['child']);
    expect(catalog.children(2)).toEqual([]);
  });

  it('joins overloads of all layers', () => {
    expect(catalog.functions('app', 'f').map(({ oid }) => oid)).toEqual([1, 2]);
    expect(catalog.functions('pg_catalog', 'f').map(({ oid }) => oid)).toEqual([3, 4]);
    expect(catalog.functions('app', 'g')).toEqual([]);
  });

  it.each([
    ['checked', true],
    ['of_checked', true],
    ['_of_checked', true],
    ['pair', true],
    ['plain', false],
  ])('knows whether a cast to %s runs code', (name, code) => {
    expect(catalog.type('app', name)?.code).toBe(code);
  });

  it('names types and lists what people wrote', () => {
    expect(catalog.typeName(23)).toBe('int4');
    expect(catalog.typeName(99)).toBeUndefined();
    expect([...catalog.schemas]).toEqual(['app', 'pg_catalog']);
    expect([...catalog.userOperators]).toEqual(['app.===']);
  });
});
