// HTTP requests to be approved and recorded, with the facts that the gateway itself would take of them.
import { createHash } from 'node:crypto';
import type { SessionEvent } from '../../core/audit/event.ts';
import type { HttpContent } from '../../core/approval/request.ts';
import { decodeUtf8 } from '../../core/bytes.ts';
import { httpFacts } from '../../core/http/facts.ts';
import type { HeaderList } from '../../core/http/header-list.ts';
import { readQuery } from '../../core/http/query.ts';
import { recordedHeaders } from '../../core/http/record.ts';

export interface RequestOptions {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string | null;
  readonly headers?: HeaderList;
  readonly body?: string | Uint8Array | null;
  readonly webSocket?: boolean;
}

export const REFUND = '{"charge":"ch_1","amount":1250,"currency":"eur"}';
const JSON_HEADERS: HeaderList = [
  ['accept', 'application/json'],
  ['content-type', 'application/json'],
  ['idempotency-key', 'k-1'],
  ['user-agent', 'refund-agent/1.0'],
];

/** A refund, unless something else is said. Headers without a body leave out its type. */
export function httpContent(options: RequestOptions = {}): HttpContent {
  const { method = 'POST', path = '/v1/refunds', query = null, webSocket = false } = options;
  const body = options.body === undefined ? REFUND : options.body;
  const headers =
    options.headers ?? JSON_HEADERS.filter(([name]) => body !== null || name !== 'content-type');
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const read = readQuery(query ?? '');
  if (!read.ok) throw new Error(`the query of a test: ${read.code}`);
  const text = bytes === null ? null : decodeUtf8(bytes);
  return {
    kind: 'http',
    method,
    path,
    query,
    headers,
    bodyDigest: bytes === null ? null : createHash('sha256').update(bytes).digest('hex'),
    webSocket,
    body:
      bytes === null
        ? null
        : text === null
          ? { base64: Buffer.from(bytes).toString('base64') }
          : { text },
    facts: httpFacts({
      method,
      host: 'api.pay.example',
      path,
      query: read.parameters,
      headers,
      body: bytes,
      webSocket,
      graphqlPaths: [],
    }),
  };
}

type RequestEvent = Extract<SessionEvent, { kind: 'request' }>;

/** The same request as the journal keeps it, allowed unless something else is said. */
export function requestEvent(
  action: number,
  options: RequestOptions = {},
  change: Partial<RequestEvent> = {},
): RequestEvent {
  const { method, path, query, headers, bodyDigest, body, facts } = httpContent(options);
  const bytes =
    body === null
      ? 0
      : 'text' in body
        ? Buffer.byteLength(body.text)
        : Buffer.from(body.base64, 'base64').length;
  return {
    kind: 'request',
    action,
    method,
    path,
    query,
    headers: recordedHeaders(headers),
    body: bodyDigest === null ? null : { digest: bodyDigest, bytes },
    facts,
    decision: { kind: 'allow', rules: ['refunds'], code: null, revision: 7, observed: [] },
    ...change,
  };
}
