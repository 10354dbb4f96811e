// The effects of one call into the engine, in order, with neighbouring bytes joined. Two rules live here: bytes for the
// server that nothing waits for yet (Parse, Bind, Describe) go out with the message that runs them; and a decision is asked
// for last, after everything that was allowed before it has been sent.
import type { EngineEvent } from '../audit/event.ts';
import type { Effect } from '../engine.ts';
import type { SessionCode } from '../failure.ts';
import { Outbox } from './outbox.ts';
import { encodeNotice } from './server-messages.ts';

/** So many bytes are sent even when nothing waits for them: holding more would only cost memory. */
const MAX_UNSENT_BYTES = 64 * 1024;

export class Output {
  readonly client = new Outbox();
  readonly #server = new Outbox();
  /** Forwarded, but only due with the next message that makes the server answer. */
  readonly #unsent = new Outbox();
  #effects: Effect[] = [];
  readonly #notices: Uint8Array[] = [];
  /** Whether the client is past AuthenticationOk: before that libpq takes a notice for a broken server. */
  greeted = false;
  /** A frame for the client is only half there: nothing may be put in between. */
  midFrame = false;
  closed = false;

  /** Adds a client's message to what the server gets; `due` sends it, and what waited, with this call. */
  toServer(buffer: Uint8Array, start: number, end: number, due: boolean): void {
    if (due || this.#unsent.length + end - start > MAX_UNSENT_BYTES) {
      this.#server.moveFrom(this.#unsent);
      this.#server.append(buffer, start, end);
    } else {
      this.#unsent.append(buffer, start, end);
    }
  }

  record(event: EngineEvent): void {
    if (!this.closed) this.#effects.push({ kind: 'record', event });
  }

  /** Anything that is neither bytes nor a record; what was sent before it stays before it. */
  effect(effect: Effect): void {
    if (this.closed) return;
    this.#flush();
    this.#effects.push(effect);
  }

  notice(message: string): void {
    this.#notices.push(encodeNotice({ S: 'NOTICE', V: 'NOTICE', C: '00000', M: message }));
    this.offerNotices();
  }

  /** Puts waiting notices into the client's stream when it is between two messages. */
  offerNotices(): void {
    if (this.#notices.length === 0 || !this.greeted || this.midFrame) return;
    for (const notice of this.#notices.splice(0)) this.client.write(notice);
  }

  close(code: SessionCode, detail: string): void {
    if (this.closed) return;
    this.#flush();
    this.#effects.push({ kind: 'close', code, detail });
    this.closed = true;
  }

  /** Ends the call: its effects, with everything due behind them. */
  drain(): Effect[] {
    if (!this.closed) this.#flush();
    this.#unsent.keep();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #flush(): void {
    const toClient = this.client.take();
    if (toClient !== null) this.#effects.push({ kind: 'send', to: 'client', bytes: toClient });
    const toServer = this.#server.take();
    if (toServer !== null) this.#effects.push({ kind: 'send', to: 'server', bytes: toServer });
  }
}
