// The Worker's bindings and variables. Secrets named by the policy file are read through `secret`, and nowhere else.
import type { ActiveGrant, GrantEnd } from '../core/approval/grant.ts';
import type { ApprovalRpcMethods, ApprovalStanding } from '../core/approval/request.ts';
import type { Ballot, BallotResult } from '../core/approval/view.ts';
import type { ChainedEvent } from '../core/audit/event.ts';
import type {
  CountedLimit,
  QuotaAnswer,
  QuotaAsk,
  QuotaRefusal,
  Usage,
} from '../core/quota/quota.ts';

/** What a Session object answers besides its WebSocket (durable-objects/session.ts fulfils it). */
export interface SessionRpc extends Rpc.DurableObjectBranded {
  events(after: number, limit: number): Promise<ChainedEvent[]>;
  /** An approval that one of this session's actions waits for has been decided, expired or cancelled. */
  approvalSettled(standing: ApprovalStanding): Promise<void>;
  /** Ends a live session; false when there is none. */
  kill(by: string): Promise<boolean>;
  /** Relays a cancel request; false when the key is not this session's. */
  cancel(key: Uint8Array): Promise<boolean>;
  /** Wakes the object so that it recovers and ships what a crash left behind; true while a connection is live. */
  settle(): Promise<boolean>;
  fetch(request: Request): Promise<Response>;
}

/** What an Approval object answers (durable-objects/approval.ts fulfils it). Named by `approvalName(digest)`. */
export interface ApprovalRpc extends Rpc.DurableObjectBranded, ApprovalRpcMethods {
  /** An ApprovalView as JSON (adapters/approvals.ts reads it); null when there is no such round. */
  view(id: string): Promise<string | null>;
  vote(ballot: Ballot): Promise<BallotResult>;
  /** Resolves when the round no longer waits, for people or for its window to be opened, and after `waitMs` at the latest. */
  settled(id: string, waitMs: number): Promise<void>;
  /** The requester takes it back before it was used; false when there is nothing to take back. */
  cancel(id: string, principalId: string): Promise<boolean>;
}

/** A window of access to open. `id` is its approval's: opening it twice opens one. */
export interface GrantOpening {
  readonly id: string;
  readonly principalId: string;
  readonly target: string;
  readonly seconds: number;
  readonly satisfied: readonly string[];
}

export interface GrantView extends ActiveGrant {
  readonly principalId: string;
  readonly target: string;
  readonly startsAtMs: number;
  /** Null while it is open. */
  readonly end: { readonly kind: GrantEnd; readonly atMs: number; readonly by: string } | null;
}

/**
 * What a Grant object answers (durable-objects/grant.ts fulfils it). One for a principal on a target (adapters/grants.ts), and
 * therefore also where this principal's waiting requests are counted.
 */
export interface GrantRpc extends Rpc.DurableObjectBranded {
  open(opening: GrantOpening, nowMs: number): Promise<GrantView>;
  /** The open window that ends last; null when there is none. */
  active(nowMs: number): Promise<ActiveGrant | null>;
  view(id: string, nowMs: number): Promise<GrantView | null>;
  /**
   * Takes one of the places for requests that wait; false when all are taken. The same id takes one place. A place is free
   * again once it is given up, and at `untilMs` in any case.
   */
  admit(id: string, untilMs: number, nowMs: number): Promise<boolean>;
  giveUp(id: string): Promise<void>;
  /** False when it was over already. */
  end(id: string, end: 'returned' | 'revoked', by: string): Promise<boolean>;
}

/** What a Call object answers (durable-objects/call.ts fulfils it); adapters/calls.ts names them and reads the JSON. */
export interface CallRpc extends Rpc.DurableObjectBranded {
  /** A CallOrder; answers a CallAnswer. */
  submit(order: string, waitMs: number): Promise<string>;
  /** A CallCaller; answers a CallView, or null when there is no call of theirs. */
  read(caller: string, waitMs: number): Promise<string | null>;
  cancel(principalId: string): Promise<string | null>;
}

/** What a Quota object answers (durable-objects/quota.ts fulfils it). One for a principal; adapters/quotas.ts names it. */
export interface QuotaRpc extends Rpc.DurableObjectBranded {
  /** A place among the live sessions for PLACE_MS, or the same place for longer; null: it has one. */
  enter(
    session: string,
    call: number,
    limits: readonly CountedLimit[],
  ): Promise<QuotaRefusal | null>;
  /** Closes the session's batch and gives it another one. */
  take(ask: QuotaAsk): Promise<QuotaAnswer>;
  /** Closes the batch: what the report does not name comes back. */
  settle(session: string, usage: Usage): Promise<void>;
  /** The session is over: its last report, and its place is free. */
  leave(session: string, usage: Usage): Promise<void>;
}

export interface Env {
  readonly DB: D1Database;
  readonly RECORDINGS: R2Bucket;
  readonly SESSION: DurableObjectNamespace<SessionRpc>;
  readonly APPROVAL: DurableObjectNamespace<ApprovalRpc>;
  readonly GRANT: DurableObjectNamespace<GrantRpc>;
  readonly CALL: DurableObjectNamespace<CallRpc>;
  readonly QUOTA: DurableObjectNamespace<QuotaRpc>;
  /** `development` allows loopback http issuers and plaintext loopback targets; anything else is production. */
  readonly POSTERN_ENV: string;
  /** The gateway's own origin, `https://gate.acme.dev`, where it has several; default: the one a request came to. */
  readonly POSTERN_URL?: string;
  /** Secret of at least 32 characters that seals the sessions of people in a browser. Without it nobody can log in there. */
  readonly SESSION_KEY?: string;
  /** Secret of at least 32 characters behind `hash` and `fake` masks (mask-key.ts). Without it, what needs one is refused. */
  readonly POSTERN_MASK_KEY?: string;
}

/** The origin that links lead to. `url` is that of the caller's request. */
export function gatewayOrigin(env: Env, url: string): string {
  return new URL(env.POSTERN_URL ?? url).origin;
}

export function isDevelopment(env: Env): boolean {
  return env.POSTERN_ENV === 'development';
}

/** The value of a Worker secret that the policy file names; null when it is not set or not a string. */
export function secret(env: Env, name: string): string | null {
  const value = Object.hasOwn(env, name) ? (env as unknown as Record<string, unknown>)[name] : null;
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A binding that the policy file names, such as a VPC network; null when it is missing. */
export function binding(env: Env, name: string): object | null {
  const value = Object.hasOwn(env, name) ? (env as unknown as Record<string, unknown>)[name] : null;
  return typeof value === 'object' && value !== null ? value : null;
}
