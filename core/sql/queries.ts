// SELECT, VALUES, set operations and WITH (transformSelectStmt in analyze.c). Data-modifying statements are in writes.ts.
import { MAX_TREE_DEPTH, TooDeep } from './analysis.ts';
import type { Analysis, Output, QueryOptions, WalkQuery } from './analysis.ts';
import { touchBare } from './columns.ts';
import type { Expressions } from './expressions.ts';
import type { FromClause } from './from.ts';
import { outputName } from './output-names.ts';
import { as, isEmptyNode, tagOf, text } from './parse.ts';
import type { CommonTableExpr, LockingClause, Node, SelectStmt, WithClause } from './parse.ts';
import { columnNames, type CteFrame, type Env, type Level, type RangeItem } from './scope.ts';

export interface Queries {
  select(analysis: Analysis, statement: SelectStmt, outer: Env, options: QueryOptions): Output;
  /** The world inside a statement with this WITH clause. */
  withClause(analysis: Analysis, clause: WithClause | undefined, outer: Env): Env;
  /** Output columns of a SELECT list or RETURNING clause. */
  targets(
    analysis: Analysis,
    list: readonly Node[] | undefined,
    env: Env,
    items: readonly RangeItem[],
  ): Output;
}

export function createQueries(
  expressions: Expressions,
  from: FromClause,
  walkQuery: WalkQuery,
): Queries {
  const { walk, walkAll, children } = expressions;

  function select(
    analysis: Analysis,
    statement: SelectStmt,
    outer: Env,
    options: QueryOptions,
  ): Output {
    const exists = options.exists === true;
    if (++analysis.depth > MAX_TREE_DEPTH) throw new TooDeep();
    analysis.ledger.raise('read');
    // SELECT … UNION SELECT … nests to the left, once per arm: a loop, or long texts would need a deep stack.
    let output: Output = null;
    let env = outer;
    const arms: { statement: SelectStmt; env: Env }[] = [];
    let at: SelectStmt | undefined = statement;
    while (at !== undefined) {
      env = withClause(analysis, at.withClause, env);
      if (at.op === undefined || at.op === 'SETOP_NONE') {
        output = plain(analysis, at, env, exists);
        options.firstArm?.(output);
        break;
      }
      // Names in the ORDER BY of a set operation are those of its output, which the arms have already given.
      for (const entry of at.sortClause ?? []) {
        const sort = as(entry, 'SortBy');
        if (sort !== undefined && as(sort.node, 'ColumnRef') === undefined)
          walk(analysis, entry, env);
      }
      limits(analysis, at, env);
      locks(analysis, at.lockingClause, []);
      if (at.rarg !== undefined) arms.push({ statement: at.rarg, env });
      at = at.larg;
    }
    for (const arm of arms) select(analysis, arm.statement, arm.env, { exists });
    analysis.depth--;
    return output;
  }

  function plain(analysis: Analysis, node: SelectStmt, env: Env, exists: boolean): Output {
    if (node.intoClause?.rel !== undefined) {
      // Only allowed at the top, where statements.ts takes it from here; it makes a table wherever it stands.
      analysis.ledger.raise('schema');
      analysis.ledger.writes.add(analysis.names.newLabel(node.intoClause.rel));
    }
    const items = from.walkFrom(analysis, node.fromClause, env);
    const level: Level = { items, parent: env.level };
    const inner: Env = { level, ctes: env.ctes };
    locks(analysis, node.lockingClause, items);
    if (node.valuesLists !== undefined) {
      walkAll(analysis, node.valuesLists, inner);
      limits(analysis, node, inner);
      walkAll(analysis, node.sortClause, valuesEnv(node, inner));
      return valuesColumns(node);
    }
    const aliases = usesAliases(node) ? targetAliases(node.targetList) : NO_ALIASES;
    // EXISTS (SELECT * …) only asks whether there is a row.
    const output =
      exists && isStar(node.targetList) ? null : targets(analysis, node.targetList, inner, items);
    walk(analysis, node.whereClause, inner);
    for (const entry of node.groupClause ?? []) grouping(analysis, entry, inner, aliases);
    walk(analysis, node.havingClause, inner);
    for (const entry of node.windowClause ?? []) {
      const window = as(entry, 'WindowDef');
      if (window !== undefined) children(analysis, 'WindowDef', window, inner);
    }
    for (const entry of node.distinctClause ?? []) {
      if (!isEmptyNode(entry) && !isAlias(entry, aliases)) walk(analysis, entry, inner);
    }
    for (const entry of node.sortClause ?? []) {
      if (!isAlias(as(entry, 'SortBy')?.node, aliases)) walk(analysis, entry, inner);
      else walk(analysis, sortOnly(entry), inner);
    }
    limits(analysis, node, inner);
    return output;
  }

  function grouping(analysis: Analysis, entry: Node, env: Env, aliases: ReadonlySet<string>): void {
    // GROUP BY prefers a column of the tables to one of the output (findTargetlistEntrySQL92).
    const set = as(entry, 'GroupingSet');
    if (set !== undefined) {
      for (const each of set.content ?? []) grouping(analysis, each, env, aliases);
      return;
    }
    const row = as(entry, 'RowExpr');
    if (row?.row_format === 'COERCE_IMPLICIT_CAST') {
      for (const each of row.args ?? []) grouping(analysis, each, env, aliases);
      return;
    }
    const name = bareName(entry);
    if (name === null || env.level === null) return walk(analysis, entry, env);
    if (touchBare(analysis, name, env.level)) return;
    if (!aliases.has(name)) walk(analysis, entry, env);
  }

  function limits(analysis: Analysis, node: SelectStmt, env: Env): void {
    walk(analysis, node.limitOffset, env);
    walk(analysis, node.limitCount, env);
  }

  function targets(
    analysis: Analysis,
    list: readonly Node[] | undefined,
    env: Env,
    items: readonly RangeItem[],
  ): Output {
    const names: string[] = [];
    let known = true;
    for (const entry of list ?? []) {
      const target = as(entry, 'ResTarget');
      walk(analysis, entry, env);
      const star = starOf(target?.val, items);
      if (star === undefined) {
        const name = target?.name ?? outputName(target?.val);
        known &&= name !== null;
        names.push(name ?? '');
      } else {
        known &&= star !== null;
        names.push(...(star ?? []));
      }
    }
    return known ? names : null;
  }

  function withClause(analysis: Analysis, clause: WithClause | undefined, outer: Env): Env {
    if (clause === undefined) return outer;
    const { level } = outer;
    let { ctes } = outer;
    const listed = (clause.ctes ?? []).flatMap((node) => as(node, 'CommonTableExpr') ?? []);
    const recursive = clause.recursive === true;
    const frames: CteFrame[] = [];
    if (recursive) {
      // Each of them may name each other, itself included.
      for (const cte of listed) {
        ctes = { name: cte.ctename ?? '', columns: null, next: ctes };
        frames.push(ctes);
      }
    }
    for (const [position, cte] of listed.entries()) {
      const frame = frames[position];
      const firstArm = (output: Output) => {
        if (frame !== undefined) frame.columns = cteColumns(cte, output);
      };
      const output =
        cte.ctequery === undefined
          ? null
          : walkQuery(analysis, cte.ctequery, { level, ctes }, { firstArm });
      walk(analysis, cte.cycle_clause?.cycle_mark_value, { level, ctes });
      walk(analysis, cte.cycle_clause?.cycle_mark_default, { level, ctes });
      const columns = cteColumns(cte, output);
      // Without RECURSIVE a CTE is only visible after itself: before, its name is that of a table.
      if (frame === undefined) ctes = { name: cte.ctename ?? '', columns, next: ctes };
      else frame.columns = columns;
    }
    return { level, ctes };
  }

  return { select, withClause, targets };
}

