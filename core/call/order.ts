// What the door hands to a Call object, and what the object answers. Both travel as JSON: the runtime's own types for calls
// between objects know no open records such as claims.
import type { Principal } from '../identity.ts';
import type { SessionTicket } from '../session-ticket.ts';
import type { CallFailure, CallResult, CallState } from './outcome.ts';
import type { QueryBody } from './request.ts';

/** Who asks, with a token verified for this very request, and from where. */
export interface CallCaller {
  readonly principal: Principal;
  readonly origin: string;
  readonly client: SessionTicket['client'];
  /** What the caller says it is doing (`X-Postern-Task`); shown as claimed, never trusted. */
  readonly task: string;
}

export interface CallOrder {
  readonly id: string;
  readonly target: string;
  /** SHA-256 of what was asked: the same key with another one is a conflict. */
  readonly fingerprint: string;
  readonly body: QueryBody;
  readonly caller: CallCaller;
}

export interface CallView {
  readonly id: string;
  readonly target: string;
  readonly state: CallState;
  /** The session that ran it last; empty before there was one. */
  readonly session: string;
  /** The approval it waits for, or waited for. */
  readonly approval: string | null;
  readonly result: CallResult | null;
  /** The rows as JSON: arrays, joined by commas, without the brackets around them. */
  readonly rows: string;
  readonly failure: CallFailure | null;
  /** Milliseconds since the epoch: when it was asked for, and when `state` or `approval` last changed. */
  readonly createdAtMs: number;
  readonly changedAtMs: number;
}

export type CallAnswer =
  | { readonly kind: 'view'; readonly view: CallView }
  /** The key was used for something else. */
  | { readonly kind: 'conflict' };

/** An outcome is kept this long after it is there; with it goes the key, and the same one begins anew. */
export const CALL_RETENTION_MS = 24 * 60 * 60_000;
/** All rows of one answer, as JSON. */
export const MAX_RESULT_BYTES = 8 * 1024 * 1024;
