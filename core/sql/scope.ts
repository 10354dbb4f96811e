// What names mean inside one query level: the relations of its FROM clause, the levels around it, and the CTEs in reach
// (parse_relation.c). Items are looked up by alias, columns by name; lookups report what they touch to the ledger.
import type { Ledger } from './ledger.ts';
import type { RelationInfo } from './relation-names.ts';

/** One entry of a FROM clause. */
export interface RangeItem {
  /** Alias, else the relation's own name; empty when it has none. */
  readonly name: string;
  /** Schema a three-part reference may use; empty once aliased. */
  readonly schema: string;
  /** The catalog's relation behind it; null for subqueries, functions and CTEs. */
  readonly info: RelationInfo | null;
  /** Column names in order; null: those of `info`. */
  readonly columns: readonly string[] | null;
  /** It may have more columns than are known. */
  readonly open: boolean;
  /** Without ONLY: inheriting tables are reached too. */
  readonly heirs: boolean;
  /** An aliased join: where its columns come from, position by position. */
  readonly sources: readonly ColumnSource[] | null;
  /** The items an aliased join hides; empty otherwise. */
  readonly members: readonly RangeItem[];
  /** Its columns can be named without the item's name. */
  readonly bare: boolean;
  /** The table a statement writes: it is only read once a column is used. */
  readonly target: boolean;
}

export interface ColumnSource {
  readonly item: RangeItem;
  readonly position: number;
}

/** CTEs in reach, innermost first. `columns` is null when they are not known. */
export interface CteFrame {
  readonly name: string;
  /** Set late for recursive ones. */
  columns: readonly string[] | null;
  readonly next: CteFrame | null;
}

/** One query level. */
export interface Level {
  readonly items: readonly RangeItem[];
  readonly parent: Level | null;
}

/** Everything a name inside an expression or a FROM clause can refer to. */
export interface Env {
  readonly level: Level | null;
  readonly ctes: CteFrame | null;
}

export const NO_ENV: Env = { level: null, ctes: null };

/** Every table has them; they hold no data of its rows. System columns, manual section 5.6. */
const SYSTEM_COLUMNS: ReadonlySet<string> = new Set([
  'ctid',
  'xmin',
  'xmax',
  'cmin',
  'cmax',
  'tableoid',
]);

export const isSystemColumn = (name: string) => SYSTEM_COLUMNS.has(name);

export function columnPosition(item: RangeItem, name: string): number {
  if (item.columns !== null) return item.columns.indexOf(name);
  return item.info?.index.get(name) ?? -1;
}

/** Names of the item's columns; null when there may be others. */
export function columnNames(item: RangeItem): readonly string[] | null {
  if (item.open) return null;
  return item.columns ?? item.info?.names ?? null;
}

/** A value of this column reaches the statement. */
export function touchColumn(ledger: Ledger, item: RangeItem, position: number): void {
  const source = item.sources?.[position];
  if (source !== undefined) return touchColumn(ledger, source.item, source.position);
  const { info } = item;
  if (info === null) return;
  const labels = info.columns[position];
  // A renamed column list can be longer than what the catalog knows of the table.
  if (labels === undefined) return;
  for (const label of labels) ledger.columns.add(label);
  if (item.target) touchRelation(ledger, item);
  if (!item.heirs || info.heirs.length === 0) return;
  const name = info.names[position] ?? '';
  for (const heir of info.heirs) {
    for (const label of heir.columns[heir.index.get(name) ?? -1] ?? []) ledger.columns.add(label);
  }
}

/** All columns of the item, as `*` and whole-row references take them. */
export function touchWhole(ledger: Ledger, item: RangeItem): void {
  for (const member of item.members) touchWhole(ledger, member);
  if (item.sources !== null && item.members.length === 0) {
    for (const source of item.sources) touchColumn(ledger, source.item, source.position);
  }
  const { info } = item;
  if (info === null) return;
  if (item.open) ledger.columns.add(`${info.label}.*`);
  if (item.target) touchRelation(ledger, item);
  const reached = item.heirs ? [info, ...info.heirs] : [info];
  for (const relation of reached) {
    for (const labels of relation.columns) for (const label of labels) ledger.columns.add(label);
  }
}

/** Rows of the item are read. */
export function touchRelation(ledger: Ledger, item: RangeItem): void {
  const { info } = item;
  if (info === null) return;
  for (const label of info.labels) ledger.reads.add(label);
  if (!item.heirs) return;
  for (const heir of info.heirs) for (const label of heir.labels) ledger.reads.add(label);
}

/** The item that `name` refers to, seen from `level` outwards. */
export function findItem(level: Level | null, name: string, schema: string): RangeItem | null {
  for (let at = level; at !== null; at = at.parent) {
    for (const item of at.items) {
      if (item.name === name && (schema === '' || item.schema === schema)) return item;
    }
  }
  return null;
}

export function findCte(frame: CteFrame | null, name: string): CteFrame | null {
  for (let at = frame; at !== null; at = at.next) if (at.name === name) return at;
  return null;
}
