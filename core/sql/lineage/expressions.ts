// The value of an expression: every column whose value may be in it. Tags without an entry in any table are unproven.
import { MAX_TREE_DEPTH, TooDeep } from '../analysis.ts';
import { constantText } from '../constants.ts';
import { EXPRESSION_CHILDREN } from '../expression-children.ts';
import {
  as,
  nameParts,
  tagOf,
  type Ast,
  type Node,
  type NodeTag,
  type TypeName,
} from '../parse.ts';
import { noArrays, scalarOf } from './arrays.ts';
import { createCalls, type Calls } from './calls.ts';
import { columnReference } from './column-refs.ts';
import { compare, createConditions, operatorWord, type Conditions } from './conditions.ts';
import type { Env } from './scope.ts';
import { TOTAL_OPERATORS } from './total-functions.ts';
import { implicitCall } from './trust-calls.ts';
import { cast, useType } from './types.ts';
import {
  CLEAN,
  columnsOf,
  computed,
  CONSTANT,
  constantValue,
  either,
  parameterValue,
  rowValue,
  together,
  type Value,
} from './values.ts';
import type { Walk, WalkQuery } from './walk.ts';

type Visit<T extends NodeTag> = (walk: Walk, node: Ast<T>, env: Env) => Value;

export interface Expressions extends Conditions, Calls {
  readonly valueOf: (walk: Walk, node: Node | undefined, env: Env) => Value;
  readonly children: <T extends NodeTag>(walk: Walk, tag: T, node: Ast<T>, env: Env) => Value;
}

/** Nodes whose evaluation can fail or branch for one value and not for another, and what they are called. */
const FALLIBLE: ReadonlyMap<NodeTag, string> = new Map<NodeTag, string>([
  ['JsonFuncExpr', 'a JSON path'],
  ['JsonParseExpr', 'JSON()'],
  ['XmlExpr', 'an XML constructor'],
  ['XmlSerialize', 'XMLSERIALIZE'],
  ['JsonSerializeExpr', 'JSON_SERIALIZE'],
]);

