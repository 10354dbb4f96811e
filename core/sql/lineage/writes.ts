// INSERT, UPDATE, DELETE and MERGE, wherever they stand (analyze.c, parse_merge.c): which value is stored in which column,
// and what RETURNING gives back.
import { as, type Ast, type Node } from '../parse.ts';
import { assignAll, assignInsert, targetOf, type Target } from './assignments.ts';
import type { Expressions } from './expressions.ts';
import { joined, type FromClause } from './from.ts';
import type { Queries, WithClauses } from './queries.ts';
import { item, NO_SOURCES, sourcesOf, within, type Env, type Item, type Sources } from './scope.ts';
import {
  CLEAN,
  computed,
  isSimple,
  together,
  union,
  NO_COLUMNS,
  type Column,
  type Value,
} from './values.ts';
import type { Columns, Walk, WalkQuery } from './walk.ts';

export interface Writes {
  readonly insert: (walk: Walk, node: Ast<'InsertStmt'>, outer: Env) => Columns;
  readonly update: (walk: Walk, node: Ast<'UpdateStmt'>, outer: Env) => Columns;
  readonly remove: (walk: Walk, node: Ast<'DeleteStmt'>, outer: Env) => Columns;
  readonly merge: (walk: Walk, node: Ast<'MergeStmt'>, outer: Env) => Columns;
}

