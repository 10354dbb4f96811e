// describe_schema as SQL: an ordinary statement that policy, journal and masks see like any other. It lists what the
// gateway's own credential may select from; whether a caller may read a table is decided when they do.
// @see https://www.postgresql.org/docs/18/catalog-pg-attribute.html
import type { MaskSet } from '../masking/mask.ts';
import type { ToolOutput } from './tools.ts';

export const DESCRIBE_SQL = `SELECT n.nspname::text AS schema, c.relname::text AS "table",
  CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'table' END AS kind,
  a.attname::text AS "column", pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg\\_temp\\_%'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')
  AND n.nspname::text || '.' || c.relname::text ILIKE $1
ORDER BY n.nspname, c.relname, a.attnum`;

/** `*` is any text, everything else is itself. A pattern without a dot is about tables of every schema. */
export function likePattern(pattern: string | undefined): string {
  if (pattern === undefined) return '%';
  const like = pattern.replaceAll(/[\\%_]/g, (character) => `\\${character}`).replaceAll('*', '%');
  return pattern.includes('.') ? like : `%.${like}`;
}

type DescribedColumn = ToolOutput<'describe_schema'>['columns'][number];

/** Rows of DESCRIBE_SQL, with what masks do to each column. A row of another shape is none of ours and is left out. */
export function describedColumns(
  rows: readonly (readonly unknown[])[],
  masks: MaskSet | null,
): readonly DescribedColumn[] {
  return rows.flatMap(([schema, table, kind, column, type, nullable]) => {
    if (typeof schema !== 'string' || typeof table !== 'string' || typeof column !== 'string') {
      return [];
    }
    const masked = masks?.column(schema, table, column)?.kind ?? null;
    const nulls = nullable === true;
    return [
      { schema, table, kind: String(kind), column, type: String(type), nullable: nulls, masked },
    ];
  });
}
