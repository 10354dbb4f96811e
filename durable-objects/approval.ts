// One action that waits for people, under the digest of its envelope:
//
//   pending ─▶ approved ─▶ consumed (once)        pending ─▶ denied | expired | cancelled
//                       └▶ expired | cancelled    and after any end, the same request may begin a new round
//
// Every change is one SQLite transaction together with everything that is owed because of it (approval-errands.ts): telling
// the sessions that wait, Slack and webhooks, the index. The alarm is the expiry, and the retry of what is owed.
import { DurableObject } from 'cloudflare:workers';
import type { ApprovalRpc, Env } from '../adapters/env.ts';
import { grantStub } from '../adapters/grants.ts';
import type { ApprovalEventKind } from '../core/approval/event.ts';
import { marks, samePerson } from '../core/approval/person.ts';
import { tally, voteRefusal, type Tally } from '../core/approval/quorum.ts';
import type {
  ApprovalRequest,
  ApprovalStanding,
  TooManyPending,
} from '../core/approval/request.ts';
import {
  approvalName,
  MAX_REASON_CHARS,
  parseApprovalId,
  type ApprovalView,
  type Ballot,
  type BallotResult,
} from '../core/approval/view.ts';
import { APPROVAL_RETENTION_MS, DENIAL_STANDS_MS } from '../core/limits.ts';
import { checkRequest } from './approval-check.ts';
import { ApprovalErrands, approvalId } from './approval-errands.ts';
import { ApprovalStore, type Round, type Waiter } from './approval-store.ts';

const MAX_WAIT_MS = 55_000;
const MIN_PAUSE_MS = 50;

