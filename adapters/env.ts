// The Worker's bindings and variables. Secrets named by the policy file are read through `secret`, and nowhere else.
import type { ApprovalRpcMethods, ApprovalStanding } from '../core/approval/request.ts';
import type { ChainedEvent } from '../core/audit/event.ts';

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

/** What an Approval object answers (durable-objects/approval.ts fulfils it, with the page's and API's methods besides). */
export interface ApprovalRpc extends Rpc.DurableObjectBranded, ApprovalRpcMethods {}

export interface Env {
  readonly DB: D1Database;
  readonly RECORDINGS: R2Bucket;
  readonly SESSION: DurableObjectNamespace<SessionRpc>;
  readonly APPROVAL: DurableObjectNamespace<ApprovalRpc>;
  /** `development` allows loopback http issuers and plaintext loopback targets; anything else is production. */
  readonly POSTERN_ENV: string;
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
