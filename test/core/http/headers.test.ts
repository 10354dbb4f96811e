import { assert, array, constantFrom, oneof, property, stringMatching, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeaderList } from '../../../core/http/header-list.ts';
import {
  CREDENTIAL_REQUEST_HEADERS,
  CREDENTIAL_RESPONSE_HEADERS,
  KEY_REQUEST_HEADERS,
  OVERRIDE_REQUEST_HEADERS,
} from '../../../core/http/header-tables.ts';
import {
  requestHeaders,
  responseHeaders,
  type HeaderCode,
  type RequestHeaderOptions,
  type ResponseHeaderOptions,
} from '../../../core/http/headers.ts';

const REQUEST: RequestHeaderOptions = {
  allowCookies: false,
  allow: [],
  own: [],
  acceptEncoding: 'identity',
  webSocket: false,
};
const RESPONSE: ResponseHeaderOptions = {
  mount: {
    origin: 'https://api.acme.example',
    base: '',
    prefix: '/http/shop',
    paths: {},
    credentialParameter: null,
  },
  requestPath: '/a/b',
  allowCookies: false,
  allowChallenges: false,
  allow: [],
  bodyChanged: false,
  secrets: [],
};
const ADDED_TO_REQUEST = ['accept-encoding', 'via'];
const ADDED_TO_RESPONSE = ['content-security-policy', 'x-content-type-options'];

function sent(incoming: HeaderList, options: Partial<RequestHeaderOptions> = {}) {
  const result = requestHeaders(incoming, { ...REQUEST, ...options });
  if (!result.ok) return result.code;
  return result.headers.filter(([name]) => !ADDED_TO_REQUEST.includes(name));
}

function answered(incoming: HeaderList, options: Partial<ResponseHeaderOptions> = {}) {
  const result = responseHeaders(incoming, { ...RESPONSE, ...options });
  if (!result.ok) return result.code;
  return result.headers.filter((_, index) => index < result.headers.length - 2);
}

