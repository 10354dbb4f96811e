// What an Approval object owes to the outside, done as soon as it can be and tried again until it is: opening an approved
// window of access, telling the sessions that wait, Slack and webhooks (each in order), the row in D1. Each kind goes its own
// pace, so a Slack that does not answer keeps no session waiting. The alarm resumes what an eviction interrupted.
import { createApprovalIndex } from '../adapters/approval-index.ts';
import { withinMs } from '../adapters/deadline.ts';
import { isDevelopment, type Env } from '../adapters/env.ts';
import { grantStub } from '../adapters/grants.ts';
import { deliver } from '../adapters/notify.ts';
import { policies } from '../adapters/policy-store.ts';
import type { ApprovalEvent, ApprovalEventKind, ApprovalSnapshot } from '../core/approval/event.ts';
import { demandKey } from '../core/approval/grant.ts';
import { listLine } from '../core/approval/headline.ts';
import { visibleLine } from '../core/approval/message.ts';
import type { ApprovalStanding } from '../core/approval/request.ts';
import { approvalName } from '../core/approval/view.ts';
import { unreachable } from '../core/failure.ts';
import type { ApprovalStore, Errand, ErrandKind, Round } from './approval-store.ts';

const KINDS: readonly ErrandKind[] = ['grant', 'place', 'tell', 'event', 'index'];
/** One try at one errand. Slack's own deadline is shorter. */
const TRY_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 5 * 60_000;
/** Past this nobody waits for the news any more. The index is owed for ever. */
const GIVE_UP_MS: Readonly<Record<ErrandKind, number>> = {
  grant: Number.POSITIVE_INFINITY,
  place: Number.POSITIVE_INFINITY,
  tell: 60 * 60_000,
  event: 72 * 60 * 60_000,
  index: Number.POSITIVE_INFINITY,
};

/** Of the tables in a row of the index; the approval has all of them. */
const MAX_INDEXED_TABLES = 200;

/** Where the approval stood when it happened; the request is added when it is told. */
type StoredEvent = Pick<ApprovalEvent, 'kind' | 'id' | 'version' | 'atMs'> & {
  readonly approval: Omit<ApprovalSnapshot, 'request' | 'url'>;
};

export class ApprovalErrands {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #store: ApprovalStore;
  readonly #changed: () => void;
  readonly #running = new Set<ErrandKind>();
  readonly #again = new Set<ErrandKind>();

  /** `changed` is called after every change of a round. */
  constructor(ctx: DurableObjectState, env: Env, store: ApprovalStore, changed: () => void) {
    this.#ctx = ctx;
    this.#env = env;
    this.#store = store;
    this.#changed = changed;
  }

  /** Owes everybody who is told about approvals the news that this round has changed. */
  announce(round: number, kind: ApprovalEventKind, now: number): void {
    const current = this.#store.round(round);
    if (current === null) return;
    const id = approvalId(current);
    const event: StoredEvent = {
      kind,
      id: `${id}.${current.version}`,
      version: current.version,
      atMs: now,
      approval: {
        id,
        state: current.state,
        requestedAtMs: current.requestedAt,
        expiresAtMs: current.expiresAt,
        votes: this.#store
          .votes(round)
          .map(({ by, vote, reason, atMs }) => ({ by, vote, reason, atMs })),
        decidedBy: current.decidedBy,
        reason: current.reason,
      },
    };
    this.#store.owe('event', round, JSON.stringify(event), now);
  }

  /** Starts on what is due without waiting for it. */
  run(): void {
    this.#changed();
    this.#ctx.waitUntil(this.drain());
  }

