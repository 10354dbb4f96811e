// One call of the JSON API and how it ended, for as long as its caller may ask again: the ledger that makes a POST safe to
// repeat. Every step is written before it is taken, so that a restart knows what may have happened:
//
//   pending ─▶ executing ─▶ succeeded | failed | unknown          held for people: back to pending, with the approval's id
//   pending ─▶ approved ─▶ executing …                            agreed to after the session gave up waiting
//
// The statement itself runs in an ordinary Session (call-attempt.ts), where policy, approval and journal are. A restart in
// the middle leaves `unknown`: nothing is ever sent a second time to find out.
import { DurableObject } from 'cloudflare:workers';
import { approvalStub, viewApproval } from '../adapters/approvals.ts';
import type { CallRpc, Env } from '../adapters/env.ts';
import { createTicket } from '../adapters/session-client.ts';
import { loadSqlParser } from '../adapters/sql-parser.ts';
import type { ApprovalView } from '../core/approval/view.ts';
import {
  CALL_RETENTION_MS,
  MAX_RESULT_BYTES,
  type CallAnswer,
  type CallCaller,
  type CallOrder,
} from '../core/call/order.ts';
import { failure, isFinal, type CallFailure } from '../core/call/outcome.ts';
import { bindParams } from '../core/call/params.ts';
import { readsOnly } from '../core/call/reading.ts';
import type { Statement } from '../core/call/statement-client.ts';
import { Attempt, type AttemptEnd } from './call-attempt.ts';
import { CallStore, type KnownCall } from './call-store.ts';

/** A long poll ends before anything in between gives up on it. */
const MAX_WAIT_MS = 50_000;
/** A cancelled call is told how it ended, if that is soon. */
const CANCEL_WAIT_MS = 5_000;

