// An approval as its page, the API and the command line see it, and a vote on its way in. Who may see one is
// worker/approval-access.ts's business.
import type { VoteCode } from '../failure.ts';
import type { CastVote } from './event.ts';
import type { Identity } from './person.ts';
import type { Progress } from './quorum.ts';
import type { ApprovalRequest, ApprovalStanding, ApprovalState } from './request.ts';

export interface ApprovalView {
  readonly id: string;
  readonly state: ApprovalState;
  readonly request: ApprovalRequest;
  /** Milliseconds since the epoch, like all times here. */
  readonly requestedAtMs: number;
  readonly expiresAtMs: number;
  /** When it left `pending`; null before. */
  readonly decidedAtMs: number | null;
  readonly decidedBy: readonly string[];
  readonly reason: string;
  readonly votes: readonly VoteRecord[];
  readonly questions: readonly Progress[];
  /** What used it; null before. An opened window of access has an empty session. */
  readonly usedBy: {
    readonly session: string;
    readonly action: number;
    readonly atMs: number;
  } | null;
}

/** Everything that is kept of a vote. */
export interface VoteRecord extends CastVote {
  readonly groups: readonly string[];
  readonly via: BallotVia;
  readonly address: string;
  readonly country: string;
  /** The digest that was shown when the vote was cast. */
  readonly digest: string;
}

export type BallotVia = 'page' | 'api' | 'slack';

export interface Ballot {
  readonly id: string;
  /** What the voter was shown. */
  readonly digest: string;
  /** Hash of the policy in force when the vote came in. */
  readonly policyHash: string;
  readonly vote: 'approve' | 'deny';
  readonly reason: string;
  readonly voter: Identity;
  readonly via: BallotVia;
  /** Where the voter's request came from. */
  readonly address: string;
  readonly country: string;
  /** What marks the request that brought it, such as its signature: a second ballot of the same mark is refused. */
  readonly once?: string;
}

export type BallotResult =
  | { readonly ok: true; readonly standing: ApprovalStanding }
  | { readonly ok: false; readonly code: VoteCode | 'not_found' };

/** A denial's reason, shown to the caller; and the note with an approval. */
export const MAX_REASON_CHARS = 1_000;

const APPROVAL_ID = /^([0-9a-f]{32})-([1-9]\d{0,8})$/;

/** Null for anything that is no approval's id. `name` is the name of its object. */
export function parseApprovalId(
  id: string,
): { readonly name: string; readonly round: number } | null {
  const match = APPROVAL_ID.exec(id);
  return match?.[1] === undefined ? null : { name: match[1], round: Number(match[2]) };
}

/**
 * The name of a digest's object: half of it, so that an id leads there without a directory. The object compares the whole
 * digest with every call, so two that share a name could only be in each other's way.
 */
export function approvalName(digest: string): string {
  return digest.slice(0, 32);
}
