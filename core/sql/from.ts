// FROM clauses (parse_clause.c): turns tables, subqueries, functions and joins into range items, and lists what is read.
import { MAX_TREE_DEPTH, TooDeep, type Analysis, type WalkQuery } from './analysis.ts';
import { FIRST_USER_OID } from './catalog.ts';
import { useOperators, type Expressions } from './expressions.ts';
import { outputName } from './output-names.ts';
import { as, nameParts, tagOf, text } from './parse.ts';
import type { Alias, Ast, JoinExpr, Node, RangeVar } from './parse.ts';
import {
  columnNames,
  columnPosition,
  findCte,
  touchColumn,
  touchRelation,
  type ColumnSource,
  type Env,
  type Level,
  type RangeItem,
} from './scope.ts';

export interface FromClause {
  /** Items of a whole FROM list; `outer` is the world around the query. */
  walkFrom(analysis: Analysis, nodes: readonly Node[] | undefined, outer: Env): RangeItem[];
  /** Items of one entry; `left` are those that a LATERAL one may use. */
  walkEntry(analysis: Analysis, node: Node, outer: Env, left: readonly RangeItem[]): RangeItem[];
}

export function createFromClause(expressions: Expressions, walkQuery: WalkQuery): FromClause {
  const { walk, walkAll, children } = expressions;

  function walkFrom(
    analysis: Analysis,
    nodes: readonly Node[] | undefined,
    outer: Env,
  ): RangeItem[] {
    const items: RangeItem[] = [];
    for (const node of nodes ?? []) items.push(...walkEntry(analysis, node, outer, items));
    return items;
  }

  function walkEntry(
    analysis: Analysis,
    node: Node,
    outer: Env,
    left: readonly RangeItem[],
  ): RangeItem[] {
    const lateral = (): Env => ({
      level: { items: left, parent: outer.level },
      ctes: outer.ctes,
    });
    const tag = tagOf(node);
    switch (tag) {
      case 'RangeVar': {
        const relation = as(node, 'RangeVar');
        return relation === undefined ? [] : [readRelation(analysis, relation, outer)];
      }
      case 'RangeSubselect': {
        const sub = as(node, 'RangeSubselect');
        if (sub?.subquery === undefined) return [];
        const env = sub.lateral === true ? lateral() : outer;
        return [derived(sub.alias, walkQuery(analysis, sub.subquery, env))];
      }
      case 'RangeFunction': {
        const call = as(node, 'RangeFunction');
        return call === undefined ? [] : [functionItem(analysis, call, lateral())];
      }
      case 'RangeTableFunc': {
        const xml = as(node, 'RangeTableFunc');
        if (xml === undefined) return [];
        children(analysis, 'RangeTableFunc', xml, lateral());
        const columns = (xml.columns ?? []).map((c) => as(c, 'RangeTableFuncCol')?.colname ?? '');
        return [derived(xml.alias, columns, 'xmltable')];
      }
      case 'JsonTable': {
        const json = as(node, 'JsonTable');
        if (json === undefined) return [];
        children(analysis, 'JsonTable', json, lateral());
        return [derived(json.alias, jsonColumns(json.columns), 'json_table')];
      }
      case 'RangeTableSample': {
        const sample = as(node, 'RangeTableSample');
        if (sample?.relation === undefined) return [];
        walkAll(analysis, sample.args, lateral());
        walk(analysis, sample.repeatable, lateral());
        sampleMethod(analysis, sample);
        return walkEntry(analysis, sample.relation, outer, left);
      }
      case 'JoinExpr': {
        const join = as(node, 'JoinExpr');
        if (++analysis.depth > MAX_TREE_DEPTH) throw new TooDeep();
        const items = join === undefined ? [] : walkJoin(analysis, join, outer, left);
        analysis.depth--;
        return items;
      }
      default:
        analysis.ledger.conceal('unknown_node');
        return [];
    }
  }

  function walkJoin(
    analysis: Analysis,
    join: JoinExpr,
    outer: Env,
    left: readonly RangeItem[],
  ): RangeItem[] {
    if (join.larg === undefined || join.rarg === undefined) return [];
    const leftItems = walkEntry(analysis, join.larg, outer, left);
    const rightItems = walkEntry(analysis, join.rarg, outer, [...left, ...leftItems]);
    const items = [...leftItems, ...rightItems];
    // ON sees both sides and the levels around the query, not the siblings of the join.
    const level: Level = { items, parent: outer.level };
    walk(analysis, join.quals, { level, ctes: outer.ctes });
    const shared =
      join.isNatural === true
        ? sharedNames(leftItems, rightItems)
        : (join.usingClause ?? []).map(text);
    if (shared.length > 0) useOperators(analysis, [['=']]);
    for (const name of shared) touchEverywhere(analysis, items, name);
    const alias = join.alias;
    if (alias !== undefined) return [joined(alias, items)];
    if (join.join_using_alias?.aliasname === undefined) return items;
    return [...items, merged(join.join_using_alias, items, shared)];
  }

  function functionItem(analysis: Analysis, node: Ast<'RangeFunction'>, env: Env): RangeItem {
    const entries = (node.functions ?? []).map((entry) => as(entry, 'List')?.items ?? [entry]);
    const alias = entries.length === 1 ? node.alias?.aliasname : undefined;
    let columns: string[] | null = [];
    for (const [call, own] of entries) {
      walk(analysis, call, env);
      const definitions = as(own, 'List')?.items ?? node.coldeflist ?? [];
      walkAll(analysis, definitions, env);
      const given = definitions.map((definition) => as(definition, 'ColumnDef')?.colname ?? '');
      const known: readonly string[] | null =
        given.length > 0 ? given : resultColumns(analysis, call, alias);
      columns = columns === null || known === null ? null : [...columns, ...known];
    }
    if (node.ordinality === true && columns !== null) columns.push('ordinality');
    return derived(node.alias, columns, outputName(entries[0]?.[0]) ?? '');
  }

  return { walkFrom, walkEntry };
}

