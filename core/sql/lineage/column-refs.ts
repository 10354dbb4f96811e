// Column references (transformColumnRef in parse_expr.c): a column, a whole row, or a call that looks like a column.
import { as, nameParts, tagOf, type Ast } from '../parse.ts';
import { implicitCall } from './trust-calls.ts';
import { bareColumn, columnOf, findItem, systemColumn, wholeRow, type Env } from './scope.ts';
import { CLEAN_ROW, computed, together, type Value } from './values.ts';
import type { Walk } from './walk.ts';

export function columnReference(walk: Walk, node: Ast<'ColumnRef'>, env: Env): Value {
  const { findings } = walk;
  const fields = node.fields ?? [];
  const last = fields.at(-1);
  const parts = nameParts(fields);
  if (last !== undefined && tagOf(last) === 'A_Star') return star(walk, parts.slice(0, -1), env);
  if (last === undefined || as(last, 'String') === undefined) return unknown(walk, parts);
  const name = parts.at(-1) ?? '';
  if (parts.length === 1) {
    const column = bareColumn(findings, env.level, name) ?? systemColumn(env.level, name);
    if (column !== null) return column;
    const whole = findItem(env.level, name, '');
    return whole === null ? unknown(walk, parts) : wholeRow(findings, whole);
  }
  const from = findItem(env.level, parts.at(-2) ?? '', parts.at(-3) ?? '');
  if (from === null) return unknown(walk, parts);
  const column = columnOf(findings, from, name);
  if (column !== null) return column;
  const system = from.table ? systemColumn(env.level, name) : null;
  if (system !== null) return system;
  // `t.f` calls f(t) where t has no such column.
  const row = wholeRow(findings, from);
  if (implicitCall(walk, name)) return computed(row.columns, true);
  if (!from.counted) return computed(row.columns, true);
  return unknown(walk, parts);
}

/** `t.*` or `*` inside an expression: the row. */
function star(walk: Walk, qualifier: readonly string[], env: Env): Value {
  const relation = qualifier.at(-1);
  if (relation === undefined) {
    const rows = (env.level?.visible ?? []).map((each) => wholeRow(walk.findings, each));
    return { ...CLEAN_ROW, columns: together(rows).columns };
  }
  const from = findItem(env.level, relation, qualifier.at(-2) ?? '');
  if (from === null) return unknown(walk, [...qualifier, '*']);
  return { ...wholeRow(walk.findings, from), fields: null };
}

function unknown(walk: Walk, parts: readonly string[]): Value {
  walk.findings.doubt(`${parts.join('.')}, which is not known`);
  return CLEAN_ROW;
}
