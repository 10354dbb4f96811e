// A target's answer, made ready for its caller: headers by their table, the body through what hides credentials and what
// masks, or a refusal in its place where it cannot be.
import { nativeCrypto } from '../adapters/crypto.ts';
import type { Env } from '../adapters/env.ts';
import type { UpstreamResponse } from '../adapters/http-upstream.ts';
import { maskKey } from '../adapters/mask-key.ts';
import type { Outcome } from '../core/audit/event.ts';
import { createHider } from '../core/http/hidden.ts';
import { responseHeaders } from '../core/http/headers.ts';
import { valuesOf, type HeaderList } from '../core/http/header-list.ts';
import { BodyMaskFailure, responseMasker, type BodyMasks } from '../core/http/masked-body.ts';
import { maskedHeaders, messageMasker } from '../core/http/masked-headers.ts';
import { mountOf } from '../core/http/mount.ts';
import { failureRefusal, unmaskable } from '../core/http/refusal.ts';
import type { Masking } from '../core/masking/mask.ts';
import { createMaskers, type Maskers } from '../core/masking/maskers/maskers.ts';
import type { WebTarget } from '../core/policy/policy.ts';
import { answerStream, type Stage } from './answer-stream.ts';
import { respond } from './http-response.ts';
import { relay } from './web-socket-relay.ts';

export interface AnswerOptions {
  readonly env: Env;
  readonly target: WebTarget;
  readonly session: string;
  readonly method: string;
  /** The path that was sent, normalised. */
  readonly path: string;
  /** Null: nothing is masked. */
  readonly masking: Masking | null;
  /** The session ends what is under way by it. */
  readonly signal: AbortSignal;
  /** `error`: status or code where it failed. */
  settle(outcome: Outcome, error: string | null, bytes: number): void;
}

/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~\w-]{1,200}$/;
const MODEL = 'A model is to look through it, which it does for SQL only.';

export class HttpAnswer {
  readonly #options: AnswerOptions;
  readonly #masks: BodyMasks | null;
  readonly #maskers: Maskers;

  constructor(options: AnswerOptions) {
    this.#options = options;
    const { env, target, masking } = options;
    this.#masks =
      masking === null ? null : { fields: masking.fields ?? [], detect: masking.detect };
    this.#maskers = createMaskers({ key: maskKey(env, target.id), crypto: nativeCrypto });
  }

  async render(answer: UpstreamResponse): Promise<Response> {
    const { method, session } = this.#options;
    if (answer.webSocket !== null) return this.#socket(answer, answer.webSocket);
    const masker = this.#masker(answer);
    if (!masker.ok) return this.#withheld(answer, masker.why);
    const untyped = masker.stage !== null && valuesOf(answer.headers, 'content-type').length === 0;
    const empty =
      answer.body === null || method === 'HEAD' || (untyped && !(await hasBytes(answer.body)));
    if (untyped && !empty) return this.#withheld(answer, 'It does not say what it is.');
    // Nothing was asked for but the plain bytes; a credential in others would not be seen.
    if (!empty && answer.packed) return this.#broken(answer, 'a coding that nobody asked for');
    const headers = this.#headers(answer, masker.stage !== null);
    if (headers === null) return this.#broken(answer, 'malformed headers');
    headers.set('x-postern-session', session);
    const { status } = answer;
    const error = status >= 400 ? String(status) : null;
    if (empty || answer.body === null) {
      if (answer.body?.locked === false) void answer.body.cancel();
      this.#options.settle(error === null ? 'succeeded' : 'failed', error, 0);
      return new Response(null, { status, headers });
    }
    const stages: Stage[] = [];
    const hider = createHider(answer.secrets);
    if (hider !== null) stages.push(hider);
    if (masker.stage !== null) stages.push(masker.stage);
    const length = masker.stage === null && !answer.decoded ? lengthOf(answer.headers) : null;
    const body = answerStream(answer.body, stages, length, (end) => {
      const outcome = end.outcome === 'succeeded' && error !== null ? 'failed' : end.outcome;
      const code = end.outcome === 'failed' ? this.#broke(end.error) : error;
      this.#options.settle(outcome, code, end.bytes);
    });
    return new Response(body, { status, headers });
  }