export class Approval extends DurableObject<Env> implements ApprovalRpc {
  readonly #store: ApprovalStore;
  readonly #errands: ApprovalErrands;
  /** Long polls; they end with the object, and are asked again. */
  readonly #listeners = new Set<() => void>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new ApprovalStore(ctx.storage);
    this.#errands = new ApprovalErrands(ctx, env, this.#store, () => {
      for (const changed of this.#listeners) changed();
    });
  }

  /** @throws Error for a request that cannot be approved: too large, nobody to ask, not what its digest says */
  async request(
    request: ApprovalRequest,
    nowMs: number,
  ): Promise<ApprovalStanding | TooManyPending> {
    await checkRequest(request, this.ctx.id.name);
    for (;;) {
      const joined = this.#join(request, nowMs, null);
      if (joined !== null) return joined;
      // A new round needs a place. Others may ask, use and end rounds meanwhile: what was admitted is begun or given up.
      const id = this.#nextId(request.digest);
      const { principal, target } = request;
      const places = grantStub(this.env, principal.id, target.id);
      const admitted = await places.admit(id, nowMs + expiresMs(request), nowMs);
      if (admitted !== true) return { state: 'too_many' };
      const standing = this.#join(request, nowMs, id);
      if (standing?.id !== id) await places.giveUp(id);
      if (standing !== null) return standing;
    }
  }

  /** Joins the round that answers this, or begins the one that `admitted` is the id of; null when it can do neither. */
  #join(request: ApprovalRequest, nowMs: number, admitted: string | null): ApprovalStanding | null {
    if (!this.#store.exists) {
      if (admitted === null) return null;
      this.#store.create();
    }
    const standing = this.#store.atomically(() => {
      this.#expire(nowMs);
      const begin = admitted !== null && admitted === this.#nextId(request.digest);
      const round = this.#joinable(request, nowMs) ?? (begin ? this.#begin(request, nowMs) : null);
      if (round === null) return null;
      if (round.state === 'pending' || round.state === 'approved') {
        this.#store.wait(round.round, request);
      }
      return standingOf(round);
    });
    this.#errands.run();
    return standing;
  }

  #nextId(digest: string): string {
    const round = this.#store.exists ? (this.#store.latest()?.round ?? 0) : 0;
    return approvalId({ digest, round: round + 1 });
  }

  async consume(digest: string, by: Waiter): Promise<boolean> {
    if (!this.#store.exists) return false;
    const now = Date.now();
    const consumed = this.#store.atomically(() => {
      this.#expire(now);
      const round = this.#store.latest();
      if (round === null || round.digest !== digest || round.state !== 'approved') return false;
      // A window of access is opened by this object itself; a session uses it through the Grant object.
      if (windowSeconds(this.#store.request(round.round)) !== null) return false;
      if (this.#store.consume(round.round, by, now) !== true) return false;
      this.#changed(round.round, 'consumed', now);
      return true;
    });
    this.#errands.run();
    return consumed;
  }

  async withdraw(by: Waiter, reason: string): Promise<void> {
    if (!this.#store.exists) return;
    const now = Date.now();
    this.#store.atomically(() => {
      this.#expire(now);
      const round = this.#store.latest();
      if (round === null) return;
      this.#store.leave(round.round, by);
      if (round.state !== 'pending' || this.#store.waiters(round.round).length > 0) return;
      // Kept only where every rule that asks says so.
      if (this.#store.request(round.round).demands.every(({ keep }) => keep === true)) return;
      this.#end(round.round, 'cancelled', now, [], reason);
    });
    this.#errands.run();
  }

  async cancel(id: string, principalId: string): Promise<boolean> {
    if (!this.#store.exists) return false;
    const now = Date.now();
    const cancelled = this.#store.atomically(() => {
      this.#expire(now);
      const round = this.#find(id);
      if (round === null || (round.state !== 'pending' && round.state !== 'approved')) return false;
      if (this.#store.request(round.round).principal.id !== principalId) return false;
      this.#end(round.round, 'cancelled', now, round.decidedBy, 'Taken back by the requester.');
      return true;
    });
    this.#errands.run();
    return cancelled;
  }

  async vote(ballot: Ballot): Promise<BallotResult> {
    if (!this.#store.exists) return { ok: false, code: 'not_found' };
    const now = Date.now();
    const result = this.#store.atomically(() => {
      this.#expire(now);
      return this.#cast(ballot, now);
    });
    this.#errands.run();
    return result;
  }

  async view(id: string): Promise<string | null> {
    if (!this.#store.exists) return null;
    this.#store.atomically(() => this.#expire(Date.now()));
    this.#errands.run();
    const round = this.#find(id);
    if (round === null) return null;
    const { usedSession, usedAction, usedAt } = round;
    const view: ApprovalView = {
      id,
      state: round.state,
      request: this.#store.request(round.round),
      requestedAtMs: round.requestedAt,
      expiresAtMs: round.expiresAt,
      decidedAtMs: round.decidedAt,
      decidedBy: round.decidedBy,
      reason: round.reason,
      votes: this.#store.votes(round.round).map(({ marks: _marks, ...vote }) => vote),
      questions: this.#tally(round.round).questions,
      usedBy:
        usedAt === null
          ? null
          : { session: usedSession ?? '', action: usedAction ?? 0, atMs: usedAt },
    };
    return JSON.stringify(view);
  }

  async settled(id: string, waitMs: number): Promise<void> {
    if (!this.#store.exists) return;
    const end = Date.now() + Math.min(waitMs, MAX_WAIT_MS);
    for (;;) {
      const round = this.#find(id);
      const left = end - Date.now();
      if (round === null || left <= 0 || !this.#waiting(round)) return;
      // Never past the expiry, which no change announces before the alarm.
      const pause = Math.min(left, Math.max(round.expiresAt - Date.now(), MIN_PAUSE_MS));
      await this.#change(pause);
      this.#store.atomically(() => this.#expire(Date.now()));
    }
  }

  override async alarm(): Promise<void> {
    if (!this.#store.exists) return;
    const now = Date.now();
    this.#store.atomically(() => {
      this.#expire(now);
      this.#store.forget(now - APPROVAL_RETENTION_MS);
    });
    await this.#errands.drain();
  }

  #waiting(round: Round): boolean {
    if (round.state === 'pending') return true;
    return round.state === 'approved' && windowSeconds(this.#store.request(round.round)) !== null;
  }

  /** Resolves at the next change of this object, and after `ms` at the latest. */
  async #change(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#listeners.add(done);
    });
  }

  /** The order of the checks is the order in which a voter can do something about them. */
  #cast(ballot: Ballot, now: number): BallotResult {
    const round = this.#find(ballot.id);
    if (round === null) return { ok: false, code: 'not_found' };
    // Remembered even when it is refused below: what was refused must not count once the policy has changed.
    if (ballot.once !== undefined && this.#store.first(ballot.once, now) !== true) {
      return { ok: false, code: 'replayed' };
    }
    const { demands, principal, policyHash } = this.#store.request(round.round);
    const refused = voteRefusal(demands, principal, ballot.voter);
    if (refused !== null) return { ok: false, code: refused };
    if (round.state !== 'pending') return { ok: false, code: 'approval_settled' };
    if (ballot.digest !== round.digest) return { ok: false, code: 'digest_mismatch' };
    if (ballot.policyHash !== policyHash) return { ok: false, code: 'policy_changed' };
    const reason = ballot.reason.trim();
    if (reason.length > MAX_REASON_CHARS || (ballot.vote === 'deny' && reason === '')) {
      return { ok: false, code: 'reason_invalid' };
    }
    const votes = this.#store.votes(round.round);
    const own = marks(ballot.voter);
    // Whoever approved may still deny; nobody can approve twice, under whatever identity.
    if (ballot.vote !== 'deny' && votes.some((vote) => samePerson(vote.marks, own))) {
      return { ok: false, code: 'already_voted' };
    }
    const { id: by, groups } = ballot.voter;
    const { vote, via, address, country, digest } = ballot;
    const cast = { by, groups, vote, reason, atMs: now, via, address, country, digest, marks: own };
    this.#store.cast(round.round, votes.length + 1, cast);
    if (vote === 'deny') {
      this.#end(round.round, 'denied', now, [by], reason);
    } else {
      const { satisfied, questions } = this.#tally(round.round);
      if (satisfied === true) {
        const deciders = [...new Set(questions.flatMap(({ filledBy }) => filledBy))];
        this.#end(round.round, 'approved', now, deciders, '');
      } else {
        this.#changed(round.round, 'voted', now);
      }
    }
    const after = this.#store.round(round.round) ?? round;
    return { ok: true, standing: standingOf(after) };
  }

  #tally(round: number): Tally {
    const approving = this.#store.votes(round).filter(({ vote }) => vote === 'approve');
    return tally(
      this.#store.request(round).demands,
      approving.map(({ by, groups, marks }) => ({ id: by, groups, marks })),
    );
  }

  /** The round that answers this request without a new one; null when there is none. */
  #joinable(request: ApprovalRequest, now: number): Round | null {
    const round = this.#store.latest();
    if (round === null) return null;
    if (round.digest !== request.digest) throw new Error('another digest has this name');
    switch (round.state) {
      case 'pending':
      case 'approved':
        return round;
      case 'denied': {
        const until = Math.min(round.expiresAt, (round.decidedAt ?? 0) + DENIAL_STANDS_MS);
        return now < until ? round : null;
      }
      case 'consumed':
        // Lost to another connection: whoever else waited gets a round of their own.
        return this.#waited(round, request) &&
          round.usedSession === request.session &&
          round.usedAction === request.action
          ? round
          : null;
      case 'expired':
      case 'cancelled':
        // The same waiting action asks again, because an answer was lost: it is told how that ended.
        return this.#waited(round, request) ? round : null;
      default:
        return null;
    }
  }

  #waited(round: Round, { session, action }: ApprovalRequest): boolean {
    if (session === '') return false;
    return this.#store
      .waiters(round.round)
      .some((waiter) => waiter.session === session && waiter.action === action);
  }

  #begin(request: ApprovalRequest, now: number): Round {
    const round = (this.#store.latest()?.round ?? 0) + 1;
    const expiresAt = now + expiresMs(request);
    this.#store.begin(
      { round, digest: request.digest, requestedAt: now, expiresAt },
      ApprovalStore.encode(request),
    );
    this.#changed(round, 'requested', now);
    const begun = this.#store.round(round);
    if (begun === null) throw new Error('a round that was written is not there');
    return begun;
  }

  #expire(now: number): void {
    const round = this.#store.latest();
    if (round === null || now < round.expiresAt) return;
    if (round.state !== 'pending' && round.state !== 'approved') return;
    this.#end(round.round, 'expired', now, round.decidedBy, '');
  }

  #end(
    round: number,
    state: 'approved' | 'denied' | 'expired' | 'cancelled',
    now: number,
    decidedBy: readonly string[],
    reason: string,
  ): void {
    // Given up late rather than early: until the errand is done the place counts.
    const current = this.#store.round(round);
    if (current?.state === 'pending') this.#store.owe('place', round, approvalId(current), now);
    this.#store.settle(round, state, now, decidedBy, reason);
    this.#changed(round, state, now);
    if (state === 'approved' && windowSeconds(this.#store.request(round)) !== null) {
      this.#store.owe('grant', round, '', now);
      return;
    }
    this.#tellWaiters(round, now);
  }

  #tellWaiters(round: number, now: number): void {
    const sessions = new Set(this.#store.waiters(round).map(({ session }) => session));
    for (const session of sessions) {
      if (session !== '') this.#store.owe('tell', round, session, now);
    }
  }

  #changed(round: number, kind: ApprovalEventKind, now: number): void {
    this.#errands.announce(round, kind, now);
    this.#store.owe('index', round, '', now);
  }

  #find(id: string): Round | null {
    const parsed = parseApprovalId(id);
    const round = parsed === null ? null : this.#store.round(parsed.round);
    return round !== null && approvalName(round.digest) === parsed?.name ? round : null;
  }
}

/** Seconds of access that an approved `connect` opens; null for everything else. */
function windowSeconds({ content }: ApprovalRequest): number | null {
  return content.kind === 'connect' ? content.seconds : null;
}

function expiresMs({ demands }: ApprovalRequest): number {
  return Math.min(...demands.map(({ expiresSeconds }) => expiresSeconds)) * 1000;
}

function standingOf(round: Round): ApprovalStanding {
  return {
    id: approvalId(round),
    state: round.state,
    expiresAtMs: round.expiresAt,
    reason: round.reason,
    decidedBy: round.decidedBy,
  };
}
