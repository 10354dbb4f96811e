// Function calls: aggregates, window functions and plain ones (ParseFuncOrColumn in parse_func.c). What a call gives holds
// whatever its arguments hold; count() of a stored column gives nothing of it.
import { as, nameParts, type Ast, type Node, type WindowDef } from '../parse.ts';
import { noArrays, resultOf } from './arrays.ts';
import { userOperator, group, type Conditions } from './conditions.ts';
import { SINKS } from './function-trust.ts';
import { columnOf, findItem, type Env } from './scope.ts';
import { GROWING, OF_ONE_SIZE, TOTAL, TOTAL_IN_FIRST, TOTAL_IN_SECOND } from './total-functions.ts';
import { called } from './trust-calls.ts';
import { useType } from './types.ts';
import { columnsOf, computed, NO_COLUMNS, together, union, type Value } from './values.ts';
import type { BaseColumn } from './lineage.ts';
import type { ValueOf, Walk } from './walk.ts';

export interface Calls {
  /** `inFrom`: unnest(a, b) stands for ROWS FROM (unnest(a), unnest(b)) there. */
  readonly call: (walk: Walk, node: Ast<'FuncCall'>, env: Env, inFrom?: boolean) => Value;
  /** Columns that decide how rows are partitioned and ordered. */
  readonly window: (walk: Walk, node: WindowDef, env: Env) => ReadonlySet<BaseColumn>;
  /** Expressions of an ORDER BY; noted, and returned as sources. */
  readonly ordering: (walk: Walk, nodes: readonly Node[] | undefined, env: Env) => readonly Value[];
}

export function createCalls(valueOf: ValueOf, condition: Conditions['condition']): Calls {
  function call(walk: Walk, node: Ast<'FuncCall'>, env: Env, inFrom = false): Value {
    const parts = nameParts(node.funcname);
    const name = parts.at(-1) ?? '';
    const args = (node.args ?? []).map((arg) => valueOf(walk, arg, env));
    const { findings } = walk;
    const exact = node.agg_within_group !== true && node.func_variadic !== true;
    const unnests = inFrom && name === 'unnest' && args.length > 1;
    const found = called(walk, parts, exact ? (unnests ? 1 : args.length) : null);
    if (!found.found) return standsForOther(walk, node, parts, args, env);
    let around = columnsOf(ordering(walk, node.agg_order, env));
    if (node.agg_filter !== undefined) {
      around = union(around, condition(walk, node.agg_filter, env, 'FILTER').columns);
    }
    if (node.over !== undefined) around = union(around, window(walk, node.over, env));
    if (node.agg_distinct === true) {
      for (const arg of args) group(walk, arg, 'DISTINCT', `${name}(DISTINCT …)`);
    }
    const given = columnsOf(args);
    if (found.builtin && name === 'count' && countsOnly(args)) return computed(around);
    if (SINKS.has(name) && given.size > 0) {
      findings.assignments.push({
        into: null,
        from: together(args),
        constant: null,
        parameter: null,
      });
    }
    if (given.size > 0 && !(found.builtin && isTotal(walk, name, args))) {
      findings.use(given, 'other', 'SELECT', `${name}()`);
    }
    const rowish = !found.builtin || args.some((arg) => arg.rowish);
    const value = computed(union(given, around), rowish);
    return resultOf(walk, found.overloads, args, value);
  }

  function window(walk: Walk, node: WindowDef, env: Env): ReadonlySet<BaseColumn> {
    let columns = NO_COLUMNS;
    for (const name of [node.name, node.refname]) {
      if (name === undefined) continue;
      columns = union(columns, env.level?.windows?.get(name) ?? NO_COLUMNS);
    }
    for (const entry of node.partitionClause ?? []) {
      const value = valueOf(walk, entry, env);
      group(walk, value, 'PARTITION BY');
      columns = union(columns, value.columns);
    }
    columns = union(columns, columnsOf(ordering(walk, node.orderClause, env)));
    for (const offset of [node.startOffset, node.endOffset]) {
      if (offset === undefined) continue;
      const value = valueOf(walk, offset, env);
      walk.findings.use(value.columns, 'other', 'OVER', 'the frame');
      columns = union(columns, value.columns);
    }
    return columns;
  }

  function ordering(walk: Walk, nodes: readonly Node[] | undefined, env: Env): readonly Value[] {
    return (nodes ?? []).map((entry) => {
      const sort = as(entry, 'SortBy');
      if (sort?.useOp !== undefined) userOperator(walk, nameParts(sort.useOp));
      const value = valueOf(walk, sort?.node ?? entry, env);
      walk.findings.use(value.columns, 'other', 'ORDER BY', 'ORDER BY');
      return value;
    });
  }

  return { call, window, ordering };
}

/** `name(x)` without such a function: a cast to type `name`, or the column `name` of row x. */
function standsForOther(
  walk: Walk,
  node: Ast<'FuncCall'>,
  parts: readonly string[],
  args: readonly Value[],
  env: Env,
): Value {
  const { findings, names } = walk;
  const [arg] = args;
  if (args.length === 1 && arg !== undefined) {
    if (names.type(parts) !== undefined) {
      useType(walk, parts);
      findings.use(arg.columns, 'other', 'SELECT', 'a cast');
      return computed(arg.columns, true);
    }
    const row = nameParts(as(node.args?.[0], 'ColumnRef')?.fields);
    const from = findItem(env.level, row.at(-1) ?? '', row.at(-2) ?? '');
    const column = from === null ? null : columnOf(findings, from, parts[0] ?? '');
    if (parts.length === 1 && column !== null) return column;
    const field = arg.fields?.find((each) => each.name === parts[0]);
    if (parts.length === 1 && field !== undefined) return field.value;
  }
  findings.doubt(`the function ${parts.join('.')}, which is not known`);
  return computed(columnsOf(args), true);
}

/** How many rows have a value tells whether it is NULL; of a computed one that is an answer. */
function countsOnly(args: readonly Value[]): boolean {
  return args.every((arg) => arg.kind !== 'computed' || isWholeRow(arg));
}

/** `count(t)` and `count(ROW(…))`: a row as a whole is never NULL for count. */
function isWholeRow(arg: Value): boolean {
  return arg.fields !== null;
}

/** The longest constant that may be put in place of a part of a value. */
const MAX_REPLACEMENT = 64;

function isTotal(walk: Walk, name: string, args: readonly Value[]): boolean {
  if (walk.measured === true && !OF_ONE_SIZE.has(name)) return false;
  if (TOTAL.has(name)) return true;
  if (name === 'array_agg') return noArrays(walk, args);
  if (GROWING.has(name)) {
    const [first, ...others] = args;
    const short = ({ constant }: Value) => constant !== null && constant.length <= MAX_REPLACEMENT;
    return first?.direct === true && others.every(short);
  }
  // A key that is NULL is refused, a value never.
  if (name === 'json_build_object' || name === 'jsonb_build_object') {
    return args.every((arg, at) => at % 2 === 1 || arg.columns.size === 0);
  }
  const only = TOTAL_IN_FIRST.has(name) ? 0 : TOTAL_IN_SECOND.has(name) ? 1 : null;
  return only !== null && args.every((arg, at) => at === only || arg.columns.size === 0);
}
