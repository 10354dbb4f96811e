// Values that a write stores: of an INSERT by position, of SET by name (transformInsertRow, transformUpdateTargetList).
import { as, type Node, type RangeVar } from '../parse.ts';
import type { Shape } from './base-columns.ts';
import type { Expressions } from './expressions.ts';
import { relationItem } from './relations.ts';
import type { Env, Item } from './scope.ts';
import { CLEAN, columnsOf, computed, union, type Value } from './values.ts';
import type { BaseColumn } from './lineage.ts';
import type { Walk, WalkQuery } from './walk.ts';

/** What a statement writes. */
export interface Target {
  readonly item: Item;
  /** The columns under their own names, whatever the alias calls them. */
  readonly own: Item;
  readonly shape: Shape | null;
}

export function targetOf(walk: Walk, node: RangeVar | undefined): Target {
  const { item, shape } = relationItem(walk, node ?? {});
  for (const relation of shape?.touches ?? []) {
    if (!relation.rules) continue;
    walk.findings.doubt(`the rules of ${relation.schema}.${relation.name}`);
  }
  const own = shape === null ? item : { ...item, columns: shape.columns };
  return { item, own, shape };
}

/** The column and its relatives; null where it is not known. */
function destination(target: Target, name: string): ReadonlySet<BaseColumn> | null {
  return target.own.columns.find((column) => column.name === name)?.value.columns ?? null;
}

export function assign(walk: Walk, into: ReadonlySet<BaseColumn> | null, value: Value): void {
  walk.findings.assignments.push({
    into,
    from: value,
    constant: value.constant,
    parameter: value.parameter,
  });
}

/** Notes every row's values; what each column was given, by name. `rows` null: not known, which is noted already. */
export function assignInsert(
  walk: Walk,
  target: Target,
  cols: readonly Node[] | undefined,
  rows: readonly (readonly Value[])[] | null,
  expressions: Pick<Expressions, 'valueOf'>,
  env: Env,
): ReadonlyMap<string, readonly Value[]> {
  const names =
    cols?.map((entry) => as(entry, 'ResTarget')?.name ?? '') ??
    target.own.columns.map((column) => column.name);
  const given = new Map<string, Value[]>();
  for (const row of rows ?? []) {
    for (const [position, each] of row.entries()) {
      const name = names[position] ?? '';
      const column = cols?.[position];
      const indirection = column && as(column, 'ResTarget')?.indirection;
      const value = partOf(walk, expressions, indirection, each, env);
      assign(walk, destination(target, name), value);
      const known = given.get(name);
      if (known === undefined) given.set(name, [value]);
      else known.push(value);
    }
  }
  return given;
}

/** SET a = …, (b, c) = … */
export function assignAll(
  walk: Walk,
  expressions: Expressions,
  walkQuery: WalkQuery,
  target: Target,
  list: readonly Node[] | undefined,
  env: Env,
): void {
  for (const entry of list ?? []) {
    const column = as(entry, 'ResTarget');
    if (column === undefined) continue;
    const value = assigned(walk, expressions, walkQuery, column.val, env);
    const whole = partOf(walk, expressions, column.indirection, value, env);
    assign(walk, destination(target, column.name ?? ''), whole);
  }
}

/** A part of the column is not the column, and a subscript is stored as a key of a document. */
function partOf(
  walk: Walk,
  expressions: Pick<Expressions, 'valueOf'>,
  indirection: readonly Node[] | undefined,
  value: Value,
  env: Env,
): Value {
  if (indirection === undefined) return value;
  const steps = indirection.filter((step) => as(step, 'String') === undefined);
  const keys = columnsOf(steps.map((step) => expressions.valueOf(walk, step, env)));
  // Where it cannot be stored, that is an error: so it is for one value, and not for another.
  walk.findings.use(keys, 'other', 'SET', 'a subscript');
  return computed(union(value.columns, keys));
}

function assigned(
  walk: Walk,
  expressions: Expressions,
  walkQuery: WalkQuery,
  node: Node | undefined,
  env: Env,
): Value {
  const multiple = as(node, 'MultiAssignRef');
  if (multiple === undefined) return expressions.valueOf(walk, node, env);
  const position = (multiple.colno ?? 1) - 1;
  const link = as(multiple.source, 'SubLink');
  if (link?.subselect !== undefined) {
    return walkQuery(walk, link.subselect, env)?.[position]?.value ?? CLEAN;
  }
  const row = as(multiple.source, 'RowExpr')?.args;
  // ROW(…) with a star in it spreads: any part may be the one.
  const value = expressions.valueOf(walk, row?.[position] ?? multiple.source, env);
  return row?.[position] === undefined ? computed(value.columns) : value;
}
