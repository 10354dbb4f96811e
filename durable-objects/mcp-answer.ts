// An MCP server's answer on its way to the caller: read message by message, each hidden, filtered and masked, and written
// anew as one JSON answer or as events. What the server asks of the client is dropped and counted.
import { nativeCrypto } from '../adapters/crypto.ts';
import type { Env } from '../adapters/env.ts';
import type { UpstreamResponse } from '../adapters/http-upstream.ts';
import { maskKey } from '../adapters/mask-key.ts';
import type { Outcome } from '../core/audit/event.ts';
import { concatBytes, decodeUtf8, utf8 } from '../core/bytes.ts';
import type { SessionCode } from '../core/failure.ts';
import { valuesOf } from '../core/http/header-list.ts';
import { createHider, type Hider } from '../core/http/hidden.ts';
import { BodyMaskFailure, hasKeys } from '../core/http/masked-failure.ts';
import type { Answer } from '../core/http/refusal.ts';
import { parseExact, passed, TOOLS_CHANGED } from '../core/mcp-target/answer.ts';
import { createEventReader, MAX_EVENT_LENGTH } from '../core/mcp-target/event-stream.ts';
import { createMessageMasker, type MessageMasker } from '../core/mcp-target/masked-message.ts';
import type { JsonObject } from '../core/mcp-target/message.ts';
import {
  failureAnswer,
  rpcAnswer,
  withheldAnswer,
  type Asked,
} from '../core/mcp-target/refusal.ts';
import type { Masking } from '../core/masking/mask.ts';
import { createMaskers } from '../core/masking/maskers/maskers.ts';
import type { McpTarget } from '../core/policy/policy.ts';
import { respond } from './http-response.ts';

export interface McpAnswerOptions {
  readonly env: Env;
  readonly target: McpTarget;
  readonly session: string;
  readonly asked: Asked;
  /** Null: nothing is masked. */
  readonly masking: Masking | null;
  /** The server's session id as the caller gets it; null where it gets none. */
  sealed(id: string): string | null;
  /** The server says that its tools change. */
  toolsChanged(): void;
  readonly settle: (outcome: Outcome, error: string | null, bytes: number) => void;
}

const MODEL = 'A model is to look through it, which it does for SQL only.';

export class McpAnswer {
  readonly #options: McpAnswerOptions;
  readonly #masker: MessageMasker | null;
  /** Why nothing can be masked as it has to be; null where it can. */
  readonly #unmaskable: string | null;
  #dropped = 0;

  constructor(options: McpAnswerOptions) {
    this.#options = options;
    const { env, target, masking } = options;
    const maskers = createMaskers({ key: maskKey(env, target.id), crypto: nativeCrypto });
    const masks =
      masking === null ? null : { fields: masking.fields ?? [], detect: masking.detect };
    this.#unmaskable =
      (masking?.models?.length ?? 0) > 0
        ? MODEL
        : masks !== null && !hasKeys(masks, maskers)
          ? 'A mask needs a key that the deployment does not have.'
          : null;
    this.#masker =
      masks === null || this.#unmaskable !== null ? null : createMessageMasker(masks, maskers);
  }

  /** Of a message of the gateway's own making: the list of tools. */
  own(result: JsonObject): Response {
    const { asked } = this.#options;
    const value = { jsonrpc: '2.0', id: asked.id, result };
    return this.#whole(() => ({ value, bytes: 0 }), new Headers());
  }