export function createExpressions(walkQuery: WalkQuery): Expressions {
  const conditions = createConditions(valueOf, walkQuery);
  const { condition, operands, sublink } = conditions;
  const calls = createCalls(valueOf, condition);

  const visits: { readonly [T in NodeTag]?: Visit<T> } = {
    A_Const: (_walk, node) => constantValue(constantText({ A_Const: node })),
    ParamRef: (_walk, node) => parameterValue(node.number ?? 0),
    // One value per statement that the caller cannot choose: it stands as a constant.
    SQLValueFunction: () => CONSTANT,
    SetToDefault: () => CONSTANT,
    CurrentOfExpr: () => CLEAN,
    MergeSupportFunc: () => CLEAN,
    GroupingFunc: () => CLEAN,
    ColumnRef: columnReference,
    FuncCall: (walk, node, env) => calls.call(walk, node, env),
    SubLink: (walk, node, env) => sublink(walk, node, env, null),
    SelectStmt: (walk, node, env) => rowsOf(walk, { SelectStmt: node }, env),
    TypeName: (walk, node) => {
      useType(walk, nameParts(node.names));
      return CLEAN;
    },
    TypeCast: (walk, node, env) => cast(walk, valueOf(walk, node.arg, env), node.typeName),
    CollateClause: (walk, node, env) => computed(valueOf(walk, node.arg, env).columns),
    A_Expr: operator,
    // Which part is looked at first, and whether the rest is, depends on their values.
    BoolExpr: (walk, node, env) => condition(walk, { BoolExpr: node }, env, 'AND/OR'),
    NullTest: (walk, node, env) => computed(valueOf(walk, node.arg, env).columns),
    BooleanTest: (walk, node, env) => computed(valueOf(walk, node.arg, env).columns),
    CaseExpr: caseOf,
    CoalesceExpr: coalesce,
    A_ArrayExpr: (walk, node, env) => {
      const elements = (node.elements ?? []).map((each) => valueOf(walk, each, env));
      const fixed = elements.every(({ kind }) => kind === 'constant' || kind === 'parameter');
      if (!noArrays(walk, elements)) {
        walk.findings.use(columnsOf(elements), 'other', 'SELECT', 'ARRAY');
      }
      return fixed && !elements.some(({ rowish }) => rowish) ? CONSTANT : together(elements);
    },
    RowExpr: (walk, node, env) => {
      const fields = (node.args ?? []).map((arg, position) => ({
        name: `f${position + 1}`,
        value: valueOf(walk, arg, env),
      }));
      const row = rowValue(fields);
      // ROW(t.*) has as many fields as t.
      return (node.args ?? []).some(isStar) ? { ...row, fields: null } : row;
    },
    A_Indirection: indirection,
    JsonObjectAgg: (walk, node, env) =>
      jsonAggregate(walk, node.arg?.key, node.arg?.value, node, env),
    JsonArrayAgg: (walk, node, env) => jsonAggregate(walk, undefined, node.arg, node, env),
  };

  function visit<T extends NodeTag>(walk: Walk, tag: T, node: Ast<T>, env: Env): Value {
    if (++walk.depth > MAX_TREE_DEPTH) throw new TooDeep();
    walk.findings.step();
    const own: Visit<T> | undefined = visits[tag];
    const value = own === undefined ? children(walk, tag, node, env) : own(walk, node, env);
    walk.depth--;
    return value;
  }

  function valueOf(walk: Walk, node: Node | undefined, env: Env): Value {
    if (node === undefined) return CLEAN;
    const tag = tagOf(node);
    return visit(walk, tag, (node as never)[tag], env);
  }

  /** Any other node holds what its children hold. */
  function children<T extends NodeTag>(walk: Walk, tag: T, node: Ast<T>, env: Env): Value {
    const fields = Object.hasOwn(EXPRESSION_CHILDREN, tag) ? EXPRESSION_CHILDREN[tag] : undefined;
    if (fields === undefined) {
      walk.findings.doubt(`an expression of an unknown kind (${tag})`);
      return CLEAN;
    }
    const values: Value[] = [];
    for (const child of fields) {
      const bare = typeof child !== 'string';
      const field = bare ? child[0] : child;
      if (!Object.hasOwn(node as object, field)) continue;
      const value = (node as Readonly<Record<string, unknown>>)[field];
      if (bare) values.push(visit(walk, child[1], value as never, env));
      else if (Array.isArray(value)) {
        for (const each of value as readonly Node[]) values.push(valueOf(walk, each, env));
      } else values.push(valueOf(walk, value as Node, env));
    }
    const value = together(values);
    const [first] = values;
    // A NULL key is an error, and so is one that comes twice WITH UNIQUE KEYS.
    if (tag === 'JsonKeyValue' && first !== undefined) {
      walk.findings.use(first.columns, 'other', 'SELECT', 'a key of JSON');
    }
    const fallible = FALLIBLE.get(tag) ?? (isParsed(node as JsonParts) ? 'JSON' : undefined);
    if (fallible !== undefined) walk.findings.use(value.columns, 'other', 'SELECT', fallible);
    return value;
  }

  function rowsOf(walk: Walk, query: Node, env: Env): Value {
    return together((walkQuery(walk, query, env) ?? []).map((column) => column.value));
  }

  function operator(walk: Walk, node: Ast<'A_Expr'>, env: Env): Value {
    const values = operands(walk, node, env);
    const columns = columnsOf(values);
    if (columns.size > 0 && !isTotal(walk, node, values)) {
      walk.findings.use(columns, 'other', 'SELECT', operatorWord(node));
    }
    // `-1`, and a constant that is put together, are still one value.
    const fixed = values.every(({ kind }) => kind === 'constant' || kind === 'parameter');
    if (fixed) return CONSTANT;
    const rowish = values.some((value) => value.rowish);
    return scalarOf(walk, computed(columns, rowish), values);
  }

  function caseOf(walk: Walk, node: Ast<'CaseExpr'>, env: Env): Value {
    const subject = node.arg === undefined ? null : valueOf(walk, node.arg, env);
    const conditionsOf: Value[] = subject === null ? [] : [subject];
    const results: Value[] = [];
    for (const entry of node.args ?? []) {
      const when = as(entry, 'CaseWhen');
      if (subject === null) conditionsOf.push(condition(walk, when?.expr, env, 'CASE'));
      else {
        const value = valueOf(walk, when?.expr, env);
        compare(walk, subject, value, 'CASE', '=');
        conditionsOf.push(value);
      }
      results.push(valueOf(walk, when?.result, env));
    }
    results.push(node.defresult === undefined ? CONSTANT : valueOf(walk, node.defresult, env));
    const decided = columnsOf(conditionsOf);
    return decided.size === 0 ? either(results) : together([computed(decided), ...results]);
  }

  /** Later arguments are only looked at where the ones before are NULL. */
  function coalesce(walk: Walk, node: Ast<'CoalesceExpr'>, env: Env): Value {
    const args = node.args ?? [];
    const values = args.map((arg) => valueOf(walk, arg, env));
    const lastDoing = args.findLastIndex((arg) => !isPlain(arg));
    for (const [position, value] of values.entries()) {
      if (position >= lastDoing || value.direct) continue;
      walk.findings.use(value.columns, 'other', 'SELECT', 'COALESCE');
    }
    return scalarOf(walk, either(values), values);
  }

  /** `(row).field`, `array[1]`. */
  function indirection(walk: Walk, node: Ast<'A_Indirection'>, env: Env): Value {
    let value = valueOf(walk, node.arg, env);
    for (const step of node.indirection ?? []) {
      const name = as(step, 'String')?.sval;
      if (name === undefined) {
        if (tagOf(step) === 'A_Star') continue;
        value = together([{ ...value, fields: null }, valueOf(walk, step, env)]);
        continue;
      }
      const field = value.fields?.find((each) => each.name === name);
      if (field !== undefined) value = field.value;
      else {
        implicitCall(walk, name);
        value = computed(value.columns, true);
      }
    }
    return value;
  }

  function jsonAggregate(
    walk: Walk,
    key: Node | undefined,
    item: Ast<'JsonValueExpr'> | undefined,
    node: Ast<'JsonObjectAgg'> | Ast<'JsonArrayAgg'>,
    env: Env,
  ): Value {
    const name = valueOf(walk, key, env);
    walk.findings.use(name.columns, 'other', 'SELECT', 'a key of JSON');
    const values = [name];
    if (item !== undefined) values.push(visit(walk, 'JsonValueExpr', item, env));
    const constructor = Object.hasOwn(node, 'constructor') ? node.constructor : undefined;
    values.push(...calls.ordering(walk, constructor?.agg_order, env));
    if (constructor !== undefined && isParsed(constructor)) {
      walk.findings.use(columnsOf(values), 'other', 'SELECT', 'RETURNING');
    }
    if (constructor?.agg_filter !== undefined) {
      values.push(condition(walk, constructor.agg_filter, env, 'FILTER'));
    }
    if (constructor?.over !== undefined) {
      values.push(computed(calls.window(walk, constructor.over, env)));
    }
    return together(values);
  }

  return { ...conditions, ...calls, valueOf, children };
}

