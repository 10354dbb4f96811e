// One live connection: the caller's socket, the target's, and the engine between them. Performs the engine's effects in
// order and feeds it from one place, so no two calls into it overlap. Knows no protocol, no policy and no storage: those
// are behind `Conduct`.
import type { Connection } from '../adapters/connection.ts';
import { DialFailure } from '../adapters/dial-failure.ts';
import type { EngineEvent } from '../core/audit/event.ts';
import type { Authentication, Effect, Engine, TargetLogin } from '../core/engine.ts';
import { unreachable, type SessionCode } from '../core/failure.ts';
import { CREDIT_WINDOW_BYTES } from '../core/limits.ts';
import type { ModelFinding } from '../core/masking/detect/model.ts';
import { CLOSE } from '../core/tunnel.ts';
import { ClientSocket, type ClientListener } from './client-socket.ts';
import type { MaskedDecision } from './masked-decision.ts';

/** What a conversation asks of the session that owns it. Answers that are not promises are performed at once. */
export interface Conduct {
  authenticate(token: string): Promise<Authentication>;
  /** Null asks the engine to look again, with the catalog as it is now. */
  decide(
    effect: Extract<Effect, { kind: 'decide' }>,
  ): MaskedDecision | Promise<MaskedDecision | null>;
  /** What models find in texts; null where one could not be asked. Never rejects. */
  analyze(
    effect: Extract<Effect, { kind: 'analyze' }>,
  ): Promise<readonly (readonly ModelFinding[])[] | null>;
  dial(): Promise<{ connection: Connection; login: TargetLogin }>;
  cancel(key: Uint8Array): Promise<void>;
  stale(): void;
  /** Throws when the journal cannot be written: nothing may be sent after that. */
  record(events: readonly EngineEvent[]): void;
  ended(code: SessionCode, detail: string): void;
}

export class Conversation implements ClientListener {
  readonly #engine: Engine;
  readonly #conduct: Conduct;
  readonly #client: ClientSocket;
  #server: Connection | null = null;
  #ended = false;
  /** Decisions not yet made: while there are any, the client gets no credit for what it sends. */
  #pending = 0;
  /** Models are being asked: nothing is read from the target meanwhile. */
  #analyzing = 0;
  #uncredited = 0;
  #unwritten = 0;
  #resume: (() => void) | null = null;
  /** Effects waiting their turn; non-empty only while `#perform` is on the stack. */
  readonly #queue: Effect[] = [];
  #performing = false;

  constructor(engine: Engine, conduct: Conduct, socket: WebSocket, credited: boolean) {
    this.#engine = engine;
    this.#conduct = conduct;
    this.#client = new ClientSocket(socket, credited, this);
  }

  get live(): boolean {
    return !this.#ended;
  }

