// Conditions: what decides which rows there are or which branch is taken. A comparison of a column as a whole with a
// constant, a parameter or another stored column is an exact lookup; everything else can find a value out by halves.
import { as, nameParts, tagOf, type Ast, type Node } from '../parse.ts';
import { noArrays } from './arrays.ts';
import type { Env } from './scope.ts';
import { CLEAN, columnsOf, isSimple, together, computed, type Value } from './values.ts';
import type { ValueOf, Walk, WalkQuery } from './walk.ts';

export interface Conditions {
  /** Notes how the condition uses columns; its value, should it be shown as well. */
  readonly condition: (walk: Walk, node: Node | undefined, env: Env, clause: string) => Value;
  readonly operands: (walk: Walk, node: Ast<'A_Expr'>, env: Env) => readonly Value[];
  readonly sublink: (walk: Walk, node: Ast<'SubLink'>, env: Env, clause: string | null) => Value;
}

/** Notes two comparands. */
export function compare(walk: Walk, a: Value, b: Value, clause: string, by: string): void {
  const how = isSimple(a) && isSimple(b) ? 'equality' : 'other';
  walk.findings.compared([a.columns, b.columns], how, clause, by);
}

/** Notes a value that rows are grouped, deduplicated or partitioned by. */
export function group(walk: Walk, value: Value, clause: string, by = clause): void {
  walk.findings.use(value.columns, isSimple(value) ? 'equality' : 'other', clause, by);
}

/** Names of operators that compare for equality; pg_catalog's, since user operators are refused. */
const EQUALITY: ReadonlySet<string> = new Set(['=', '<>', '!=']);

export function createConditions(valueOf: ValueOf, walkQuery: WalkQuery): Conditions {
  function condition(walk: Walk, node: Node | undefined, env: Env, clause: string): Value {
    if (node === undefined) return CLEAN;
    switch (tagOf(node)) {
      case 'BoolExpr': {
        const args = as(node, 'BoolExpr')?.args ?? [];
        return together(args.map((arg) => condition(walk, arg, env, clause)));
      }
      case 'NullTest': {
        const value = valueOf(walk, as(node, 'NullTest')?.arg, env);
        group(walk, value, clause, 'IS NULL');
        return computed(value.columns);
      }
      case 'BooleanTest':
        return condition(walk, as(node, 'BooleanTest')?.arg, env, clause);
      case 'A_Expr': {
        const expression = as(node, 'A_Expr');
        return expression === undefined ? CLEAN : comparison(walk, expression, env, clause);
      }
      case 'SubLink': {
        const link = as(node, 'SubLink');
        return link === undefined ? CLEAN : sublink(walk, link, env, clause);
      }
      default: {
        const value = valueOf(walk, node, env);
        const how = value.direct ? 'equality' : 'other';
        walk.findings.use(value.columns, how, clause, wordOf(node));
        return value;
      }
    }
  }

  function comparison(walk: Walk, node: Ast<'A_Expr'>, env: Env, clause: string): Value {
    const by = operatorWord(node);
    const exact = isExact(node);
    const pairs = exact ? rowPairs(node) : null;
    if (pairs !== null) {
      checkOperator(walk, node);
      const values = pairs.flatMap(([left, right]) => {
        const both = [valueOf(walk, left, env), valueOf(walk, right, env)] as const;
        compare(walk, ...both, clause, by);
        return both;
      });
      return together(values);
    }
    const values = operands(walk, node, env);
    const columns = columnsOf(values);
    const how = exact && values.every(isSimple) ? 'equality' : 'other';
    const sides = values.map((value) => value.columns);
    walk.findings.compared(sides, how, clause, by);
    return computed(columns);
  }

  function operands(walk: Walk, node: Ast<'A_Expr'>, env: Env): readonly Value[] {
    checkOperator(walk, node);
    const values: Value[] = [];
    if (node.lexpr !== undefined) values.push(valueOf(walk, node.lexpr, env));
    for (const each of as(node.rexpr, 'List')?.items ?? [node.rexpr]) {
      if (each !== undefined) values.push(valueOf(walk, each, env));
    }
    return values;
  }

  function sublink(walk: Walk, node: Ast<'SubLink'>, env: Env, clause: string | null): Value {
    const operator = node.operName === undefined ? ['='] : nameParts(node.operName);
    userOperator(walk, operator);
    const exists = node.subLinkType === 'EXISTS_SUBLINK';
    const row = as(node.testexpr, 'RowExpr')?.args;
    const tested = (row ?? [node.testexpr])
      .filter((each) => each !== undefined)
      .map((each) => valueOf(walk, each, env));
    const columns =
      node.subselect === undefined ? [] : walkQuery(walk, node.subselect, env, { exists });
    if (exists) return CLEAN;
    const found = (columns ?? []).map((column) => column.value);
    switch (node.subLinkType) {
      case 'EXPR_SUBLINK': {
        const [only] = found;
        const value = found.length === 1 && only !== undefined ? only : together(found);
        if (clause !== null) group(walk, value, clause, 'a subquery');
        return value;
      }
      case 'ARRAY_SUBLINK':
      case 'MULTIEXPR_SUBLINK': {
        const value = together(found);
        if (!noArrays(walk, found)) walk.findings.use(value.columns, 'other', 'SELECT', 'ARRAY');
        if (clause !== null) walk.findings.use(value.columns, 'other', clause, 'a subquery');
        return value;
      }
      default: {
        const value = computed(columnsOf([...tested, ...found]));
        if (clause === null) return value;
        const by = node.operName === undefined ? 'IN' : operator.join('.');
        const exact = EQUALITY.has(operator.at(-1) ?? '') && tested.length === found.length;
        if (!exact) walk.findings.use(value.columns, 'other', clause, by);
        else {
          for (const [position, each] of tested.entries()) {
            compare(walk, each, found[position] ?? CLEAN, clause, by);
          }
        }
        return value;
      }
    }
  }

  return { condition, operands, sublink };
}

