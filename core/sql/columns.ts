// Column references (transformColumnRef in parse_expr.c). `a.b` may be a column, and also a call of function b with the
// row of a; both are looked at, or a function could be run without ever being written as one.
import type { Analysis } from './analysis.ts';
import { implicitCall } from './calls.ts';
import { as, nameParts, tagOf, type Ast } from './parse.ts';
import {
  columnPosition,
  findItem,
  isSystemColumn,
  touchColumn,
  touchWhole,
  type Env,
  type Level,
  type RangeItem,
} from './scope.ts';

export function columnReference(analysis: Analysis, node: Ast<'ColumnRef'>, env: Env): void {
  const fields = node.fields ?? [];
  const last = fields.at(-1);
  if (last === undefined) return;
  const names = nameParts(fields);
  if (tagOf(last) === 'A_Star') return star(analysis, names.slice(0, -1), env.level);
  if (as(last, 'String') === undefined) return analysis.ledger.conceal('unknown_node');
  const column = names.at(-1) ?? '';
  if (names.length === 1) return bareColumn(analysis, column, env.level);
  const relation = names.at(-2) ?? '';
  // The database's name in front (four parts) must be the current one: Postgres checks it.
  const item = findItem(env.level, relation, names.at(-3) ?? '');
  if (item === null) return analysis.ledger.miss(names.join('.'), 'unknown_relation');
  const position = columnPosition(item, column);
  if (position >= 0) return touchColumn(analysis.ledger, item, position);
  if (isSystemColumn(column) && item.info !== null) return;
  qualifiedOther(analysis, item, column);
}

/** `*` or `a.*`. */
function star(analysis: Analysis, qualifier: readonly string[], level: Level | null): void {
  const relation = qualifier.at(-1);
  if (relation === undefined) {
    for (const item of level?.items ?? []) if (item.bare) touchWhole(analysis.ledger, item);
    return;
  }
  const item = findItem(level, relation, qualifier.at(-2) ?? '');
  if (item === null) analysis.ledger.miss(`${qualifier.join('.')}.*`, 'unknown_relation');
  else touchWhole(analysis.ledger, item);
}

function bareColumn(analysis: Analysis, column: string, level: Level | null): void {
  let maybe = false;
  for (let at = level; at !== null; at = at.parent) {
    if (touchBare(analysis, column, at)) return;
    // A row of unknown shape may have it, unless a table at this level may have got it since the catalog was read.
    maybe ||=
      at.items.some((item) => item.open && item.bare) &&
      at.items.every((item) => item.open || item.info === null);
  }
  const item = findItem(level, column, '');
  if (item !== null) return touchWhole(analysis.ledger, item);
  if (maybe) return;
  if (isSystemColumn(column) && hasRelation(level)) return;
  analysis.ledger.miss(column, 'unknown_relation');
}

/** A column of this name at this level, in every item that has it: USING merges several into one. */
export function touchBare(analysis: Analysis, column: string, level: Level): boolean {
  let found = false;
  for (const item of level.items) {
    if (!item.bare) continue;
    const position = columnPosition(item, column);
    if (position < 0) continue;
    touchColumn(analysis.ledger, item, position);
    found = true;
  }
  return found;
}

function hasRelation(level: Level | null): boolean {
  for (let at = level; at !== null; at = at.parent) {
    if (at.items.some((item) => item.info !== null)) return true;
  }
  return false;
}

/** `item.name` is no known column: a call with the item's row, or a column the catalog has not seen yet. */
function qualifiedOther(analysis: Analysis, item: RangeItem, name: string): void {
  const { ledger } = analysis;
  if (implicitCall(analysis, name)) return touchWhole(ledger, item);
  if (item.open) return;
  // Columns of subqueries and functions are in the text itself: Postgres refuses what is not there.
  ledger.miss(`${item.info?.label ?? item.name}.${name}`, 'unknown_relation');
}

/** `(expression).name`: a field of a composite value, or a call with it. */
export function fieldOf(analysis: Analysis, name: string): void {
  implicitCall(analysis, name);
}
