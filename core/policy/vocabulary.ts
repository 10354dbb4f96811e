// The words a condition may use: which variables exist where, their types, and the closed sets some fields come from.
// A field that is missing here does not exist for policies, whatever the facts hold. Views give CEL one constructor per
// type, which is what its checker and its evaluator recognise them by.
import {
  GRAPHQL_OPERATIONS,
  SQL_EFFECTS,
  type ConnectFacts,
  type GraphqlFacts,
  type HttpFacts,
  type Json,
  type McpFacts,
  type Parameters,
  type SqlFacts,
  type SqlStatementFacts,
} from '../facts.ts';
import type { Principal, TargetIdentity } from '../identity.ts';

export class PrincipalView {
  readonly id: string;
  readonly issuer: string;
  readonly subject: string;
  readonly kind: string;
  readonly groups: readonly string[];
  readonly claims: Readonly<Record<string, unknown>>;
  constructor(principal: Principal) {
    this.id = principal.id;
    this.issuer = principal.issuer;
    this.subject = principal.subject;
    this.kind = principal.kind;
    this.groups = principal.groups;
    this.claims = principal.claims;
  }
}

export class TargetView {
  readonly id: string;
  readonly kind: string;
  readonly labels: Readonly<Record<string, string>>;
  constructor(target: TargetIdentity) {
    this.id = target.id;
    this.kind = target.kind;
    this.labels = target.labels;
  }
}

export class ActionView {
  readonly kind: string;
  constructor(kind: string) {
    this.kind = kind;
  }
}

/** What is known of the connection an action came over, besides the action. Claimed by the client where it can be. */
export interface RequestFacts {
  readonly client: string;
  readonly country: string;
}

export class RequestView {
  readonly client: string;
  readonly country: string;
  constructor(request: RequestFacts) {
    this.client = request.client;
    this.country = request.country;
  }
}

export class ConnectView extends RequestView {
  readonly protocol: string;
  constructor(connect: ConnectFacts) {
    super(connect);
    this.protocol = connect.protocol;
  }
}

export class SqlStatementView {
  readonly verb: string;
  readonly effect: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly columns: readonly string[];
  readonly functions: readonly string[];
  readonly settings: readonly string[];
  readonly whereless: boolean;
  /** CEL's int is a bigint here; null when there is no constant LIMIT. */
  readonly limit: bigint | null;
  constructor(facts: SqlStatementFacts) {
    this.verb = facts.verb;
    this.effect = facts.effect;
    this.reads = facts.reads;
    this.writes = facts.writes;
    this.columns = facts.columns;
    this.functions = facts.functions;
    this.settings = facts.settings;
    this.whereless = facts.whereless;
    this.limit = Number.isSafeInteger(facts.limit) ? BigInt(facts.limit ?? 0) : null;
  }
}

export class SqlView {
  readonly statements: readonly SqlStatementView[];
  readonly verbs: readonly string[];
  readonly effect: string;
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly tables: readonly string[];
  readonly columns: readonly string[];
  readonly functions: readonly string[];
  readonly settings: readonly string[];
  readonly whereless: boolean;
  readonly opaque: readonly string[];
  constructor(facts: SqlFacts) {
    this.statements = facts.statements.map((statement) => new SqlStatementView(statement));
    this.verbs = facts.verbs;
    this.effect = facts.effect;
    this.reads = facts.reads;
    this.writes = facts.writes;
    this.tables = facts.tables;
    this.columns = facts.columns;
    this.functions = facts.functions;
    this.settings = facts.settings;
    this.whereless = facts.whereless;
    this.opaque = facts.opaque;
  }
}

export class GraphqlView {
  readonly operation: string;
  readonly name: string;
  readonly fields: readonly string[];
  readonly roots: readonly string[];
  constructor(facts: GraphqlFacts) {
    this.operation = facts.operation;
    this.name = facts.name;
    this.fields = facts.fields;
    this.roots = facts.roots;
  }
}

