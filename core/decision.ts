// What the policy says of one action. A denial is a decision, returned and recorded, never an exception.
import type { DenyCode } from './failure.ts';
import type { Masking } from './masking/mask.ts';

/** What one `then: approve` rule asks for. Durations in seconds. */
export interface ApprovalDemand {
  readonly rule: string;
  readonly message: string;
  readonly by: readonly string[];
  readonly quorum: number;
  readonly expiresSeconds: number;
  readonly waitSeconds: number;
  readonly maxRows: number | null;
  readonly grantSeconds: number | null;
  readonly keep: boolean;
  readonly slackButtons: boolean;
}

interface Decided {
  /** Policy revision that decided. */
  readonly revision: number;
  /** Rules in state `observe` that would have changed the outcome, as `rule:then`. */
  readonly observed: readonly string[];
}

export type Decision =
  | (Decided & {
      readonly kind: 'allow';
      readonly rules: readonly string[];
      /** The approval that was consumed for it, and the most rows it may touch; absent where none was needed. */
      readonly approval?: ConsumedApproval;
      /** What is masked in what comes back; absent where nothing is. */
      readonly masking?: Masking;
    })
  | (Decided & { readonly kind: 'approve'; readonly demands: readonly ApprovalDemand[] })
  | (Decided & Denial);

export interface ConsumedApproval {
  readonly id: string;
  readonly maxRows: number | null;
}

export interface Denial {
  readonly kind: 'deny';
  readonly code: DenyCode;
  /** The rule that denied; null when no rule matched or none could be asked. */
  readonly rule: string | null;
  /** One sentence for the caller: what was refused and why. Never holds a secret or an internal error. */
  readonly message: string;
  /** What the caller can do instead; empty when nothing. */
  readonly hint: string;
  /** When the same may be tried again; absent where time alone changes nothing. */
  readonly retryAfterSeconds?: number;
  /** Of `approval_pending`: what is open, for those who answer at once instead of waiting. */
  readonly pending?: PendingApproval;
}

export interface PendingApproval {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  /** Rules that ask for it. */
  readonly rules: readonly string[];
}
