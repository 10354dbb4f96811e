// Actions that wait for a human. Binds each to its envelope, asks the Approval object, tells the client where to look, and
// answers with a decision: to run it once, or why not. Waiting costs no polling: the Approval object calls back.
import { approvalName } from '../core/approval/view.ts';
import { envelope, rowBound } from '../core/approval/envelope.ts';
import type { ApprovalRequest, ApprovalStanding } from '../core/approval/request.ts';
import { nativeCrypto } from '../adapters/crypto.ts';
import type { Env } from '../adapters/env.ts';
import type { Decision, Denial } from '../core/decision.ts';
import type { DenyCode } from '../core/failure.ts';
import { HOLD_NOTICE_MS, MAX_PENDING_APPROVALS } from '../core/limits.ts';
import { sqlCost } from '../core/quota/cost.ts';
import type { ParseSql } from '../core/sql/parse.ts';
import type { Reservation } from './allowance.ts';

type Approve = Extract<Decision, { kind: 'approve' }>;

/** What a held action is, besides its decision. The digest is this file's to add. */
export type Held = Omit<ApprovalRequest, 'digest' | 'demands' | 'revision'>;

/** An approval that opens a window is not consumed by a connection; the window is what counts. */
export interface AccessWindow {
  readonly opened: () => Promise<boolean>;
}

interface Waiting {
  readonly settle: (standing: ApprovalStanding | 'late' | 'cancelled') => void;
}

type Reserve = (cost: number) => Promise<Reservation>;

/** Approved rounds lost to another connection before an action gives up; each time a new round is asked for. */
const MAX_ROUNDS = 3;

export class Holding {
  readonly #env: Env;
  readonly #parse: ParseSql;
  readonly #notify: (message: string) => void;
  readonly #reserve: Reserve | null;
  readonly #waiting = new Map<string, Waiting>();
  /** What was settled while its request was still on its way to us. */
  readonly #early = new Map<string, ApprovalStanding>();

  /** `reserve`: leave of the policy's limits, which an approved action needs before its approval is used (Allowance). */
  constructor(
    env: Env,
    parse: ParseSql,
    notify: (message: string) => void,
    reserve: Reserve | null = null,
  ) {
    this.#env = env;
    this.#parse = parse;
    this.#notify = notify;
    this.#reserve = reserve;
  }

  /** The Approval object's call: one of our rounds is over. */
  settled(standing: ApprovalStanding): void {
    const waiting = this.#waiting.get(standing.id);
    if (waiting === undefined) this.#early.set(standing.id, standing);
    else waiting.settle(standing);
  }

