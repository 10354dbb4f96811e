// What earlier statements of the same text or transaction did to the schema. The catalog cannot show it: it is read over
// another connection, before the text runs. A table that was made is usable at once, with columns we do not know; a name
// that was dropped, renamed or given code behind it is `changed`, and whoever uses it is opaque.
import type { CatalogRelation } from './catalog.ts';

export interface CreatedRelation {
  readonly relation: CatalogRelation;
  /** Its columns are not all known. */
  readonly open: boolean;
}

export class Pending {
  readonly #created = new Map<string, CreatedRelation>();
  readonly #altered = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #types = new Set<string>();
  #everything = false;
  #path = false;

  /** A new table or sequence, by label; `columns` null when the text does not say all of them. */
  create(label: string, kind: string, columns: readonly string[] | null): void {
    const dot = label.indexOf('.');
    const relation: CatalogRelation = {
      oid: 0,
      schema: label.slice(0, dot),
      name: label.slice(dot + 1),
      kind,
      columns: (columns ?? []).map((name, position) => ({
        name,
        attnum: position + 1,
        type: 0,
        generated: false,
      })),
      definition: null,
      rules: false,
      triggers: [],
      rowSecurity: false,
      parents: [],
    };
    this.#created.set(label, { relation, open: columns === null });
  }

  /** Its columns may differ from the catalog's. */
  alter(label: string): void {
    this.#altered.add(label);
  }

  /** Whatever had this last name may now be another object: relation, function, operator or type. */
  change(name: string): void {
    this.#changed.add(name);
  }

  /** A new enum, range or composite type, by its last name: using it runs no code. */
  createType(name: string): void {
    this.#types.add(name);
  }

  /** Schemas themselves changed: no name is certain. */
  changeEverything(): void {
    this.#everything = true;
  }

  /** The search path may be another: only names with a schema are certain. */
  changePath(): void {
    this.#path = true;
  }

  /** The path in force is known again. */
  settlePath(): void {
    this.#path = false;
  }

  created(schema: string, name: string): CreatedRelation | undefined {
    return this.#created.size === 0 ? undefined : this.#created.get(`${schema}.${name}`);
  }

  isAltered(label: string): boolean {
    return this.#altered.has(label);
  }

  hasType(name: string): boolean {
    return this.#types.has(name);
  }

  isChanged(name: string, qualified: boolean): boolean {
    return this.#everything || this.#changed.has(name) || (this.#path && !qualified);
  }
}
