// The parts of the walk, tied together. One instance serves every statement: it holds no state of its own.
import type { Analysis, Output, QueryOptions } from './analysis.ts';
import { createExpressions, type Expressions } from './expressions.ts';
import { createFromClause, type FromClause } from './from.ts';
import { as, tagOf, type Node } from './parse.ts';
import { createQueries } from './queries.ts';
import { NO_ENV, type Env } from './scope.ts';
import { createWrites } from './writes.ts';

const expressions: Expressions = createExpressions(walkQuery);
const from: FromClause = createFromClause(expressions, walkQuery);
const queries = createQueries(expressions, from, walkQuery);
const writes = createWrites(expressions, from, queries);

/** A SELECT, INSERT, UPDATE, DELETE or MERGE; anything else is opaque here. */
export function walkQuery(
  analysis: Analysis,
  query: Node,
  env: Env,
  options: QueryOptions = {},
): Output {
  switch (tagOf(query)) {
    case 'SelectStmt': {
      const select = as(query, 'SelectStmt');
      return select === undefined ? null : queries.select(analysis, select, env, options);
    }
    case 'InsertStmt': {
      const insert = as(query, 'InsertStmt');
      return insert === undefined ? null : writes.insert(analysis, insert, env);
    }
    case 'UpdateStmt': {
      const update = as(query, 'UpdateStmt');
      return update === undefined ? null : writes.update(analysis, update, env);
    }
    case 'DeleteStmt': {
      const remove = as(query, 'DeleteStmt');
      return remove === undefined ? null : writes.remove(analysis, remove, env);
    }
    case 'MergeStmt': {
      const merge = as(query, 'MergeStmt');
      return merge === undefined ? null : writes.merge(analysis, merge, env);
    }
    default:
      analysis.ledger.conceal('unknown_statement');
      return null;
  }
}

/** The query that PREPARE, DECLARE or COPY stands around: a statement of its own, whose verb counts too. */
export function walkWrapped(analysis: Analysis, query: Node | undefined): void {
  if (query === undefined) return;
  if (tagOf(query) === 'SelectStmt') analysis.ledger.verbs.add('SELECT');
  walkQuery(analysis, query, NO_ENV);
}

export const walkExpression: Expressions['walk'] = expressions.walk;
export const walkExpressions: Expressions['walkAll'] = expressions.walkAll;
