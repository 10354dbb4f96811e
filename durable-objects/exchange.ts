// One request and its answer, whatever its protocol: what a session (http-session.ts) asks of a dialect, and what all dialects
// share: the intent that is durable before anything is sent, the one outcome that follows, and the sending itself.
import type { Env } from '../adapters/env.ts';
import { UpstreamFailure } from '../adapters/http-failure.ts';
import {
  upstream,
  type UpstreamRequest,
  type UpstreamResponse,
} from '../adapters/http-upstream.ts';
import type { Outcome, SessionEvent } from '../core/audit/event.ts';
import type { Decision } from '../core/decision.ts';
import type { SessionCode } from '../core/failure.ts';
import type { DoorUrl } from '../core/http/door.ts';
import type { PolicyTarget, WebTarget } from '../core/policy/policy.ts';
import type { RequestProtocol, SessionTicket } from '../core/session-ticket.ts';
import type { Decide } from './access.ts';
import type { MaskedDecision } from './masked-decision.ts';

export interface ExchangeOptions {
  readonly env: Env;
  readonly session: string;
  readonly origin: string;
  /** Id of the caller. */
  readonly principal: string;
  readonly action: number;
  /** Policy revision under which requests are refused that no rule sees. */
  readonly revision: number;
  /** Throws when the journal cannot be written: nothing may be sent then. */
  append(events: readonly SessionEvent[]): void;
  /** `claimed`: what the caller says it is doing. */
  decide(asked: Decide, claimed: string): Promise<MaskedDecision>;
  /** Once, when nothing of it is under way any more. */
  over(): void;
}

export interface Exchange {
  /** Never rejects. */
  run(request: Request, url: DoorUrl): Promise<Response>;
  /** The session ends: what is under way is broken off. */
  abort(code: SessionCode): void;
}

/** How the requests at one door are read, judged and answered. */
export interface Dialect {
  readonly protocol: RequestProtocol;
  /** Null for a target of another kind. */
  exchange(target: PolicyTarget, options: ExchangeOptions): Exchange | null;
  /** The answer where the session was not opened. */
  refused(
    request: Request,
    decision: Exclude<Decision, { kind: 'allow' }>,
    ticket: Pick<SessionTicket, 'session' | 'origin'>,
  ): Promise<Response>;
  /** The answer where the session has ended. */
  ended(request: Request, code: SessionCode, session: string): Promise<Response>;
}

/** What a caller says about its request; shown to people as claimed. Characters. */
const MAX_TASK_CHARS = 200;

export function claimedTask(headers: Headers): string {
  return (headers.get('x-postern-task') ?? '').slice(0, MAX_TASK_CHARS);
}

export type Sent =
  | { readonly ok: true; readonly response: UpstreamResponse }
  /** `sent`: the target may have got it. */
  | { readonly ok: false; readonly code: SessionCode; readonly sent: boolean };

/** The record of one exchange, and the means to break it off. */
export class Undertaking {
  readonly #options: ExchangeOptions;
  readonly #abort = new AbortController();
  #intended = false;
  #settled = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
  }

  /** @throws Error when the journal cannot be written: nothing may be sent then */
  intend(event: Extract<SessionEvent, { kind: 'request' | 'call' }>): void {
    this.#options.append([event]);
    this.#intended = true;
  }

  /** Once. What was never intended has no outcome. */
  settle(outcome: Outcome, error: string | null, bytes: number): void {
    if (this.#settled) return;
    this.#settled = true;
    const { action } = this.#options;
    try {
      if (this.#intended) {
        this.#options.append([
          { kind: 'outcome', action, outcome, rows: 0, bytes, error, digest: null },
        ]);
      }
    } finally {
      this.#options.over();
    }
  }

  abort(code: SessionCode): void {
    this.#abort.abort(new Error(code));
    this.settle('cancelled', code, 0);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Something that nobody has foreseen: the log gets its kind alone. */
  broken(error: unknown): void {
    const kind = error instanceof Error ? error.name : 'unknown';
    console.error(
      JSON.stringify({ event: 'exchange_broken', session: this.#options.session, kind }),
    );
    this.settle('unknown', 'internal', 0);
  }

  /** Where there is no answer, it is settled already. */
  async send(target: WebTarget, request: Omit<UpstreamRequest, 'signal'>): Promise<Sent> {
    const { env, session } = this.#options;
    try {
      const response = await upstream(env, target, { ...request, signal: this.signal });
      return { ok: true, response };
    } catch (error) {
      const failure = error instanceof UpstreamFailure ? error : null;
      const code = failure?.code ?? 'target_closed';
      const detail = failure?.message ?? '';
      console.warn(JSON.stringify({ event: code, session, target: target.id, detail }));
      // Whether a target has acted on what it may have got, nobody here knows.
      const sent = failure?.sent ?? true;
      this.settle(sent ? 'unknown' : 'failed', code, 0);
      return { ok: false, code, sent };
    }
  }
}
