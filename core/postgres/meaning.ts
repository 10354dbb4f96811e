// What a text meant when the server planned it. A portal or cursor keeps that plan, while its text is judged with the
// catalog of each Execute and FETCH: a table or view that has come before another in the search path since, or a view
// that was replaced, would lend its names to the rows of the one that is read. So the relations behind are remembered.
import type { CatalogRelation } from '../sql/catalog.ts';
import type { BaseColumn, StatementLineage, TextLineage } from '../sql/lineage/lineage.ts';

const known = new WeakMap<TextLineage, string>();

/** Equal for two lineages only where the same relations, as they were, are read into the same columns. */
export function meaningOf(lineage: TextLineage): string {
  const before = known.get(lineage);
  if (before !== undefined) return before;
  const meaning = JSON.stringify(lineage.map(statement));
  known.set(lineage, meaning);
  return meaning;
}

function statement({ touches, outputs }: StatementLineage): unknown {
  return [
    [...touches].sort((a, b) => a.oid - b.oid).map(relation),
    outputs?.map(({ columns, direct }) => [[...columns].map(column).sort(), direct]) ?? null,
  ];
}

function relation({ oid, schema, name, columns, definition }: CatalogRelation): unknown {
  return [oid, schema, name, columns.map((each) => [each.attnum, each.name]), definition];
}

function column(base: BaseColumn): string {
  return `${base.relation.oid}.${base.column.attnum}`;
}