function cteColumns(cte: CommonTableExpr, output: Output): Output {
  if (output === null) return null;
  const own = (cte.aliascolnames ?? []).map(text);
  const extra = [
    cte.search_clause?.search_seq_column,
    cte.cycle_clause?.cycle_mark_column,
    cte.cycle_clause?.cycle_path_column,
  ].filter((name) => name !== undefined);
  return [...own, ...output.slice(own.length), ...extra];
}

/** FOR UPDATE and its kin lock rows: the tables count as written. */
function locks(
  analysis: Analysis,
  clauses: readonly Node[] | undefined,
  items: readonly RangeItem[],
): void {
  for (const node of clauses ?? []) {
    const clause = as(node, 'LockingClause');
    if (clause === undefined) continue;
    analysis.ledger.raise('write');
    lockItems(analysis, clause, items);
  }
}

function lockItems(analysis: Analysis, clause: LockingClause, items: readonly RangeItem[]): void {
  const { ledger } = analysis;
  const named = clause.lockedRels?.map((node) => as(node, 'RangeVar')?.relname ?? '');
  const locked = named === undefined ? items : items.filter((item) => named.includes(item.name));
  const throughOther = locked.some((item) => item.info === null || item.info.relation.kind === 'v');
  for (const item of locked) if (item.info !== null) ledger.writes.add(item.info.label);
  // The lock reaches into subqueries and views, so everything read so far may be locked.
  if (throughOther) for (const label of ledger.reads) ledger.writes.add(label);
}

