// Names as Postgres finds them under one search path (namespace.c): relations and types in the temporary schema first,
// functions and operators never there; what an earlier statement of the same transaction made comes from `Pending`.
import type { Catalog, CatalogFunction, CatalogRelation, CatalogType } from './catalog.ts';
import { accepts } from './functions.ts';
import type { RangeVar } from './parse.ts';
import type { CreatedRelation, Pending } from './pending.ts';
import { relationInfo, type RelationInfo } from './relation-names.ts';

export type FoundRelation =
  /** `open`: it may have more columns than the catalog says. */
  | { readonly kind: 'found'; readonly info: RelationInfo; readonly open: boolean }
  | { readonly kind: 'missing' }
  /** A statement before this one may have given the name another meaning. */
  | { readonly kind: 'changed' };

const MISSING = { kind: 'missing' } as const;
const CHANGED = { kind: 'changed' } as const;

export class Names {
  readonly catalog: Catalog;
  readonly path: readonly string[];
  readonly pending: Pending;
  readonly #temporary: string | null;
  readonly #callable: readonly string[];

  /** `temporary`: the session's own temporary schema, when `path` does not hold it. */
  constructor(
    catalog: Catalog,
    path: readonly string[],
    pending: Pending,
    temporary: string | null = temporarySchema(path),
  ) {
    this.catalog = catalog;
    this.path = path;
    this.pending = pending;
    this.#temporary = temporary;
    // "the temporary schema is never searched for function or operator names" (manual, search_path)
    this.#callable = path.filter((schema) => !isTemporary(schema));
  }

  relation(name: RangeVar): FoundRelation {
    const relname = name.relname ?? '';
    if (this.pending.isChanged(relname, name.schemaname !== undefined)) return CHANGED;
    if (name.schemaname !== undefined) {
      return this.#relationIn(this.#schema(name.schemaname), relname) ?? MISSING;
    }
    const temporary =
      this.#temporary === null ? this.pending.created('pg_temp', relname) : undefined;
    for (const schema of this.path) {
      const found = this.#relationIn(schema, relname);
      if (found === null) continue;
      // The session's first temporary table: its schema comes first, unless the path names it further back.
      return temporary === undefined ? found : CHANGED;
    }
    return temporary === undefined ? MISSING : this.#created(temporary);
  }

  /** What an unqualified name would stand for, had the relation that it stands for gone: others of the path, in order. */
  shadowed(name: RangeVar, found: CatalogRelation): CatalogRelation[] {
    if (name.schemaname !== undefined) return [];
    return this.path.flatMap((schema) => {
      const other = this.catalog.relation(schema, name.relname ?? '');
      return other === undefined || other === found ? [] : [other];
    });
  }

  /** Does the catalog have a relation of this label? */
  exists(label: string): boolean {
    const dot = label.indexOf('.');
    const name = label.slice(dot + 1);
    return this.catalog.relation(this.#schema(label.slice(0, dot)), name) !== undefined;
  }

  info(relation: CatalogRelation): RelationInfo {
    return relationInfo(this.catalog, relation, this.#temporary);
  }

  /** May a function or type of this name have become another one? */
  isChanged(parts: readonly string[]): boolean {
    return this.pending.isChanged(parts.at(-1) ?? '', parts.length > 1);
  }

  /** The overloads of this name, one list per schema of the path that has any; lists are the catalog's own. */
  overloads(parts: readonly string[]): (readonly CatalogFunction[])[] {
    const name = parts.at(-1) ?? '';
    const schema = parts.at(-2);
    const schemas = schema === undefined ? this.#callable : [this.#schema(schema)];
    const found: (readonly CatalogFunction[])[] = [];
    for (const each of schemas) {
      const list = this.catalog.functions(each, name);
      if (list.length > 0) found.push(list);
    }
    return found;
  }

  /** Every overload that a call with this many arguments may mean; null `count` takes any. */
  functions(parts: readonly string[], count: number | null): readonly CatalogFunction[] {
    return this.overloads(parts).flatMap((list) =>
      count === null ? list : list.filter((fn) => accepts(fn, count)),
    );
  }

  type(parts: readonly string[]): CatalogType | undefined {
    const name = parts.at(-1) ?? '';
    const schema = parts.at(-2);
    if (schema !== undefined) return this.catalog.type(this.#schema(schema), name);
    for (const each of this.path) {
      const found = this.catalog.type(each, name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Could this operator be one that somebody wrote on this database? */
  isUserOperator(parts: readonly string[]): boolean {
    const { userOperators } = this.catalog;
    const name = parts.at(-1) ?? '';
    const schema = parts.at(-2);
    // Without a single operator of somebody's own the search path does not matter.
    if (this.pending.isChanged(name, schema !== undefined || userOperators.size === 0)) return true;
    if (userOperators.size === 0) return false;
    if (schema !== undefined) return userOperators.has(`${this.#schema(schema)}.${name}`);
    return this.#callable.some((each) => userOperators.has(`${each}.${name}`));
  }

  /** Label of a relation that a statement makes: in the first schema of the path that is not implicit. */
  newLabel(name: RangeVar): string {
    const schema = name.relpersistence === 't' ? 'pg_temp' : (name.schemaname ?? this.#creation());
    return `${schema}.${name.relname ?? ''}`;
  }

  #creation(): string {
    return this.#callable.find((schema) => schema !== 'pg_catalog') ?? 'pg_catalog';
  }

  #schema(name: string): string {
    return name === 'pg_temp' ? (this.#temporary ?? 'pg_temp') : name;
  }

  #relationIn(schema: string, name: string): FoundRelation | null {
    const label = isTemporary(schema) && schema === this.#temporary ? 'pg_temp' : schema;
    const created = this.pending.created(label, name);
    if (created !== undefined) return this.#created(created);
    const relation = this.catalog.relation(schema, name);
    if (relation === undefined) return null;
    return this.#found(relation, this.pending.isAltered(`${label}.${name}`));
  }

  #created({ relation, open }: CreatedRelation): FoundRelation {
    return this.#found(relation, open || this.pending.isAltered(this.info(relation).label));
  }

  #found(relation: CatalogRelation, open: boolean): FoundRelation {
    return { kind: 'found', info: this.info(relation), open };
  }
}

export function temporarySchema(path: readonly string[]): string | null {
  return path.find(isTemporary) ?? null;
}

function isTemporary(schema: string): boolean {
  return schema === 'pg_temp' || /^pg_temp_\d+$/.test(schema);
}
