// The walk of expressions: finds the columns they use, the functions, operators and types they call on, and the queries
// inside them. Tags without an entry in any table make the statement opaque.
import { MAX_TREE_DEPTH, TooDeep, type Analysis, type WalkQuery } from './analysis.ts';
import { callFunction } from './calls.ts';
import { columnReference, fieldOf } from './columns.ts';
import { EXPRESSION_CHILDREN } from './expression-children.ts';
import { as, nameParts, tagOf, type Ast, type Node, type NodeTag } from './parse.ts';
import type { Env } from './scope.ts';

type Visit<T extends NodeTag> = (analysis: Analysis, node: Ast<T>, env: Env) => void;

export interface Expressions {
  readonly walk: (analysis: Analysis, node: Node | undefined, env: Env) => void;
  readonly walkAll: (analysis: Analysis, nodes: readonly Node[] | undefined, env: Env) => void;
  /** The children of a node whose tag stands in EXPRESSION_CHILDREN. */
  readonly children: <T extends NodeTag>(
    analysis: Analysis,
    tag: T,
    node: Ast<T>,
    env: Env,
  ) => void;
}

export function createExpressions(walkQuery: WalkQuery): Expressions {
  const visits: { readonly [T in NodeTag]?: Visit<T> } = {
    ColumnRef: columnReference,
    TypeName: (analysis, node) => useType(analysis, node),
    SelectStmt: (analysis, node, env) => void walkQuery(analysis, { SelectStmt: node }, env),
    FuncCall: (analysis, node, env) => {
      walkAll(analysis, node.args, env);
      walkAll(analysis, node.agg_order, env);
      walk(analysis, node.agg_filter, env);
      if (node.over !== undefined) children(analysis, 'WindowDef', node.over, env);
      callFunction(analysis, node, env);
    },
    A_Expr: (analysis, node, env) => {
      useOperators(analysis, operatorsOf(node));
      walk(analysis, node.lexpr, env);
      walk(analysis, node.rexpr, env);
    },
    SubLink: (analysis, node, env) => {
      useOperators(analysis, [node.operName === undefined ? ['='] : nameParts(node.operName)]);
      walk(analysis, node.testexpr, env);
      if (node.subselect !== undefined) {
        const exists = node.subLinkType === 'EXISTS_SUBLINK';
        walkQuery(analysis, node.subselect, env, { exists });
      }
    },
    CaseExpr: (analysis, node, env) => {
      if (node.arg !== undefined) useOperators(analysis, [['=']]);
      walk(analysis, node.arg, env);
      walkAll(analysis, node.args, env);
      walk(analysis, node.defresult, env);
    },
    SortBy: (analysis, node, env) => {
      if (node.useOp !== undefined) useOperators(analysis, [nameParts(node.useOp)]);
      walk(analysis, node.node, env);
    },
    A_Indirection: (analysis, node, env) => {
      walk(analysis, node.arg, env);
      for (const step of node.indirection ?? []) {
        const field = as(step, 'String');
        if (field === undefined) walk(analysis, step, env);
        else fieldOf(analysis, field.sval ?? '');
      }
    },
  };

  function visit<T extends NodeTag>(analysis: Analysis, tag: T, node: Ast<T>, env: Env): void {
    if (++analysis.depth > MAX_TREE_DEPTH) throw new TooDeep();
    const own: Visit<T> | undefined = visits[tag];
    if (own !== undefined) own(analysis, node, env);
    else children(analysis, tag, node, env);
    analysis.depth--;
  }

  function children<T extends NodeTag>(analysis: Analysis, tag: T, node: Ast<T>, env: Env): void {
    const fields = EXPRESSION_CHILDREN[tag];
    if (fields === undefined) return analysis.ledger.conceal('unknown_node');
    for (const child of fields) {
      const bare = typeof child !== 'string';
      const value = (node as Readonly<Record<string, unknown>>)[bare ? child[0] : child];
      if (value === undefined) continue;
      if (bare) visit(analysis, child[1], value as never, env);
      else if (Array.isArray(value)) walkAll(analysis, value as readonly Node[], env);
      else walk(analysis, value as Node, env);
    }
  }

  function walk(analysis: Analysis, node: Node | undefined, env: Env): void {
    if (node === undefined) return;
    const tag = tagOf(node);
    visit(analysis, tag, (node as never)[tag], env);
  }

  function walkAll(analysis: Analysis, nodes: readonly Node[] | undefined, env: Env): void {
    if (nodes !== undefined) for (const node of nodes) walk(analysis, node, env);
  }

  return { walk, walkAll, children };
}

/** A cast, a column definition or a parameter names this type. */
export function useType(analysis: Analysis, type: Ast<'TypeName'>): void {
  const parts = nameParts(type.names);
  const first = parts[0];
  // `t.c%TYPE` is only allowed where functions are declared, and runs nothing.
  if (first === undefined || type.pct_type === true) return;
  if (first === 'pg_catalog' && parts.length === 2) return;
  const { names, ledger } = analysis;
  if (names.isChanged(parts)) return ledger.conceal('changed_in_text');
  const found = names.type(parts);
  if (found === undefined && names.pending.hasType(parts.at(-1) ?? '')) return;
  if (found === undefined) ledger.miss(parts.join('.'), 'unknown_type');
  else if (found.code) ledger.conceal('user_type');
}

export function useOperators(analysis: Analysis, operators: readonly (readonly string[])[]): void {
  for (const operator of operators) {
    if (analysis.names.isUserOperator(operator)) analysis.ledger.conceal('user_operator');
  }
}

/** Operators that an A_Expr calls; BETWEEN and IN are spelled out by the analyser, by their plain names. */
function operatorsOf(node: Ast<'A_Expr'>): readonly (readonly string[])[] {
  switch (node.kind) {
    case 'AEXPR_BETWEEN':
    case 'AEXPR_NOT_BETWEEN':
    case 'AEXPR_BETWEEN_SYM':
    case 'AEXPR_NOT_BETWEEN_SYM':
      return [['>='], ['<='], ['<'], ['>']];
    default:
      return [nameParts(node.name)];
  }
}