function bareName(node: Node | undefined): string | null {
  const fields = as(node, 'ColumnRef')?.fields;
  const [field] = fields ?? [];
  return fields?.length === 1 && field !== undefined && tagOf(field) === 'String'
    ? text(field)
    : null;
}

/** ORDER BY and DISTINCT ON prefer a name of the output; its expression was walked with the list. */
function isAlias(node: Node | undefined, aliases: ReadonlySet<string>): boolean {
  const name = bareName(node);
  return name !== null && aliases.has(name);
}

/** The sort without its expression: USING still calls an operator. */
function sortOnly(entry: Node): Node {
  const sort = as(entry, 'SortBy');
  return { SortBy: sort?.useOp === undefined ? {} : { useOp: sort.useOp } };
}

const NO_ALIASES: ReadonlySet<string> = new Set();

/** Only these clauses can name the output's columns. */
function usesAliases({ groupClause, distinctClause, sortClause }: SelectStmt): boolean {
  return (groupClause ?? distinctClause ?? sortClause) !== undefined;
}

function targetAliases(list: readonly Node[] | undefined): ReadonlySet<string> {
  const names = new Set<string>();
  for (const node of list ?? []) {
    const target = as(node, 'ResTarget');
    const name = target?.name ?? outputName(target?.val);
    if (name !== null) names.add(name);
  }
  return names;
}

function isStar(list: readonly Node[] | undefined): boolean {
  const fields = as(as(list?.[0], 'ResTarget')?.val, 'ColumnRef')?.fields;
  const [field] = fields ?? [];
  return (
    list?.length === 1 && fields?.length === 1 && field !== undefined && tagOf(field) === 'A_Star'
  );
}

/** Columns that `*` or `a.*` gives; undefined when the target is neither, null when they are not all known. */
function starOf(node: Node | undefined, items: readonly RangeItem[]): Output | undefined {
  const fields = as(node, 'ColumnRef')?.fields;
  const last = fields?.at(-1);
  if (fields === undefined || last === undefined || tagOf(last) !== 'A_Star') return undefined;
  const qualifier = fields.length > 1 ? text(fields.at(-2)) : null;
  const meant = items.filter((item) => (qualifier === null ? item.bare : item.name === qualifier));
  const names: string[] = [];
  for (const item of meant) {
    const columns = columnNames(item);
    if (columns === null) return null;
    names.push(...columns);
  }
  return meant.length === 0 ? null : names;
}

function valuesColumns(node: SelectStmt): string[] {
  const first = as(node.valuesLists?.[0], 'List')?.items ?? [];
  return first.map((_, position) => `column${position + 1}`);
}

function valuesEnv(node: SelectStmt, env: Env): Env {
  const item: RangeItem = {
    name: '*VALUES*',
    schema: '',
    info: null,
    columns: valuesColumns(node),
    open: false,
    heirs: false,
    sources: null,
    members: [],
    bare: true,
    target: false,
  };
  return { level: { items: [item], parent: env.level?.parent ?? null }, ctes: env.ctes };
}
