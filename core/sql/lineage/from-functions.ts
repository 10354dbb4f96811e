// Functions in FROM: every column of their rows may hold anything of the arguments. How many columns there are must be
// known wherever `*` stands for them.
import {
  FIRST_USER_OID,
  type Catalog,
  type CatalogFunction,
  type CatalogRelation,
} from '../catalog.ts';
import { outputName } from '../output-names.ts';
import { as, nameParts, type Ast, type FuncCall, type Node } from '../parse.ts';
import type { Expressions } from './expressions.ts';
import { renamed, touch } from './relations.ts';
import { item, isUserType, type Env, type Item } from './scope.ts';
import { CLEAN, computed, NO_COLUMNS, together, union, type Column, type Value } from './values.ts';
import { useType } from './types.ts';
import type { Walk } from './walk.ts';

export function functionItem(
  expressions: Expressions,
  walk: Walk,
  node: Ast<'RangeFunction'>,
  env: Env,
): Item {
  const entries = (node.functions ?? []).map((entry) => as(entry, 'List')?.items ?? [entry]);
  const alias = node.alias?.aliasname;
  const columns: Column[] = [];
  let rest: Value | null = null;
  for (const [call, own] of entries) {
    const definitions = as(own, 'List')?.items ?? node.coldeflist ?? [];
    const fn = as(call, 'FuncCall');
    const value =
      fn === undefined
        ? expressions.valueOf(walk, call, env)
        : expressions.call(walk, fn, env, true);
    walk.findings.use(value.columns, 'other', 'FROM', functionWord(call));
    const given = definitions.map((definition) => as(definition, 'ColumnDef'));
    for (const each of given) {
      if (each?.typeName !== undefined) useType(walk, nameParts(each.typeName.names));
    }
    const whole = computed(union(value.columns, rowsOf(walk, fn)), value.rowish);
    const names: readonly string[] | null =
      given.length > 0
        ? given.map((each) => each?.colname ?? '')
        : resultColumns(walk, call, value, entries.length === 1 ? alias : undefined);
    if (names === null) rest = rest === null ? whole : together([rest, whole]);
    else for (const name of names) columns.push({ name, value: whole });
  }
  if (node.ordinality === true) columns.push({ name: 'ordinality', value: CLEAN });
  const name = alias ?? outputName(entries[0]?.[0]) ?? '';
  const listed = renamed(columns, node.alias);
  return rest === null ? item(name, listed) : item(name, listed, { rest, counted: false });
}

/** A function that returns rows of a table: whoever vouches for it does not vouch for that table's columns. */
function rowsOf(walk: Walk, fn: FuncCall | undefined): Value['columns'] {
  let columns = NO_COLUMNS;
  for (const { returnType } of walk.names.functions(nameParts(fn?.funcname), null)) {
    const relation = isUserType(returnType) ? compositeOf(walk.names.catalog, returnType) : null;
    if (relation === null || relation.kind === 'c') continue;
    for (const { value } of touch(walk, relation).columns) columns = union(columns, value.columns);
  }
  return columns;
}

function functionWord(call: Node | undefined): string {
  return `${nameParts(as(call, 'FuncCall')?.funcname).at(-1) ?? 'a function'}()`;
}

/** Names of the columns of the function's rows; null where they are not known. */
function resultColumns(
  walk: Walk,
  call: Node | undefined,
  value: Value,
  alias: string | undefined,
): readonly string[] | null {
  const scalar = alias ?? outputName(call) ?? '';
  const fn = as(call, 'FuncCall');
  if (fn === undefined) return [scalar];
  const parts = nameParts(fn.funcname);
  const count = fn.args?.length ?? 0;
  if (parts.at(-1) === 'unnest') {
    // A tsvector opens into three columns, an array into one each; of several arguments each has its own.
    if (value.rowish || opensRows(value)) return null;
    if (!(fn.args ?? []).every((arg) => isArray(arg, value))) return null;
    return count === 1 ? [scalar] : Array.from({ length: count }, () => 'unnest');
  }
  const overloads = walk.names.functions(parts, count);
  const shapes = overloads.map((each) => shapeOf(walk.names.catalog, each, value));
  const [shape] = shapes;
  if (shape === undefined || shape === null) return null;
  if (shapes.some((each) => each?.join('\0') !== shape.join('\0'))) return null;
  return shape.length === 0 ? [scalar] : shape;
}

/** Columns of what the function returns: empty for a single value, null where its type does not tell. */
function shapeOf(catalog: Catalog, fn: CatalogFunction, value: Value): readonly string[] | null {
  // A single OUT parameter names the column, whatever the alias is (chooseScalarFunctionAlias).
  if (fn.outNames.length > 1 || fn.outNames[0]) return fn.outNames;
  // record: the arguments or a column list decide.
  if (fn.returnType === RECORD) return null;
  // Of anyelement and its kin, rows come out where rows go in.
  if (POLYMORPHIC.has(fn.returnType)) return value.rowish || opensRows(value) ? null : [];
  if (fn.returnType < FIRST_USER_OID) return [];
  return compositeOf(catalog, fn.returnType)?.columns.map((column) => column.name) ?? null;
}

/** Certainly an array, by the way it is written or by what makes it. */
function isArray(node: Node, { columns }: Value): boolean {
  const link = as(node, 'SubLink');
  const name = nameParts(as(node, 'FuncCall')?.funcname).at(-1) ?? '';
  return (
    as(node, 'A_ArrayExpr') !== undefined ||
    (as(node, 'ColumnRef') !== undefined && columns.size > 0 && !holdsText(columns)) ||
    as(node, 'TypeCast')?.typeName?.arrayBounds !== undefined ||
    link?.subLinkType === 'ARRAY_SUBLINK' ||
    ARRAYS.has(name)
  );
}

function holdsText(columns: Value['columns']): boolean {
  for (const { column } of columns) if (column.type === TSVECTOR) return true;
  return false;
}

const TSVECTOR = 3614;

const ARRAYS: ReadonlySet<string> = new Set([
  'array_agg',
  'array_append',
  'array_cat',
  'array_remove',
  'current_schemas',
  'regexp_match',
  'regexp_split_to_array',
  'string_to_array',
]);

const RECORD = 2249;
/** anyelement, anynonarray, anyenum, anycompatible, anyarray, anycompatiblearray (pg_type.dat). */
const POLYMORPHIC: ReadonlySet<number> = new Set([2283, 2776, 3500, 5077, 2277, 5078]);

/** A column of somebody's own type may hold rows. */
function opensRows(value: Value): boolean {
  for (const { column } of value.columns) if (isUserType(column.type)) return true;
  return false;
}

/** The relation whose rows are of this type; null where the type is none of a relation. */
function compositeOf(catalog: Catalog, type: number): CatalogRelation | null {
  const name = catalog.typeName(type);
  if (name === undefined) return null;
  for (const schema of catalog.schemas) {
    if (catalog.type(schema, name)?.oid === type) return catalog.relation(schema, name) ?? null;
  }
  return null;
}