  bytes(chunk: Uint8Array): void {
    if (this.#ended) return;
    this.#uncredited += chunk.length;
    this.#client.settled();
    this.#perform(this.#engine.fromClient(chunk));
    this.#credit();
  }

  closed(): void {
    this.#perform(this.#engine.clientClosed());
    this.#end('client_closed', '');
  }

  drained(): void {
    this.#resume?.();
  }

  broken(code: 'client_protocol' | 'client_slow', detail: string): void {
    this.#perform(this.#engine.shutdown(code, SENTENCES[code]));
    this.#end(code, detail);
  }

  /** Ends the session from our side, with the protocol's own parting words. */
  shutdown(code: SessionCode, message: string): void {
    if (this.#ended) return;
    this.#perform(this.#engine.shutdown(code, message));
    this.#end(code, message);
  }

  notify(message: string): void {
    if (!this.#ended) this.#perform(this.#engine.notify(message));
  }

  cancelRequest(): Uint8Array | null {
    return this.#engine.cancelRequest();
  }

  /** Performs effects in order. Effects of nested engine calls queue behind those still waiting. */
  #perform(effects: readonly Effect[]): void {
    this.#queue.push(...effects);
    if (this.#performing) return;
    this.#performing = true;
    const records: EngineEvent[] = [];
    try {
      for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift()) {
        if (this.#ended) continue;
        if (effect.kind === 'record') {
          records.push(effect.event);
          continue;
        }
        // One write for neighbouring records, before anything they must precede. Bytes for the client are not among that:
        // an outcome written first would hold its own answer behind the storage's output gate.
        const precedes = effect.kind !== 'send' || effect.to === 'server';
        if (precedes && records.length > 0) this.#conduct.record(records.splice(0));
        this.#performOne(effect);
      }
      if (records.length > 0 && !this.#ended) this.#conduct.record(records);
    } catch (error) {
      this.#queue.length = 0;
      this.#end('journal_unavailable', error instanceof Error ? error.message : 'unknown');
    } finally {
      this.#performing = false;
    }
  }

  #performOne(effect: Exclude<Effect, { kind: 'record' }>): void {
    switch (effect.kind) {
      case 'send':
        if (effect.to === 'client') this.#client.send(effect.bytes);
        else this.#write(effect.bytes);
        return;
      case 'decide':
        this.#decide(effect);
        return;
      case 'authenticate':
        this.#later(this.#conduct.authenticate(effect.token), (result) =>
          this.#engine.authenticated(result),
        );
        return;
      case 'analyze':
        this.#analyze(effect);
        return;
      case 'dial':
        this.#dial();
        return;
      case 'cancel':
        this.#later(this.#conduct.cancel(effect.key.slice()), () => []);
        return;
      case 'stale':
        this.#conduct.stale();
        return;
      case 'close':
        this.#end(effect.code, effect.detail);
        return;
      default:
        unreachable(effect);
    }
  }

  #decide(effect: Extract<Effect, { kind: 'decide' }>): void {
    const answer = this.#conduct.decide(effect);
    if (!(answer instanceof Promise)) {
      this.#queue.push(...this.#engine.decided(effect.id, answer));
      return;
    }
    this.#pending += 1;
    this.#later(answer, (decision) => {
      this.#pending -= 1;
      return decision === null
        ? this.#engine.reconsider(effect.id)
        : this.#engine.decided(effect.id, decision);
    });
  }

  #analyze(effect: Extract<Effect, { kind: 'analyze' }>): void {
    this.#analyzing += 1;
    this.#later(this.#conduct.analyze(effect), (findings) => {
      this.#analyzing -= 1;
      const effects = this.#engine.analyzed(effect.id, findings);
      this.#resume?.();
      return effects;
    });
  }

  #dial(): void {
    this.#conduct.dial().then(
      ({ connection, login }) => {
        if (this.#ended) return connection.close();
        this.#server = connection;
        this.#perform(this.#engine.dialled(login));
        void this.#readServer(connection);
      },
      (error: unknown) => {
        const failure = error instanceof DialFailure ? error : null;
        this.#perform(this.#engine.undialled(failure?.code ?? 'target_unreachable'));
        this.#end(failure?.code ?? 'internal', failure?.message ?? 'dialling failed');
      },
    );
  }

  /** Continues with the engine once `promise` is there; a rejection is a bug of ours and ends the session. */
  #later<T>(promise: Promise<T>, next: (value: T) => Effect[]): void {
    promise.then(
      (value) => {
        if (this.#ended) return;
        this.#perform(next(value));
        this.#credit();
      },
      (error: unknown) => {
        this.shutdown('internal', SENTENCES.internal);
        this.#end('internal', error instanceof Error ? error.message : 'unknown');
      },
    );
  }

  async #readServer(connection: Connection): Promise<void> {
    try {
      for (;;) {
        const chunk = await connection.read();
        if (this.#ended) return;
        if (chunk === null) break;
        this.#perform(this.#engine.fromServer(chunk));
        // Pausing here leaves the rest in the target's own socket: memory stays flat while the caller does not read.
        while (!this.#ended && (!this.#client.ready || this.#analyzing > 0)) {
          await new Promise<void>((resolve) => {
            this.#resume = resolve;
          });
          this.#resume = null;
        }
        if (this.#ended) return;
      }
    } catch (error) {
      if (this.#ended) return;
      this.#perform(this.#engine.serverClosed());
      this.#end('target_closed', error instanceof Error ? error.message.slice(0, 200) : '');
      return;
    }
    this.#perform(this.#engine.serverClosed());
    this.#end('target_closed', '');
  }

  #write(bytes: Uint8Array): void {
    const server = this.#server;
    if (server === null) return this.#end('internal', 'bytes for a target that is not connected');
    const length = bytes.length;
    this.#unwritten += length;
    // Copied: an effect's bytes are the engine's again after this turn, the transport may still be reading them.
    server.write(bytes.slice()).then(
      () => {
        this.#unwritten -= length;
        this.#credit();
      },
      () => {
        // The read loop sees the same broken connection and ends the session with the engine's words.
        this.#unwritten -= length;
      },
    );
  }

  /** Credits the client for what went through, unless something is held or the target does not keep up. */
  #credit(): void {
    if (this.#pending > 0 || this.#unwritten > CREDIT_WINDOW_BYTES || this.#uncredited === 0)
      return;
    this.#client.consumed(this.#uncredited);
    this.#uncredited = 0;
  }

  #end(code: SessionCode, detail: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#resume?.();
    this.#server?.close();
    const closing = CLOSING[code];
    this.#client.close(closing ?? CLOSE.ended, code);
    this.#conduct.ended(code, detail);
  }
}

const SENTENCES = {
  client_protocol: 'The client broke the tunnel protocol.',
  client_slow: 'The client reads too slowly; use the postern command line, which has flow control.',
  internal: 'The gateway hit an internal error and closed the session.',
} as const;

const CLOSING: Partial<Record<SessionCode, number>> = {
  client_protocol: CLOSE.protocol,
  target_protocol: CLOSE.protocol,
  client_slow: CLOSE.slow,
  target_unreachable: CLOSE.targetUnreachable,
  target_auth_failed: CLOSE.targetUnreachable,
  target_tls_failed: CLOSE.targetUnreachable,
  token_ended: CLOSE.revoked,
  policy_ended: CLOSE.revoked,
  grant_ended: CLOSE.revoked,
  killed: CLOSE.revoked,
  internal: CLOSE.internal,
  journal_unavailable: CLOSE.internal,
  interrupted: CLOSE.internal,
};
