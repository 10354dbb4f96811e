// Which of the columns and relations that a text uses are masked, for one mask set. Looks each of them up once: the objects
// of a catalog stay the same as long as it does.
import type { CatalogRelation } from '../sql/catalog.ts';
import type { BaseColumn, StatementLineage } from '../sql/lineage/lineage.ts';
import type { ColumnMask, MaskKind, MaskSet } from './mask.ts';
import { strictestOf } from './strictness.ts';

export interface MaskedColumn {
  readonly column: BaseColumn;
  /** `schema.relation.column`. */
  readonly name: string;
  readonly mask: ColumnMask;
}

export class MaskedColumns {
  readonly #masks: MaskSet;
  readonly #known = new Map<BaseColumn, MaskedColumn | null>();

  constructor(masks: MaskSet) {
    this.#masks = masks;
  }

  all(columns: ReadonlySet<BaseColumn>): MaskedColumn[] {
    return [...columns].flatMap((column) => this.#look(column) ?? []);
  }

  first(columns: ReadonlySet<BaseColumn>): MaskedColumn | null {
    return this.all(columns)[0] ?? null;
  }

  /** The strictest kind among columns that share their values; null where none is masked. */
  kind(columns: ReadonlySet<BaseColumn>): MaskKind | null {
    const [first, ...others] = this.all(columns).map(({ mask }) => mask.kind);
    return first === undefined ? null : strictestOf([first, ...others]);
  }

  anyOf(relations: ReadonlySet<CatalogRelation>): boolean {
    return [...relations].some((relation) => this.#masked(relation));
  }

  /**
   * A masked relation whose definition the statement changes; null when there is none. Leaving a masked parent would strip
   * its children of the mask, so parents count, and one that is not at hand counts as masked. So does a view of masked
   * tables: given another one's name, it would be taken for that one by whoever has not read the catalog since.
   */
  redefined({ redefines, touches }: StatementLineage): CatalogRelation | null {
    if (redefines.size === 0 || this.#masks.detectOnly === true) return null;
    const byOid = new Map([...touches, ...redefines].map((relation) => [relation.oid, relation]));
    const reach = (relation: CatalogRelation, seen: Set<number>): boolean => {
      if (seen.has(relation.oid)) return false;
      seen.add(relation.oid);
      return (
        this.#masked(relation) ||
        relation.parents.some((oid) => {
          const parent = byOid.get(oid);
          return parent === undefined || reach(parent, seen);
        })
      );
    };
    const behind = this.anyOf(touches);
    return (
      [...redefines].find(
        (relation) => (behind && isView(relation)) || reach(relation, new Set()),
      ) ?? null
    );
  }

  #masked(relation: CatalogRelation): boolean {
    const { schema, name, columns } = relation;
    return columns.some((column) => this.#masks.column(schema, name, column.name) !== null);
  }

  #look(column: BaseColumn): MaskedColumn | null {
    const known = this.#known.get(column);
    if (known !== undefined) return known;
    const { schema, name } = column.relation;
    const mask = this.#masks.column(schema, name, column.column.name);
    const found =
      mask === null ? null : { column, name: `${schema}.${name}.${column.column.name}`, mask };
    this.#known.set(column, found);
    return found;
  }
}

function isView({ kind }: CatalogRelation): boolean {
  return kind === 'v' || kind === 'm';
}
