// Logs in to the target with the gateway's own credential: startup packet, password exchange, up to the first
// ReadyForQuery. Knows no sockets and no client. The password lives here and is dropped once the target says ok; no text of
// the target leaves this file, since a login error names the credential's user. @see protocol-flow, "Start-up"
import type { Crypto } from '../crypto.ts';
import type { TargetLogin } from '../engine.ts';
import { ProtocolViolation } from '../failure.ts';
import { utf8 } from '../bytes.ts';
import {
  encodePassword,
  encodeSaslInitialResponse,
  encodeSaslResponse,
  type FrameView,
} from './client-messages.ts';
import { md5Answer } from './md5.ts';
import { SCRAM_MECHANISM, ScramClient, scramNonce } from './scram.ts';
import {
  decodeAuthentication,
  decodeBackendKey,
  decodeNegotiateVersion,
  decodeParameterStatus,
  decodeReadyForQuery,
  decodeReport,
  type BackendKey,
} from './server-messages.ts';
import { PROTOCOL_3_0, encodeStartup } from './startup.ts';
import { SERVER } from './tags.ts';

export type LoginStep =
  | { readonly kind: 'wait' }
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  /** `why` is for the journal; the client gets the code's sentence. */
  | {
      readonly kind: 'failed';
      readonly code: 'target_auth_failed' | 'target_unreachable';
      readonly why: string;
    }
  | { readonly kind: 'parameter'; readonly name: string; readonly value: string }
  | { readonly kind: 'ready'; readonly key: BackendKey | null };

const WAIT: LoginStep = { kind: 'wait' };

export class LoginExchange {
  readonly #crypto: Crypto;
  #login: TargetLogin | null;
  #scram: ScramClient | null = null;
  /** Answers given, as far as they decide what may come next. */
  #stage: Stage = 'start';
  #key: BackendKey | null = null;

  constructor(crypto: Crypto, login: TargetLogin) {
    this.#crypto = crypto;
    this.#login = login;
  }

  /** Protocol 3.0: every server and pooler speaks it, and 3.2 would bring only a longer cancel key. */
  start(parameters: Iterable<readonly [string, string]>): Uint8Array {
    return encodeStartup(PROTOCOL_3_0, parameters);
  }

  receive(tag: number, frame: FrameView): LoginStep {
    switch (tag) {
      case SERVER.authentication:
        return this.#authenticate(frame);
      case SERVER.error:
        return failure(decodeReport(frame)['C'] ?? '');
      case SERVER.notice:
        return WAIT;
      case SERVER.negotiateVersion: {
        const offer = decodeNegotiateVersion(frame);
        if (offer.version === PROTOCOL_3_0 && offer.unknownOptions.length === 0) return WAIT;
        throw new ProtocolViolation('the target offers another protocol version');
      }
      case SERVER.parameterStatus:
        this.#onlyWhenIn();
        return { kind: 'parameter', ...decodeParameterStatus(frame) };
      case SERVER.backendKeyData:
        this.#onlyWhenIn();
        this.#key = decodeBackendKey(frame);
        return WAIT;
      case SERVER.readyForQuery:
        this.#onlyWhenIn();
        decodeReadyForQuery(frame);
        return { kind: 'ready', key: this.#key };
      default:
        throw new ProtocolViolation(`message ${tag} during the target's login`);
    }
  }

  #authenticate(frame: FrameView): LoginStep {
    const login = this.#login;
    if (login === null) throw new ProtocolViolation('authentication after the login');
    const request = decodeAuthentication(frame);
    switch (request.kind) {
      case 'ok':
        // A SCRAM exchange cut short would skip the server's own proof.
        if (this.#stage !== 'start' && this.#stage !== 'answered')
          return refused('login cut short');
        this.#login = null;
        this.#scram = null;
        this.#stage = 'in';
        return WAIT;
      case 'cleartext':
        return this.#answer('start', 'answered', () => encodePassword(utf8(login.password)));
      case 'md5':
        return this.#answer('start', 'answered', () =>
          encodePassword(md5Answer(this.#crypto, login.user, login.password, request.salt)),
        );
      case 'sasl': {
        if (!request.mechanisms.includes(SCRAM_MECHANISM))
          return refused('no SCRAM-SHA-256 offered');
        const scram = new ScramClient(this.#crypto, login.password, scramNonce(this.#crypto));
        this.#scram = scram;
        return this.#answer('start', 'sasl_first', () =>
          encodeSaslInitialResponse(SCRAM_MECHANISM, scram.clientFirst()),
        );
      }
      case 'sasl_continue': {
        if (this.#stage !== 'sasl_first' || this.#scram === null)
          return refused('SCRAM out of order');
        const step = this.#scram.clientFinal(request.data);
        if (!step.ok) return refused(step.why);
        return this.#answer('sasl_first', 'sasl_final', () => encodeSaslResponse(step.response));
      }
      case 'sasl_final':
        if (this.#stage !== 'sasl_final') return refused('SCRAM out of order');
        if (this.#scram?.verify(request.data) !== true) return refused('server signature is wrong');
        this.#stage = 'answered';
        return WAIT;
      case 'unknown':
        return refused(`authentication method ${request.code} is not supported`);
      default:
        return refused('unknown authentication request');
    }
  }

  #answer(from: Stage, to: Stage, encode: () => Uint8Array): LoginStep {
    // One answer each: a server that asks again could be collecting answers under salts of its choice.
    if (this.#stage !== from) return refused('authentication asked for twice');
    this.#stage = to;
    return { kind: 'answer', bytes: encode() };
  }

  #onlyWhenIn(): void {
    if (this.#stage !== 'in')
      throw new ProtocolViolation('session data before the login is through');
  }
}

type Stage = 'start' | 'sasl_first' | 'sasl_final' | 'answered' | 'in';

function refused(why: string): LoginStep {
  return { kind: 'failed', code: 'target_auth_failed', why };
}

/** Class 28 speaks of the credential; everything else (no such database, too many connections) of the target. */
function failure(sqlstate: string): LoginStep {
  const state = /^[0-9A-Z]{5}$/.test(sqlstate) ? sqlstate : 'unknown';
  const code = state.startsWith('28') ? 'target_auth_failed' : 'target_unreachable';
  return { kind: 'failed', code, why: `the target answered SQLSTATE ${state}` };
}
