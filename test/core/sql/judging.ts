// How the tests of this folder write expectations: everything a row does not mention must be empty, so that a finding
// nobody asked for fails as surely as a missing one. Names without a schema are in `public`.
import { expect } from 'vitest';
import type { DenyCode } from '../../../core/failure.ts';
import type { SqlEffect } from '../../../core/facts.ts';
import { createInspect } from '../../../core/sql/facts.ts';
import type { Inspection, SqlContext } from '../../../core/sql/inspection.ts';
import { shopCatalog } from '../../fixtures/shop-catalog.ts';
import { loadSqlParser } from '../../support/sql-parser.ts';

export const { parse } = await loadSqlParser();
export const catalog = shopCatalog();
export const inspect = createInspect({ parse, catalog: () => catalog });

export const CONTEXT: SqlContext = {
  searchPaths: [['pg_catalog', 'public']],
  prepared: () => [],
  cursor: () => [],
  readOnly: false,
};

export const look = (sql: string, context: Partial<SqlContext> = {}): Inspection =>
  inspect(sql, { ...CONTEXT, ...context });

export interface Expected {
  readonly reads?: string;
  readonly writes?: string;
  readonly opaque?: string;
  readonly whereless?: true;
  readonly unresolved?: string;
  readonly refusal?: DenyCode;
  /** Only looked at when given. */
  readonly columns?: string;
  readonly functions?: string;
  readonly settings?: string;
  readonly verbs?: string;
  readonly limit?: number | null;
  readonly changes?: string;
  readonly copyIn?: boolean;
}

export type Row = [sql: string, effect: SqlEffect, expected?: Expected];

export function check(inspection: Inspection, effect: SqlEffect, expected: Expected = {}): void {
  const { facts } = inspection;
  expect({
    effect: facts.effect,
    opaque: facts.opaque,
    whereless: facts.whereless,
    reads: facts.reads,
    writes: facts.writes,
    unresolved: inspection.unresolved,
    refusal: inspection.refusal?.code ?? null,
  }).toEqual({
    effect,
    opaque: words(expected.opaque),
    whereless: expected.whereless === true,
    reads: names(expected.reads),
    writes: names(expected.writes),
    unresolved: words(expected.unresolved),
    refusal: expected.refusal ?? null,
  });
  if (expected.columns !== undefined) expect(facts.columns).toEqual(columns(expected.columns));
  if (expected.functions !== undefined) expect(facts.functions).toEqual(words(expected.functions));
  if (expected.settings !== undefined) expect(facts.settings).toEqual(words(expected.settings));
  if (expected.verbs !== undefined) expect(facts.verbs).toEqual(expected.verbs.split(', '));
  if (expected.limit !== undefined) expect(facts.statements[0]?.limit).toBe(expected.limit);
  if (expected.copyIn !== undefined) expect(inspection.copyIn).toBe(expected.copyIn);
  if (expected.changes !== undefined) {
    expect(inspection.changes.map(({ kind }) => kind)).toEqual(words(expected.changes));
  }
}

const words = (list = '') => list.split(/\s+/).filter((word) => word !== '');

const names = (list = '') =>
  words(list)
    .map((name) => (name.includes('.') ? name : `public.${name}`))
    .map((name) => name.replaceAll('~', ' '))
    .sort();

/** `customers.id,name` stands for two columns of public.customers. */
const columns = (list: string) =>
  words(list)
    .flatMap((group) => {
      const dot = group.lastIndexOf('.');
      const relation = group.slice(0, dot);
      const schema = relation.includes('.') ? '' : 'public.';
      return group
        .slice(dot + 1)
        .split(',')
        .map((column) => `${schema}${relation}.${column}`);
    })
    .sort();