export function createWrites(
  expressions: Expressions,
  from: FromClause,
  queries: Queries,
  withClause: WithClauses,
  walkQuery: WalkQuery,
): Writes {
  const { valueOf, condition } = expressions;

  function insert(walk: Walk, node: Ast<'InsertStmt'>, outer: Env): Columns {
    const env = withClause(walk, node.withClause, outer);
    const target = targetOf(walk, node.relation);
    const rows = insertedRows(walk, node.selectStmt, env);
    const given = assignInsert(walk, target, node.cols, rows, expressions, env);
    const conflict = node.onConflictClause;
    if (conflict !== undefined) {
      const own = sourcesOf(target.item);
      const excluded = item('excluded', excludedColumns(target, given));
      const inner = within({ ...own, items: [...own.items, excluded] }, env);
      arbiter(walk, target, conflict.infer, given, inner);
      assignAll(walk, expressions, walkQuery, target, conflict.targetList, inner);
      condition(walk, conflict.whereClause, inner, 'ON CONFLICT');
    }
    return returning(walk, node.returningClause, target, NO_SOURCES, env);
  }

  /** Values of each row that is inserted; a VALUES list is looked at row by row. */
  function insertedRows(
    walk: Walk,
    query: Node | undefined,
    env: Env,
  ): readonly (readonly Value[])[] | null {
    if (query === undefined) return [];
    const select = as(query, 'SelectStmt');
    const plain = select?.valuesLists !== undefined && select.withClause === undefined;
    if (plain && select.sortClause === undefined && select.limitCount === undefined) {
      return queries.rows(walk, select, env);
    }
    const columns = walkQuery(walk, query, env);
    return columns === null ? null : [columns.map((column) => column.value)];
  }

  /** The columns whose uniqueness decides whether there is a conflict. */
  function arbiter(
    walk: Walk,
    target: Target,
    infer: Ast<'InferClause'> | undefined,
    given: ReadonlyMap<string, readonly Value[]>,
    env: Env,
  ): void {
    const elements = infer?.indexElems ?? [];
    for (const entry of elements) {
      const element = as(entry, 'IndexElem');
      const name = element?.name;
      const named: Node | undefined =
        name === undefined
          ? element?.expr
          : { ColumnRef: { fields: [{ String: { sval: name } }] } };
      const value = valueOf(walk, named, env);
      const how = value.direct && areWritten(given.get(name ?? '')) ? 'equality' : 'other';
      walk.findings.use(value.columns, how, 'ON CONFLICT', 'ON CONFLICT');
    }
    condition(walk, infer?.whereClause, env, 'ON CONFLICT');
    // Without them any unique column may be the one.
    if (elements.length > 0) return;
    for (const { name, value } of target.item.columns) {
      const how = areWritten(given.get(name)) ? 'equality' : 'other';
      walk.findings.use(value.columns, how, 'ON CONFLICT', 'ON CONFLICT');
    }
  }

  function update(walk: Walk, node: Ast<'UpdateStmt'>, outer: Env): Columns {
    const env = withClause(walk, node.withClause, outer);
    const target = targetOf(walk, node.relation);
    const sources = from.list(walk, node.fromClause, env);
    const inner = within(joined(sourcesOf(target.item), sources), env);
    assignAll(walk, expressions, walkQuery, target, node.targetList, inner);
    condition(walk, node.whereClause, inner, 'WHERE');
    return returning(walk, node.returningClause, target, sources, env);
  }

  function remove(walk: Walk, node: Ast<'DeleteStmt'>, outer: Env): Columns {
    const env = withClause(walk, node.withClause, outer);
    const target = targetOf(walk, node.relation);
    const sources = from.list(walk, node.usingClause, env);
    const inner = within(joined(sourcesOf(target.item), sources), env);
    condition(walk, node.whereClause, inner, 'WHERE');
    return returning(walk, node.returningClause, target, sources, env);
  }

  function merge(walk: Walk, node: Ast<'MergeStmt'>, outer: Env): Columns {
    const env = withClause(walk, node.withClause, outer);
    const target = targetOf(walk, node.relation);
    const sources =
      node.sourceRelation === undefined
        ? NO_SOURCES
        : from.entry(walk, node.sourceRelation, env, NO_SOURCES);
    const inner = within(joined(sourcesOf(target.item), sources), env);
    condition(walk, node.joinCondition, inner, 'JOIN');
    for (const entry of node.mergeWhenClauses ?? []) {
      const when = as(entry, 'MergeWhenClause');
      if (when === undefined) continue;
      condition(walk, when.condition, inner, 'WHEN');
      if (when.commandType === 'CMD_INSERT') {
        const values = (when.values ?? []).map((each) => valueOf(walk, each, inner));
        const listed = values.length === 0 ? [] : [values];
        assignInsert(walk, target, when.targetList, listed, expressions, inner);
      } else {
        assignAll(walk, expressions, walkQuery, target, when.targetList, inner);
      }
    }
    return returning(walk, node.returningClause, target, sources, env, true);
  }

  /** `sourceFirst`: `*` of MERGE gives the source's columns before the target's. */
  function returning(
    walk: Walk,
    clause: Ast<'InsertStmt'>['returningClause'],
    target: Target,
    sources: Sources,
    env: Env,
    sourceFirst = false,
  ): Columns {
    if (clause === undefined) return NO_OUTPUT;
    const own = sourcesOf(target.item);
    const all = sourceFirst ? joined(sources, own) : joined(own, sources);
    const listed = (clause.options ?? []).flatMap((node) => as(node, 'ReturningOption') ?? []);
    const alias = (option: string) => listed.find((each) => each.option === option)?.value;
    // RETURNING old.*, new.* (Postgres 18); WITH (OLD AS o) renames them.
    const named: Item[] = [
      alias('RETURNING_OPTION_OLD') ?? 'old',
      alias('RETURNING_OPTION_NEW') ?? 'new',
    ].map((name) => ({ ...target.item, name, schema: '' }));
    const inner = within({ items: [...all.items, ...named], visible: all.visible }, env);
    return queries.targets.list(walk, clause.exprs, inner, all.visible);
  }

  return { insert, update, remove, merge };
}

/** A write without RETURNING: no columns, where a CTE asks. */
const NO_OUTPUT: readonly Column[] = [];

/** Not computed from rows, which would be guesses by the thousand: whether each of them is there already is an answer. */
function areWritten(values: readonly Value[] | undefined): boolean {
  return (values ?? []).every(isSimple);
}

/** `excluded` is the row that was to be inserted. */
function excludedColumns(
  target: Target,
  given: ReadonlyMap<string, readonly Value[]>,
): readonly Column[] {
  return target.item.columns.map(({ name, value }) => {
    const values = given.get(name) ?? [];
    const [only] = values;
    const inserted = values.length === 1 && only !== undefined ? only : together(values);
    // A generated column is computed from the row's others.
    const generated = !value.direct && target.shape?.relation.kind !== 'v';
    if (!generated) return { name, value: inserted };
    let columns = NO_COLUMNS;
    for (const each of given.values()) columns = union(columns, together(each).columns);
    return { name, value: columns.size === 0 ? CLEAN : computed(columns) };
  });
}
