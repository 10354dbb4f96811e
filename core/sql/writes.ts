// INSERT, UPDATE, DELETE and MERGE, wherever they stand: at the top, in a WITH clause, in COPY or EXPLAIN (analyze.c,
// parse_merge.c). The target of a write is never a CTE, whatever the CTEs in reach are called.
import type { Analysis, Output } from './analysis.ts';
import { isAlwaysTrue } from './constants.ts';
import type { Expressions } from './expressions.ts';
import { lookThrough, relationItem, type FromClause } from './from.ts';
import { as, type Ast, type Node, type RangeVar, type ReturningClause } from './parse.ts';
import type { Queries } from './queries.ts';
import { columnPosition, isSystemColumn, touchColumn, type Env, type RangeItem } from './scope.ts';

export interface Writes {
  insert(analysis: Analysis, node: Ast<'InsertStmt'>, outer: Env): Output;
  update(analysis: Analysis, node: Ast<'UpdateStmt'>, outer: Env): Output;
  remove(analysis: Analysis, node: Ast<'DeleteStmt'>, outer: Env): Output;
  merge(analysis: Analysis, node: Ast<'MergeStmt'>, outer: Env): Output;
}

export function createWrites(expressions: Expressions, from: FromClause, queries: Queries): Writes {
  const { walk, walkAll } = expressions;

  function insert(analysis: Analysis, node: Ast<'InsertStmt'>, outer: Env): Output {
    const env = queries.withClause(analysis, node.withClause, outer);
    begin(analysis, 'INSERT');
    const target = writeTarget(analysis, node.relation);
    throughView(analysis, target);
    assignAll(analysis, node.cols, target, env);
    if (node.cols === undefined) assignEvery(analysis, target);
    walk(analysis, node.selectStmt, env);
    const conflict = node.onConflictClause;
    if (conflict !== undefined) {
      const excluded: RangeItem = { ...target, name: 'excluded', schema: '', bare: false };
      // A value of `excluded` is one that the statement itself brought along.
      const items = [target, { ...excluded, info: null, columns: ownColumns(target) }];
      const inner: Env = { level: { items, parent: env.level }, ctes: env.ctes };
      if (conflict.infer !== undefined) {
        expressions.children(analysis, 'InferClause', conflict.infer, inner);
      }
      if (conflict.action === 'ONCONFLICT_UPDATE') analysis.ledger.verbs.add('UPDATE');
      assignAll(analysis, conflict.targetList, target, inner);
      walk(analysis, conflict.whereClause, inner);
    }
    return returning(analysis, node.returningClause, [target], env);
  }

  function update(analysis: Analysis, node: Ast<'UpdateStmt'>, outer: Env): Output {
    const env = queries.withClause(analysis, node.withClause, outer);
    begin(analysis, 'UPDATE');
    const target = writeTarget(analysis, node.relation);
    throughView(analysis, target);
    const items = [target, ...from.walkFrom(analysis, node.fromClause, env)];
    const inner: Env = { level: { items, parent: env.level }, ctes: env.ctes };
    assignAll(analysis, node.targetList, target, inner);
    walk(analysis, node.whereClause, inner);
    if (isAlwaysTrue(node.whereClause)) analysis.ledger.whereless = true;
    return returning(analysis, node.returningClause, items, env);
  }

  function remove(analysis: Analysis, node: Ast<'DeleteStmt'>, outer: Env): Output {
    const env = queries.withClause(analysis, node.withClause, outer);
    begin(analysis, 'DELETE');
    const target = writeTarget(analysis, node.relation);
    throughView(analysis, target);
    const items = [target, ...from.walkFrom(analysis, node.usingClause, env)];
    const inner: Env = { level: { items, parent: env.level }, ctes: env.ctes };
    walk(analysis, node.whereClause, inner);
    if (isAlwaysTrue(node.whereClause)) analysis.ledger.whereless = true;
    return returning(analysis, node.returningClause, items, env);
  }

  function merge(analysis: Analysis, node: Ast<'MergeStmt'>, outer: Env): Output {
    const env = queries.withClause(analysis, node.withClause, outer);
    begin(analysis, 'MERGE');
    const target = writeTarget(analysis, node.relation);
    throughView(analysis, target);
    const source =
      node.sourceRelation === undefined
        ? []
        : from.walkEntry(analysis, node.sourceRelation, env, []);
    const items = [target, ...source];
    const inner: Env = { level: { items, parent: env.level }, ctes: env.ctes };
    walk(analysis, node.joinCondition, inner);
    for (const entry of node.mergeWhenClauses ?? []) {
      const when = as(entry, 'MergeWhenClause');
      if (when === undefined) continue;
      walk(analysis, when.condition, inner);
      assignAll(analysis, when.targetList, target, inner);
      walkAll(analysis, when.values, inner);
      const verb = MERGE_VERBS[when.commandType ?? ''];
      if (verb === undefined) continue;
      analysis.ledger.verbs.add(verb);
      if (verb === 'INSERT') {
        if (when.targetList === undefined) assignEvery(analysis, target);
      } else if (isAlwaysTrue(node.joinCondition) && isAlwaysTrue(when.condition)) {
        analysis.ledger.whereless = true;
      } else if (when.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE') {
        // Rows that the source does not have: with an empty source, all of them.
        analysis.ledger.whereless ||= isAlwaysTrue(when.condition);
      }
    }
    return returning(analysis, node.returningClause, items, env);
  }

  /** Columns that are given a value, and the expressions that give it. */
  function assignAll(
    analysis: Analysis,
    list: readonly Node[] | undefined,
    target: RangeItem,
    env: Env,
  ): void {
    for (const entry of list ?? []) {
      const column = as(entry, 'ResTarget');
      walk(analysis, entry, env);
      if (column?.name !== undefined) assign(analysis, target, column.name);
    }
  }

  function returning(
    analysis: Analysis,
    clause: ReturningClause | undefined,
    items: readonly RangeItem[],
    env: Env,
  ): Output {
    if (clause === undefined) return [];
    const [target] = items;
    const named: RangeItem[] = [];
    if (target !== undefined) {
      const listed = (clause.options ?? []).flatMap((node) => as(node, 'ReturningOption') ?? []);
      const alias = (option: string) => listed.find((each) => each.option === option)?.value;
      // RETURNING old.*, new.* (Postgres 18); WITH (OLD AS o) renames them.
      const old = alias('RETURNING_OPTION_OLD') ?? 'old';
      const current = alias('RETURNING_OPTION_NEW') ?? 'new';
      for (const name of [old, current]) named.push({ ...target, name, schema: '', bare: false });
    }
    const all = [...items, ...named];
    const inner: Env = { level: { items: all, parent: env.level }, ctes: env.ctes };
    return queries.targets(analysis, clause.exprs, inner, all);
  }

  return { insert, update, remove, merge };
}

