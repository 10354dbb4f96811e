// The Postgres protocol as a sans-I/O engine (core/engine.ts): one client, one target, and a decision before anything runs.
// This file is the outside: which part gets which bytes, and how a session ends. Opening a session is opening.ts, the
// session itself client-side.ts and server-side.ts. @see protocol (PostgreSQL manual, chapter 54), versions 3.0 and 3.2
//
//   client                        engine                                    target
//     │ SSLRequest ──────────────▶ │ N: TLS is outside                        │
//     │ StartupMessage ──────────▶ │                                          │
//     │ ◀── CleartextPassword ──── │                                          │
//     │ PasswordMessage(token) ──▶ │ authenticate ⇢ authenticated             │
//     │ ◀── AuthenticationOk ───── │ decide(connect) ⇢ decided, dial ⇢ dialled│
//     │                            │ StartupMessage ────────────────────────▶ │
//     │                            │ ◀──────── Authentication…  SCRAM ──────▶ │
//     │ ◀── ParameterStatus … ──── │ ◀──────── ParameterStatus, BackendKey …  │
//     │ ◀── BackendKeyData(ours)── │ probe: search path ────────────────────▶ │
//     │ ◀── ReadyForQuery ──────── │ ◀──────── (swallowed)                    │
//     │ Query ───────────────────▶ │ decide ⇢ decided                         │
//     │                            │ record(intent), Query ─────────────────▶ │
//     │ ◀── rows … ─────────────── │ ◀──────── rows …                         │
//     │                            │ analyze ⇢ analyzed, where a model is asked│
//     │ ◀── ReadyForQuery ──────── │ ◀──────── ReadyForQuery; record(outcome) │
//     │ Query (refused) ─────────▶ │ decide ⇢ decided(deny), record           │
//     │                            │ Query(certain to fail) ────────────────▶ │
//     │ ◀── ErrorResponse(ours) ── │ ◀──────── ErrorResponse                  │
//     │ ◀── ReadyForQuery ──────── │ ◀──────── ReadyForQuery                  │
import type { Decision } from '../decision.ts';
import type { Authentication, Effect, Engine, TargetLogin } from '../engine.ts';
import { ProtocolViolation, type SessionCode } from '../failure.ts';
import { MAX_HELD_BYTES, MAX_MASKED_ROW_BYTES, MAX_MESSAGE_BYTES } from '../limits.ts';
import type { ModelFinding } from '../masking/detect/model.ts';
import { sendProbe } from './dispatch.ts';
import { ClientSide } from './client-side.ts';
import { FrameReader } from './frames.ts';
import { Opening, PASSWORD_LIMIT_BYTES, type OpeningEnd } from './opening.ts';
import { Output } from './output.ts';
import { fatalFields } from './refusal.ts';
import { encodeError, type BackendKey, type ReportFields } from './server-messages.ts';
import { ServerSide, type Ending } from './server-side.ts';
import { createSession, type PostgresEngineOptions, type Session } from './session.ts';
import { encodeCancelRequest } from './startup.ts';
import { CLIENT, SERVER } from './tags.ts';

export type { PostgresEngineOptions } from './session.ts';

/** Messages without bulk: PQ_SMALL_MESSAGE_LIMIT of the server. */
const SMALL_MESSAGE_BYTES = 10_000;
/** What a client may send behind its token before that was verified: enough for a driver that starts with a statement. */
const MAX_UNTRUSTED_BYTES = 1024 * 1024;
/** Rows and COPY data are never held whole; this is what the server itself can build (MaxAllocSize). */
const MAX_STREAMED_BYTES = 0x3fff_ffff;

/** `options.nonce` must be 8 to 40 letters and digits, or this throws. */
export function createPostgresEngine(options: PostgresEngineOptions): Engine {
  if (!/^[A-Za-z0-9]{8,40}$/.test(options.nonce)) throw new RangeError('nonce of a wrong form');
  if (options.clientKey.secret.length < 4) throw new RangeError('cancel key too short');
  return new PostgresEngine(options);
}

class PostgresEngine implements Engine {
  readonly #output = new Output();
  readonly #session: Session;
  readonly #client: FrameReader;
  readonly #server: FrameReader;
  readonly #opening: Opening;
  readonly #clientSide: ClientSide;
  readonly #serverSide: ServerSide;
  #targetKey: BackendKey | null = null;

