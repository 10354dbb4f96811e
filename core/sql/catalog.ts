// The target's schema as facts need it: an immutable snapshot with a version. Read by adapters/catalog.ts.

export interface CatalogColumn {
  readonly name: string;
  readonly attnum: number;
  /** pg_type oid. */
  readonly type: number;
  readonly generated: boolean;
  /** What a generated column is computed from, as pg_get_expr() writes it; left out where there is none. */
  readonly expression?: string | null;
}

export interface CatalogRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** pg_class.relkind: r table, p partitioned, v view, m materialised view, f foreign, S sequence, t toast, c composite, i index. */
  readonly kind: string;
  readonly columns: readonly CatalogColumn[];
  /** SELECT text of a view or materialised view, else null. */
  readonly definition: string | null;
  /** Has rewrite rules other than a view's own _RETURN: writing to it may do anything. */
  readonly rules: boolean;
  /** Triggers that are neither internal nor disabled: events as INSERT, UPDATE, DELETE, TRUNCATE. */
  readonly triggers: readonly string[];
  /** Row security policies are enabled. */
  readonly rowSecurity: boolean;
  /** oids of parents: inheritance and partitions. */
  readonly parents: readonly number[];
}

export interface CatalogFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** pg_proc.provolatile. */
  readonly volatility: 'i' | 's' | 'v';
  /** pg_proc.prokind: f function, p procedure, a aggregate, w window. */
  readonly kind: string;
  /** From an extension, or from initdb; else written by somebody on this database. */
  readonly builtin: boolean;
  /** Input arguments. */
  readonly argTypes: readonly number[];
  /** How many of the last arguments may be left out. */
  readonly defaults: number;
  /** The last argument repeats. */
  readonly variadic: boolean;
  readonly returnType: number;
  /** Columns of the row it returns (OUT and TABLE parameters); empty when it returns one value or a declared type. */
  readonly outNames: readonly string[];
  readonly language: string;
}

export interface CatalogType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** Casting to it may run code that somebody wrote on this database: a domain's check, a cast or input function. */
  readonly code: boolean;
}

/** Objects of initdb have lower oids (FirstNormalObjectId in access/transam.h). */
export const FIRST_USER_OID = 16_384;

export interface Catalog {
  /** Changes whenever the content does. */
  readonly version: string;
  /** All schema names. */
  readonly schemas: ReadonlySet<string>;
  relation(schema: string, name: string): CatalogRelation | undefined;
  relationByOid(oid: number): CatalogRelation | undefined;
  /** Overloads; empty when there are none. */
  functions(schema: string, name: string): readonly CatalogFunction[];
  /** Tables that inherit from this one, or are its partitions; direct ones only. */
  children(oid: number): readonly CatalogRelation[];
  type(schema: string, name: string): CatalogType | undefined;
  /** Type name by oid, as pg_type.typname; undefined when unknown. */
  typeName(oid: number): string | undefined;
  /** `schema.name` of operators that somebody wrote on this database, extensions excepted. */
  readonly userOperators: ReadonlySet<string>;
}