const MERGE_VERBS: Readonly<Record<string, string>> = {
  CMD_INSERT: 'INSERT',
  CMD_UPDATE: 'UPDATE',
  CMD_DELETE: 'DELETE',
};

function begin(analysis: Analysis, verb: string): void {
  analysis.ledger.raise('write');
  analysis.ledger.verbs.add(verb);
}

/** The table, and behind a view every table its rows come from, is written. */
export function writeTarget(analysis: Analysis, node: RangeVar | undefined): RangeItem {
  const item = relationItem(analysis, node ?? {}, true);
  const { ledger, names } = analysis;
  const relation = item.info?.relation;
  if (item.info === null || relation === undefined) return item;
  for (const label of item.info.labels) ledger.writes.add(label);
  if (item.heirs) for (const heir of item.info.heirs) ledger.writes.add(heir.label);
  const behind = relation.kind === 'v' ? analysis.viewTargets(relation) : [];
  for (const each of [relation, ...behind]) {
    for (const label of names.info(each).labels) ledger.writes.add(label);
    if (each.rules) ledger.conceal('rewrite_rule');
    if (SYSTEM_SCHEMAS.has(each.schema)) ledger.raise('admin');
    if (each.schema === 'pg_catalog' && each.name === 'pg_settings') {
      // Its rule calls set_config() for every row that the UPDATE reaches.
      ledger.refuse({
        kind: 'deny',
        code: 'guarded_setting',
        rule: null,
        message: 'Changing settings through pg_settings is refused: it cannot be seen which ones.',
        hint: 'Use SET.',
      });
    }
  }
  return item;
}

const SYSTEM_SCHEMAS: ReadonlySet<string> = new Set([
  'pg_catalog',
  'information_schema',
  'pg_toast',
]);

/** A view's own query finds the rows of UPDATE and DELETE, and checks those of INSERT (WITH CHECK OPTION). */
function throughView(analysis: Analysis, target: RangeItem): void {
  if (target.info?.relation.kind === 'v') lookThrough(analysis, target.info.relation);
}

function assign(analysis: Analysis, target: RangeItem, column: string): void {
  const position = columnPosition({ ...target, columns: null }, column);
  if (position >= 0) return touchColumn(analysis.ledger, { ...target, target: false }, position);
  if (target.open || isSystemColumn(column)) return;
  analysis.ledger.miss(`${target.info?.label ?? target.name}.${column}`, 'unknown_relation');
}

/** INSERT without a column list gives every column. */
export function assignEvery(analysis: Analysis, target: RangeItem): void {
  for (const column of target.info?.names ?? []) assign(analysis, target, column);
}

function ownColumns(target: RangeItem): readonly string[] | null {
  return target.info?.names ?? null;
}
