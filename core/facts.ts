// What is known about one action before it runs. Facts are plain data: rules read them, the journal keeps them.

/** How far an SQL text can reach. Ordered: a text of several statements has the gravest effect of them. */
export const SQL_EFFECTS = ['session', 'read', 'write', 'schema', 'admin', 'opaque'] as const;
export type SqlEffect = (typeof SQL_EFFECTS)[number];

/** One parsed statement. Relations are `schema.name` as the session's search_path resolves them; columns `schema.name.column`. */
export interface SqlStatementFacts {
  /** Upper case, as Postgres tags it: SELECT, INSERT, CREATE TABLE, SET, COPY, EXPLAIN … */
  readonly verb: string;
  readonly effect: SqlEffect;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly columns: readonly string[];
  /** `schema.name` of every function called, operators' functions excepted. */
  readonly functions: readonly string[];
  /** Names of settings a SET, RESET or set_config touches. */
  readonly settings: readonly string[];
  /** An UPDATE or DELETE (CTEs included) without a WHERE clause, or TRUNCATE. */
  readonly whereless: boolean;
  /** LIMIT of the outermost query when it is a constant, else null. */
  readonly limit: number | null;
}

/** Facts of one SQL text; what rules see as `sql`. Lists are sorted and distinct. */
export interface SqlFacts extends Omit<SqlStatementFacts, 'verb' | 'limit'> {
  readonly statements: readonly SqlStatementFacts[];
  readonly verbs: readonly string[];
  /** reads ∪ writes. */
  readonly tables: readonly string[];
  /** Why the text is `opaque`: stable words such as `unknown_function`, empty otherwise. */
  readonly opaque: readonly string[];
}

/** Facts of opening a session; what rules see as `connect`. */
export interface ConnectFacts {
  readonly protocol: string;
  /** What the client calls itself (application_name, user agent). Claimed, never trusted. */
  readonly client: string;
  readonly country: string;
}

/** One thing a caller wants done, and everything a rule may know about it. */
export type Action =
  | { readonly kind: 'connect'; readonly connect: ConnectFacts }
  | { readonly kind: 'sql'; readonly sql: SqlFacts };
