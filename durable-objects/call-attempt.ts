// One session for one call: enters it as psql would, asks leave before the statement is sent, and says how it ended. Never
// sends twice. What the ledger makes of it is call.ts's business.
import { enterSession, SessionClient } from '../adapters/session-client.ts';
import type { Env } from '../adapters/env.ts';
import {
  failure,
  namedApproval,
  reportedFailure,
  type CallFailure,
  type CallResult,
} from '../core/call/outcome.ts';
import {
  StatementClient,
  TERMINATE,
  type ClientEvent,
  type Statement,
} from '../core/call/statement-client.ts';
import { ProtocolViolation } from '../core/failure.ts';
import type { SessionTicket } from '../core/session-ticket.ts';

export type AttemptEnd =
  | { readonly kind: 'result'; readonly result: CallResult; readonly rows: readonly string[] }
  /** Certainly without effect; `approval` is the one that the refusal names. */
  | { readonly kind: 'failed'; readonly failure: CallFailure; readonly approval: string | null }
  /** Sent, and the connection ended without an answer; `told`: what the gateway ended it with, where it did. */
  | { readonly kind: 'lost'; readonly told?: CallFailure | null };

export interface AttemptLedger {
  /** Written before anything is sent; false: do not send. Throws when it cannot be written. */
  executing(): boolean;
  /** The session names an approval that its caller waits for. */
  held(approval: string): void;
}

/** A cancelled statement answers at once; one that does not is given up this much later. */
const CANCEL_GRACE_MS = 10_000;

/** Resolves, never rejects. */
export class Attempt {
  readonly #env: Env;
  readonly #ticket: SessionTicket;
  readonly #ledger: AttemptLedger;
  readonly #client: StatementClient;
  readonly #timeoutMs: number;
  #socket: SessionClient | null = null;
  #sent = false;
  #timedOut = false;
  #fatal: CallFailure | null = null;
  #fatalApproval: string | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #finish: (end: AttemptEnd) => void = () => undefined;

  constructor(
    env: Env,
    ticket: SessionTicket,
    statement: Statement,
    timeoutMs: number,
    ledger: AttemptLedger,
  ) {
    this.#env = env;
    this.#ticket = ticket;
    this.#ledger = ledger;
    this.#client = new StatementClient(statement);
    this.#timeoutMs = timeoutMs;
  }

  async run(): Promise<AttemptEnd> {
    const socket = await this.#enter();
    if (socket === null) {
      const message = 'The session could not be opened, so nothing was sent. Try again.';
      return { kind: 'failed', failure: failure('session_unavailable', message), approval: null };
    }
    const end = new Promise<AttemptEnd>((resolve) => {
      this.#finish = resolve;
    });
    this.#socket = new SessionClient(socket, {
      bytes: (chunk) => this.#bytes(chunk),
      closed: () => this.#closed(),
    });
    this.#socket.send(this.#client.startup());
    try {
      return await end;
    } finally {
      clearTimeout(this.#timer);
      this.#socket.close();
    }
  }

  /** Asks the session to stop what runs or waits in it. Its answer ends the attempt, or the grace does. */
  cancel(): void {
    const { session, key } = this.#ticket;
    const stub = this.#env.SESSION.getByName(session);
    stub.cancel(new Uint8Array(Buffer.from(key, 'hex'))).catch(() => {
      // The session is gone; its socket says so as well.
      this.#socket?.close();
    });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket?.close(), CANCEL_GRACE_MS);
  }

  async #enter(): Promise<WebSocket | null> {
    try {
      const response = await enterSession(this.#env, this.#ticket);
      return response.webSocket;
    } catch {
      // A Durable Object that is being moved or restarted throws; nothing was sent.
      return null;
    }
  }

  #bytes(chunk: Uint8Array): void {
    try {
      for (const event of this.#client.receive(chunk)) this.#heard(event);
    } catch (error) {
      const kind = error instanceof ProtocolViolation ? error.message : 'ledger';
      console.error(JSON.stringify({ event: 'call_broken', session: this.#ticket.session, kind }));
      this.#socket?.close();
    }
  }

  #heard(event: ClientEvent): void {
    switch (event.kind) {
      case 'ready':
        return this.#ready();
      case 'send':
        this.#socket?.send(event.bytes);
        return;
      case 'notice': {
        const approval = namedApproval(event.fields);
        if (approval === null) return;
        clearTimeout(this.#timer);
        this.#ledger.held(approval);
        return;
      }
      case 'error':
        return this.#over({
          kind: 'failed',
          failure: this.#timedOut
            ? timedOut(reportedFailure(event.fields))
            : reportedFailure(event.fields),
          approval: namedApproval(event.fields),
        });
      case 'fatal':
        this.#fatal = unnamed(reportedFailure(event.fields));
        this.#fatalApproval = namedApproval(event.fields);
        this.#socket?.close();
        return;
      case 'result':
        return this.#over(event);
      default:
        this.#socket?.close();
    }
  }

  #ready(): void {
    if (!this.#ledger.executing()) {
      const message = 'The call was cancelled before anything was sent.';
      const cancelled = failure('call_cancelled', message);
      return this.#over({ kind: 'failed', failure: cancelled, approval: null });
    }
    this.#sent = true;
    this.#socket?.send(this.#client.statement());
    this.#timer = setTimeout(() => {
      this.#timedOut = true;
      this.cancel();
    }, this.#timeoutMs);
  }

  #over(end: AttemptEnd): void {
    this.#socket?.send(TERMINATE);
    this.#finish(end);
  }

  #closed(): void {
    if (this.#sent) return this.#finish({ kind: 'lost', told: this.#fatal });
    const unsaid = failure('session_unavailable', 'The session ended before anything was sent.');
    // An error of the target's at this point is one of its login, which the session words itself.
    this.#finish({
      kind: 'failed',
      failure: this.#fatal ?? unsaid,
      approval: this.#fatalApproval,
    });
  }
}

/** A target that no rule opens to this caller sounds like one that does not exist: names cannot be guessed. */
function unnamed(told: CallFailure): CallFailure {
  if (told.code !== 'no_rule') return told;
  return failure('no_rule', 'There is no such target, or no rule lets you use it.', {
    hint: 'GET /v1/targets lists what you may reach.',
    sqlstate: told.sqlstate,
  });
}

function timedOut(told: CallFailure): CallFailure {
  if (told.sqlstate !== '57014') return told;
  const message =
    'The statement took longer than `timeoutSeconds` and was stopped; it had no effect.';
  return { ...told, code: 'query_timeout', message, detail: '' };
}
