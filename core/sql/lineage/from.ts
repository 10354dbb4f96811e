// FROM clauses (parse_clause.c): tables, subqueries, functions and joins as items whose columns carry values. What a
// function or JSON_TABLE is given decides how many rows there are, so columns in it count as a condition.
import { MAX_TREE_DEPTH, TooDeep } from '../analysis.ts';
import { as, nameParts, tagOf, type Alias, type Ast, type JoinExpr, type Node } from '../parse.ts';
import type { Expressions } from './expressions.ts';
import { functionItem } from './from-functions.ts';
import { joinSources } from './joins.ts';
import { openItem, readItem, renamed } from './relations.ts';
import { item, NO_SOURCES, sourcesOf, within, type Env, type Item, type Sources } from './scope.ts';
import { computed, type Column, type Value } from './values.ts';
import type { Walk, WalkQuery } from './walk.ts';

export interface FromClause {
  readonly list: (walk: Walk, nodes: readonly Node[] | undefined, outer: Env) => Sources;
  /** One entry; `left` is what a LATERAL one may use. */
  readonly entry: (walk: Walk, node: Node, outer: Env, left: Sources) => Sources;
}

export function joined(left: Sources, right: Sources): Sources {
  if (left.visible.length === 0) return right;
  return {
    items: [...left.items, ...right.items],
    visible: [...left.visible, ...right.visible],
  };
}

export function createFromClause(expressions: Expressions, walkQuery: WalkQuery): FromClause {
  const { valueOf, children, condition } = expressions;

  function list(walk: Walk, nodes: readonly Node[] | undefined, outer: Env): Sources {
    let sources = NO_SOURCES;
    for (const node of nodes ?? []) sources = joined(sources, entry(walk, node, outer, sources));
    return sources;
  }

  function entry(walk: Walk, node: Node, outer: Env, left: Sources): Sources {
    walk.findings.step();
    switch (tagOf(node)) {
      case 'RangeVar': {
        const relation = as(node, 'RangeVar');
        return relation === undefined ? NO_SOURCES : sourcesOf(readItem(walk, relation, outer));
      }
      case 'RangeSubselect': {
        const sub = as(node, 'RangeSubselect');
        if (sub?.subquery === undefined) return NO_SOURCES;
        const env = sub.lateral === true ? within(left, outer) : outer;
        const columns = walkQuery(walk, sub.subquery, env);
        const name = sub.alias?.aliasname ?? '';
        return sourcesOf(
          columns === null ? openItem(name) : item(name, renamed(columns, sub.alias)),
        );
      }
      case 'RangeFunction': {
        const call = as(node, 'RangeFunction');
        if (call === undefined) return NO_SOURCES;
        return sourcesOf(functionItem(expressions, walk, call, within(left, outer)));
      }
      case 'RangeTableFunc': {
        const xml = as(node, 'RangeTableFunc');
        if (xml === undefined) return NO_SOURCES;
        const value = children(walk, 'RangeTableFunc', xml, within(left, outer));
        const names = (xml.columns ?? []).map((c) => as(c, 'RangeTableFuncCol')?.colname ?? '');
        return sourcesOf(document(walk, value, names, xml.alias, 'xmltable'));
      }
      case 'JsonTable': {
        const json = as(node, 'JsonTable');
        if (json === undefined) return NO_SOURCES;
        const value = children(walk, 'JsonTable', json, within(left, outer));
        return sourcesOf(
          document(walk, value, jsonColumns(json.columns), json.alias, 'json_table'),
        );
      }
      case 'RangeTableSample': {
        const sample = as(node, 'RangeTableSample');
        if (sample?.relation === undefined) return NO_SOURCES;
        for (const arg of [...(sample.args ?? []), sample.repeatable]) {
          const value = valueOf(walk, arg, within(left, outer));
          walk.findings.use(value.columns, 'other', 'TABLESAMPLE', 'TABLESAMPLE');
        }
        const method = nameParts(sample.method);
        if (!['system', 'bernoulli'].includes(method.at(-1) ?? '')) {
          walk.findings.doubt(`the sampling method ${method.join('.')}`);
        }
        return entry(walk, sample.relation, outer, left);
      }
      case 'JoinExpr': {
        const join = as(node, 'JoinExpr');
        if (++walk.depth > MAX_TREE_DEPTH) throw new TooDeep();
        const sources = join === undefined ? NO_SOURCES : joinOf(walk, join, outer, left);
        walk.depth--;
        return sources;
      }
      default:
        walk.findings.doubt(`a FROM item of an unknown kind (${tagOf(node)})`);
        return sourcesOf(openItem(''));
    }
  }

  function joinOf(walk: Walk, join: JoinExpr, outer: Env, left: Sources): Sources {
    if (join.larg === undefined || join.rarg === undefined) return NO_SOURCES;
    const first = entry(walk, join.larg, outer, left);
    const second = entry(walk, join.rarg, outer, joined(left, first));
    // ON sees both sides and the levels around the query, not the siblings of the join.
    condition(walk, join.quals, within(joined(first, second), outer), 'JOIN');
    return joinSources(walk, join, first, second);
  }

  return { list, entry };
}

/** XMLTABLE and JSON_TABLE: every column may hold anything of the document, and so may the number of rows. */
function document(
  walk: Walk,
  value: Value,
  names: readonly string[],
  alias: Alias | undefined,
  kind: string,
): Item {
  walk.findings.use(value.columns, 'other', 'FROM', kind);
  const columns = names.map((name): Column => ({ name, value: computed(value.columns) }));
  return item(alias?.aliasname ?? kind, renamed(columns, alias));
}

function jsonColumns(columns: Ast<'JsonTable'>['columns']): string[] {
  return (columns ?? []).flatMap((node) => {
    const column = as(node, 'JsonTableColumn');
    return column?.coltype === 'JTC_NESTED' ? jsonColumns(column.columns) : [column?.name ?? ''];
  });
}
