// Columns of the catalog's relations as values: each with the columns of its relatives, of what a view stands for, and of
// what a generated column is computed from. Computed once per catalog, so that one column is one object and one set.
import { TooDeep } from '../analysis.ts';
import type { Catalog, CatalogColumn, CatalogRelation } from '../catalog.ts';
import { Findings } from './findings.ts';
import type { BaseColumn } from './lineage.ts';
import { isSystemRelation, refusalOf, type Refusal } from './system-relations.ts';
import { columnValue, computed, union, type Column, type Value } from './values.ts';

/** What reading a relation gives. */
export interface Shape {
  readonly relation: CatalogRelation;
  /** In order of attnum. */
  readonly columns: readonly Column[];
  /** The relation, those that share its rows, and everything behind a view. */
  readonly touches: ReadonlySet<CatalogRelation>;
  /** What a view's definition holds that cannot be looked through. */
  readonly behind: Findings | null;
  readonly refusal: Refusal | null;
}

/** Columns of a view's definition, in order; null where it cannot be read. */
export type ReadDefinition = (
  relation: CatalogRelation,
  findings: Findings,
) => readonly Column[] | null;

/** Columns a generation expression names; null where it cannot be read. */
export type ReadExpression = (expression: string) => ReadonlySet<string> | null;

/** Views of views of views: more than anybody writes, and less than the stack holds. */
const MAX_NESTING = 32;

export class BaseColumns {
  readonly catalog: Catalog;
  readonly #shapes = new Map<CatalogRelation, Shape>();
  readonly #columns = new Map<CatalogColumn, BaseColumn>();
  readonly #readDefinition: ReadDefinition;
  readonly #readExpression: ReadExpression;
  #nesting = 0;

  constructor(catalog: Catalog, readDefinition: ReadDefinition, readExpression: ReadExpression) {
    this.catalog = catalog;
    this.#readDefinition = readDefinition;
    this.#readExpression = readExpression;
  }

  shape(relation: CatalogRelation): Shape {
    const known = this.#shapes.get(relation);
    if (known !== undefined) return known;
    // A cycle of views cannot be; should a catalog hold one, it ends here and is refused.
    if (this.#nesting >= MAX_NESTING) throw new TooDeep();
    this.#nesting++;
    try {
      const shape = this.#describe(relation);
      this.#shapes.set(relation, shape);
      return shape;
    } finally {
      this.#nesting--;
    }
  }

  #base(relation: CatalogRelation, column: CatalogColumn): BaseColumn {
    let base = this.#columns.get(column);
    if (base === undefined) {
      base = { relation, column };
      this.#columns.set(column, base);
    }
    return base;
  }

  #describe(relation: CatalogRelation): Shape {
    const refusal = refusalOf(relation);
    const relatives = isSystemRelation(relation) ? [relation] : relativesOf(this.catalog, relation);
    const touches = new Set(relatives);
    let columns = relation.columns.map((column) => this.#column(relation, column, relatives));
    let behind: Findings | null = null;
    const isView = relation.kind === 'v' || relation.kind === 'm';
    if (isView && !isSystemRelation(relation)) {
      behind = new Findings();
      const output = this.#readDefinition(relation, behind);
      if (output === null || output.length !== columns.length) {
        behind.doubt(`the view ${relation.schema}.${relation.name}`);
      } else {
        columns = columns.map((column, position) => through(column, output[position]?.value));
      }
      for (const each of behind.touches) touches.add(each);
    }
    if (refusal?.columns != null) {
      const { what, columns: refused } = refusal;
      columns = columns.map((column) =>
        refused.has(column.name) ? { ...column, refused: what } : column,
      );
    }
    return { relation, columns, touches, behind, refusal };
  }

  #column(
    relation: CatalogRelation,
    column: CatalogColumn,
    relatives: readonly CatalogRelation[],
  ): Column {
    const columns = new Set<BaseColumn>();
    let derived = false;
    // Its own relation first: names decide which column of a relative is the same one.
    for (const each of relatives) {
      const same = each.columns.find((theirs) => theirs.name === column.name);
      if (same === undefined) continue;
      columns.add(this.#base(each, same));
      if (!same.generated) continue;
      derived = true;
      for (const source of this.#sources(each, same)) {
        for (const kin of relatives) {
          const theirs = kin.columns.find(({ name }) => name === source);
          if (theirs !== undefined) columns.add(this.#base(kin, theirs));
        }
      }
    }
    const value = derived ? computed(columns) : columnValue(columns, column.type);
    return { name: column.name, value };
  }

  /** What a generated column is computed from; every column where the expression is not known. */
  #sources(relation: CatalogRelation, column: CatalogColumn): Iterable<string> {
    const { expression } = column;
    const named = expression == null ? null : this.#readExpression(expression);
    return named ?? relation.columns.map(({ name }) => name);
  }
}

/** A view's column with what its definition puts there; of one stored column only where it is that, of the same type. */
function through({ name, value }: Column, behind: Value | undefined): Column {
  if (behind === undefined) return { name, value: computed(value.columns) };
  const columns = union(value.columns, behind.columns);
  const direct = behind.direct && behind.type === value.type;
  const type = value.type;
  return { name, value: direct ? columnValue(columns, type) : computed(columns, behind.rowish) };
}

/** The relation itself, its ancestors and its descendants. */
function relativesOf(catalog: Catalog, relation: CatalogRelation): readonly CatalogRelation[] {
  const found = new Set<CatalogRelation>([relation]);
  const above = [...relation.parents];
  for (const oid of above) {
    const parent = catalog.relationByOid(oid);
    if (parent === undefined || found.has(parent)) continue;
    found.add(parent);
    above.push(...parent.parents);
  }
  const below = [...catalog.children(relation.oid)];
  for (const heir of below) {
    if (found.has(heir)) continue;
    found.add(heir);
    below.push(...catalog.children(heir.oid));
    // A table may inherit from several: what its rows are elsewhere counts as well.
    for (const oid of heir.parents) {
      const parent = catalog.relationByOid(oid);
      if (parent !== undefined) found.add(parent);
    }
  }
  return [...found];
}
