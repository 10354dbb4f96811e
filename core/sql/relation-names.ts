// A relation as facts name it: its label, its columns' labels, and the relatives whose rows it shares. Computed once per
// catalog object, since every statement that touches a table asks for the same strings.
import type { Catalog, CatalogRelation } from './catalog.ts';

export interface RelationInfo {
  readonly relation: CatalogRelation;
  /** `schema.name`; a session's own temporary schema is `pg_temp`, whatever its number. */
  readonly label: string;
  /** Position of a column by name. */
  readonly index: ReadonlyMap<string, number>;
  /** Columns in order. */
  readonly names: readonly string[];
  /**
   * This relation and its parents. The rows of a partition are rows of the table it is part of, so a rule on the parent
   * sees them; a partitioned table's partitions are not listed, for they are only how it is stored.
   */
  readonly labels: readonly string[];
  /** Labels of each column: here and in every parent that has it. */
  readonly columns: readonly (readonly string[])[];
  /** Tables that inherit the old way; a statement without ONLY reaches them too. */
  readonly heirs: readonly RelationInfo[];
}

const known = new WeakMap<CatalogRelation, RelationInfo>();

export function relationInfo(
  catalog: Catalog,
  relation: CatalogRelation,
  ownTemporarySchema: string | null,
): RelationInfo {
  const cached = known.get(relation);
  if (cached !== undefined) return cached;
  const shown = ({ schema, name }: CatalogRelation) =>
    `${schema === ownTemporarySchema ? 'pg_temp' : schema}.${name}`;
  const heirs = heirsOf(catalog, relation).map((heir) => describe(catalog, heir, shown, []));
  const info = describe(catalog, relation, shown, heirs);
  // Whose temporary schema it is depends on the session that asks.
  const temporary = [relation, ...heirs.map((heir) => heir.relation)].some(({ schema }) =>
    schema.startsWith('pg_temp'),
  );
  if (!temporary) known.set(relation, info);
  return info;
}

function describe(
  catalog: Catalog,
  relation: CatalogRelation,
  shown: (relation: CatalogRelation) => string,
  heirs: readonly RelationInfo[],
): RelationInfo {
  const label = shown(relation);
  const ancestors = ancestorsOf(catalog, relation);
  const columns = relation.columns.map((column) => [
    `${label}.${column.name}`,
    ...ancestors
      .filter((parent) => parent.columns.some((theirs) => theirs.name === column.name))
      .map((parent) => `${shown(parent)}.${column.name}`),
  ]);
  return {
    relation,
    label,
    index: new Map(relation.columns.map((column, position) => [column.name, position])),
    names: relation.columns.map((column) => column.name),
    labels: [label, ...ancestors.map(shown)],
    columns,
    heirs,
  };
}

function ancestorsOf(catalog: Catalog, relation: CatalogRelation): CatalogRelation[] {
  const found = new Set<CatalogRelation>();
  const queue = [...relation.parents];
  for (const oid of queue) {
    const parent = catalog.relationByOid(oid);
    if (parent === undefined || found.has(parent)) continue;
    found.add(parent);
    queue.push(...parent.parents);
  }
  return [...found];
}

function heirsOf(catalog: Catalog, relation: CatalogRelation): CatalogRelation[] {
  if (relation.kind === 'p') return [];
  const found = new Set<CatalogRelation>(catalog.children(relation.oid));
  for (const heir of found) for (const next of catalog.children(heir.oid)) found.add(next);
  return [...found];
}