describe('requestHeaders', () => {
  it.each<[string]>(
    [
      'Accept',
      'Content-Type',
      'Content-Encoding',
      'Range',
      'If-None-Match',
      'Prefer',
      'User-Agent',
      'Idempotency-Key',
      'Accept-Language',
      'traceparent',
      'X-Custom',
      'anthropic-version',
      'Depth',
      'X-GitHub-Api-Version',
      'X-Amz-Target',
      'SOAPAction',
      'Last-Event-ID',
      'Cache-Control',
    ].map((name) => [name]),
  )('lets %s through', (name) => {
    expect(sent([[name, 'x']])).toEqual([[name.toLowerCase(), 'x']]);
  });

  it.each<[string, string]>([
    ['Authorization', 'Bearer caller'],
    ['AUTHORIZATION', 'Basic x'],
    ['Proxy-Authorization', 'x'],
    ['Cookie', 'a=b'],
    ['Host', 'evil.example'],
    ['Connection', 'close'],
    ['Keep-Alive', 'timeout=5'],
    ['Proxy-Connection', 'keep-alive'],
    ['TE', 'trailers'],
    ['Trailer', 'x-sum'],
    ['Transfer-Encoding', 'chunked'],
    ['Content-Length', '12'],
    ['Upgrade', 'websocket'],
    ['HTTP2-Settings', 'x'],
    ['Expect', '100-continue'],
    ['Via', '1.1 other'],
    ['Forwarded', 'for=10.0.0.1'],
    ['X-Forwarded-For', '10.0.0.1'],
    ['X-Forwarded-Host', 'evil'],
    ['x_forwarded_for', '10.0.0.1'],
    ['X.Forwarded.For', '10.0.0.1'],
    ['X-Real-IP', '10.0.0.1'],
    ['X_Real_IP', '10.0.0.1'],
    ['True-Client-IP', '10.0.0.1'],
    ['CF-Connecting-IP', '10.0.0.1'],
    ['CF-Access-Client-Secret', 's'],
    ['CF-Access-Jwt-Assertion', 's'],
    ['Sec-WebSocket-Key', 'x'],
    ['Sec-WebSocket-Protocol', 'chat'],
    ['Sec-Fetch-Site', 'same-origin'],
    ['X-Postern-Task', 'x'],
    ['X_Postern_Anything', 'x'],
    ['Impersonate-User', 'system:admin'],
    ['X-Remote-User', 'root'],
    ['X-WEBAUTH-USER', 'admin'],
    ['X-Goog-IAP-JWT-Assertion', 'x'],
    ['X-MS-Client-Principal', 'x'],
    ['X-Middleware-Subrequest', 'middleware'],
    ['X-Envoy-Original-Path', '/admin'],
    ['Ssl-Client-Cert', 'x'],
    ['X-API-Key', 'callers own'],
    ['X_Api_Key', 'callers own'],
    ['Private-Token', 'callers own'],
    ['X-Auth-Token', 'callers own'],
    ['Origin', 'https://gate.example'],
    ['Referer', 'https://gate.example/http/shop/'],
    ['Destination', 'https://elsewhere/'],
    ['Accept-Encoding', 'gzip'],
    ['Max-Forwards', '1'],
  ])('drops %s', (name, value) => {
    expect(sent([[name, value]])).toEqual([]);
  });

  it.each<[string, HeaderList, HeaderCode]>([
    ...OVERRIDE_REQUEST_HEADERS.map((name): [string, HeaderList, HeaderCode] => [
      name,
      [[name, 'DELETE']],
      'header_override',
    ]),
    ['an override with underscores', [['X_HTTP_Method_Override', 'DELETE']], 'header_override'],
    ['a service worker', [['Service-Worker', 'script']], 'header_override'],
    ['a line break in a value', [['x-a', 'b\r\nx-c: d']], 'header_value'],
    ['a bare line feed', [['x-a', 'b\nc']], 'header_value'],
    ['a trailing line break', [['x-a', 'b\r\n']], 'header_value'],
    ['a leading line break', [['x-a', '\r\n b']], 'header_value'],
    ['a zero byte', [['x-a', 'b\0c']], 'header_value'],
    ['a character that is a line feed in one byte', [['x-a', 'b\u010Ac']], 'header_value'],
    ['a line break in a name', [['x-a\r\nx-b', 'c']], 'header_name'],
    ['a colon in a name', [['x-a:', 'c']], 'header_name'],
    ['a blank in a name', [['x-a ', 'c']], 'header_name'],
    ['a leading blank in a name', [[' x-a', 'c']], 'header_name'],
    ['an empty name', [['', 'c']], 'header_name'],
    ['a pseudo header', [[':path', '/admin']], 'header_name'],
    [
      'two lengths',
      [
        ['content-length', '1'],
        ['content-length', '1'],
      ],
      'header_repeated',
    ],
    ['two lengths in one', [['content-length', '1, 2']], 'header_framing'],
    ['a signed length', [['content-length', '+1']], 'header_framing'],
    ['a hexadecimal length', [['content-length', '0x1']], 'header_framing'],
    ['a negative length', [['content-length', '-1']], 'header_framing'],
    [
      'length and chunks',
      [
        ['content-length', '1'],
        ['transfer-encoding', 'chunked'],
      ],
      'header_framing',
    ],
    ['a coding before chunks', [['transfer-encoding', 'gzip, chunked']], 'header_framing'],
    ['an unknown coding', [['transfer-encoding', 'xchunked']], 'header_framing'],
    ['chunks twice', [['transfer-encoding', 'chunked, chunked']], 'header_framing'],
    ['chunks with a parameter', [['transfer-encoding', 'chunked;q=1']], 'header_framing'],
    ['a length with an underscore', [['content_length', '0']], 'header_framing'],
    ['a coding with an underscore', [['transfer_encoding', 'chunked']], 'header_framing'],
    ['a type with an underscore', [['content_type', 'text/plain']], 'header_framing'],
    [
      'two types',
      [
        ['content-type', 'a/b'],
        ['content-type', 'c/d'],
      ],
      'header_repeated',
    ],
    ['two types in one', [['content-type', 'text/plain, application/json']], 'header_repeated'],
    [
      'two hosts',
      [
        ['host', 'a'],
        ['host', 'b'],
      ],
      'header_repeated',
    ],
    ['an unknown expectation', [['expect', '200-ok']], 'header_expectation'],
    [
      'Connection that names the type',
      [['connection', 'close, content-type']],
      'header_connection',
    ],
    ['Connection that names the host', [['connection', 'Host']], 'header_connection'],
    ['a loop', [['via', '1.1 a, 1.1 Postern']], 'header_loop'],
    [
      'too many',
      Array.from({ length: 201 }, (_, i) => [`x-${i}`, ''] as const),
      'headers_too_large',
    ],
    ['too much', [['x-a', 'x'.repeat(65_536)]], 'headers_too_large'],
  ])('refuses %s', (_name, incoming, code) => {
    expect(sent(incoming)).toBe(code);
  });

  it('drops what Connection names, and reads no wildcards there', () => {
    const incoming: HeaderList = [
      ['connection', 'x-hop, x-*'],
      ['x-hop', '1'],
      ['x-kept', '2'],
    ];
    expect(sent(incoming)).toEqual([['x-kept', '2']]);
  });

  it('sets accept-encoding and via itself', () => {
    expect(requestHeaders([['accept-encoding', 'br']], REQUEST)).toEqual({
      ok: true,
      headers: [
        ['accept-encoding', 'identity'],
        ['via', '1.1 postern'],
      ],
    });
  });

  it('lets the policy name a header of the unless rows, and none of the others', () => {
    const incoming: HeaderList = [
      ['x-csrf-token', 'a'],
      ['authorization', 'b'],
      ['x-forwarded-for', 'c'],
      ['origin', 'd'],
    ];
    const allow = ['x-csrf-token', 'authorization', 'x-forwarded-for', '*', 'origin'];
    expect(sent(incoming, { allow })).toEqual([
      ['x-csrf-token', 'a'],
      ['origin', 'd'],
    ]);
  });

  it('never takes a header that the gateway sets from the caller', () => {
    const incoming: HeaderList = [
      ['X-Acme-Key', 'callers'],
      ['x_acme_key', 'callers'],
    ];
    expect(sent(incoming, { own: ['X-Acme-Key'], allow: ['X-Acme-Key'] })).toEqual([]);
  });

  it('lets cookies through where the policy does, but for its own', () => {
    const cookie =
      'a=1; __Host-postern=secret; postern-dev=secret; CF_Authorization=secret; __cf_bm=x; b=2; __Host-other=secret';
    expect(sent([['Cookie', cookie]], { allowCookies: true })).toEqual([['cookie', 'a=1; b=2']]);
  });

  it('keeps the cookie of the gateway the only one where the credential is a cookie', () => {
    expect(sent([['cookie', 'a=1']], { allowCookies: true, own: ['Cookie'] })).toEqual([]);
  });

  it('lets subprotocols through, but for those that carry tokens', () => {
    const protocols =
      'chat, postern.v1, base64url.bearer.authorization.k8s.io.c2VjcmV0, graphql-transport-ws, token.abc';
    expect(sent([['sec-websocket-protocol', protocols]], { webSocket: true })).toEqual([
      ['sec-websocket-protocol', 'chat, graphql-transport-ws'],
    ]);
  });

  it.each<[string, HeaderList]>([
    ['a run of blanks in a value', [['x-a', `a${' '.repeat(60_000)}a`]]],
    ['quotes that are not closed', [['content-type', '"\\'.repeat(30_000)]]],
    ['commas', [['connection', ','.repeat(60_000)]]],
  ])('takes linear time for %s', (_name, incoming) => {
    const start = performance.now();
    sent(incoming);
    expect(performance.now() - start).toBeLessThan(250);
  });

  const CANARY = 'canary-3f8a';
  const spelled = (names: readonly string[]) =>
    tuple(
      constantFrom(...names.map((name) => name.replaceAll('*', 'x'))),
      constantFrom<(name: string) => string>(
        (name) => name,
        (name) => name.toUpperCase(),
        (name) => name.replaceAll('-', '_'),
        (name) => name.replaceAll('-', '.'),
        (name) => name.replace(/-./, (end) => end.toUpperCase()),
      ),
    ).map(([name, spell]): [string, string] => [spell(name), CANARY]);
  const harmless = tuple(
    oneof(stringMatching(/^[a-z][a-z-]{0,12}$/), constantFrom('connection', 'accept', 'te')),
    stringMatching(/^[a-z, -]{0,20}$/),
  );

  it('never sends a credential of the caller, however its name is spelled', () => {
    const names = [
      ...CREDENTIAL_REQUEST_HEADERS,
      ...KEY_REQUEST_HEADERS,
      'cf-access-token',
      'x-postern-a',
    ];
    assert(
      property(array(oneof(spelled(names), harmless), { maxLength: 12 }), (incoming) => {
        const result = requestHeaders(incoming, { ...REQUEST, allow: ['authorization', 'cookie'] });
        expect(JSON.stringify(result)).not.toContain(CANARY);
      }),
      { numRuns: 3_000 },
    );
  });

  it('never shows a credential of the target, however its name is spelled', () => {
    assert(
      property(
        array(oneof(spelled(CREDENTIAL_RESPONSE_HEADERS), harmless), { maxLength: 12 }),
        (incoming) => {
          const result = responseHeaders(incoming, { ...RESPONSE, allow: ['set-cookie'] });
          expect(JSON.stringify(result)).not.toContain(CANARY);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

describe('responseHeaders', () => {
  it.each<[string]>(
    [
      'Content-Type',
      'Content-Length',
      'ETag',
      'Cache-Control',
      'Content-Range',
      'Retry-After',
      'X-RateLimit-Remaining',
      'Content-Disposition',
      'Vary',
      'Allow',
      'X-Request-Id',
      'Age',
    ].map((name) => [name]),
  )('lets %s through', (name) => {
    expect(answered([[name, 'x']])).toEqual([[name.toLowerCase(), 'x']]);
  });

  it.each<[string]>(
    [
      'Set-Cookie',
      'Set-Cookie2',
      'WWW-Authenticate',
      'Proxy-Authenticate',
      'Authentication-Info',
      'Connection',
      'Keep-Alive',
      'Transfer-Encoding',
      'Trailer',
      'Upgrade',
      'Proxy-Status',
      'Alt-Svc',
      'Strict-Transport-Security',
      'Clear-Site-Data',
      'Service-Worker-Allowed',
      'Access-Control-Allow-Origin',
      'Access-Control-Allow-Credentials',
      'Timing-Allow-Origin',
      'Report-To',
      'NEL',
      'Reporting-Endpoints',
      'Public-Key-Pins',
      'Expect-CT',
      'Origin-Trial',
      'Refresh',
      'X-Accel-Redirect',
      'X-Sendfile',
      'CF-Ray',
      'CDN-Cache-Control',
      'Surrogate-Key',
      'X-Postern-Anything',
      'Via',
      'SourceMap',
      'Cross-Origin-Opener-Policy',
      'X_Accel_Redirect',
    ].map((name) => [name]),
  )('drops %s', (name) => {
    expect(answered([[name, 'x=y']])).toEqual([]);
  });

  it('keeps pages of the target from acting as the gateway', () => {
    const result = responseHeaders([['content-security-policy', "default-src 'self'"]], RESPONSE);
    expect(result).toEqual({
      ok: true,
      headers: [
        ['content-security-policy', "default-src 'self'"],
        ['content-security-policy', 'sandbox'],
        ['x-content-type-options', 'nosniff'],
      ],
    });
    expect(ADDED_TO_RESPONSE).toHaveLength(2);
  });

  it('refuses an answer with a line break in a header', () => {
    expect(answered([['x-a', 'b\r\nset-cookie: c=d']])).toBe('header_value');
    expect(answered([['x-a', 'b\0']])).toBe('header_value');
    expect(
      answered([
        ['x-a', 'b\u010Ac'],
        ['x-b', 'c'],
      ]),
    ).toEqual([['x-b', 'c']]);
  });

  it('drops what Connection names', () => {
    expect(
      answered([
        ['connection', 'X-Hop'],
        ['x-hop', '1'],
        ['x-kept', '2'],
      ]),
    ).toEqual([['x-kept', '2']]);
  });

  it('drops what a changed body makes wrong', () => {
    const incoming: HeaderList = [
      ['content-length', '12'],
      ['content-encoding', 'gzip'],
      ['etag', '"x"'],
      ['content-digest', 'x'],
      ['accept-ranges', 'bytes'],
      ['content-type', 'application/json'],
    ];
    expect(answered(incoming, { bodyChanged: true })).toEqual([
      ['content-type', 'application/json'],
    ]);
    expect(answered(incoming)).toEqual(incoming);
  });

  it('drops a header that echoes a secret', () => {
    const incoming: HeaderList = [
      ['x-echo', 'authorization: Bearer s3cr3t/x'],
      ['location', '/a?key=s3cr3t%2Fx'],
      ['x-other', 'fine'],
    ];
    expect(answered(incoming, { secrets: ['s3cr3t/x', 's3cr3t%2Fx', ''] })).toEqual([
      ['x-other', 'fine'],
    ]);
  });

  it('lets challenges and cookies through where the policy does, cookies for the target alone', () => {
    const incoming: HeaderList = [
      ['set-cookie', 'a=1; Domain=acme.example; Path=/app; HttpOnly; SameSite=Lax'],
      ['set-cookie', 'b=2'],
      ['set-cookie', 'c=3; path=/../; Secure'],
      ['set-cookie', '__Host-postern=forged; Path=/; Secure'],
      ['set-cookie', 'postern-dev=forged'],
      ['set-cookie', '=postern-dev=forged'],
      ['set-cookie', 'postern-dev'],
      ['www-authenticate', 'Basic realm="x"'],
    ];
    expect(answered(incoming, { allowCookies: true, allowChallenges: true })).toEqual([
      ['set-cookie', 'a=1; Path=/http/shop/app; HttpOnly; SameSite=Lax'],
      ['set-cookie', 'b=2; Path=/http/shop/'],
      ['set-cookie', 'c=3; Path=/http/shop/; Secure'],
      ['www-authenticate', 'Basic realm="x"'],
    ]);
  });

  it.each<[string, string]>([
    ['a=1; Path=/api/v2/app', 'a=1; Path=/http/shop/app'],
    ['a=1; Path=/api/v2', 'a=1; Path=/http/shop/'],
    ['a=1; Path=/elsewhere', 'a=1; Path=/http/shop/'],
    ['a=1; Path=/api/v2/../x', 'a=1; Path=/http/shop/'],
  ])('moves %j below the address', (cookie, expected) => {
    const mount = { ...RESPONSE.mount, base: '/api/v2' };
    expect(answered([['set-cookie', cookie]], { mount, allowCookies: true })).toEqual([
      ['set-cookie', expected],
    ]);
  });

  it('tells references as the caller can follow them', () => {
    const incoming: HeaderList = [
      ['location', 'https://api.acme.example/next?page=2'],
      ['content-location', 'c'],
      ['link', '</a?page=2>; rel="next", <https://api.acme.example/z>; rel=last'],
    ];
    expect(answered(incoming)).toEqual([
      ['location', '/http/shop/next?page=2'],
      ['content-location', '/http/shop/a/c'],
      ['link', '</http/shop/a?page=2>; rel="next", </http/shop/z>; rel=last'],
    ]);
  });
});
