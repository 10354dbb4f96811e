// A Catalog made of rows as adapters/catalog.ts reads them. Built in layers: what initdb made is the same for a server's
// whole life and is indexed once, what people made is read again and again.
import type { Catalog, CatalogFunction, CatalogRelation, CatalogType } from './catalog.ts';

/** [oid, schema, name, kind, definition, rules, triggers, rowSecurity, parents, [name, attnum, type, generated, expression?][]] */
export type RelationRow = readonly [
  oid: number,
  schema: string,
  name: string,
  kind: string,
  definition: string | null,
  rules: boolean,
  triggers: readonly string[],
  rowSecurity: boolean,
  parents: readonly number[],
  columns: readonly ColumnRow[],
];

/** `expression`: of a generated column. */
export type ColumnRow = readonly [
  name: string,
  attnum: number,
  type: number,
  generated: boolean,
  expression?: string | null,
];

export type FunctionRow = readonly [
  oid: number,
  schema: string,
  name: string,
  volatility: 'i' | 's' | 'v',
  kind: string,
  builtin: boolean,
  argTypes: readonly number[],
  defaults: number,
  variadic: boolean,
  returnType: number,
  outNames: readonly string[],
  language: string,
];

/** `code` as in CatalogType, of the type itself; `base`, `element` and `relation` are oids, 0 when there is none. */
export type TypeRow = readonly [
  oid: number,
  schema: string,
  name: string,
  code: boolean,
  base: number,
  element: number,
  relation: number,
];

export interface CatalogRows {
  readonly schemas: readonly string[];
  readonly relations: readonly RelationRow[];
  readonly functions: readonly FunctionRow[];
  readonly types: readonly TypeRow[];
  /** `schema.name` of operators that somebody wrote on this database. */
  readonly operators: readonly string[];
}

type BySchema<V> = ReadonlyMap<string, ReadonlyMap<string, V>>;

/** Rows with their indexes. */
export interface CatalogLayer {
  readonly schemas: readonly string[];
  readonly relations: BySchema<CatalogRelation>;
  readonly relationsByOid: ReadonlyMap<number, CatalogRelation>;
  readonly children: ReadonlyMap<number, readonly CatalogRelation[]>;
  readonly functions: BySchema<readonly CatalogFunction[]>;
  readonly types: BySchema<CatalogType>;
  readonly typesByOid: ReadonlyMap<number, CatalogType>;
  readonly operators: readonly string[];
}

export function createLayer(rows: CatalogRows): CatalogLayer {
  const relations = new Map<string, Map<string, CatalogRelation>>();
  const relationsByOid = new Map<number, CatalogRelation>();
  const children = new Map<number, CatalogRelation[]>();
  for (const row of rows.relations) {
    const relation = relationOf(row);
    inner(relations, relation.schema).set(relation.name, relation);
    relationsByOid.set(relation.oid, relation);
    for (const parent of relation.parents) {
      const known = children.get(parent);
      if (known === undefined) children.set(parent, [relation]);
      else known.push(relation);
    }
  }
  const functions = new Map<string, Map<string, CatalogFunction[]>>();
  for (const row of rows.functions) {
    const fn = functionOf(row);
    const named = inner(functions, fn.schema);
    const overloads = named.get(fn.name);
    if (overloads === undefined) named.set(fn.name, [fn]);
    else overloads.push(fn);
  }
  const types = new Map<string, Map<string, CatalogType>>();
  const typesByOid = new Map<number, CatalogType>();
  for (const type of typesOf(rows.types, relationsByOid)) {
    inner(types, type.schema).set(type.name, type);
    typesByOid.set(type.oid, type);
  }
  const { schemas, operators } = rows;
  return {
    schemas,
    relations,
    relationsByOid,
    children,
    functions,
    types,
    typesByOid,
    operators,
  };
}

/** `version` must change whenever any row does. */
export function createCatalog(layers: readonly CatalogLayer[], version: string): Catalog {
  function first<V>(look: (layer: CatalogLayer) => V | undefined): V | undefined {
    for (const layer of layers) {
      const found = look(layer);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  return {
    version,
    schemas: new Set(layers.flatMap((layer) => layer.schemas)),
    userOperators: new Set(layers.flatMap((layer) => layer.operators)),
    relation: (schema, name) => first((layer) => layer.relations.get(schema)?.get(name)),
    relationByOid: (oid) => first((layer) => layer.relationsByOid.get(oid)),
    children: (oid) => first((layer) => layer.children.get(oid)) ?? NONE,
    functions(schema, name) {
      let found: readonly CatalogFunction[] = NO_FUNCTIONS;
      for (const layer of layers) {
        const more = layer.functions.get(schema)?.get(name);
        if (more !== undefined) found = found.length === 0 ? more : [...found, ...more];
      }
      return found;
    },
    type: (schema, name) => first((layer) => layer.types.get(schema)?.get(name)),
    typeName: (oid) => first((layer) => layer.typesByOid.get(oid))?.name,
  };
}

const NONE: readonly CatalogRelation[] = [];
const NO_FUNCTIONS: readonly CatalogFunction[] = [];

function inner<V>(outer: Map<string, Map<string, V>>, schema: string): Map<string, V> {
  let found = outer.get(schema);
  if (found === undefined) {
    found = new Map();
    outer.set(schema, found);
  }
  return found;
}

function relationOf(row: RelationRow): CatalogRelation {
  const [oid, schema, name, kind, definition, rules, triggers, rowSecurity, parents, columns] = row;
  return {
    oid,
    schema,
    name,
    kind,
    definition,
    rules,
    triggers,
    rowSecurity,
    parents,
    columns: columns.map(([column, attnum, type, generated, expression = null]) => ({
      name: column,
      attnum,
      type,
      generated,
      expression,
    })),
  };
}

function functionOf(row: FunctionRow): CatalogFunction {
  const [oid, schema, name, volatility, kind, builtin, argTypes, defaults, variadic] = row;
  const [, , , , , , , , , returnType, outNames, language] = row;
  return {
    oid,
    schema,
    name,
    volatility,
    kind,
    builtin,
    argTypes,
    defaults,
    variadic,
    returnType,
    outNames,
    language,
  };
}

/** A type runs code when the type below it, its elements or its fields do. */
function typesOf(
  rows: readonly TypeRow[],
  relations: ReadonlyMap<number, CatalogRelation>,
): CatalogType[] {
  const coded = new Set(rows.filter((row) => row[3]).map((row) => row[0]));
  let grew = coded.size > 0;
  while (grew) {
    const before = coded.size;
    for (const [oid, , , , base, element, relation] of rows) {
      const fields = relations.get(relation)?.columns ?? [];
      if (coded.has(base) || coded.has(element) || fields.some((field) => coded.has(field.type))) {
        coded.add(oid);
      }
    }
    grew = coded.size > before;
  }
  return rows.map(([oid, schema, name]) => ({ oid, schema, name, code: coded.has(oid) }));
}