  async render(answer: UpstreamResponse): Promise<Response> {
    const { asked, session, settle } = this.#options;
    const { status } = answer;
    const [type = '', ...others] = valuesOf(answer.headers, 'content-type');
    const discard = () => void answer.body?.cancel();
    if (status === 401 || status === 403) {
      discard();
      return this.#failed('target_auth_failed', null, String(status));
    }
    if (asked.id === null) {
      // A notification has no answer: whatever the server says to it goes to nobody.
      discard();
      const error = status >= 400 ? String(status) : null;
      settle(error === null ? 'succeeded' : 'failed', error, 0);
      return respond({ status: error === null ? 202 : 502, headers: [], body: '' }, session);
    }
    if (answer.webSocket !== null || answer.packed || others.length > 0 || answer.body === null) {
      discard();
      return this.#failed('target_protocol', true);
    }
    const headers = new Headers();
    if (asked.method === 'initialize') {
      const [id, ...more] = valuesOf(answer.headers, 'mcp-session-id');
      const sealed = id === undefined || more.length > 0 ? null : this.#options.sealed(id);
      if (id !== undefined && sealed === null) {
        discard();
        return this.#failed('target_protocol', true);
      }
      if (sealed !== null) headers.set('mcp-session-id', sealed);
    }
    const hider = createHider(answer.secrets);
    if (/^text\/event-stream\s*(?:;|$)/i.test(type) && status === 200) {
      if (this.#unmaskable !== null) {
        discard();
        return this.#withheld(this.#unmaskable);
      }
      return this.#events(answer.body, hider, headers);
    }
    if (!/^application\/json\s*(?:;|$)/i.test(type)) {
      discard();
      return this.#failed('target_protocol', true, String(status));
    }
    const bytes = await read(answer.body, hider);
    const text = bytes === null ? null : decodeUtf8(bytes);
    return this.#whole(() => {
      if (text === null) return null;
      return { value: parseExact(text), bytes: utf8(text).length };
    }, headers);
  }

  #whole(
    message: () => { readonly value: unknown; readonly bytes: number } | null,
    headers: Headers,
  ): Response {
    const { asked, target, session, settle } = this.#options;
    if (this.#unmaskable !== null) return this.#withheld(this.#unmaskable);
    let told: { readonly text: string; readonly error: string | null };
    try {
      const read = message();
      const found = read === null ? null : passed(read.value, asked, target.mcp);
      if (found?.kind !== 'answer') return this.#failed('target_protocol', true);
      told = { text: this.#written(found.message), error: found.error };
    } catch (error) {
      if (error instanceof SyntaxError) return this.#failed('target_protocol', true);
      if (error instanceof BodyMaskFailure) return this.#withheld(sentence(error));
      throw error;
    }
    const answer = rpcAnswer(200, null);
    settle(told.error === null ? 'succeeded' : 'failed', told.error, utf8(told.text).length);
    return this.#marked(respond({ ...answer, body: told.text }, session), headers);
  }

  /** Ends with the answer to the request: what a server says afterwards is to nobody. */
  #events(body: ReadableStream<Uint8Array>, hider: Hider | null, headers: Headers): Response {
    const { asked, target, session } = this.#options;
    const reader = body.getReader();
    const events = createEventReader();
    let bytes = 0;
    let over = false;
    const settle = (outcome: Outcome, error: string | null): void => {
      if (over) return;
      over = true;
      if (this.#dropped > 0) {
        const count = this.#dropped;
        console.warn(JSON.stringify({ event: 'mcp_dropped', session, target: target.id, count }));
      }
      this.#options.settle(outcome, error, bytes);
    };
    const stream = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const write = (text: string): void => {
          const event = utf8(`event: message\ndata: ${text}\n\n`);
          bytes += event.length;
          controller.enqueue(event);
        };
        const close = (outcome: Outcome, error: string | null): void => {
          settle(outcome, error);
          controller.close();
          reader.cancel().catch(() => undefined); // it may have ended
        };
        try {
          for (;;) {
            const { value, done } = await reader.read();
            const plain = done
              ? (hider?.end() ?? new Uint8Array(0))
              : (hider?.push(value) ?? value);
            let written = false;
            for (const data of events.push(plain)) {
              const found = passed(parseExact(data), asked, target.mcp);
              switch (found.kind) {
                case 'notification':
                  if (found.message['method'] === TOOLS_CHANGED) this.#options.toolsChanged();
                  write(this.#written(found.message));
                  written = true;
                  break;
                case 'answer':
                  write(this.#written(found.message));
                  return close(found.error === null ? 'succeeded' : 'failed', found.error);
                default:
                  this.#dropped += 1;
              }
            }
            if (done) {
              // It may have asked the client for something instead, and waits for that.
              write(failureAnswer(asked, 'target_closed', true).body);
              return close('unknown', 'target_closed');
            }
            if (written) return;
          }
        } catch (error) {
          if (over) return;
          const masked = error instanceof BodyMaskFailure;
          const code = masked ? 'mask_body' : 'target_closed';
          const refusal = masked
            ? withheldAnswer(asked, sentence(error))
            : failureAnswer(asked, code, true);
          write(refusal.body);
          close(masked ? 'failed' : 'unknown', code);
        }
      },
      cancel: async (reason) => {
        settle('cancelled', null);
        await reader.cancel(reason);
      },
    });
    const answer = {
      status: 200,
      headers: [
        ['content-type', 'text/event-stream'],
        ['cache-control', 'no-store'],
      ] as const,
      body: '',
    };
    const { headers: own } = respond(answer, session);
    return this.#marked(new Response(stream, { status: 200, headers: own }), headers);
  }

  #written(message: JsonObject): string {
    return JSON.stringify(this.#masker === null ? message : this.#masker.masked(message));
  }

  #marked(response: Response, more: Headers): Response {
    for (const [name, value] of more) response.headers.set(name, value);
    if (this.#masker !== null) response.headers.set('x-postern-masked', 'true');
    return response;
  }

  #failed(code: SessionCode, sent: boolean | null, error: string = code): Response {
    this.#options.settle('failed', error, 0);
    return this.#refusal(failureAnswer(this.#options.asked, code, sent));
  }

  #withheld(why: string): Response {
    this.#options.settle('failed', 'mask_body', 0);
    return this.#refusal(withheldAnswer(this.#options.asked, why));
  }

  #refusal(answer: Answer): Response {
    return respond(answer, this.#options.session);
  }
}

/** Null: more than is held. */
async function read(
  body: ReadableStream<Uint8Array>,
  hider: Hider | null,
): Promise<Uint8Array | null> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { value, done } = await reader.read();
    const plain = done ? (hider?.end() ?? new Uint8Array(0)) : (hider?.push(value) ?? value);
    chunks.push(plain.slice());
    size += plain.length;
    if (done) return concatBytes(chunks);
    if (size > MAX_EVENT_LENGTH) {
      await reader.cancel();
      return null;
    }
  }
}

/** Its messages hold no value. */
function sentence({ message }: BodyMaskFailure): string {
  return `It holds ${message}.`;
}
