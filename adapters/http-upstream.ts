// One judged request, sent to its HTTP target, and the target's answer. Credential and route are added here, after the decision
// was recorded and as late as can be. Nothing is cached, no redirect followed, and nothing sent twice but a GET whose kept token
// the target no longer takes. Which headers the caller may see, masks and records are whoever asks to see to.
import type { HeaderList } from '../core/http/header-list.ts';
import { withCredentialParameter } from '../core/http/credential.ts';
import type { WebTarget } from '../core/policy/policy.ts';
import type { Env } from './env.ts';
import { requestUrl, routedOrigin, targetOrigin } from './http-address.ts';
import { answeredInTime, checkedAnswer, sendFailure } from './http-answer.ts';
import { plainBody } from './http-body.ts';
import { httpCredential, type UsableCredential } from './http-credential.ts';
import { reportAuthFailure, UpstreamFailure } from './http-failure.ts';
import { callersHeaders, fetchRequest } from './http-request.ts';
import { httpRoute } from './http-route.ts';
import { signature } from './http-signature.ts';

export interface UpstreamRequest {
  readonly method: string;
  /** Normalised, below the target's base. */
  readonly path: string;
  /** Without the question mark; null where there is none. */
  readonly query: string | null;
  /** Filtered by core/http/headers.ts, the gateway's accept-encoding included. */
  readonly headers: HeaderList;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  /** Bytes of a streamed body, where the caller said: sent as Content-Length. Null: sent in chunks. */
  readonly length: number | null;
  readonly webSocket: boolean;
  /** Ends waiting, sending and reading. */
  readonly signal: AbortSignal;
}

export interface UpstreamResponse {
  /** 200 to 599, or 101 with a `webSocket`. */
  readonly status: number;
  /** In lower case; Set-Cookie once for each cookie, other repeats joined. */
  readonly headers: HeaderList;
  readonly body: ReadableStream<Uint8Array> | null;
  /** Not yet accepted. */
  readonly webSocket: WebSocket | null;
  /** Content-Encoding was undone: `bodyChanged` for core/http/headers.ts. */
  readonly decoded: boolean;
  /** Content-Encoding that cannot be undone here: the body cannot be searched or masked. */
  readonly packed: boolean;
  /** Every text that must be in no answer: credentials and tokens, in the spellings in which they could be echoed. */
  readonly secrets: readonly string[];
}

/**
 * @throws UpstreamFailure where there is no answer, or none that can be handed on
 * @throws the signal's reason when it is aborted
 */
export async function upstream(
  env: Env,
  target: WebTarget,
  request: UpstreamRequest,
): Promise<UpstreamResponse> {
  const first = await exchange(env, target, request);
  const { token, response } = first;
  if (token === null || response.status !== 401) return told(target, response);
  token.drop();
  // An older token may have been withdrawn. 401 says that nothing was done, but what has a body or effects is
  // not sent again on somebody's word.
  const again = token.doubtful && request.body === null && !request.webSocket;
  if (!again || (request.method !== 'GET' && request.method !== 'HEAD')) {
    return told(target, response);
  }
  await response.body?.cancel();
  return told(target, (await exchange(env, target, request)).response);
}

/** The target's answer is the caller's, but operators hear that their credential does not open the door. */
function told(target: WebTarget, response: UpstreamResponse): UpstreamResponse {
  if (target.credential !== null && (response.status === 401 || response.status === 403)) {
    reportAuthFailure(target.id, `answer_${response.status}`);
  }
  return response;
}

interface Exchange {
  readonly token: UsableCredential['token'];
  readonly response: UpstreamResponse;
}

async function exchange(env: Env, target: WebTarget, request: UpstreamRequest): Promise<Exchange> {
  request.signal.throwIfAborted();
  const route = httpRoute(env, target);
  const origin = routedOrigin(target);
  // Refused before a token is asked for.
  requestUrl(origin, target.base, request.path, request.query);
  const credential = await httpCredential(env, target);
  const query = withCredential(request.query, credential);
  const url = requestUrl(origin, target.base, request.path, query);
  const own = [...(credential?.headers ?? []), ...route.headers];
  const kept = callersHeaders(request.headers, own);
  const signed =
    credential === null || credential.signing === null
      ? null
      : await signature(credential.signing, {
          method: request.method,
          url: requestUrl(targetOrigin(target), target.base, request.path, query),
          headers: kept,
          body: request.body,
        });
  // A part of a packed body must arrive as it is; see http-body.ts.
  const raw = kept.some(([name]) => name === 'range');
  const headers = [...kept, ...own, ...(signed?.headers ?? [])];
  const { method, body: sentBody, length, webSocket } = request;
  const sendable = { url, method, headers, body: sentBody, length, webSocket };
  const response = await answeredInTime(request.signal, (sending) =>
    route.fetch(
      fetchRequest(sendable, sending),
      // A Request does not carry this along.
      raw ? { encodeResponseBody: 'manual' } : {},
    ),
  ).catch((error: unknown) => {
    throw sendFailure(error, target, request.signal);
  });
  const answered = await checkedAnswer(response, target, request.webSocket);
  const { body, decoded, packed } = plainBody(response, answered, raw);
  const secrets = [
    ...(credential?.secrets ?? []),
    ...route.secrets,
    ...(signed === null ? [] : [signed.secret]),
  ];
  return {
    token: credential?.token ?? null,
    response: {
      status: response.status,
      headers: answered,
      body: request.method === 'HEAD' ? null : body,
      webSocket: response.webSocket,
      decoded,
      packed,
      secrets,
    },
  };
}

function withCredential(query: string | null, credential: UsableCredential | null): string | null {
  if (credential === null || credential.parameter === null) return query;
  const added = withCredentialParameter(query, credential.parameter);
  if (added.ok) return added.query;
  throw new UpstreamFailure('request_refused', 'the query holds the credential parameter', false);
}
