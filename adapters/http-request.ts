// A judged request as fetch() takes it. What fetch would change or cannot send is refused, and a body that breaks off takes the
// whole request with it: workerd ends the message properly when a stream of ours fails, and half an order would be one to the
// target (measured; docs/http.md).
import { nameMatcher } from '../core/http/header-tables.ts';
import type { HeaderList } from '../core/http/header-list.ts';
import { UpstreamFailure } from './http-failure.ts';

export interface Sendable {
  readonly url: string;
  readonly method: string;
  readonly headers: HeaderList;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
  /** Bytes of a streamed body: sent as Content-Length. Null: sent in chunks. */
  readonly length: number | null;
  readonly webSocket: boolean;
}

export interface Sending {
  readonly signal: AbortSignal;
  /** Some of the body is on its way. */
  alive(): void;
  /** Ends the request. */
  abort(reason: UpstreamFailure): void;
}

/** fetch's, the route's or the credential's, whatever the caller's headers hold. */
const OWN_HEADERS: readonly string[] = [
  'authorization',
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'cf-*',
  'cdn-loop',
  'x-amz-date',
  'x-amz-content-sha256',
  'x-amz-security-token',
  'sec-websocket-key',
  'sec-websocket-version',
];

/** Those of the caller's that go beside the gateway's `own`. core/http/headers.ts has filtered them; this is the last look. */
export function callersHeaders(headers: HeaderList, own: HeaderList): HeaderList {
  const mine = nameMatcher([...OWN_HEADERS, ...own.map(([name]) => name)]);
  return headers.filter(([name]) => !mine(name));
}

/** @throws UpstreamFailure request_refused where fetch cannot send what was judged, such as a GET with a body */
export function fetchRequest(sendable: Sendable, sending: Sending): Request {
  const { url, method, headers, webSocket } = sendable;
  const sent = headers.map(([name, value]): [string, string] => [name, value]);
  if (webSocket) sent.push(['upgrade', 'websocket']);
  let message: Request;
  try {
    message = new Request(url, {
      method,
      headers: sent,
      body: sentBody(sendable, sending),
      redirect: 'manual',
      // Cloudflare would otherwise keep answers for whoever asks next.
      cache: 'no-store',
      signal: sending.signal,
    });
  } catch {
    // The runtime's text may quote what it refuses.
    throw new UpstreamFailure('request_refused', 'fetch cannot send this request', false);
  }
  if (message.url !== url || message.method !== method) {
    throw new UpstreamFailure('request_refused', 'the request would be sent as another one', false);
  }
  return message;
}

function sentBody({ body, length }: Sendable, sending: Sending): Sendable['body'] {
  if (body === null || body instanceof Uint8Array) return body;
  const whole = wholeOrNone(body, sending);
  // Breaks off by itself where the body is not as long as was said.
  return length === null ? whole : whole.pipeThrough(new FixedLengthStream(length));
}

function wholeOrNone(
  body: ReadableStream<Uint8Array>,
  sending: Sending,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await reader.read();
          sending.alive();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch {
          // Neither closed nor failed: the abort cancels this stream, and the connection with it.
          sending.abort(new UpstreamFailure('client_closed', 'the body broke off', true));
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
