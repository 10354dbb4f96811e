// Which columns a mask covers: `schema.table.column` with names exactly as the catalog has them (Postgres folds unquoted
// names to lower case), `*` for any one name, and "quotes" (doubled inside) around a name that holds a dot, a star or a space.

/** Null stands for any name. */
export interface ColumnPattern {
  readonly schema: string | null;
  readonly relation: string | null;
  readonly column: string | null;
}

const PART = String.raw`(\*|[^."*\s]+|"(?:[^"]|"")+")`;
const PATTERN = new RegExp(String.raw`^${PART}\.${PART}\.${PART}$`, 'u');

/** Null where `text` is no pattern. */
export function columnPattern(text: string): ColumnPattern | null {
  const [, schema, relation, column] = PATTERN.exec(text) ?? [];
  if (schema === undefined || relation === undefined || column === undefined) return null;
  return { schema: name(schema), relation: name(relation), column: name(column) };
}

function name(part: string): string | null {
  if (part === '*') return null;
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part;
}

export function covers(
  pattern: ColumnPattern,
  schema: string,
  relation: string,
  column: string,
): boolean {
  return (
    (pattern.column === null || pattern.column === column) &&
    (pattern.relation === null || pattern.relation === relation) &&
    (pattern.schema === null || pattern.schema === schema)
  );
}

/** Whether some column could be covered by both. */
export function overlap(a: ColumnPattern, b: ColumnPattern): boolean {
  const same = (x: string | null, y: string | null) => x === null || y === null || x === y;
  return same(a.schema, b.schema) && same(a.relation, b.relation) && same(a.column, b.column);
}
