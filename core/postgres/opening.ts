// A session up to its first statement: encryption requests, startup packet, token, the decision to connect, and the login to
// the target. Answers are written to the output; what the client sends behind its login stays in its reader until the
// engine goes on with the session proper. @see protocol-flow, "Start-up"
import type { Decision } from '../decision.ts';
import type { Authentication, TargetLogin } from '../engine.ts';
import { ProtocolViolation, type SessionCode } from '../failure.ts';
import type { Action } from '../facts.ts';
import { MAX_TOKEN_BYTES } from '../limits.ts';
import { decodePassword } from './client-messages.ts';
import type { FrameReader } from './frames.ts';
import { LoginExchange } from './login.ts';
import { connectRefusalFields, denied } from './refusal.ts';
import {
  encodeAuthentication,
  encodeBackendKey,
  encodeNegotiateVersion,
  encodeParameterStatus,
  type BackendKey,
  type ReportFields,
} from './server-messages.ts';
import type { Session } from './session.ts';
import {
  ENCRYPTION_REFUSED,
  PROTOCOL_3_0,
  SHORT_SECRET_BYTES,
  StartupReader,
  decodeStartupPacket,
} from './startup.ts';
import { judgeStartup, targetParameters, type StartupRequest } from './startup-parameters.ts';
import { CLIENT } from './tags.ts';

/** How an opening ends early: what the client is told (null: the code's own sentence) and what the journal keeps. */
export interface OpeningEnd {
  readonly code: SessionCode;
  readonly detail: string;
  readonly fields: ReportFields | null;
  /** False: the client is not one of ours, or not to be answered. */
  readonly spoken: boolean;
}

type Stage = 'packets' | 'password' | 'authenticating' | 'deciding' | 'dialling' | 'login' | 'done';

/** The password message's own header and terminating zero come on top of the token. */
export const PASSWORD_LIMIT_BYTES = MAX_TOKEN_BYTES + 5;

export class Opening {
  readonly #s: Session;
  readonly #client: FrameReader;
  readonly #packets = new StartupReader();
  #stage: Stage = 'packets';
  readonly #encryptionAsked = new Set<string>();
  #request: StartupRequest | null = null;
  #login: LoginExchange | null = null;
  #action = 0;
  #spoken = false;

  constructor(session: Session, client: FrameReader) {
    this.#s = session;
    this.#client = client;
  }

  get stage(): Stage {
    return this.#stage;
  }

  /** Whether the client has sent a startup packet, and so is one that understands an ErrorResponse. */
  get spoken(): boolean {
    return this.#spoken;
  }

  /** Whether the client's token has been accepted. */
  get trusted(): boolean {
    switch (this.#stage) {
      case 'packets':
      case 'password':
      case 'authenticating':
        return false;
      default:
        return true;
    }
  }

  fromClient(chunk: Uint8Array): OpeningEnd | null {
    if (this.#stage !== 'packets') {
      this.#client.push(chunk);
      return this.#stage === 'password' ? this.#password() : null;
    }
    this.#packets.push(chunk);
    for (let packet = this.#packets.next(); packet !== null; packet = this.#packets.next()) {
      const end = this.#packet(packet);
      if (end !== null) return end;
      if (this.spoken) {
        this.#client.push(this.#packets.rest());
        return this.#greet();
      }
    }
    this.#packets.keep();
    return null;
  }