function isExact(node: Ast<'A_Expr'>): boolean {
  switch (node.kind) {
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
    case 'AEXPR_IN':
      return true;
    case 'AEXPR_OP':
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL':
      return node.lexpr !== undefined && EQUALITY.has(nameParts(node.name).at(-1) ?? '');
    default:
      return false;
  }
}

/** `(a, b) = (c, d)` and `(a, b) IN ((c, d), …)` compare column by column; null where it is no comparison of rows. */
function rowPairs(node: Ast<'A_Expr'>): (readonly [Node, Node])[] | null {
  const left = as(node.lexpr, 'RowExpr')?.args;
  if (left === undefined) return null;
  const rights = as(node.rexpr, 'List')?.items ?? [node.rexpr];
  const pairs: (readonly [Node, Node])[] = [];
  for (const each of rights) {
    const right = as(each, 'RowExpr')?.args;
    if (right?.length !== left.length) return null;
    for (const [position, arg] of left.entries()) {
      const other = right[position];
      if (other !== undefined) pairs.push([arg, other]);
    }
  }
  return pairs;
}

function checkOperator(walk: Walk, node: Ast<'A_Expr'>): void {
  userOperator(walk, nameParts(node.name));
  if (node.kind?.includes('BETWEEN') === true) {
    for (const operator of ['<', '<=', '>', '>=']) userOperator(walk, [operator]);
  }
}

export function userOperator(walk: Walk, operator: readonly string[]): void {
  if (walk.names.isUserOperator(operator)) {
    walk.findings.doubt(`the operator ${operator.join('.')}`);
  }
}

const KIND_WORDS: Readonly<Record<string, string>> = {
  AEXPR_LIKE: 'LIKE',
  AEXPR_ILIKE: 'ILIKE',
  AEXPR_SIMILAR: 'SIMILAR TO',
  AEXPR_BETWEEN: 'BETWEEN',
  AEXPR_NOT_BETWEEN: 'BETWEEN',
  AEXPR_BETWEEN_SYM: 'BETWEEN',
  AEXPR_NOT_BETWEEN_SYM: 'BETWEEN',
  AEXPR_IN: 'IN',
  AEXPR_DISTINCT: 'IS DISTINCT FROM',
  AEXPR_NOT_DISTINCT: 'IS NOT DISTINCT FROM',
  AEXPR_NULLIF: 'NULLIF',
};

export function operatorWord(node: Ast<'A_Expr'>): string {
  return KIND_WORDS[node.kind ?? ''] ?? nameParts(node.name).at(-1) ?? 'an operator';
}

/** For refusals: the function, or what kind of expression it is. */
export function wordOf(node: Node): string {
  const call = as(node, 'FuncCall');
  if (call !== undefined) return `${nameParts(call.funcname).at(-1) ?? ''}()`;
  const expression = as(node, 'A_Expr');
  if (expression !== undefined) return operatorWord(expression);
  switch (tagOf(node)) {
    case 'ColumnRef':
      return 'a column';
    case 'CaseExpr':
      return 'CASE';
    case 'TypeCast':
      return 'a cast';
    case 'CoalesceExpr':
      return 'COALESCE';
    default:
      return 'an expression';
  }
}