  /** Never rejects: what failed is due again later. */
  async drain(): Promise<void> {
    await this.#schedule();
    await Promise.all(KINDS.map((kind) => this.#drainKind(kind)));
    await this.#schedule();
  }

  async #drainKind(kind: ErrandKind): Promise<void> {
    if (this.#running.has(kind)) {
      this.#again.add(kind);
      return;
    }
    this.#running.add(kind);
    try {
      do {
        this.#again.delete(kind);
        await this.#pass(kind);
      } while (this.#again.has(kind));
    } finally {
      this.#running.delete(kind);
    }
  }

  async #pass(kind: ErrandKind): Promise<void> {
    const due = this.#store.due(kind, Date.now());
    switch (kind) {
      case 'grant':
      case 'place':
      case 'tell':
        await Promise.all(due.map((errand) => this.#attempt(errand)));
        return;
      case 'event':
        // One after the other: what is remembered of the deliveries of a round is read and written by each.
        for (const errand of due) await this.#attempt(errand);
        return;
      case 'index': {
        // The newest of a round stands for all before it.
        const newest = new Map(due.map((errand) => [errand.round, errand]));
        for (const errand of newest.values()) await this.#attempt(errand);
        return;
      }
      default:
        unreachable(kind);
    }
  }

  async #attempt(errand: Errand): Promise<void> {
    let failure: { readonly retryAfterSeconds: number | null };
    try {
      const result = await withinMs(TRY_MS, () => this.#perform(errand));
      if (result === null) {
        // More may have become due in the meantime: an opened window has its sessions to tell.
        if (errand.kind === 'grant') this.#again.add('tell');
        return;
      }
      failure = result;
    } catch (error) {
      failure = { retryAfterSeconds: null };
      this.#report(errand, error instanceof Error ? error.name : 'failed');
    }
    const now = Date.now();
    if (now - errand.createdAt > GIVE_UP_MS[errand.kind]) {
      this.#report(errand, 'given up');
      this.#store.done(errand);
      return;
    }
    const wait = Math.min(FIRST_RETRY_MS * 2 ** errand.attempts, LAST_RETRY_MS);
    this.#store.putOff(errand, now + Math.max(wait, (failure.retryAfterSeconds ?? 0) * 1000));
  }

  /** Null when it is done and no longer owed. */
  async #perform(errand: Errand): Promise<{ readonly retryAfterSeconds: number | null } | null> {
    switch (errand.kind) {
      case 'grant':
        return this.#openWindow(errand);
      case 'place':
        return this.#givePlaceUp(errand);
      case 'tell':
        return this.#tell(errand);
      case 'event':
        return this.#deliver(errand);
      case 'index':
        return this.#index(errand);
      default:
        return unreachable(errand.kind);
    }
  }

  async #openWindow(errand: Errand): Promise<null> {
    const round = this.#store.round(errand.round);
    const request = this.#store.request(errand.round);
    const seconds = request.content.kind === 'connect' ? request.content.seconds : null;
    // Taken back or expired before it could be opened: nothing is opened.
    if (round === null || round.state !== 'approved' || seconds === null) {
      this.#store.done(errand);
      return null;
    }
    const { principal, target, demands } = request;
    const now = Date.now();
    const grants = grantStub(this.#env, principal.id, target.id);
    await grants.open(
      {
        id: approvalId(round),
        principalId: principal.id,
        target: target.id,
        seconds,
        satisfied: demands.map(demandKey),
      },
      round.decidedAt ?? now,
    );
    const opened = this.#store.consume(errand.round, { session: '', action: 0 }, now);
    if (opened !== true) {
      // Taken back or expired while it was being opened.
      await grants.end(approvalId(round), 'revoked', '');
      this.#store.done(errand);
      return null;
    }
    this.#store.atomically(() => {
      this.#store.done(errand);
      this.announce(errand.round, 'consumed', now);
      this.#store.owe('index', errand.round, '', now);
      const sessions = new Set(this.#store.waiters(errand.round).map(({ session }) => session));
      for (const session of sessions) {
        if (session !== '') this.#store.owe('tell', errand.round, session, now);
      }
    });
    this.run();
    return null;
  }

  async #givePlaceUp(errand: Errand): Promise<null> {
    const { principal, target } = this.#store.request(errand.round);
    await grantStub(this.#env, principal.id, target.id).giveUp(errand.payload);
    this.#store.done(errand);
    return null;
  }

  async #tell(errand: Errand): Promise<null> {
    const round = this.#store.round(errand.round);
    // A session that is gone answers too, and does nothing; only one that cannot be reached is tried again.
    if (round !== null) {
      await this.#env.SESSION.getByName(errand.payload).approvalSettled(toldStanding(round));
    }
    this.#store.done(errand);
    return null;
  }