  authenticated(result: Authentication): OpeningEnd | null {
    if (this.#stage !== 'authenticating') return null;
    if (!result.ok) return spokenEnd(result.code, 'the token was not accepted');
    return this.#connect();
  }

  decided(id: number, decision: Decision): OpeningEnd | null {
    if (this.#stage !== 'deciding' || id !== this.#action) return null;
    const denial = denied(decision);
    if (denial !== null) {
      const fields = connectRefusalFields(denial, denial.revision);
      return { code: denial.code, detail: denial.message, fields, spoken: true };
    }
    this.#stage = 'dialling';
    this.#s.output.effect({ kind: 'dial' });
    return null;
  }

  reconsider(id: number): void {
    if (this.#stage === 'deciding' && id === this.#action) this.#decide();
  }

  dialled(login: TargetLogin): void {
    const request = this.#request;
    if (this.#stage !== 'dialling' || request === null) return;
    this.#stage = 'login';
    const { crypto, target } = this.#s.options;
    this.#login = new LoginExchange(crypto, login);
    this.#write(this.#login.start(targetParameters(request, login, target.readOnly)));
  }

  /** One message of the target's login. The key when it is through, null while it is not. */
  fromServer(frame: FrameReader): OpeningEnd | { readonly key: BackendKey | null } | null {
    const login = this.#login;
    if (login === null) throw new ProtocolViolation('the target spoke before it was asked');
    const step = login.receive(frame.tag, frame);
    switch (step.kind) {
      case 'wait':
        return null;
      case 'answer':
        this.#write(step.bytes);
        return null;
      case 'failed':
        return spokenEnd(step.code, step.why);
      case 'parameter': {
        const wrong = this.#s.state.reported(step.name, step.value);
        if (wrong !== null) return spokenEnd('session_state_changed', wrong);
        this.#s.output.client.write(encodeParameterStatus(step.name, step.value));
        return null;
      }
      case 'ready': {
        const missing = this.#s.state.unreported();
        if (missing.length > 0) {
          return spokenEnd(
            'session_state_changed',
            `the target does not report ${missing.join(', ')}`,
          );
        }
        this.#stage = 'done';
        this.#login = null;
        this.#s.output.client.write(encodeBackendKey(this.#clientKey()));
        return { key: step.key };
      }
      default:
        throw new ProtocolViolation('unknown step of the login');
    }
  }

  #packet(bytes: Uint8Array): OpeningEnd | null {
    const packet = decodeStartupPacket(bytes);
    switch (packet.kind) {
      case 'ssl':
      case 'gssenc':
        if (this.#encryptionAsked.has(packet.kind)) {
          throw new ProtocolViolation('asked for encryption twice');
        }
        this.#encryptionAsked.add(packet.kind);
        this.#s.output.client.write(ENCRYPTION_REFUSED);
        return null;
      case 'cancel':
        this.#s.output.effect({ kind: 'cancel', key: packet.key });
        return { code: 'client_closed', detail: 'cancel request', fields: null, spoken: false };
      case 'startup':
        this.#spoken = true;
        this.#request = judgeStartup(packet.version, packet.parameters, this.#s.options.target);
        if (this.#request !== null) return null;
        return {
          code: 'client_protocol',
          detail: `protocol version ${packet.version >>> 16}.${packet.version & 0xffff}`,
          fields: {
            S: 'FATAL',
            V: 'FATAL',
            C: '0A000',
            M: 'Only version 3 of the protocol is spoken here.',
          },
          spoken: true,
        };
      default:
        throw new ProtocolViolation('unknown startup packet');
    }
  }

  #greet(): OpeningEnd | null {
    const request = this.#request;
    if (request?.negotiate === true) {
      const { version, unknownOptions } = request;
      this.#s.output.client.write(encodeNegotiateVersion({ version, unknownOptions }));
    }
    if (this.#s.options.principalAuthenticated) return this.#connect();
    this.#s.output.client.write(encodeAuthentication('cleartext'));
    this.#stage = 'password';
    return this.#password();
  }

  #password(): OpeningEnd | null {
    const client = this.#client;
    if (!client.next()) return null;
    if (client.tag === CLIENT.terminate) {
      return { code: 'client_closed', detail: 'no token', fields: null, spoken: false };
    }
    const token = decodePassword(client);
    client.consume();
    if (token === '') return spokenEnd('token_missing', 'empty password');
    if (token.length > MAX_TOKEN_BYTES) return spokenEnd('token_too_large', '');
    this.#stage = 'authenticating';
    this.#s.output.effect({ kind: 'authenticate', token });
    return null;
  }

  /** The caller is known; what was wrong with the startup packet may be said only now. */
  #connect(): OpeningEnd | null {
    const refusal = this.#request?.refusal ?? null;
    if (refusal !== null) {
      const { sqlstate: C, message: M, code } = refusal;
      const fields = { S: 'FATAL', V: 'FATAL', C, M, D: `code ${code}` };
      return { code, detail: M, fields, spoken: true };
    }
    // From here on the client takes notices, so it can be told that its connection waits for somebody.
    this.#s.output.client.write(encodeAuthentication('ok'));
    this.#s.output.greeted = true;
    this.#s.output.offerNotices();
    this.#stage = 'deciding';
    this.#action = this.#s.ledger.nextAction();
    this.#decide();
    return null;
  }

  #decide(): void {
    const client = this.#request?.applicationName ?? '';
    const action: Action = {
      kind: 'connect',
      connect: { protocol: 'postgres', client, country: '' },
    };
    this.#s.output.effect({
      kind: 'decide',
      id: this.#action,
      action,
      refusal: null,
      unresolved: [],
      content: () => ({ kind: 'connect', protocol: 'postgres', seconds: null }),
      lineage: () => null,
      quiet: true,
      preparing: false,
    });
  }

  #clientKey(): BackendKey {
    const { processId, secret } = this.#s.options.clientKey;
    const short = this.#request?.version === PROTOCOL_3_0;
    return { processId, secret: short ? secret.subarray(0, SHORT_SECRET_BYTES) : secret };
  }

  #write(bytes: Uint8Array): void {
    this.#s.output.toServer(bytes, 0, bytes.length, true);
  }
}

function spokenEnd(code: SessionCode, detail: string): OpeningEnd {
  return { code, detail, fields: null, spoken: true };
}