  constructor(options: PostgresEngineOptions) {
    const session = createSession(options, this.#output);
    this.#session = session;
    this.#client = new FrameReader({
      limit: (tag) => (this.#opening.stage === 'done' ? clientLimit(tag) : passwordLimit(tag)),
      streams: (tag) => tag === CLIENT.copyData,
    });
    this.#server = new FrameReader({
      limit: serverLimit,
      streams: (tag, length) => {
        if (tag === SERVER.copyData) return true;
        if (tag !== SERVER.dataRow) return false;
        const head = session.pipeline.head;
        // A row to be masked comes whole, or in pieces that end the session.
        if (head?.whole === true) return length > MAX_MASKED_ROW_BYTES;
        return head?.probe !== true;
      },
    });
    this.#opening = new Opening(session, this.#client);
    this.#clientSide = new ClientSide(session, this.#client);
    this.#serverSide = new ServerSide(session, this.#server);
  }

  fromClient(chunk: Uint8Array): Effect[] {
    return this.#call('client_protocol', () => {
      if (this.#opening.stage === 'done') {
        this.#client.push(chunk);
        if (this.#clientSide.abandoned)
          this.#end('client_closed', 'left before the decision', null);
        else this.#pumpClient();
      } else {
        this.#openingEnd(this.#opening.fromClient(chunk));
      }
      if (this.#client.held > (this.#opening.trusted ? MAX_HELD_BYTES : MAX_UNTRUSTED_BYTES)) {
        this.#end('limit_exceeded', 'too many bytes held for the client');
      }
    });
  }

  fromServer(chunk: Uint8Array): Effect[] {
    return this.#call('target_protocol', () => {
      this.#server.push(chunk);
      while (this.#opening.stage !== 'done' && !this.#output.closed && this.#server.next()) {
        const step = this.#opening.fromServer(this.#server);
        this.#server.consume();
        if (step === null) continue;
        if ('key' in step) this.#loggedIn(step.key);
        else this.#openingEnd(step);
      }
      if (this.#output.closed) return;
      this.#served(this.#serverSide.pump());
      // Whoever reads on while a model is asked is not to fill the memory with what comes.
      if (this.#serverSide.asking && this.#server.held > MAX_HELD_BYTES) {
        this.#end('limit_exceeded', 'too many bytes held behind a model');
      }
    });
  }

  analyzed(id: number, findings: readonly (readonly ModelFinding[])[] | null): Effect[] {
    return this.#call('target_protocol', () => {
      if (this.#opening.stage === 'done') this.#served(this.#serverSide.analyzed(id, findings));
    });
  }

  authenticated(result: Authentication): Effect[] {
    return this.#call('internal', () => this.#openingEnd(this.#opening.authenticated(result)));
  }

  decided(id: number, decision: Decision): Effect[] {
    return this.#call('client_protocol', () => {
      if (this.#opening.stage !== 'done') {
        return this.#openingEnd(this.#opening.decided(id, decision));
      }
      this.#clientSide.decided(id, decision);
      this.#pumpClient();
    });
  }

  reconsider(id: number): Effect[] {
    return this.#call('client_protocol', () => {
      if (this.#opening.stage !== 'done') return this.#opening.reconsider(id);
      this.#clientSide.reconsider(id);
      this.#pumpClient();
    });
  }

  dialled(login: TargetLogin): Effect[] {
    return this.#call('internal', () => this.#opening.dialled(login));
  }

  undialled(code: SessionCode): Effect[] {
    return this.#call('internal', () => this.#end(code, 'the target was not dialled'));
  }

  notify(message: string): Effect[] {
    return this.#call('internal', () => this.#output.notice(message));
  }

  shutdown(code: SessionCode, message: string): Effect[] {
    return this.#call('internal', () => this.#end(code, message, fatalFields(code, message)));
  }

  clientClosed(): Effect[] {
    return this.#call('internal', () => this.#end('client_closed', '', null));
  }

  serverClosed(): Effect[] {
    return this.#call('internal', () => {
      if (this.#clientSide.terminated) return this.#end('client_closed', '', null);
      const { fatal } = this.#serverSide;
      if (fatal !== null) this.#end('target_closed', `SQLSTATE ${fatal.slice(0, 5)}`, null);
      else this.#end('target_closed', '');
    });
  }

  cancelRequest(): Uint8Array | null {
    const { probe, pipeline } = this.#session;
    const idle = pipeline.size === 0 || probe !== 'none';
    if (this.#output.closed || this.#targetKey === null || idle) return null;
    return encodeCancelRequest(this.#targetKey);
  }

  #loggedIn(key: BackendKey | null): void {
    this.#targetKey = key;
    // The first ReadyForQuery is the client's to have when the search path is known.
    this.#session.probe = 'greeting';
    sendProbe(this.#session, 'sync');
  }

  /** What the server has sent was taken, or ends the session. */
  #served(ending: Ending | null): void {
    if (ending !== null) {
      // Only here does the caller need to know what exactly was too large, and it says nothing of what is inside.
      const large = ending.code === 'limit_exceeded';
      const words = large ? `The session was closed: ${ending.detail}.` : undefined;
      return this.#end(ending.code, ending.detail, fatalFields(ending.code, words));
    }
    this.#call2('client_protocol', () => this.#pumpClient());
  }

  #pumpClient(): void {
    if (this.#output.closed || this.#opening.stage !== 'done') return;
    if (this.#clientSide.pump()) this.#end('client_closed', '', null);
  }

  #openingEnd(end: OpeningEnd | null): void {
    if (end === null) return;
    if (!end.spoken) this.#end(end.code, end.detail, null);
    else this.#end(end.code, end.detail, end.fields ?? fatalFields(end.code));
  }

  /** Ends the session: outcomes of what is under way, the last words, and nothing after them. */
  #end(code: SessionCode, detail: string, words: ReportFields | null = fatalFields(code)): void {
    if (this.#output.closed) return;
    const { ledger, pipeline, state } = this.#session;
    // In a transaction block an answer was all there was to come; outside one the commit may not have happened.
    if (state.status === 'T') ledger.settleFinished(null);
    ledger.abandonFinished();
    for (const entry of pipeline.drain()) {
      if (entry.run !== null) ledger.finish(entry.run, 'unknown', null);
    }
    const { gate } = this.#session;
    if (gate !== null && gate.run !== null && gate.stage !== 'running') {
      // Answered, but not committed: the server rolls back with the connection, unless COMMIT was on its way.
      ledger.finish(gate.run, gate.committing ? 'unknown' : 'cancelled', null);
      gate.run = null;
    }
    const listening = this.#opening.spoken && !this.#output.midFrame;
    if (words !== null && listening && this.#serverSide.fatal === null) {
      this.#output.client.write(encodeError(words));
    }
    this.#output.close(code, detail);
  }

  /** Every entrance: nothing after the end, no exception to the outside, and buffers that are ours at the end. */
  #call(culprit: SessionCode, work: () => void): Effect[] {
    if (this.#output.closed) return [];
    this.#call2(culprit, work);
    this.#client.keep();
    this.#server.keep();
    return this.#output.drain();
  }

  #call2(culprit: SessionCode, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof ProtocolViolation) this.#end(culprit, error.message);
      else this.#end('internal', error instanceof Error ? error.name : 'unknown');
    }
  }
}

