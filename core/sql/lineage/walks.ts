// The parts of the lineage walk, tied together. One instance serves every statement: it holds no state of its own.
import { as, tagOf, type Node } from '../parse.ts';
import { createExpressions, type Expressions } from './expressions.ts';
import { createFromClause } from './from.ts';
import { createQueries } from './queries.ts';
import type { Env } from './scope.ts';
import { createWithClauses } from './with.ts';
import type { Columns, QueryOptions, Walk } from './walk.ts';
import { createWrites } from './writes.ts';

const expressions: Expressions = createExpressions(walkQuery);
const from = createFromClause(expressions, walkQuery);
const withClause = createWithClauses(walkQuery);
const queries = createQueries(expressions, from, withClause);
const writes = createWrites(expressions, from, queries, withClause, walkQuery);

/** A SELECT, INSERT, UPDATE, DELETE or MERGE; a write without RETURNING has no columns. */
export function walkQuery(walk: Walk, query: Node, env: Env, options: QueryOptions = {}): Columns {
  walk.findings.step();
  switch (tagOf(query)) {
    case 'SelectStmt': {
      const node = as(query, 'SelectStmt');
      return node === undefined ? null : queries.select(walk, node, env, options);
    }
    case 'InsertStmt': {
      const node = as(query, 'InsertStmt');
      return node === undefined ? null : writes.insert(walk, node, env);
    }
    case 'UpdateStmt': {
      const node = as(query, 'UpdateStmt');
      return node === undefined ? null : writes.update(walk, node, env);
    }
    case 'DeleteStmt': {
      const node = as(query, 'DeleteStmt');
      return node === undefined ? null : writes.remove(walk, node, env);
    }
    case 'MergeStmt': {
      const node = as(query, 'MergeStmt');
      return node === undefined ? null : writes.merge(walk, node, env);
    }
    default:
      walk.findings.doubt(`a query of an unknown kind (${tagOf(query)})`);
      return null;
  }
}

export const { valueOf } = expressions;
