// SELECT, VALUES and set operations (transformSelectStmt in analyze.c): the values of their output columns, and how their
// clauses use columns. WITH is in with.ts, data-modifying statements in writes.ts.
import { MAX_TREE_DEPTH, TooDeep } from '../analysis.ts';
import { as, isEmptyNode, type SelectStmt } from '../parse.ts';
import { group } from './conditions.ts';
import type { Expressions } from './expressions.ts';
import type { FromClause } from './from.ts';
import type { Env, Level } from './scope.ts';
import { setOperation } from './set-operations.ts';
import { createSorting } from './sorting.ts';
import { createTargets, type Targets } from './targets.ts';
import { CLEAN, handedOut, together, type Column, type Value } from './values.ts';
import type { Columns, QueryOptions, Walk } from './walk.ts';

export interface Queries {
  readonly select: (walk: Walk, node: SelectStmt, outer: Env, options: QueryOptions) => Columns;
  /** Rows of a VALUES list as they stand, for INSERT. */
  readonly rows: (walk: Walk, node: SelectStmt, env: Env) => readonly (readonly Value[])[];
  readonly targets: Targets;
}

export type WithClauses = (walk: Walk, clause: SelectStmt['withClause'], outer: Env) => Env;

interface Arm {
  readonly statement: SelectStmt;
  readonly env: Env;
  /** The operation that joins it to what stands before it. */
  readonly operation: SelectStmt;
}

export function createQueries(
  expressions: Expressions,
  from: FromClause,
  withClause: WithClauses,
): Queries {
  const { valueOf, condition, window } = expressions;
  const targets = createTargets(expressions);
  const sorting = createSorting(expressions);

  function select(walk: Walk, node: SelectStmt, outer: Env, options: QueryOptions): Columns {
    return setTree(walk, node, outer, options)?.map(handOut) ?? null;
  }

  /** A plain SELECT, or a tree of set operations. */
  function setTree(walk: Walk, node: SelectStmt, outer: Env, options: QueryOptions): Columns {
    if (++walk.depth > MAX_TREE_DEPTH) throw new TooDeep();
    // SELECT … UNION SELECT … nests to the left, once per arm: a loop, or long texts would need a deep stack.
    const arms: Arm[] = [];
    let env = outer;
    let at = node;
    while (at.op !== undefined && at.op !== 'SETOP_NONE' && at.larg !== undefined) {
      env = withClause(walk, at.withClause, env);
      if (at.rarg !== undefined) arms.push({ statement: at.rarg, env, operation: at });
      at = at.larg;
    }
    let columns: Columns = plain(walk, at, withClause(walk, at.withClause, env), options);
    options.firstArm?.(columns);
    for (const arm of arms.toReversed()) {
      const more = setTree(walk, arm.statement, arm.env, {});
      columns = setOperation(walk, arm.operation, columns, more);
      sorting.ofSetOperation(walk, arm.operation.sortClause, columns, arm.env);
      limits(walk, arm.operation, arm.env);
    }
    walk.depth--;
    return columns;
  }

  function plain(walk: Walk, node: SelectStmt, env: Env, options: QueryOptions): Columns {
    if (node.valuesLists !== undefined) return values(walk, node, env);
    const sources = from.list(walk, node.fromClause, env);
    const windows = new Map<string, Value['columns']>();
    const level: Level = { ...sources, parent: env.level, windows };
    const inner: Env = { level, ctes: env.ctes };
    condition(walk, node.whereClause, inner, 'WHERE');
    for (const entry of node.windowClause ?? []) {
      const definition = as(entry, 'WindowDef');
      if (definition === undefined) continue;
      const { name = '', ...unnamed } = definition;
      windows.set(name, window(walk, unnamed, inner));
    }
    // EXISTS (SELECT * …) and EXISTS (SELECT 1 …) only ask whether there is a row; what is called is called all the same.
    const skipped = options.exists === true && targets.isBareStar(node.targetList);
    const columns = skipped ? null : targets.list(walk, node.targetList, inner, sources.visible);
    const clauses = sorting.clauses(columns, inner);
    for (const entry of node.groupClause ?? []) clauses.grouping(walk, entry);
    condition(walk, node.havingClause, inner, 'HAVING');
    for (const entry of node.distinctClause ?? []) {
      if (isEmptyNode(entry))
        for (const column of columns ?? []) group(walk, column.value, 'DISTINCT');
      else clauses.distinct(walk, entry);
    }
    for (const entry of node.sortClause ?? []) clauses.sort(walk, entry);
    limits(walk, node, inner);
    return columns;
  }

  function rows(walk: Walk, node: SelectStmt, env: Env): readonly (readonly Value[])[] {
    return (node.valuesLists ?? []).map((entry) =>
      (as(entry, 'List')?.items ?? []).map((each) => valueOf(walk, each, env)),
    );
  }

  function values(walk: Walk, node: SelectStmt, env: Env): Columns {
    const lists = rows(walk, node, env);
    const [first, ...others] = lists;
    const columns = (first ?? []).map((value, position): Column => {
      const all = [value, ...others.map((row) => row[position] ?? CLEAN)];
      return { name: `column${position + 1}`, value: all.length === 1 ? value : together(all) };
    });
    sorting.ofSetOperation(walk, node.sortClause, columns, env);
    limits(walk, node, env);
    return columns;
  }

  function limits(walk: Walk, node: SelectStmt, env: Env): void {
    for (const each of [node.limitCount, node.limitOffset]) {
      const value = valueOf(walk, each, env);
      walk.findings.use(value.columns, 'other', 'LIMIT', 'LIMIT');
    }
  }

  return { select, rows, targets };
}

/** What leaves a query may meet other rows: a constant is one comparand only where it is written. */
function handOut(column: Column): Column {
  const value = handedOut(column.value);
  if (value === column.value) return column;
  return { ...column, value };
}
