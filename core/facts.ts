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

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Name to its values, both decoded, in order of their first occurrence. */
export type Parameters = Readonly<Record<string, readonly string[]>>;

/** Ordered: a request of several operations has the gravest of them. */
export const GRAPHQL_OPERATIONS = ['query', 'subscription', 'mutation'] as const;
export type GraphqlOperation = (typeof GRAPHQL_OPERATIONS)[number];

export interface GraphqlFacts {
  readonly operation: GraphqlOperation;
  /** Name of the operation that runs; empty where it has none, or where a batch runs several. Chosen by the caller. */
  readonly name: string;
  /** Paths of names from the root, aliases undone, every field on the way included. Sorted, distinct. */
  readonly fields: readonly string[];
  /** Only those of the root, which is where mutations have their names. */
  readonly roots: readonly string[];
}

/** Facts of one HTTP request; what rules see as `http`. docs/http.md lists the words of `opaque`. */
export interface HttpFacts {
  readonly method: string;
  /** The target's host, as the policy's address has it. Never the caller's. */
  readonly host: string;
  /** In its normal form, below the address. */
  readonly path: string;
  readonly query: Parameters;
  /** Names of what is sent, lower case, sorted, distinct; without those the gateway adds. */
  readonly headers: readonly string[];
  /** `application/json`; empty where there is none, or none that is certain. */
  readonly contentType: string;
  /** The whole body; null where it is not JSON, which `null` is too: `contentType` tells. */
  readonly json: Json;
  /** Fields of a urlencoded form; empty otherwise. */
  readonly form: Parameters;
  /** Names of a form's fields, urlencoded or multipart, sorted. */
  readonly fields: readonly string[];
  readonly graphql: GraphqlFacts | null;
  /** A WebSocket is asked for. */
  readonly webSocket: boolean;
  /** Why the facts are not all there is to know; sorted, distinct, empty otherwise. */
  readonly opaque: readonly string[];
}

/** Facts of one message to an MCP server; what rules see as `mcp`. docs/mcp.md lists the words of `opaque`. */
export interface McpFacts {
  /** `tools/call`, `resources/read` … */
  readonly method: string;
  /** Name of the tool that is called; empty for other methods. */
  readonly tool: string;
  /** An object, of a tool or prompt; of a completion, the one argument that is being completed. Empty otherwise. */
  readonly arguments: Json;
  /** URI of the resource, to the letter; empty otherwise. */
  readonly resource: string;
  /** Name of the prompt; empty otherwise. */
  readonly prompt: string;
  /** Why the facts are not all there is to know; sorted, distinct, empty otherwise. */
  readonly opaque: readonly string[];
}

/** One thing a caller wants done, and everything a rule may know about it. */
export type Action =
  | { readonly kind: 'connect'; readonly connect: ConnectFacts }
  | { readonly kind: 'sql'; readonly sql: SqlFacts }
  | { readonly kind: 'http'; readonly http: HttpFacts }
  | { readonly kind: 'mcp'; readonly mcp: McpFacts };

/** What is known of an action besides that a session is opened. */
export type ActionFacts = SqlFacts | HttpFacts | McpFacts;