function isTotal(walk: Walk, node: Ast<'A_Expr'>, values: readonly Value[]): boolean {
  switch (node.kind) {
    case 'AEXPR_OP':
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const name = nameParts(node.name).at(-1) ?? '';
      if (node.lexpr === undefined) return name === '-' || name === '+';
      if (!TOTAL_OPERATORS.has(name)) return false;
      if (walk.measured === true && /^(?:\|\||->>?|#>>?)$/.test(name)) return false;
      if (name === '||' && !noArrays(walk, values)) return false;
      return !name.includes('~~') || isWholePattern(values[1]);
    }
    case 'AEXPR_LIKE':
    case 'AEXPR_ILIKE':
      return isWholePattern(values[1]);
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
    case 'AEXPR_NULLIF':
    case 'AEXPR_IN':
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return true;
    // SIMILAR TO takes a pattern apart; what is not known may fail as well.
    default:
      return false;
  }
}

interface JsonParts {
  readonly format?: { readonly format_type?: string };
  readonly output?: { readonly typeName?: TypeName };
}

const JSON_TYPES: ReadonlySet<string> = new Set(['json', 'jsonb', 'text']);

/** FORMAT JSON reads a text as JSON, RETURNING may ask for what not every document fits in. */
function isParsed({ format, output }: JsonParts): boolean {
  if (format?.format_type === 'JS_FORMAT_JSON' || format?.format_type === 'JS_FORMAT_JSONB') {
    return true;
  }
  const type = output?.typeName;
  if (type === undefined) return false;
  return type.typmods !== undefined || !JSON_TYPES.has(nameParts(type.names).at(-1) ?? '');
}

/** A pattern that ends within an escape is an error, but only for texts that match up to there. */
function isWholePattern(pattern: Value | undefined): boolean {
  const text = pattern?.constant ?? null;
  return text !== null && (/\\*$/.exec(text)?.[0].length ?? 0) % 2 === 0;
}

/** Evaluating it does nothing and cannot fail. */
function isPlain(node: Node): boolean {
  const argument = as(node, 'TypeCast')?.arg;
  if (argument !== undefined) return tagOf(argument) === 'A_Const';
  const tag = tagOf(node);
  return tag === 'A_Const' || tag === 'ParamRef' || tag === 'ColumnRef';
}

export function isStar(node: Node): boolean {
  const last = as(node, 'ColumnRef')?.fields?.at(-1);
  return last !== undefined && tagOf(last) === 'A_Star';
}
