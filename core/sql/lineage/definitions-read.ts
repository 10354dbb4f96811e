// Reads what the catalog stores as text: a view's query and a generated column's expression, both deparsed by Postgres with
// every name that is not built in under its schema.
import type { CatalogRelation } from '../catalog.ts';
import { Names } from '../names.ts';
import { as, nameParts, type ParseSql } from '../parse.ts';
import { Pending } from '../pending.ts';
import type { BaseColumns } from './base-columns.ts';
import type { Findings } from './findings.ts';
import { NO_ENV } from './scope.ts';
import type { Columns } from './walk.ts';
import { walkQuery } from './walks.ts';

export function readDefinition(
  parse: ParseSql,
  bases: BaseColumns,
  relation: CatalogRelation,
  findings: Findings,
): Columns {
  if (relation.definition === null) return null;
  const parsed = parse(relation.definition);
  if (!parsed.ok || parsed.statements.length !== 1) return null;
  const node = parsed.statements[0]?.node;
  if (node === undefined || as(node, 'SelectStmt') === undefined) return null;
  // A temporary view names the tables of its own session's schema.
  const temporary = relation.schema.startsWith('pg_temp') ? relation.schema : null;
  const names = new Names(bases.catalog, ['pg_catalog'], new Pending(), temporary);
  return walkQuery({ findings, names, bases, depth: 0 }, node, NO_ENV);
}

/** Names of the columns an expression mentions; null where it cannot be read or mentions whole rows. */
export function readExpression(parse: ParseSql, expression: string): ReadonlySet<string> | null {
  const parsed = parse(`SELECT ${expression}`);
  if (!parsed.ok || parsed.statements.length !== 1) return null;
  const columns = new Set<string>();
  const queue: unknown[] = [parsed.statements[0]?.node];
  for (const at of queue) {
    if (typeof at !== 'object' || at === null) continue;
    for (const [key, value] of Object.entries(at)) {
      if (key === 'ColumnRef') {
        const name = nameParts((value as { fields?: Parameters<typeof nameParts>[0] }).fields).at(
          -1,
        );
        if (name === undefined || name === '') return null;
        columns.add(name);
      }
      queue.push(value);
    }
  }
  return columns;
}