/** A table, view or CTE that is read. */
export function readRelation(analysis: Analysis, node: RangeVar, env: Env): RangeItem {
  const cte = node.schemaname === undefined ? findCte(env.ctes, node.relname ?? '') : null;
  if (cte !== null) return derived(node.alias, cte.columns, cte.name);
  const item = relationItem(analysis, node, false);
  touchRelation(analysis.ledger, item);
  const relation = item.info?.relation;
  if (relation !== undefined && (relation.kind === 'v' || relation.kind === 'm')) {
    lookThrough(analysis, relation);
  }
  return item;
}

/** Reading a view reads everything behind it; a materialised view's query ran earlier, so only its sources count. */
export function lookThrough(
  analysis: Analysis,
  relation: Parameters<Analysis['viewFacts']>[0],
): void {
  const { ledger } = analysis;
  const behind = analysis.viewFacts(relation);
  if (relation.kind === 'm') {
    for (const name of behind.reads) ledger.reads.add(name);
    for (const name of behind.columns) ledger.columns.add(name);
  } else {
    ledger.includeFacts(behind);
  }
}

/** The range item of a table; it is listed as missing when there is none. `target`: it is there to be written. */
export function relationItem(analysis: Analysis, node: RangeVar, target: boolean): RangeItem {
  const found = analysis.names.relation(node);
  const shown = [node.schemaname, node.relname].filter((part) => part !== undefined).join('.');
  if (found.kind === 'missing') analysis.ledger.miss(shown, 'unknown_relation');
  if (found.kind === 'changed') analysis.ledger.conceal('changed_in_text');
  const info = found.kind === 'found' ? found.info : null;
  const alias = node.alias?.aliasname;
  const renamed = node.alias?.colnames === undefined ? null : rename(info?.names ?? [], node.alias);
  return {
    name: alias ?? node.relname ?? '',
    schema: alias === undefined ? (info?.relation.schema ?? node.schemaname ?? '') : '',
    info,
    columns: renamed,
    open: found.kind !== 'found' || found.open,
    heirs: node.inh === true,
    sources: null,
    members: [],
    bare: true,
    target,
  };
}