/** Numbers of JSON are doubles for CEL, which compares them with whole numbers by value and does no sums of both. */
export class HttpView {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: Parameters;
  readonly headers: readonly string[];
  readonly contentType: string;
  readonly json: Json;
  readonly form: Parameters;
  readonly fields: readonly string[];
  /** Null where the request is none. */
  readonly graphql: GraphqlView | null;
  readonly webSocket: boolean;
  readonly opaque: readonly string[];
  constructor(facts: HttpFacts) {
    this.method = facts.method;
    this.host = facts.host;
    this.path = facts.path;
    this.query = facts.query;
    this.headers = facts.headers;
    this.contentType = facts.contentType;
    this.json = facts.json;
    this.form = facts.form;
    this.fields = facts.fields;
    this.graphql = facts.graphql === null ? null : new GraphqlView(facts.graphql);
    this.webSocket = facts.webSocket;
    this.opaque = facts.opaque;
  }
}

export class McpView {
  readonly method: string;
  readonly tool: string;
  readonly arguments: Json;
  readonly resource: string;
  readonly prompt: string;
  readonly opaque: readonly string[];
  constructor(facts: McpFacts) {
    this.method = facts.method;
    this.tool = facts.tool;
    this.arguments = facts.arguments;
    this.resource = facts.resource;
    this.prompt = facts.prompt;
    this.opaque = facts.opaque;
  }
}

const names = 'list<string>';
const parameters = 'map<string, list<string>>';

/** Type name → its class and its fields' CEL types. Order matters: a type comes after those it mentions. */
export const TYPES = {
  Principal: {
    ctor: PrincipalView,
    fields: {
      id: 'string',
      issuer: 'string',
      subject: 'string',
      kind: 'string',
      groups: names,
      claims: 'map',
    },
  },
  Target: {
    ctor: TargetView,
    fields: { id: 'string', kind: 'string', labels: 'map<string, string>' },
  },
  Action: { ctor: ActionView, fields: { kind: 'string' } },
  Request: { ctor: RequestView, fields: { client: 'string', country: 'string' } },
  Connect: {
    ctor: ConnectView,
    fields: { client: 'string', country: 'string', protocol: 'string' },
  },
  SqlStatement: {
    ctor: SqlStatementView,
    fields: {
      verb: 'string',
      effect: 'string',
      reads: names,
      writes: names,
      columns: names,
      functions: names,
      settings: names,
      whereless: 'bool',
      limit: 'dyn',
    },
  },
  Sql: {
    ctor: SqlView,
    fields: {
      statements: 'list<SqlStatement>',
      verbs: names,
      effect: 'string',
      reads: names,
      writes: names,
      tables: names,
      columns: names,
      functions: names,
      settings: names,
      whereless: 'bool',
      opaque: names,
    },
  },
  Graphql: {
    ctor: GraphqlView,
    fields: { operation: 'string', name: 'string', fields: names, roots: names },
  },
  Http: {
    ctor: HttpView,
    fields: {
      method: 'string',
      host: 'string',
      path: 'string',
      query: parameters,
      headers: names,
      contentType: 'string',
      json: 'dyn',
      form: parameters,
      fields: names,
      graphql: 'dyn',
      webSocket: 'bool',
      opaque: names,
    },
  },
  Mcp: {
    ctor: McpView,
    fields: {
      method: 'string',
      tool: 'string',
      arguments: 'dyn',
      resource: 'string',
      prompt: 'string',
      opaque: names,
    },
  },
} as const;

/** Fields that are `dyn` because they may be null, and the type they have otherwise: what follows them is checked by it. */
export const NULLABLE: Readonly<Record<string, keyof typeof TYPES>> = { 'Http.graphql': 'Graphql' };

/** Where an expression stands decides what it may name. */
export const SCOPES = {
  /** issuers[]: accept, subject, groups, groupsFrom */
  claims: { claims: 'map' },
  /** rules[].who */
  who: { principal: 'Principal', now: 'google.protobuf.Timestamp' },
  /** rules[].on */
  on: { target: 'Target' },
  when: {
    principal: 'Principal',
    target: 'Target',
    action: 'Action',
    request: 'Request',
    now: 'google.protobuf.Timestamp',
    sql: 'Sql',
    http: 'Http',
    mcp: 'Mcp',
    connect: 'Connect',
  },
  /** masks[].who, masks[].except, limits[].who: settled once per session, so the time is not theirs to ask */
  mask: { principal: 'Principal' },
  /** audit.read, audit.kill */
  audit: { principal: 'Principal' },
} as const satisfies Record<string, Record<string, string>>;

