// GROUP BY, DISTINCT ON and ORDER BY: an integer is an output column, a bare name an input column or an output name, which
// of them first differs by clause (findTargetlistEntrySQL92 and …SQL99 in parse_clause.c).
import { constantInteger } from '../constants.ts';
import { as, nameParts, tagOf, text, type Node } from '../parse.ts';
import { group, userOperator } from './conditions.ts';
import type { Expressions } from './expressions.ts';
import { bareColumn, type Env } from './scope.ts';
import { CLEAN, together, type Value } from './values.ts';
import type { Columns, Walk } from './walk.ts';

export interface Clauses {
  readonly grouping: (walk: Walk, entry: Node) => void;
  readonly distinct: (walk: Walk, entry: Node) => void;
  readonly sort: (walk: Walk, entry: Node) => void;
}

export interface Sorting {
  /** Clauses of a plain SELECT; `columns` null: its output is not known. */
  readonly clauses: (columns: Columns, env: Env) => Clauses;
  /** ORDER BY of a set operation or VALUES: only output columns can be named. */
  readonly ofSetOperation: (
    walk: Walk,
    entries: readonly Node[] | undefined,
    columns: Columns,
    env: Env,
  ) => void;
}

export function createSorting({ valueOf }: Pick<Expressions, 'valueOf'>): Sorting {
  function clauses(columns: Columns, env: Env): Clauses {
    function meant(walk: Walk, node: Node | undefined, inputFirst: boolean): Value {
      const position = as(node, 'A_Const') === undefined ? null : constantInteger(node);
      // Not known which: any of them.
      if (position !== null) return columns === null ? CLEAN : outputAt(columns, position);
      const name = bareName(node);
      if (name === null) return valueOf(walk, node, env);
      const level = env.level === null ? null : { ...env.level, parent: null };
      if (inputFirst) {
        const input = bareColumn(walk.findings, level, name);
        if (input !== null) return input;
      }
      const output = (columns ?? []).filter((column) => column.name === name);
      const [only] = output;
      if (only !== undefined) {
        return output.length === 1 ? only.value : together(output.map((column) => column.value));
      }
      const unnamed = (columns ?? []).filter((column) => column.name === '');
      if (unnamed.length === 0) return valueOf(walk, node, env);
      // A name that Postgres chose in a way that is not known here.
      const input = bareColumn(walk.findings, env.level, name);
      return together([
        ...unnamed.map((column) => column.value),
        ...(input === null ? [] : [input]),
      ]);
    }

    function grouping(walk: Walk, entry: Node): void {
      const set = as(entry, 'GroupingSet');
      const row = as(entry, 'RowExpr');
      const parts = set?.content ?? (row?.row_format === 'COERCE_IMPLICIT_CAST' ? row.args : null);
      if (set !== undefined || parts != null) {
        for (const each of parts ?? []) grouping(walk, each);
      } else {
        group(walk, meant(walk, entry, true), 'GROUP BY');
      }
    }

    return {
      grouping,
      distinct: (walk, entry) => group(walk, meant(walk, entry, false), 'DISTINCT'),
      sort: (walk, entry) => {
        const sort = as(entry, 'SortBy');
        noteOperator(walk, entry);
        const value = meant(walk, sort?.node, false);
        walk.findings.use(value.columns, 'other', 'ORDER BY', 'ORDER BY');
      },
    };
  }

  function ofSetOperation(
    walk: Walk,
    entries: readonly Node[] | undefined,
    columns: Columns,
    env: Env,
  ): void {
    for (const entry of entries ?? []) {
      const sort = as(entry, 'SortBy');
      noteOperator(walk, entry);
      const position = constantInteger(sort?.node);
      const name = bareName(sort?.node);
      const named = (columns ?? []).filter((each) => each.name === name || each.name === '');
      const value =
        position !== null
          ? outputAt(columns ?? [], position)
          : name !== null
            ? together((named.length > 0 ? named : (columns ?? [])).map((each) => each.value))
            : valueOf(walk, sort?.node, env);
      walk.findings.use(value.columns, 'other', 'ORDER BY', 'ORDER BY');
    }
  }

  return { clauses, ofSetOperation };
}

function noteOperator(walk: Walk, entry: Node): void {
  const operator = as(entry, 'SortBy')?.useOp;
  if (operator !== undefined) userOperator(walk, nameParts(operator));
}

function outputAt(columns: NonNullable<Columns>, position: number): Value {
  return columns[position - 1]?.value ?? CLEAN;
}

function bareName(node: Node | undefined): string | null {
  const fields = as(node, 'ColumnRef')?.fields;
  const [field] = fields ?? [];
  if (fields?.length !== 1 || field === undefined || tagOf(field) !== 'String') return null;
  return text(field);
}