/** A subquery, function or CTE. `columns` null: not known. */
export function derived(
  alias: Alias | undefined,
  columns: readonly string[] | null,
  name = '',
): RangeItem {
  const listed = alias?.colnames;
  return {
    name: alias?.aliasname ?? name,
    schema: '',
    info: null,
    columns: columns === null ? (listed?.map(text) ?? []) : rename(columns, alias),
    open: columns === null,
    heirs: false,
    sources: null,
    members: [],
    bare: true,
    target: false,
  };
}

function rename(columns: readonly string[], alias: Alias | undefined): readonly string[] {
  const listed = alias?.colnames;
  return listed === undefined ? columns : [...listed.map(text), ...columns.slice(listed.length)];
}

/** `(a JOIN b) AS j`: one item whose columns stand for those of its members. */
function joined(alias: Alias, items: readonly RangeItem[]): RangeItem {
  const sources: ColumnSource[] = [];
  const columns: string[] = [];
  let open = false;
  for (const item of items) {
    const names = item.columns ?? item.info?.names ?? [];
    open ||= columnNames(item) === null;
    names.forEach((name, position) => {
      columns.push(name);
      sources.push({ item, position });
    });
  }
  return {
    name: alias.aliasname ?? '',
    schema: '',
    info: null,
    columns: rename(columns, alias),
    open,
    heirs: false,
    sources,
    members: items,
    bare: true,
    target: false,
  };
}

/** Columns of a function's rows; null when only its declared type would tell. */
function resultColumns(
  analysis: Analysis,
  call: Node | undefined,
  alias: string | undefined,
): readonly string[] | null {
  const scalar = alias ?? outputName(call);
  const fn = as(call, 'FuncCall');
  if (fn === undefined) return scalar === null ? null : [scalar];
  const overloads = analysis.names.functions(nameParts(fn.funcname), null);
  const shapes = overloads.map((each) => {
    // A single OUT parameter names the column, whatever the alias is (chooseScalarFunctionAlias).
    if (each.outNames.length > 1 || each.outNames[0]) return each.outNames.join('\0');
    return SHAPELESS.has(each.returnType) || each.returnType >= FIRST_USER_OID ? null : '';
  });
  const [shape] = shapes;
  if (shape === undefined || shape === null || shapes.some((each) => each !== shape)) return null;
  if (shape !== '') return shape.split('\0');
  return scalar === null ? null : [scalar];
}

/** record and the polymorphic types: what they hold depends on the arguments (pg_type.dat). */
const SHAPELESS: ReadonlySet<number> = new Set([2249, 2283, 2776, 3500, 5077, 2287]);

function jsonColumns(columns: readonly Node[] | undefined): string[] {
  return (columns ?? []).flatMap((node) => {
    const column = as(node, 'JsonTableColumn');
    return column?.coltype === 'JTC_NESTED' ? jsonColumns(column.columns) : [column?.name ?? ''];
  });
}

/** `JOIN … USING (a) AS x`: x has the merged columns alone, and hides nothing. */
function merged(alias: Alias, items: readonly RangeItem[], shared: readonly string[]): RangeItem {
  const sources = shared.flatMap((name) => {
    const item = items.find((each) => columnPosition(each, name) >= 0);
    return item === undefined ? [] : [{ item, position: columnPosition(item, name) }];
  });
  return { ...joined(alias, []), columns: shared, sources, bare: false };
}

function sharedNames(left: readonly RangeItem[], right: readonly RangeItem[]): string[] {
  const theirs = new Set(right.flatMap((item) => columnNames(item) ?? []));
  return left.flatMap((item) => columnNames(item) ?? []).filter((name) => theirs.has(name));
}

function touchEverywhere(analysis: Analysis, items: readonly RangeItem[], name: string): void {
  for (const item of items) {
    const position = columnPosition(item, name);
    if (position >= 0) touchColumn(analysis.ledger, item, position);
  }
}

/** TABLESAMPLE calls a handler function; only the two that Postgres brings are known. */
function sampleMethod(analysis: Analysis, sample: Ast<'RangeTableSample'>): void {
  const method = nameParts(sample.method);
  const overloads = analysis.names.functions(method, null);
  const known = ['system', 'bernoulli'].includes(method.at(-1) ?? '');
  const builtin = overloads.every((fn) => fn.schema === 'pg_catalog');
  if (!known || !builtin) analysis.ledger.conceal('user_function');
}