export class Call extends DurableObject<Env> implements CallRpc {
  #store: CallStore;
  /** The session that serves the call now; `#live` is true from before it is entered. */
  #attempt: Attempt | null = null;
  #live = false;
  #cancelled = false;
  readonly #listeners = new Set<() => void>();

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new CallStore(ctx.storage);
    if (this.#store.call === null) return;
    // A new object with an old call: whoever served it is gone, and with it the connection.
    if (this.#store.state === 'executing') this.#store.ended('unknown', INTERRUPTED);
    else if (this.#store.state === 'pending' && this.#store.approval === null) {
      this.#store.ended('failed', NOT_SENT);
    }
  }

  async submit(json: string, waitMs: number): Promise<string> {
    const order = JSON.parse(json) as CallOrder;
    const known = this.#store.call;
    if (known === null) {
      this.#store.create(order);
      void this.ctx.storage.setAlarm(Date.now() + CALL_RETENTION_MS);
      this.#begin(order.caller);
    } else if (
      known.fingerprint !== order.fingerprint ||
      known.principalId !== order.caller.principal.id
    ) {
      return JSON.stringify({ kind: 'conflict' } satisfies CallAnswer);
    } else if (this.#mayTryAgain) {
      this.#store.again();
      this.#begin(order.caller);
    } else {
      await this.#resume(order.caller, 0);
    }
    await this.#until(() => isFinal(this.#store.state) || this.#held, waitMs);
    return JSON.stringify({ kind: 'view', view: this.#store.view() } satisfies CallAnswer);
  }

  async read(json: string, waitMs: number): Promise<string | null> {
    const caller = JSON.parse(json) as CallCaller;
    if (this.#store.call?.principalId !== caller.principal.id) return null;
    const end = Date.now() + Math.min(waitMs, MAX_WAIT_MS);
    await this.#resume(caller, end - Date.now());
    await this.#until(() => isFinal(this.#store.state), end - Date.now());
    return JSON.stringify(this.#store.view());
  }

  async cancel(principalId: string): Promise<string | null> {
    if (this.#store.call?.principalId !== principalId) return null;
    if (this.#live) {
      this.#cancelled = true;
      this.#attempt?.cancel();
      await this.#until(() => isFinal(this.#store.state), CANCEL_WAIT_MS);
    } else if (!isFinal(this.#store.state)) {
      await this.#withdraw(principalId);
    }
    return JSON.stringify(this.#store.view());
  }

  override async alarm(): Promise<void> {
    if (this.#live) {
      await this.ctx.storage.setAlarm(Date.now() + CALL_RETENTION_MS);
      return;
    }
    await this.ctx.storage.deleteAll();
    this.#store = new CallStore(this.ctx.storage);
  }

  /** Nothing ran, for a reason that passes: the answer said to try again, so the same key may. */
  get #mayTryAgain(): boolean {
    if (this.#store.state !== 'failed' || this.#live) return false;
    return PASSING.has(this.#store.view().failure?.code ?? '');
  }

  get #held(): boolean {
    return this.#store.state === 'pending' && this.#store.approval !== null;
  }

  /** Serves the call in a session of its own. `#live` is set before anything is awaited: there is never a second one. */
  #begin(caller: CallCaller): void {
    const { call } = this.#store;
    if (call === null || this.#live) return;
    this.#live = true;
    this.ctx.waitUntil(this.#serve(call, caller));
  }

  async #serve(call: KnownCall, caller: CallCaller): Promise<void> {
    let end: AttemptEnd;
    try {
      end = await this.#run(call, caller);
    } catch (error) {
      const kind = error instanceof Error ? error.name : 'unknown';
      console.error(JSON.stringify({ event: 'call_failed', call: call.id, kind }));
      end = { kind: 'lost' };
    }
    this.#attempt = null;
    this.#live = false;
    try {
      this.#end(end);
    } catch (error) {
      // The outcome cannot be written: what is written says that it runs, and that can only mean `unknown` now.
      const kind = error instanceof Error ? error.name : 'unknown';
      console.error(JSON.stringify({ event: 'call_unwritten', call: call.id, kind }));
      this.#store.ended('unknown', LOST);
    }
    this.#changed();
    await this.ctx.storage.setAlarm(Date.now() + CALL_RETENTION_MS);
  }

  async #run(call: KnownCall, caller: CallCaller): Promise<AttemptEnd> {
    const statement = await this.#statement(call, caller);
    if (statement === null) {
      return { kind: 'failed', failure: BAD_PARAMS, approval: null };
    }
    const { principal, origin, client } = caller;
    const ticket = createTicket({
      protocol: 'postgres',
      target: call.target,
      principal,
      origin,
      client,
      credited: true,
    });
    this.#store.entering(ticket.session);
    this.#attempt = new Attempt(this.env, ticket, statement, call.body.timeoutSeconds * 1000, {
      executing: () => {
        if (this.#cancelled) return false;
        this.#store.move('executing');
        return true;
      },
      held: (approval) => this.ctx.waitUntil(this.#hold(approval, ticket.session)),
    });
    return this.#attempt.run();
  }

  async #statement({ body }: KnownCall, caller: CallCaller): Promise<Statement | null> {
    const params = bindParams(body.params, body.types ?? []);
    if (!params.ok) return null;
    return {
      sql: body.sql,
      params: params.value,
      maxRows: body.maxRows,
      limited: readsOnly(body.sql, await loadSqlParser()),
      maxBytes: MAX_RESULT_BYTES,
      applicationName: caller.task,
    };
  }

  /** A notice could come from the target as well: it counts when the Approval object knows this session. */
  async #hold(approval: string, session: string): Promise<void> {
    const view = await viewApproval(this.env, approval).catch(() => null);
    if (view?.request.principal.id !== this.#store.call?.principalId) return;
    if (view?.request.target.id !== this.#store.call?.target) return;
    if (!this.#live || this.#store.session !== session || isFinal(this.#store.state)) return;
    this.#store.waiting(approval);
    this.#changed();
  }

  /** What the end of a session means for the call. */
  #end(end: AttemptEnd): void {
    const store = this.#store;
    switch (end.kind) {
      case 'result':
        store.succeeded(end.result, end.rows.join(','));
        break;
      case 'failed':
        // Nobody decided while the session waited: the request stays open, and so does the call.
        if (end.failure.code === 'approval_pending' && end.approval !== null) {
          store.waiting(end.approval);
          return;
        }
        store.ended('failed', this.#cancelled ? stopped(end.failure) : end.failure);
        break;
      case 'lost':
      default:
        // Held for people when the connection ended: whether it ran is the Approval object's to say.
        if (this.#held) return;
        store.ended('unknown', lost(end.kind === 'lost' ? (end.told ?? null) : null));
    }
  }

  /** Goes on with a call that no session serves any more: runs it once when people have agreed, ends it when they have not. */
  async #resume(caller: CallCaller, waitMs: number): Promise<void> {
    const { approval, session } = this.#store;
    if (this.#live || approval === null || isFinal(this.#store.state)) return;
    let view: ApprovalView | null;
    try {
      // A session that lost us might still be there: nothing may run in it any more.
      await this.env.SESSION.getByName(session).kill('its caller');
      if (waitMs > 0) await approvalStub(this.env, approval)?.settled(approval, waitMs);
      view = await viewApproval(this.env, approval);
      // Nobody learns of another's approval, whoever named it.
      if (view?.request.principal.id !== caller.principal.id) view = null;
    } catch {
      // Objects that are being moved throw; the caller asks again.
      return;
    }
    // Another poll may have gone on meanwhile.
    if (this.#live || isFinal(this.#store.state)) return;
    this.#settle(view, session, caller);
    this.#changed();
  }

  #settle(view: ApprovalView | null, session: string, caller: CallCaller): void {
    const store = this.#store;
    const windowed = view?.request.content.kind === 'connect';
    switch (view?.state) {
      case 'pending':
        return;
      case 'approved':
        store.move('approved');
        return this.#begin(caller);
      case 'consumed':
        // A window of access that is open lets the call in; an approval that was used up does not.
        if (windowed) {
          store.move('approved');
          return this.#begin(caller);
        }
        return view.usedBy?.session === session
          ? store.ended('unknown', LOST)
          : store.ended('failed', USED_ELSEWHERE);
      case 'denied':
        return store.ended(
          'failed',
          ended('approval_denied', `A human refused this.${because(view)}`, view),
        );
      case 'expired':
        return store.ended(
          'failed',
          ended('approval_expired', 'The request for approval expired.', view),
        );
      case 'cancelled':
        return store.ended(
          'failed',
          ended('approval_cancelled', `The request was withdrawn.${because(view)}`, view),
        );
      default:
        return store.ended(
          'failed',
          ended('approval_unavailable', 'The approval is not there any more.', view),
        );
    }
  }

  async #withdraw(principalId: string): Promise<void> {
    const { approval, session } = this.#store;
    if (approval === null) return;
    await this.env.SESSION.getByName(session).kill('its caller');
    await approvalStub(this.env, approval)?.cancel(approval, principalId);
    const view = await viewApproval(this.env, approval);
    if (this.#live || isFinal(this.#store.state)) return;
    if (view?.usedBy?.session === session && session !== '') this.#store.ended('unknown', LOST);
    else
      this.#store.ended(
        'failed',
        failure('call_cancelled', 'The call was cancelled; nothing ran.'),
      );
    this.#changed();
  }

  /** Resolves when `met`, and after `ms` at the latest. */
  async #until(met: () => boolean, ms: number): Promise<void> {
    const end = Date.now() + Math.min(ms, MAX_WAIT_MS);
    for (let left = end - Date.now(); !met() && this.#live && left > 0; left = end - Date.now()) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          this.#listeners.delete(done);
          resolve();
        };
        const timer = setTimeout(done, left);
        this.#listeners.add(done);
      });
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function because(view: ApprovalView): string {
  return view.reason === '' ? '' : ` Reason: ${view.reason}`;
}

function ended(code: string, message: string, view: ApprovalView | null): CallFailure {
  const rule = view?.request.demands[0]?.rule ?? null;
  return failure(code, message, {
    rule,
    hint: 'Nothing ran. Ask again with a new Idempotency-Key.',
  });
}

/** A target says of a statement that was cancelled while it ran what it says of any that fails. */
function stopped(told: CallFailure): CallFailure {
  if (told.code !== 'query_failed' || told.sqlstate !== '57014') return told;
  return failure('call_cancelled', 'The call was cancelled while it ran; it had no effect.');
}

const PASSING: ReadonlySet<string> = new Set([
  'interrupted',
  'session_unavailable',
  'target_unreachable',
  'target_auth_failed',
  'target_tls_failed',
  'policy_unreadable',
  'catalog_unavailable',
  'journal_unavailable',
  'approval_unavailable',
  'limit_exceeded',
  'limit_unavailable',
  'mask_model_unavailable',
]);

const CHECK = 'Look at the data, or at the session’s record, before you send it again.';

const INTERRUPTED = failure(
  'outcome_unknown',
  'The gateway was interrupted while the statement ran; whether it took effect is not known.',
  { hint: CHECK },
);
const LOST = failure(
  'outcome_unknown',
  'The connection ended while the statement ran; whether it took effect is not known.',
  { hint: CHECK },
);
/** A result that the gateway could not show says nothing about the statement: that has run. */
function lost(told: CallFailure | null): CallFailure {
  if (told === null || told.code === 'query_failed') return LOST;
  return { ...LOST, hint: `${told.message} (${told.code}) ${CHECK}` };
}

const NOT_SENT = failure('interrupted', 'The gateway was interrupted before anything was sent.', {
  hint: 'Nothing ran. Send it again.',
});
const USED_ELSEWHERE = failure(
  'approval_cancelled',
  'The approval was used by another connection that sent the same statement.',
  { hint: 'It ran there, once. Ask again if it has to run once more.' },
);
const BAD_PARAMS = failure(
  'request_invalid',
  'A parameter is not a value of the type named for it.',
);