export type Scope = keyof typeof SCOPES;

/** Facts a rule can name, each the kind of the one action that has them. */
export const FACT_NAMES = ['connect', 'sql', 'http', 'mcp'] as const;
export type FactName = (typeof FACT_NAMES)[number];

/** Facts that are designed and not yet produced; naming them gets its own sentence. */
export const FUTURE_FACT_NAMES: readonly string[] = ['k8s', 'ssh'];

/** What can be asked of a target, by its kind. A rule about other facts does not concern it. */
export const FACTS_OF_KIND: ReadonlyMap<string, readonly FactName[]> = new Map([
  ['postgres', ['connect', 'sql']],
  ['http', ['connect', 'http']],
  ['mcp', ['connect', 'mcp']],
]);

/**
 * What a literal compared with a field must look like. A literal that can never match makes an allow rule useless, and a
 * deny rule a hole nobody sees; so it is refused at load.
 */
export const LITERALS: Readonly<
  Record<string, { readonly pattern: RegExp; readonly expected: string }>
> = {
  'Sql.effect': oneOf(SQL_EFFECTS),
  'SqlStatement.effect': oneOf(SQL_EFFECTS),
  'Principal.kind': oneOf(['workload', 'human']),
  'Target.kind': oneOf(['postgres', 'http', 'kubernetes', 'ssh', 'mcp']),
  'Action.kind': oneOf(FACT_NAMES),
  'SqlStatement.verb': upperCase('upper case, as Postgres tags commands'),
  'Sql.verbs': upperCase('upper case, as Postgres tags commands'),
  'Sql.reads': qualified('schema.table'),
  'Sql.writes': qualified('schema.table'),
  'Sql.tables': qualified('schema.table'),
  'SqlStatement.reads': qualified('schema.table'),
  'SqlStatement.writes': qualified('schema.table'),
  'Sql.functions': qualified('schema.function'),
  'SqlStatement.functions': qualified('schema.function'),
  'Sql.columns': { pattern: /^[^.]+\.[^.]+\.[^.]+$/, expected: 'schema.table.column' },
  'SqlStatement.columns': { pattern: /^[^.]+\.[^.]+\.[^.]+$/, expected: 'schema.table.column' },
  'Sql.settings': { pattern: /^[^A-Z]+$/, expected: 'lower case' },
  'SqlStatement.settings': { pattern: /^[^A-Z]+$/, expected: 'lower case' },
  'Http.method': { pattern: /^[^a-z\s]+$/, expected: 'a method in upper case' },
  'Http.host': { pattern: /^[^A-Z/]+$/, expected: 'a host in lower case' },
  'Http.path': {
    pattern: /^\/(?:[^?#%;\\]|%[0-9A-F]{2})*$/,
    expected: 'a path in its normal form, which begins with / and holds no query',
  },
  'Http.headers': { pattern: /^[^A-Z\s:]+$/, expected: 'the name of a header in lower case' },
  'Http.contentType': {
    pattern: /^(?:[^A-Z\s;/]+\/[^A-Z\s;/]+)?$/,
    expected: 'a media type in lower case without parameters, or nothing',
  },
  'Http.opaque': { pattern: /^[a-z_]+$/, expected: 'one of the words in docs/http.md' },
  'Mcp.method': {
    pattern: /^[a-z]+(?:\/[A-Za-z_/]+)?$/,
    expected: 'a method of MCP, like tools/call',
  },
  'Mcp.opaque': { pattern: /^[a-z_]+$/, expected: 'one of the words in docs/mcp.md' },
  'Graphql.operation': oneOf(GRAPHQL_OPERATIONS),
  'Graphql.roots': { pattern: /^[^.]+$/, expected: 'the name of one field; paths are in fields' },
};

function oneOf(words: readonly string[]) {
  return {
    pattern: new RegExp(`^(?:${words.join('|')})$`),
    expected: `one of ${words.join(', ')}`,
  };
}

function upperCase(expected: string) {
  return { pattern: /^[^a-z]+$/, expected };
}

function qualified(expected: string) {
  return { pattern: /^[^.]+\..+$/, expected };
}