  async #deliver(errand: Errand): Promise<{ readonly retryAfterSeconds: number | null } | null> {
    const now = Date.now();
    const active = await policies.current(this.#env.DB, isDevelopment(this.#env), now);
    if (!active.ok) return { retryAfterSeconds: null };
    const stored = JSON.parse(errand.payload) as StoredEvent;
    const request = this.#store.request(errand.round);
    const url = `${request.origin}/approvals/${stored.approval.id}`;
    const event: ApprovalEvent = { ...stored, approval: { ...stored.approval, url, request } };
    const { notify } = active.value.policy;
    const result = await deliver(this.#env, notify, event, this.#store.reference(errand.round));
    if (result.reference !== undefined) this.#store.refer(errand.round, result.reference);
    if (!result.ok) return { retryAfterSeconds: result.retryAfterSeconds };
    this.#store.done(errand);
    return null;
  }

  async #index(errand: Errand): Promise<null> {
    const round = this.#store.round(errand.round);
    if (round !== null) {
      const request = this.#store.request(errand.round);
      const votes = this.#store.votes(errand.round);
      const id = approvalId(round);
      await createApprovalIndex(this.#env.DB).write(
        {
          id,
          digest: round.digest,
          version: round.version,
          state: round.state,
          kind: request.content.kind,
          principalId: request.principal.id,
          principalKind: request.principal.kind,
          target: request.target.id,
          summary: visibleLine(listLine(request)),
          tables: (request.facts?.tables ?? []).slice(0, MAX_INDEXED_TABLES),
          rules: request.demands.map(({ rule }) => rule),
          asked: [...new Set(request.demands.flatMap(({ by }) => by))].sort(),
          revision: request.revision,
          requestedAt: round.requestedAt,
          expiresAt: round.expiresAt,
          decidedAt: round.decidedAt,
          decidedBy: round.decidedBy,
          reason: round.reason,
          sessionId: round.usedSession,
          action: round.usedAction,
        },
        votes.map((vote, index) => ({
          approvalId: id,
          seq: index + 1,
          at: vote.atMs,
          principalId: vote.by,
          groups: vote.groups,
          vote: vote.vote,
          reason: vote.reason,
          digest: vote.digest,
          via: vote.via,
          address: vote.address,
          country: vote.country,
        })),
      );
    }
    this.#store.doneUpTo(errand);
    return null;
  }

  /** At least a second away: what is due now is under way, and the alarm is for the case that it gets lost. */
  async #schedule(): Promise<void> {
    const due = this.#store.nextDue();
    if (due === null) await this.#ctx.storage.deleteAlarm();
    else await this.#ctx.storage.setAlarm(Math.max(due, Date.now() + FIRST_RETRY_MS));
  }

  #report({ kind, round, attempts }: Errand, what: string): void {
    console.warn(
      JSON.stringify({
        event: 'approval_errand',
        object: this.#ctx.id.name,
        kind,
        round,
        attempts,
        what,
      }),
    );
  }
}

export function approvalId(round: Pick<Round, 'digest' | 'round'>): string {
  return `${approvalName(round.digest)}-${round.round}`;
}

/**
 * What a waiting session hears. A used approval is an approved one to it: it asks for the window, which is open, or tries to
 * consume, learns that another connection was quicker, and asks again.
 */
function toldStanding(round: Round): ApprovalStanding {
  return {
    id: approvalId(round),
    state: round.state === 'consumed' ? 'approved' : round.state,
    expiresAtMs: round.expiresAt,
    reason: round.reason,
    decidedBy: round.decidedBy,
  };
}
