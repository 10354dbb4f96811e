import { describe, expect, it } from 'vitest';
import { encode } from '../../../core/approval/encoding.ts';
import { toHex } from '../../../core/bytes.ts';
import { canonicalRequest, type CanonicalContent } from '../../../core/http/canonical.ts';
import { requestHeaders } from '../../../core/http/headers.ts';

const CONTENT: CanonicalContent = {
  method: 'POST',
  path: '/orders',
  query: 'dry=1',
  headers: [
    ['content-type', 'application/json'],
    ['accept', 'application/json'],
  ],
  bodyDigest: '00'.repeat(32),
  webSocket: false,
};

const bytes = (change: Partial<CanonicalContent> = {}) =>
  toHex(encode(canonicalRequest({ ...CONTENT, ...change })));

const withHeader = (name: string, value: string) => ({
  headers: [...CONTENT.headers, [name, value] as const],
});

describe('canonicalRequest', () => {
  it('is a list that can be encoded', () => {
    expect(canonicalRequest(CONTENT)).toEqual([
      'http',
      'POST',
      '/orders',
      'dry=1',
      [
        ['accept', 'application/json'],
        ['content-type', 'application/json'],
      ],
      '00'.repeat(32),
      'request',
    ]);
  });

  it.each<[string, Partial<CanonicalContent>]>([
    ['the method', { method: 'PUT' }],
    ['the path', { path: '/orders/' }],
    ['the query', { query: 'dry=0' }],
    ['the order in the query', { query: 'a&dry=1' }],
    ['an escape in the query', { query: 'dr%79=1' }],
    ['no query', { query: null }],
    ['an empty query', { query: '' }],
    ['the body', { bodyDigest: '01'.repeat(32) }],
    ['no body', { bodyDigest: null }],
    ['a WebSocket', { webSocket: true }],
    ['no headers', { headers: [] }],
    ['the type', { headers: [['content-type', 'text/plain']] }],
    ['a condition', withHeader('if-match', '"x"')],
    ['a range', withHeader('range', 'bytes=0-1')],
    ['a preference', withHeader('prefer', 'return=minimal')],
    ['what is copied', withHeader('x-amz-copy-source', '/other/secret')],
    ['an action in a header', withHeader('x-amz-target', 'DynamoDB.DeleteTable')],
    ['an unknown header', withHeader('x-unknown', '1')],
    ['a header twice', withHeader('accept', 'application/json')],
  ])('changes with %s', (_name, change) => {
    expect(bytes(change)).not.toBe(bytes());
  });

  it.each<[string, Partial<CanonicalContent>]>([
    ['the client', withHeader('user-agent', 'curl/8')],
    ['a trace', withHeader('traceparent', '00-1-1-00')],
    ['an idempotency key', withHeader('idempotency-key', 'a')],
    ['a retry count of an SDK', withHeader('x-stainless-retry-count', '1')],
    ['the order of different headers', { headers: CONTENT.headers.toReversed() }],
    [
      'the case of a name',
      { headers: CONTENT.headers.map(([name, value]) => [name.toUpperCase(), value]) },
    ],
  ])('does not change with %s', (_name, change) => {
    expect(bytes(change)).toBe(bytes());
  });

  it('keeps the order of repeats', () => {
    const first = [
      ['x-a', '1'],
      ['x-a', '2'],
    ] as const;
    expect(bytes({ headers: first })).not.toBe(bytes({ headers: first.toReversed() }));
  });

  it('does not change with what the gateway adds', () => {
    const options = {
      allowCookies: false,
      allow: [],
      own: [],
      acceptEncoding: 'gzip',
      webSocket: false,
    };
    const passed = requestHeaders(CONTENT.headers, options);
    if (!passed.ok) throw new Error(passed.code);
    expect(bytes({ headers: passed.headers })).toBe(bytes());
  });
});