  /** `stage: null`: nothing is masked for this caller, or there is nothing to mask. */
  #masker({ status, headers, decoded }: UpstreamResponse): Masker {
    const { method, masking } = this.#options;
    if (this.#masks === null) return { ok: true, stage: null };
    if ((masking?.models?.length ?? 0) > 0) {
      return { ok: false, why: MODEL };
    }
    const response = { method, status, headers, decoded };
    const made = responseMasker(response, this.#masks, this.#maskers);
    return made.ok ? { ok: true, stage: made.value } : { ok: false, why: made.error.reason };
  }

  /** Why a body ended in the middle: its own code, and a line for operators. */
  #broke(error: unknown): string {
    const { session, target } = this.#options;
    const unmasked = error instanceof BodyMaskFailure;
    const code = unmasked ? 'mask_body' : 'target_closed';
    const detail = unmasked ? error.code : 'the body broke off';
    console.warn(JSON.stringify({ event: code, session, target: target.id, detail }));
    return code;
  }

  #headers(answer: UpstreamResponse, masked: boolean): Headers | null {
    const { target, path } = this.#options;
    const { credential, options } = target;
    const filtered = responseHeaders(answer.headers, {
      mount: mountOf(target, credential?.kind === 'query' ? credential.parameter : null),
      requestPath: path,
      allowCookies: options.cookies,
      allowChallenges: options.challenges,
      allow: options.headers,
      bodyChanged: masked || answer.decoded,
      secrets: answer.secrets,
    });
    if (!filtered.ok) return null;
    const shown =
      this.#masks === null
        ? filtered.headers
        : maskedHeaders(filtered.headers, this.#masks, this.#maskers);
    const headers = new Headers(shown.map(([name, value]) => [name, value]));
    if (masked) headers.set('x-postern-masked', 'true');
    return headers;
  }

  /** What the target sent cannot be passed on at all. */
  #broken(answer: UpstreamResponse, detail: string): Response {
    const { session, target } = this.#options;
    console.warn(JSON.stringify({ event: 'target_protocol', session, target: target.id, detail }));
    void answer.body?.cancel();
    this.#options.settle('failed', 'target_protocol', 0);
    return respond(failureRefusal('target_protocol'), session);
  }

  #withheld(answer: UpstreamResponse, why: string): Response {
    if (answer.body?.locked === false) void answer.body.cancel();
    this.#options.settle('failed', 'mask_body', 0);
    return respond(unmaskable(why), this.#options.session);
  }

  /** What the target chose of those that were offered (RFC 6455 section 4.2.2); clients end a socket that lacks it. */
  #subprotocol({ headers, secrets }: UpstreamResponse): string | null {
    const [protocol, ...more] = valuesOf(headers, 'sec-websocket-protocol');
    if (protocol === undefined || more.length > 0 || !TOKEN.test(protocol)) return null;
    if (secrets.some((secret) => protocol.includes(secret))) return null;
    const own: HeaderList = [['sec-websocket-protocol', protocol]];
    const shown = this.#masks === null ? own : maskedHeaders(own, this.#masks, this.#maskers);
    return shown[0]?.[1] === protocol ? protocol : null;
  }

  #socket(answer: UpstreamResponse, socket: WebSocket): Response {
    const headers = this.#headers(answer, false);
    if (headers === null) {
      socket.accept();
      socket.close(1000);
      return this.#broken(answer, 'malformed headers');
    }
    const made = this.#masks === null ? null : messageMasker(this.#masks, this.#maskers);
    const models = this.#options.masking?.models?.length ?? 0;
    if (made?.ok === false || models > 0) {
      socket.accept();
      socket.close(1000);
      return this.#withheld(answer, made?.ok === false ? made.error.reason : MODEL);
    }
    const protocol = this.#subprotocol(answer);
    if (protocol !== null) headers.set('sec-websocket-protocol', protocol);
    const client = relay(socket, {
      masker: made?.ok === true ? made.value : null,
      hider: () => createHider(answer.secrets),
      signal: this.#options.signal,
      done: (error, bytes) =>
        this.#options.settle(error === null ? 'succeeded' : 'failed', error, bytes),
    });
    return new Response(null, { status: 101, webSocket: client, headers });
  }
}

type Masker =
  | { readonly ok: true; readonly stage: Stage | null }
  | { readonly ok: false; readonly why: string };

/** Answers without a body seldom have a type, and do not always say that they are empty. Reads what there is. */
async function hasBytes(body: ReadableStream<Uint8Array>): Promise<boolean> {
  for await (const chunk of body) if (chunk.length > 0) return true;
  return false;
}

function lengthOf(headers: HeaderList): number | null {
  const [length, ...more] = valuesOf(headers, 'content-length');
  return length !== undefined && more.length === 0 && /^\d{1,15}$/.test(length)
    ? Number(length)
    : null;
}
