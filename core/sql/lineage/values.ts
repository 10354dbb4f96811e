// What an expression can carry, as the walk passes it on: an Origin with the little more that conditions, field selection
// and stored values ask for. Values are shared and never changed.
import type { BaseColumn, Origin } from './lineage.ts';

export interface Value extends Origin {
  /**
   * How it stands as a comparand. constant: written in the text, the same for every row. parameter: bound once. column: one
   * stored column as it is (then `direct`). computed: anything else, even where no column is in it.
   */
  readonly kind: 'constant' | 'parameter' | 'column' | 'computed';
  /** pg_type oid of a direct column; 0 where it is not known. */
  readonly type: number;
  /** Text of a constant; null for NULL and for what is none. */
  readonly constant: string | null;
  /** Number of a parameter, else null. */
  readonly parameter: number | null;
  /** Columns of a row value, as far as they are known. */
  readonly fields: readonly Column[] | null;
  /** Rows may be in it, in arrays too: how many columns it opens into is not known. */
  readonly rowish: boolean;
  /** Certainly no array. */
  readonly scalar?: boolean;
}

/** A named value: a column of a FROM item or of a query's output. The name is empty where Postgres' choice is not known. */
export interface Column {
  readonly name: string;
  readonly value: Value;
  /** Set on columns of system relations that carry other people's values: what a refusal says. */
  readonly refused?: string;
}

export const NO_COLUMNS: ReadonlySet<BaseColumn> = new Set();

const PLAIN: Value = {
  columns: NO_COLUMNS,
  direct: false,
  kind: 'computed',
  type: 0,
  constant: null,
  parameter: null,
  fields: null,
  rowish: false,
};

/** Something computed that no column is in. */
export const CLEAN = PLAIN;
/** NULL, DEFAULT and constants whose text does not matter. */
export const CONSTANT: Value = { ...PLAIN, kind: 'constant' };
/** A row or an array of rows that no column is in. */
export const CLEAN_ROW: Value = { ...PLAIN, rowish: true };

export function constantValue(text: string | null): Value {
  return text === null ? CONSTANT : { ...CONSTANT, constant: text };
}

export function parameterValue(number: number): Value {
  return { ...PLAIN, kind: 'parameter', parameter: number };
}

export function columnValue(columns: ReadonlySet<BaseColumn>, type: number): Value {
  return { ...PLAIN, columns, direct: true, kind: 'column', type };
}

/** A value computed from others: every column of theirs may be in it. */
export function computed(columns: ReadonlySet<BaseColumn>, rowish = false): Value {
  if (columns.size === 0) return rowish ? CLEAN_ROW : CLEAN;
  return rowish ? { ...CLEAN_ROW, columns } : { ...PLAIN, columns };
}

export function rowValue(fields: readonly Column[]): Value {
  return { ...CLEAN_ROW, columns: columnsOf(fields.map((field) => field.value)), fields };
}

/** The union; one of the two where it holds the other. */
export function union(
  a: ReadonlySet<BaseColumn>,
  b: ReadonlySet<BaseColumn>,
): ReadonlySet<BaseColumn> {
  if (a === b || b.size === 0) return a;
  if (a.size === 0) return b;
  const [large, small] = a.size >= b.size ? [a, b] : [b, a];
  let grown: Set<BaseColumn> | null = null;
  for (const column of small) {
    if (large.has(column)) continue;
    grown ??= new Set(large);
    grown.add(column);
  }
  return grown ?? large;
}

export function columnsOf(values: readonly Value[]): ReadonlySet<BaseColumn> {
  let columns = NO_COLUMNS;
  for (const value of values) columns = union(columns, value.columns);
  return columns;
}

export function together(values: readonly Value[]): Value {
  let columns = NO_COLUMNS;
  let rowish = false;
  for (const value of values) {
    columns = union(columns, value.columns);
    rowish ||= value.rowish;
  }
  return computed(columns, rowish);
}

/** One of several values, whichever: still a stored column where all of them are the same one or NULL. */
export function either(values: readonly Value[]): Value {
  let same: Value | null = null;
  for (const value of values) {
    if (isNull(value)) continue;
    if (!value.direct) return together(values);
    if (same === null) same = value;
    else if (same.columns !== value.columns) return together(values);
  }
  return same ?? CLEAN;
}

/** A value as a query hands it out: a constant may meet other rows there, so it is no single comparand any more. */
export function handedOut(value: Value): Value {
  if ((value.kind !== 'constant' && value.kind !== 'parameter') || isNull(value)) return value;
  // What it is stays known, for whoever stores it.
  return { ...value, kind: 'computed' };
}

function isNull(value: Value): boolean {
  return value.kind === 'constant' && value.constant === null && !value.rowish;
}

/** May it stand beside a column in an exact comparison? */
export function isSimple(value: Value): boolean {
  return value.kind !== 'computed';
}
