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
  /** Names of tables that the next COMMIT drops. */
  readonly #untilCommit = new Set<string>();
  readonly #created = new Map<string, CreatedRelation>();
  readonly #altered = new Set<string>();
  readonly #changed = new Set<string>();
  readonly #types = new Set<string>();
  #everything = false;
  #path = false;
  #inherited = false;

  /** For the next text: what it changes must not stay. */
  copy(): Pending {
    const copy = new Pending();
    for (const name of this.#untilCommit) copy.#untilCommit.add(name);
    for (const [label, created] of this.#created) copy.#created.set(label, created);
    for (const label of this.#altered) copy.#altered.add(label);
    for (const name of this.#changed) copy.#changed.add(name);
    for (const name of this.#types) copy.#types.add(name);
    copy.#everything = this.#everything;
    copy.#path = this.#path;
    copy.#inherited = this.#inherited;
    return copy;
  }

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

  /** ON COMMIT DROP. */
  dropOnCommit(name: string): void {
    this.#untilCommit.add(name);
  }

  /** What stands here so far was done by earlier texts; whether all of it succeeded only the server knows. */
  inherit(): void {
    this.#inherited = this.#created.size + this.#altered.size + this.#changed.size > 0;
    // The path in force is known again.
    this.#path = false;
  }

  /**
   * A transaction, or a part of it, ends. True when names became uncertain: a rollback takes back what was made, and
   * so does COMMIT of a transaction that had failed before this text.
   */
  end(how: 'commit' | 'rollback'): boolean {
    for (const name of this.#untilCommit) this.#changed.add(name);
    const made = this.#created.size + this.#altered.size + this.#changed.size > 0;
    const uncertain = how === 'rollback' ? made : this.#inherited;
    if (uncertain) this.#everything = true;
    return uncertain;
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
