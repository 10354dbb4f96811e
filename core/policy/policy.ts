// The policy as the program uses it: the document with its defaults filled in and its alternatives spelt out as one closed
// union each. Only parse.ts makes one, so every Policy has passed every check.
import type { Principal, TargetIdentity } from '../identity.ts';
import type { IssuerDocument, LimitDocument, MaskDocument, RuleDocument } from './document.ts';
import type { PolicyModel } from './model.ts';
import type { PolicyNotify } from './notify.ts';
import type { ClientCredentials } from '../http/client-credentials.ts';
import type { CredentialKind } from '../http/credential.ts';

/** How tokens of one issuer are verified and read. */
export interface PolicyIssuer {
  readonly id: string;
  /** Exactly the `iss` claim. */
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly kind: Principal['kind'];
  readonly accept: string | null;
  readonly subject: string;
  readonly groups: Readonly<Record<string, string>>;
  readonly groupsFrom: string | null;
  readonly algorithms: readonly string[];
  /** Accepted `typ` headers in lower case; null for the default set. */
  readonly typ: readonly string[] | null;
  readonly maxAgeSeconds: number;
  readonly clockSkewSeconds: number;
  /** Null: OIDC discovery. */
  readonly jwksUri: string | null;
  readonly login: {
    readonly clientId: string;
    readonly scopes: readonly string[];
    /** The client of the approval page: `secret` names a Worker secret; null for a public client. */
    readonly web: { readonly clientId: string; readonly secret: string | null };
  } | null;
}

export type PolicyRoute =
  /** `access` names the secret that holds the tunnel's service token as `id:secret`. */
  | { readonly kind: 'tunnel'; readonly url: string; readonly access: string | null }
  | { readonly kind: 'vpc'; readonly binding: string }
  | {
      readonly kind: 'tcp';
      /** `upgrade`: the protocol's own request for TLS first. `direct`: TLS from the first byte. Both verify in full. */
      readonly tls: 'upgrade' | 'direct' | 'off';
      readonly serverName: string | null;
    };

/** Everything about a target, for those who reach it. Rules see its TargetIdentity only. */
export type PolicyTarget = PostgresTarget | HttpTarget | McpTarget;

interface ReachedTarget extends TargetIdentity {
  readonly host: string;
  readonly port: number;
  readonly route: PolicyRoute;
  readonly record: 'statements' | 'results';
}

export interface PostgresTarget extends ReachedTarget {
  readonly kind: 'postgres';
  readonly database: string;
  /** `password` is the name of a Worker secret. */
  readonly credential: { readonly user: string; readonly password: string };
  readonly access: 'read-write' | 'read-only';
}

/** What is reached by fetch(). Of a route's kinds, `tcp` stands for it: straight to the address. */
export interface WebTarget extends ReachedTarget {
  readonly scheme: 'https' | 'http';
  /** Path of the address, in its normal form, without a slash at its end: empty, or `/api/v2`. */
  readonly base: string;
  /** Null: the target asks for none. */
  readonly credential: HttpCredential | null;
  /** Name of an mTLS certificate binding; null where the target asks for none. */
  readonly certificate: string | null;
  readonly options: HttpOptions;
}

export interface HttpTarget extends WebTarget {
  readonly kind: 'http';
}

/** An MCP server; the address is its endpoint. `options` let nothing pass. */
export interface McpTarget extends WebTarget {
  readonly kind: 'mcp';
  readonly mcp: McpOptions;
}

export interface McpOptions {
  /** Tools that exist for callers, by name. `definition`: SHA-256, hex, of the one that is meant; null: whichever it has. */
  readonly tools: ReadonlyMap<string, { readonly definition: string | null }>;
  readonly resources: boolean;
  readonly prompts: boolean;
}

/** Secrets by the names of Worker secrets. */
export type HttpCredential = CredentialKind | ({ readonly kind: 'oauth' } & ClientCredentials);

/** What a target gets and may answer beyond the tables of core/http/header-tables.ts. */
export interface HttpOptions {
  readonly cookies: boolean;
  readonly challenges: boolean;
  /** Names of the tables' `unless` rows, both ways. */
  readonly headers: readonly string[];
  readonly encodedDelimiters: boolean;
  /** Paths at which everything is GraphQL. */
  readonly graphql: readonly string[];
  /** A WebSocket may be opened where a rule allows the request for it. */
  readonly webSocket: boolean;
}

/** How long what happened is kept; null: for ever. Recordings are R2's to keep, by its bucket lock (docs/deploy.md). */
export interface PolicyRetention {
  readonly indexSeconds: number | null;
  readonly recordingsSeconds: number | null;
}

export interface Policy {
  readonly issuers: readonly PolicyIssuer[];
  readonly targets: readonly PolicyTarget[];
  readonly rules: readonly RuleDocument[];
  readonly models: readonly PolicyModel[];
  readonly masks: readonly MaskDocument[];
  readonly limits: readonly LimitDocument[];
  /** CEL over principal; null: nobody. */
  readonly audit: { readonly read: string | null; readonly kill: string | null };
  readonly retention: PolicyRetention;
  readonly notify: PolicyNotify;
}

export function policyIssuer(document: IssuerDocument): PolicyIssuer {
  const { audience } = document;
  return {
    id: document.id,
    issuer: document.issuer,
    audiences: typeof audience === 'string' ? [audience] : audience,
    kind: document.kind,
    accept: document.accept ?? null,
    subject: document.subject,
    groups: document.groups,
    groupsFrom: document.groupsFrom ?? null,
    algorithms: document.algorithms,
    typ: document.typ?.map((value) => value.toLowerCase()) ?? null,
    maxAgeSeconds: document.maxAge,
    clockSkewSeconds: document.clockSkew,
    jwksUri: document.jwksUri ?? null,
    login: document.login === undefined ? null : policyLogin(document.login),
  };
}

function policyLogin(login: NonNullable<IssuerDocument['login']>): PolicyIssuer['login'] {
  const { clientId, scopes, web } = login;
  return {
    clientId,
    scopes,
    web: { clientId: web?.clientId ?? clientId, secret: web?.secret ?? null },
  };
}