function passwordLimit(tag: number): number {
  switch (tag) {
    case CLIENT.password:
      return PASSWORD_LIMIT_BYTES;
    case CLIENT.terminate:
      return SMALL_MESSAGE_BYTES;
    default:
      return 0;
  }
}

function clientLimit(tag: number): number {
  switch (tag) {
    case CLIENT.query:
    case CLIENT.parse:
    case CLIENT.bind:
    case CLIENT.functionCall:
      return MAX_MESSAGE_BYTES;
    case CLIENT.copyData:
      return MAX_STREAMED_BYTES;
    case CLIENT.password:
      return PASSWORD_LIMIT_BYTES;
    case CLIENT.close:
    case CLIENT.describe:
    case CLIENT.execute:
    case CLIENT.flush:
    case CLIENT.sync:
    case CLIENT.terminate:
    case CLIENT.copyDone:
    case CLIENT.copyFail:
      return SMALL_MESSAGE_BYTES;
    default:
      return 0;
  }
}

function serverLimit(tag: number): number {
  switch (tag) {
    case SERVER.dataRow:
    case SERVER.copyData:
      return MAX_STREAMED_BYTES;
    case SERVER.rowDescription:
    case SERVER.error:
    case SERVER.notice:
    case SERVER.parameterDescription:
    case SERVER.parameterStatus:
    case SERVER.notification:
      return MAX_MESSAGE_BYTES;
    case SERVER.authentication:
    case SERVER.backendKeyData:
    case SERVER.negotiateVersion:
    case SERVER.parseComplete:
    case SERVER.bindComplete:
    case SERVER.closeComplete:
    case SERVER.commandComplete:
    case SERVER.copyInResponse:
    case SERVER.copyOutResponse:
    case SERVER.copyDone:
    case SERVER.emptyQuery:
    case SERVER.noData:
    case SERVER.portalSuspended:
    case SERVER.readyForQuery:
      return SMALL_MESSAGE_BYTES;
    default:
      return 0;
  }
}
