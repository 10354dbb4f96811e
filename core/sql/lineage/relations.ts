// Tables, views and CTEs as FROM items, and what a statement touches by naming them.
import { text, type Alias, type RangeVar } from '../parse.ts';
import type { CatalogRelation } from '../catalog.ts';
import type { Shape } from './base-columns.ts';
import { findCte, item, type Env, type Item } from './scope.ts';
import { CLEAN, type Column } from './values.ts';
import { shownName, type Walk } from './walk.ts';

/** A table, view or CTE that is read. */
export function readItem(walk: Walk, node: RangeVar, env: Env): Item {
  const cte = node.schemaname === undefined ? findCte(env.ctes, node.relname ?? '') : null;
  if (cte === null) return relationItem(walk, node).item;
  cte.read = true;
  const name = node.alias?.aliasname ?? cte.name;
  if (cte.columns !== null) return item(name, renamed(cte.columns, node.alias));
  // Named before its turn, which RECURSIVE allows, or of an unknown shape.
  walk.findings.doubt(`the columns of ${cte.name}, which are not known`);
  return openItem(name);
}

/** A table or view, never a CTE; `shape` null where it is not known. */
export function relationItem(
  walk: Walk,
  node: RangeVar,
): { readonly item: Item; readonly shape: Shape | null } {
  const name = node.alias?.aliasname ?? node.relname ?? '';
  const relation = lookUp(walk, node);
  if (relation === null) return { item: openItem(name), shape: null };
  const shape = touch(walk, relation);
  const schema = node.alias?.aliasname === undefined ? relation.schema : '';
  const columns = renamed(shape.columns, node.alias);
  return { item: item(name, columns, { schema, table: true }), shape };
}

/** The relation of this name as it is in the catalog; null, and unproven, where that may not be so. */
export function lookUp(walk: Walk, node: RangeVar): CatalogRelation | null {
  const found = walk.names.relation(node);
  const shown = shownName(node);
  if (found.kind === 'missing') {
    walk.findings.doubt(`the table ${shown}, which is not known`);
    return null;
  }
  if (found.kind === 'changed' || found.open || found.info.relation.oid === 0) {
    walk.findings.doubt(`the table ${shown}, which this transaction has made or changed`);
    return null;
  }
  const { relation } = found.info;
  for (const other of walk.names.shadowed(node, relation)) {
    const { touches, behind } = walk.bases.shape(other);
    for (const each of [other, ...touches, ...(behind?.touches ?? [])]) {
      walk.findings.shadowed.add(each);
    }
  }
  return relation;
}

/** Reads or writes the relation: with all that shares its rows, and all behind a view. */
export function touch(walk: Walk, relation: CatalogRelation): Shape {
  const { findings } = walk;
  const shape = walk.bases.shape(relation);
  for (const each of shape.touches) findings.touches.add(each);
  if (shape.behind !== null) findings.includeBehind(shape.behind);
  if (shape.refusal?.columns === null) findings.doubt(shape.refusal.what);
  return shape;
}

/** Something whose columns are not known; whoever makes it says why. */
export function openItem(name: string): Item {
  return item(name, [], { rest: CLEAN, counted: false });
}

export function renamed(columns: readonly Column[], alias: Alias | undefined): readonly Column[] {
  const listed = alias?.colnames;
  if (listed === undefined) return columns;
  return columns.map((column, position) => {
    const name = listed[position];
    return name === undefined ? column : { ...column, name: text(name) };
  });
}
