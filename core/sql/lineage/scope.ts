// What names mean inside one query level, with the values behind them (parse_relation.c): FROM items by alias, columns by
// name, the levels around, and the CTEs in reach. Whatever is not found is unproven.
import { FIRST_USER_OID } from '../catalog.ts';
import { isSystemColumn } from '../scope.ts';
import type { Findings } from './findings.ts';
import type { BaseColumn } from './lineage.ts';
import { CLEAN, computed, rowValue, together, union, type Column, type Value } from './values.ts';

/** Something that `name.column` can refer to. */
export interface Item {
  readonly name: string;
  /** Schema a three-part reference may use; empty once aliased. */
  readonly schema: string;
  readonly columns: readonly Column[];
  /** Value of a column whose name is not known; null: there is none. */
  readonly rest: Value | null;
  /** `columns` are all there are, in number. */
  readonly counted: boolean;
  /** A table: it has ctid, xmin and their like. */
  readonly table: boolean;
}

/** Part of a FROM clause: what names with a qualifier find, and what `*` and bare names find. */
export interface Sources {
  readonly items: readonly Item[];
  /** In the order of `*`; a join's merged columns come first. */
  readonly visible: readonly Item[];
}

export interface Level extends Sources {
  readonly parent: Level | null;
  /** Columns that decide each window of the WINDOW clause. */
  readonly windows?: ReadonlyMap<string, ReadonlySet<BaseColumn>>;
}

/** CTEs in reach, innermost first. */
export interface CteFrame {
  readonly name: string;
  /** Set late for recursive ones; null: not known. */
  columns: readonly Column[] | null;
  /** Something has read it: a CTE that does so itself is recursive. */
  read?: boolean;
  readonly next: CteFrame | null;
}

export interface Env {
  readonly level: Level | null;
  readonly ctes: CteFrame | null;
}

export const NO_ENV: Env = { level: null, ctes: null };
export const NO_SOURCES: Sources = { items: [], visible: [] };

export function item(
  name: string,
  columns: readonly Column[],
  options: Partial<Omit<Item, 'name' | 'columns'>> = {},
): Item {
  let rest: Value | null = null;
  // Columns whose names Postgres chose in a way that is not known here can be meant by any name.
  for (const column of columns) {
    if (column.name === '') rest = rest === null ? column.value : together([rest, column.value]);
  }
  return { name, schema: '', columns, rest, counted: true, table: false, ...options };
}

export function sourcesOf(one: Item): Sources {
  return { items: [one], visible: [one] };
}

export function within(sources: Sources, env: Env): Env {
  const { items, visible } = sources;
  return { level: { items, visible, parent: env.level }, ctes: env.ctes };
}

export function findCte(frame: CteFrame | null, name: string): CteFrame | null {
  for (let at = frame; at !== null; at = at.next) if (at.name === name) return at;
  return null;
}

export function findItem(level: Level | null, name: string, schema: string): Item | null {
  for (let at = level; at !== null; at = at.parent) {
    for (const each of at.items) {
      if (each.name === name && (schema === '' || each.schema === schema)) return each;
    }
  }
  return null;
}

/** The value of a column that is used; refused ones are listed. */
export function taken(findings: Findings, column: Column): Value {
  if (column.refused !== undefined) findings.doubt(column.refused);
  return column.value;
}

/** A column of one item by name; null where it has none of that name. */
export function columnOf(findings: Findings, from: Item, name: string): Value | null {
  let found: Value | null = null;
  for (const column of from.columns) {
    if (column.name !== name) continue;
    const value = taken(findings, column);
    // Two of the same name are ambiguous to Postgres; should it see that otherwise, both count.
    found = found === null ? value : together([found, value]);
  }
  return found ?? from.rest;
}

/** A bare column name, seen from `level` outwards; null where nothing has it. */
export function bareColumn(findings: Findings, level: Level | null, name: string): Value | null {
  let maybe: Value | null = null;
  for (let at = level; at !== null; at = at.parent) {
    let found: Value | null = null;
    let open: Value | null = null;
    for (const each of at.visible) {
      for (const column of each.columns) {
        if (column.name !== name) continue;
        const value = taken(findings, column);
        found = found === null ? value : together([found, value]);
      }
      if (each.rest !== null) open = open === null ? each.rest : together([open, each.rest]);
    }
    if (found !== null)
      return maybe === null && open === null ? found : withRest(found, maybe, open);
    if (open !== null) maybe = maybe === null ? open : together([maybe, open]);
  }
  return maybe;
}

/** A row of unknown shape may have had the column as well. */
function withRest(found: Value, maybe: Value | null, open: Value | null): Value {
  const rests = [maybe, open].filter((value) => value !== null && value.columns.size > 0);
  if (rests.length === 0) return found;
  let { columns } = found;
  for (const rest of rests) if (rest !== null) columns = union(columns, rest.columns);
  return columns === found.columns ? found : computed(columns, true);
}

/** The whole row of an item, as `t` or `t.*` in an expression means it. */
export function wholeRow(findings: Findings, from: Item): Value {
  for (const column of from.columns) taken(findings, column);
  const row = rowValue(from.columns);
  if (from.rest === null && from.counted) return row;
  return { ...row, columns: union(row.columns, (from.rest ?? CLEAN).columns), fields: null };
}

/** System columns tell where a row is and which transaction wrote it, nothing of what it holds. */
export function systemColumn(level: Level | null, name: string): Value | null {
  if (!isSystemColumn(name)) return null;
  for (let at = level; at !== null; at = at.parent) {
    if (at.items.some((each) => each.table)) return CLEAN;
  }
  return null;
}

export function isUserType(oid: number): boolean {
  return oid >= FIRST_USER_OID;
}
