// What an approval is about, as the session hands it to the Approval object, the page shows it and the index keeps it.
import type { ApprovalDemand } from '../decision.ts';
import type { HttpFacts, McpFacts, SqlFacts } from '../facts.ts';
import type { Principal, TargetIdentity } from '../identity.ts';

/** What gives a SQL action its effect besides the principal, the target and the policy. Goes into the envelope whole. */
export interface SqlContent {
  readonly kind: 'sql';
  /** The text as the caller sent it; the envelope uses its canonical form (core/sql/canonical.ts). */
  readonly text: string;
  /** Bind values in order (text as it is, binary as \x and hex, NULL as null) and their type oids; null for simple queries. */
  readonly binds: readonly (string | null)[] | null;
  readonly bindTypes: readonly number[] | null;
  /** One for each bind value: 0 text, 1 binary. The text `\x41` and the byte 0x41 would look the same without it. */
  readonly bindFormats: readonly number[] | null;
  readonly searchPath: readonly string[];
  readonly role: string;
  readonly database: string;
  readonly transaction: 'idle' | 'active';
  /**
   * Settings that change what the text means, name to value as the server has them: DateStyle, IntervalStyle and TimeZone
   * (the server reports them), and every setting this session has changed (`facts.settings` of what it ran).
   */
  readonly settings: Readonly<Record<string, string>>;
  /**
   * What EXECUTE, FETCH and MOVE in `text` go through: each name with every text it may stand for. A name that is missing
   * here makes the action unapprovable.
   */
  readonly stands: readonly StandingText[];
}

export interface StandingText {
  readonly kind: 'prepared' | 'cursor';
  readonly name: string;
  readonly text: string;
}

export interface ConnectContent {
  readonly kind: 'connect';
  readonly protocol: string;
  /**
   * Length of the window that is asked for; null: this one connection. On the wire it is grantSecondsOf(demands)
   * (grant.ts).
   */
  readonly seconds: number | null;
}

/** One HTTP request, as it will be sent. The envelope takes all but `body` and `facts` (core/http/canonical.ts). */
export interface HttpContent {
  readonly kind: 'http';
  readonly method: string;
  /** In its normal form. */
  readonly path: string;
  /** What follows `?`, to the letter; null where there is no `?`. */
  readonly query: string | null;
  /** As requestHeaders() let them through: names in lower case, with their values. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** SHA-256 of the body as it is sent, 64 hex digits in lower case; null where there is none. */
  readonly bodyDigest: string | null;
  readonly webSocket: boolean;
  /** The body itself, for whoever decides: as text where it is UTF-8. Null where there is none. */
  readonly body: { readonly text: string } | { readonly base64: string } | null;
  readonly facts: HttpFacts;
}

/** One message to an MCP server. The envelope takes all but `facts`, which say the same. */
export interface McpContent {
  readonly kind: 'mcp';
  readonly method: string;
  /** Canonical JSON of what gives it its effect: without `_meta`, and without the message's id, so that a retry is the same. */
  readonly params: string;
  /** SHA-256, hex, of the tool's definition: another one may do something else. Null where there is none, or none known. */
  readonly definition: string | null;
  readonly facts: McpFacts;
}

export type ActionContent = SqlContent | ConnectContent | HttpContent | McpContent;

/** One request for approval. The object adds its id, times, votes and state. */
export interface ApprovalRequest {
  /** SHA-256 of the envelope, 64 hex digits. */
  readonly digest: string;
  readonly principal: Principal;
  readonly target: TargetIdentity;
  readonly content: ActionContent;
  /** Of SQL; those of a request stand in its content. */
  readonly facts: SqlFacts | null;
  /** All of them must be satisfied. */
  readonly demands: readonly ApprovalDemand[];
  readonly revision: number;
  readonly policyHash: string;
  /** Rows the target's planner expects, by an EXPLAIN the gateway ran read-only; null when there is none. */
  readonly estimatedRows: number | null;
  /** What the caller says it is doing. Shown as claimed, never trusted, not in the envelope. */
  readonly claimed: string;
  /** The gateway's own origin (adapters/env.ts, gatewayOrigin), for links in messages. Not in the envelope. */
  readonly origin: string;
  /** The connection that waits, and its action there. An empty session: nobody waits, such as for POST /v1/grants. */
  readonly session: string;
  readonly action: number;
}

export type ApprovalState =
  | 'pending'
  | 'approved'
  | 'denied'
  | 'expired'
  | 'cancelled'
  | 'consumed';

/** What the session learns: enough to go on, to wait, or to refuse with the approver's own reason. */
export interface ApprovalStanding {
  readonly id: string;
  readonly state: ApprovalState;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** A denial's reason, as the approver wrote it; empty otherwise. */
  readonly reason: string;
  /** Who decided: principal ids. */
  readonly decidedBy: readonly string[];
}

/** Nobody was asked: MAX_PENDING_APPROVALS of this principal wait at this target already. */
export interface TooManyPending {
  readonly state: 'too_many';
}

/**
 * RPC of the Approval object. One object per envelope digest, named by approvalName(digest) (view.ts); a new round begins
 * when the last one has ended. A denial answers for itself until it would have expired, five minutes at the longest: asking
 * again at once must not ring again. `request` rejects when the request cannot be approved at all; that denies.
 */
export interface ApprovalRpcMethods {
  /** Opens a round or joins the open one; `approved` means that `consume` may be called. Idempotent per session and action. */
  request(request: ApprovalRequest, nowMs: number): Promise<ApprovalStanding | TooManyPending>;
  /** Atomically once: true for exactly one caller of an approved round. The full digest must match. */
  consume(digest: string, by: { session: string; action: number }): Promise<boolean>;
  /** The waiting connection is gone or cancelled: ends a pending round nobody else waits for, unless the rule keeps it. */
  withdraw(by: { session: string; action: number }, reason: string): Promise<void>;
}
