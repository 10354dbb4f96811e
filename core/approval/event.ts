// What happened to an approval, as it is told to the outside: once for every change of state, in order, and with the whole
// standing after it, so that a message can be written or rewritten from the last event alone. durable-objects/approval.ts
// makes them and tries until they are delivered; adapters/notify.ts delivers.
import type { ApprovalRequest, ApprovalState } from './request.ts';

export type ApprovalEventKind =
  | 'requested'
  /** Somebody voted, and more votes are needed. */
  | 'voted'
  | 'approved'
  | 'denied'
  | 'expired'
  | 'cancelled'
  | 'consumed';

export interface ApprovalEvent {
  readonly kind: ApprovalEventKind;
  /** Unique for ever, and the same in every attempt to deliver it: receivers drop what they have seen. */
  readonly id: string;
  /** Counts the changes of one approval: of two events, the one with the higher version is the later. */
  readonly version: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly approval: ApprovalSnapshot;
}

/** An approval as it stood after the event. `request` holds the statement and its bind values: mind where they go. */
export interface ApprovalSnapshot {
  readonly id: string;
  /** The page, absolute. */
  readonly url: string;
  readonly state: ApprovalState;
  readonly request: ApprovalRequest;
  readonly requestedAtMs: number;
  readonly expiresAtMs: number;
  readonly votes: readonly CastVote[];
  /** Principal ids: whose votes decided. */
  readonly decidedBy: readonly string[];
  /** Why it was denied or cancelled; empty otherwise. */
  readonly reason: string;
}

/** A vote as others may see it; where it came from is for the page and the journal. */
export interface CastVote {
  /** Principal id. */
  readonly by: string;
  readonly vote: 'approve' | 'deny';
  readonly reason: string;
  readonly atMs: number;
}
