// The part of an approval's envelope that is about an HTTP request: what gives it its effect, in one spelling. Method, path
// and query are what is sent, to the letter; of the headers everything but those that are known to change nothing counts,
// since what an unknown header does nobody knows (`x-amz-copy-source` names what is copied). The body counts by its digest.
// The envelope around it is core/approval/envelope.ts's.
import type { Encodable } from '../approval/encoding.ts';
import type { HttpContent } from '../approval/request.ts';
import type { HeaderList } from './header-list.ts';
import { nameMatcher } from './header-tables.ts';

/** What of a request's content goes into the envelope: the body by its digest. */
export type CanonicalContent = Omit<HttpContent, 'kind' | 'body' | 'facts'>;

/**
 * Headers that say who asks, how it is traced, or how the answer travels, never what is done. Idempotency-Key is one of
 * them: it can only keep a request from running twice, an approval runs once, and clients choose a new key for every try,
 * which would make every try a new question.
 */
const inert = nameMatcher([
  'accept-encoding',
  'via',
  'user-agent',
  'x-user-agent',
  'x-client-info',
  'x-request-id',
  'x-correlation-id',
  'x-trace-id',
  'x-request-start',
  'request-id',
  'traceparent',
  'tracestate',
  'baggage',
  'b3',
  'x-b3-*',
  'sentry-trace',
  'x-datadog-*',
  'uber-trace-id',
  'x-cloud-trace-context',
  'x-amzn-trace-id',
  'x-stainless-*',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'idempotency-key',
  'date',
  'priority',
  'dnt',
  'sec-gpc',
  'sec-ch-*',
  'upgrade-insecure-requests',
  'x-requested-with',
  'cache-control',
  'pragma',
]);

/** Names and values that count, sorted by name; repeats keep their order. */
export function effectiveHeaders(headers: HeaderList): HeaderList {
  return headers
    .filter(([name]) => !inert(name))
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** For `encode()`: `["http", method, path, query, [[name, value] …], body digest, "socket" | "request"]`. */
export function canonicalRequest(content: CanonicalContent): Encodable {
  const { method, path, query, headers, bodyDigest, webSocket } = content;
  return [
    'http',
    method,
    path,
    query,
    effectiveHeaders(headers),
    bodyDigest,
    webSocket ? 'socket' : 'request',
  ];
}
