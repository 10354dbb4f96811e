// Reads a target's columns, and a few of their values, through the gateway: as the caller, under the caller's rules and masks.
import postgres from 'postgres';
import { isPlaceholder } from '../core/masking/maskers/placeholder.ts';
import type { SampledColumn } from './suggest-masks-proposal.ts';

type Sql = ReturnType<typeof postgres>;

/** Values are cut off here: what shows in none of the first characters is not what a column is for. */
const MAX_VALUE_CHARS = 2_000;

/** Views show columns of tables; partitions are looked at through their parent. */
const COLUMNS = `
  SELECT n.nspname AS schema, c.relname AS relation, c.relkind AS kind, a.attname AS name,
         pg_catalog.format_type(a.atttypid, a.atttypmod) AS type, t.typcategory AS category
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
   WHERE a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition
     AND c.relkind IN ('r', 'p', 'm', 'f')
     AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
     AND n.nspname NOT LIKE 'pg\\_temp\\_%'
   ORDER BY n.nspname, c.relname, a.attnum`;

interface ColumnRow {
  readonly schema: string;
  readonly relation: string;
  readonly kind: string;
  readonly name: string;
  readonly type: string;
  readonly category: string;
}

export interface Reading {
  /** Rows of each table; 0: names and types only. */
  readonly sample: number;
  readonly progress: (line: string) => void;
}

/** A table that may not be read is named on `progress`, and judged by names alone. */
export async function readColumns(
  sql: Sql,
  { sample, progress }: Reading,
): Promise<SampledColumn[]> {
  const rows = await sql.unsafe<ColumnRow[]>(COLUMNS);
  const tables = Map.groupBy(rows, ({ schema, relation }) => JSON.stringify([schema, relation]));
  progress(`${rows.length} columns in ${tables.size} tables`);
  const columns: SampledColumn[] = [];
  let done = 0;
  for (const table of tables.values()) {
    const values = sample === 0 ? null : await sampled(sql, table, { sample, progress });
    columns.push(...table.map((row, i) => ({ ...row, values: values?.[i] ?? [] })));
    done += 1;
    if (sample > 0 && done % 10 === 0) progress(`${done} of ${tables.size} tables sampled`);
  }
  return columns;
}

/** Texts, numbers that may be cards or phones, and documents; addresses are known by their type, dates and booleans tell nothing. */
const TELLING = /^[SNU]$/;

async function sampled(
  sql: Sql,
  table: readonly ColumnRow[],
  { sample, progress }: Reading,
): Promise<readonly (readonly string[])[] | null> {
  const [first] = table;
  if (first === undefined || !table.some(({ category }) => TELLING.test(category))) return null;
  const list = table.map(({ name, category, type }) =>
    TELLING.test(category) && type !== 'bytea'
      ? `pg_catalog.left(${identifier(name)}::text, ${MAX_VALUE_CHARS})`
      : 'NULL',
  );
  const from = `${identifier(first.schema)}.${identifier(first.relation)}`;
  try {
    const rows = await sql
      .unsafe(`SELECT ${list.join(', ')} FROM ${from} LIMIT ${sample}`)
      .values();
    return table.map((_, i) =>
      rows.flatMap((row) => {
        const value: unknown = row[i];
        // What is masked for the caller already says nothing of the column.
        const told = typeof value === 'string' && value !== '' && !isPlaceholder(value);
        return told ? [value] : [];
      }),
    );
  } catch (error) {
    // The connection is gone: the next table would say the same, and so would all others.
    if (!(error instanceof postgres.PostgresError)) throw error;
    progress(`${from} is not sampled: ${error.message}`);
    return null;
  }
}

function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