  /** The client cancelled or is gone: nothing that waits may run any more. False when nothing waits. */
  cancel(): boolean {
    const waiting = [...this.#waiting.values()];
    for (const { settle } of waiting) settle('cancelled');
    return waiting.length > 0;
  }

  /**
   * Resolves with the decision that the engine gets: `allow` exactly when this call consumed an approval, or when the
   * window of access that was asked for is open. `longestWaitMs` shortens what the rules give: 0 asks and answers at once.
   */
  async hold(
    held: Held,
    decision: Approve,
    window: AccessWindow | null,
    longestWaitMs = Number.POSITIVE_INFINITY,
  ): Promise<Decision> {
    const { demands, revision } = decision;
    const bound = envelope({ ...held, demands }, this.#parse, nativeCrypto);
    if (!bound.ok) return deny(decision, bound.error.code, bound.error.detail, '');
    const request: ApprovalRequest = { ...held, demands, revision, digest: bound.value.digest };
    const by = { session: held.session, action: held.action };
    const cost = costOf(held);
    try {
      // Nobody is asked for what a limit would refuse.
      const possible = await this.#reserved(cost);
      if (possible.kind === 'deny') return limited(decision, possible.denial);
      possible.giveBack();
      const stub = this.#env.APPROVAL.getByName(approvalName(request.digest));
      for (let round = 0; round < MAX_ROUNDS; round++) {
        const asked = await stub.request(request, Date.now());
        if (asked.state === 'too_many') return tooMany(decision);
        const standing = await this.#await(asked, request, longestWaitMs);
        if (standing === 'late') return pending(decision, asked);
        if (standing === 'cancelled') {
          await stub.withdraw(by, 'the client cancelled');
          return deny(
            decision,
            'approval_cancelled',
            'The request for approval was cancelled.',
            '',
          );
        }
        if (window !== null && (await window.opened())) return allowed(decision, standing.id, null);
        if (standing.state !== 'approved') return refused(decision, standing);
        if (window !== null) continue;
        // Before the approval is used: one that a limit refuses is still there for the next try.
        const leave = await this.#reserved(cost);
        if (leave.kind === 'deny') return limited(decision, leave.denial);
        if (await stub.consume(request.digest, by)) {
          return allowed(decision, standing.id, rowBound(demands));
        }
        leave.giveBack();
      }
    } catch (error) {
      // Codes of storage and RPC failures are for the operator; the caller learns that nobody could be asked.
      const kind = error instanceof Error ? error.name : 'unknown';
      console.warn(JSON.stringify({ event: 'approval_unavailable', kind }));
    }
    const message = 'Nobody could be asked for approval, so this does not run.';
    return deny(decision, 'approval_unavailable', message, 'Try again.');
  }

  async #reserved(cost: number): Promise<Reservation> {
    if (this.#reserve === null || cost === 0) return FREE;
    return this.#reserve(cost);
  }

  /** A round's end, or what came first: the rule's `wait` is over, or the client wants it no more. */
  async #await(
    standing: ApprovalStanding,
    request: ApprovalRequest,
    longestWaitMs: number,
  ): Promise<ApprovalStanding | 'late' | 'cancelled'> {
    if (standing.state !== 'pending') return standing;
    if (longestWaitMs <= 0) return 'late';
    const { id } = standing;
    const early = this.#early.get(id);
    this.#early.delete(id);
    if (early !== undefined) return early;
    const link = `${request.origin}/approvals/${id}`;
    const ruled = Math.min(...request.demands.map(({ waitSeconds }) => waitSeconds)) * 1000;
    const waitMs = Math.min(ruled, longestWaitMs);
    const [demand] = request.demands;
    this.#notify(`Waiting for the approval of a human (rule ${demand?.rule ?? ''}): ${link}`);
    let keepAlive: ReturnType<typeof setInterval> | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      return await new Promise((resolve) => {
        this.#waiting.set(id, { settle: resolve });
        keepAlive = setInterval(() => this.#notify(`Still waiting: ${link}`), HOLD_NOTICE_MS);
        timer = setTimeout(() => resolve('late'), waitMs);
      });
    } finally {
      clearInterval(keepAlive);
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }
}

const FREE: Reservation = { kind: 'reserved', giveBack: () => undefined };

/** A connection is no action: its place among the sessions is another matter. */
function costOf({ content, facts }: Held): number {
  if (content.kind === 'connect') return 0;
  return facts === null ? 1 : sqlCost(facts);
}

function limited({ revision, observed }: Approve, denial: Denial): Decision {
  return { ...denial, revision, observed };
}

function allowed(decision: Approve, id: string, maxRows: number | null): Decision {
  const { demands, revision, observed } = decision;
  const rules = demands.map(({ rule }) => rule);
  return { kind: 'allow', rules, approval: { id, maxRows }, revision, observed };
}

function tooMany(decision: Approve): Decision {
  const message = `${MAX_PENDING_APPROVALS} of your requests wait for approval at this target already; nobody was asked about this one.`;
  return deny(decision, 'approval_too_many', message, 'Send it again when some are decided.');
}

function pending(decision: Approve, { id, expiresAtMs }: ApprovalStanding): Decision {
  const message = `Not decided yet: approval ${id} is still open.`;
  const rules = decision.demands.map(({ rule }) => rule);
  const denied = deny(decision, 'approval_pending', message, HOW_TO_RETRY);
  return { ...denied, pending: { id, expiresAtMs, rules } };
}

const HOW_TO_RETRY =
  'Send exactly the same again once it is approved: it runs then, from this or another connection.';

function refused(decision: Approve, standing: ApprovalStanding): Decision {
  const reason = standing.reason === '' ? '' : ` Reason: ${standing.reason}`;
  switch (standing.state) {
    case 'denied':
      return deny(decision, 'approval_denied', `A human refused this.${reason}`, '');
    case 'expired':
      return deny(decision, 'approval_expired', 'The request for approval expired.', HOW_TO_ASK);
    case 'cancelled':
      return deny(decision, 'approval_cancelled', `The request was withdrawn.${reason}`, '');
    default:
      return deny(decision, 'approval_unavailable', 'The approval cannot be used.', HOW_TO_ASK);
  }
}

const HOW_TO_ASK = 'Send it again to ask anew.';

function deny(
  { demands, revision, observed }: Approve,
  code: DenyCode,
  message: string,
  hint: string,
): Extract<Decision, { kind: 'deny' }> {
  const [demand] = demands;
  const denial: Denial = { kind: 'deny', code, rule: demand?.rule ?? null, message, hint };
  return { ...denial, revision, observed };
}
