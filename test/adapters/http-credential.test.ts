// Credentials on their way to an HTTP target: what the target gets, what nobody else does.
import { env as bindings } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { createHash, createHmac } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../adapters/env.ts';
import { UpstreamFailure } from '../../adapters/http-failure.ts';
import { upstream, type UpstreamResponse } from '../../adapters/http-upstream.ts';
import { responseHeaders } from '../../core/http/headers.ts';
import { createHider } from '../../core/http/hidden.ts';
import type { HttpCredential, HttpTarget } from '../../core/policy/policy.ts';
import { echoed, get, httpTarget, place, plainOrigin, seen } from './http-target-place.ts';
import type { Echo } from '../support/http-target-answers.ts';

const SECRETS = {
  KEY: 's3cret/key+value',
  TOKEN: 'abc.def-123',
  ACCESS: 'id.access:access-secret',
  AWS_ID: 'AKIDEXAMPLE',
  AWS_SECRET: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  AWS_SESSION: 'session+token==',
};

function gateway(more: Record<string, unknown> = {}): Env {
  return { ...bindings, POSTERN_ENV: 'development', ...SECRETS, ...more } as unknown as Env;
}

const env = gateway();
const logged: string[] = [];

beforeEach(() => {
  logged.length = 0;
  vi.spyOn(console, 'warn').mockImplementation((line: string) => void logged.push(line));
});

afterEach(() => {
  // Whatever else a test is about.
  for (const value of Object.values(SECRETS)) expect(logged.join()).not.toContain(value);
  vi.restoreAllMocks();
});

function withCredential(credential: HttpCredential, more: Partial<HttpTarget> = {}): HttpTarget {
  return httpTarget({ credential, ...more });
}

async function failure(promise: Promise<unknown>): Promise<UpstreamFailure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof UpstreamFailure) return error;
    throw error;
  }
  throw new Error('there was an answer');
}

describe('a credential', () => {
  it.each<[HttpCredential, string, string]>([
    [{ kind: 'bearer', token: 'TOKEN' }, 'authorization', 'Bearer abc.def-123'],
    [
      { kind: 'basic', user: 'app', password: 'KEY' },
      'authorization',
      `Basic ${btoa('app:s3cret/key+value')}`,
    ],
    [
      { kind: 'header', name: 'X-Key', secret: 'KEY', value: 'Token {}' },
      'x-key',
      'Token s3cret/key+value',
    ],
  ])(
    'is added, and stands in the place of the caller’s own: %o',
    async (credential, name, value) => {
      const headers = [
        [name, 'mine'],
        [name.replaceAll('-', '_'), 'mine'],
      ] as const;
      const answer = await upstream(env, withCredential(credential), get('/a', { headers }));
      const echo = await echoed(answer);
      expect(seen(echo, name)).toEqual([value]);
      expect(JSON.stringify(echo)).not.toContain('mine');
      // A body is searched by whoever hands it on (core/http/hidden.ts): the target may echo what it was sent.
      for (const secret of [value.split(' ').at(-1)!, value]) {
        expect(answer.secrets.some((hidden) => secret.includes(hidden))).toBe(true);
      }
    },
  );

  it('goes into the query, behind what the caller has there, to the letter', async () => {
    const target = withCredential({ kind: 'query', parameter: 'api_key', secret: 'KEY' });
    for (const [query, sent] of [
      ['a=b+c&d=%2B', 'a=b+c&d=%2B&'],
      ['', ''],
      [null, ''],
    ] as const) {
      const echo = await echoed(await upstream(env, target, get('/a', { query })));
      expect(echo.target).toBe(`/a?${sent}api_key=s3cret%2Fkey%2Bvalue`);
    }
    const twice = upstream(env, target, get('/a', { query: 'API_KEY=mine' }));
    expect(await failure(twice)).toMatchObject({ code: 'request_refused', sent: false });
  });

  it.each([
    ['missing', undefined, 'credential_missing'],
    ['empty', '', 'credential_missing'],
    ['with a line break at its end', 'abc\n', 'credential_malformed'],
    ['with a second header in it', 'abc\r\nX-Admin: yes', 'credential_malformed'],
    ['with a zero byte', 'a\0b', 'credential_malformed'],
    [
      'with characters that the runtime would quote in its log',
      'schlüssel',
      'credential_malformed',
    ],
  ])('that is %s is never sent', async (_name, value, reason) => {
    const { header, arrived } = place();
    for (const credential of [
      { kind: 'bearer', token: 'BAD' },
      { kind: 'header', name: 'x-key', secret: 'BAD' },
    ] as const) {
      const asked = upstream(
        gateway({ BAD: value }),
        withCredential(credential),
        get('/a', { headers: [header] }),
      );
      const error = await failure(asked);
      expect(error).toMatchObject({ code: 'target_auth_failed', sent: false });
      expect(error.message).toBe(`no usable credential: ${reason}`);
    }
    expect(await arrived()).toEqual([]);
    const event = { event: 'target_auth_failed', target: 'shop-api', reason };
    expect(logged.map((line) => JSON.parse(line) as unknown)).toEqual([event, event]);
  });

  it.each([
    [401, true],
    [403, true],
    [404, false],
  ])('that the target answers with %s makes it known to operators: %s', async (status, told) => {
    const path = `/status-${status}`;
    const target = withCredential({ kind: 'bearer', token: 'TOKEN' });
    expect((await upstream(env, target, get(path))).status).toBe(status);
    const event = { event: 'target_auth_failed', target: 'shop-api', reason: `answer_${status}` };
    expect(logged.map((line) => JSON.parse(line) as unknown)).toEqual(told ? [event] : []);
    logged.length = 0;
    await upstream(env, httpTarget(), get(path));
    expect(logged).toEqual([]);
  });

  it('does not follow a redirect to somebody else', async () => {
    const { header, arrived } = place();
    const target = withCredential({ kind: 'bearer', token: 'TOKEN' });
    const query = `to=${encodeURIComponent(`${plainOrigin()}/elsewhere`)}`;
    const answer = await upstream(env, target, get('/redirect', { query, headers: [header] }));
    expect(answer.status).toBe(302);
    expect(await arrived()).toHaveLength(1);
  });
});

describe('a target that echoes what it was sent', () => {
  const access = { route: { kind: 'tunnel', url: '', access: 'ACCESS' } } as const;
  it.each<[string, HttpCredential, readonly string[]]>([
    ['bearer', { kind: 'bearer', token: 'TOKEN' }, [SECRETS.TOKEN]],
    ['basic', { kind: 'basic', user: 'app', password: 'KEY' }, [btoa('app:s3cret/key+value')]],
    ['header', { kind: 'header', name: 'x-key', secret: 'KEY' }, [SECRETS.KEY]],
    ['query', { kind: 'query', parameter: 'k', secret: 'KEY' }, ['s3cret%2Fkey%2Bvalue']],
    [
      'sigv4',
      {
        kind: 'sigv4',
        accessKeyId: 'AWS_ID',
        secretAccessKey: 'AWS_SECRET',
        sessionToken: 'AWS_SESSION',
        region: 'eu',
        service: 's3',
      },
      [SECRETS.AWS_SESSION],
    ],
  ])(
    '%s: has nothing of it left when headers and body were seen to',
    async (_name, credential, secrets) => {
      const route = { ...access.route, url: plainOrigin() };
      const answer = await upstream(env, withCredential(credential, { route }), get('/mirror'));
      const body = await new Response(answer.body).bytes();
      const echoed = new TextDecoder().decode(body);
      for (const secret of secrets) {
        expect(JSON.stringify(answer.headers) + echoed).toContain(secret);
      }
      const shown = responseHeaders(answer.headers, {
        mount: {
          origin: plainOrigin(),
          base: '',
          prefix: '/http/shop-api',
          paths: {},
          credentialParameter: credential.kind === 'query' ? credential.parameter : null,
        },
        requestPath: '/mirror',
        allowCookies: false,
        allowChallenges: false,
        allow: [],
        bodyChanged: answer.decoded,
        secrets: answer.secrets,
      });
      const hider = createHider(answer.secrets)!;
      const hidden =
        new TextDecoder().decode(hider.push(body)) + new TextDecoder().decode(hider.end());
      expect(shown.ok).toBe(true);
      const seen = JSON.stringify(shown) + hidden;
      for (const secret of [
        ...secrets,
        'access-secret',
        'Signature=' + /Signature=(\w+)/.exec(echoed)?.[1],
      ]) {
        expect(seen).not.toContain(secret);
      }
    },
  );
});

describe('a route', () => {
  const tunnel = { kind: 'tunnel', url: '', access: 'ACCESS' } as const;

  it('through a tunnel has the service token, which is never the caller’s and never shown', async () => {
    const target = httpTarget({
      host: 'api.internal',
      port: 8080,
      base: '/v1',
      route: { ...tunnel, url: plainOrigin() },
    });
    const headers = [
      ['cf-access-client-id', 'mine'],
      ['CF_Access_Client_Secret', 'mine'],
      ['cf-access-token', 'mine'],
    ] as const;
    const answer = await upstream(env, target, get('/a', { headers }));
    const echo = await echoed(answer);
    expect(echo.target).toBe('/v1/a');
    expect(seen(echo, 'cf-access-client-id')).toEqual(['id.access']);
    expect(seen(echo, 'cf-access-client-secret')).toEqual(['access-secret']);
    expect(JSON.stringify(echo)).not.toContain('mine');
    expect(answer.secrets).toContain('access-secret');
  });

  it('through a tunnel that Access closes is a failed login of ours, not an answer', async () => {
    const target = httpTarget({ route: { ...tunnel, url: plainOrigin() } });
    const query = `to=${encodeURIComponent('https://acme.cloudflareaccess.com/cdn-cgi/access/login/x')}`;
    expect(await failure(upstream(env, target, get('/redirect', { query })))).toMatchObject({
      code: 'target_auth_failed',
      sent: false,
    });
    expect(logged.join()).toContain('access_login');
    expect((await upstream(env, httpTarget(), get('/redirect', { query }))).status).toBe(302);
  });

  it('through a binding goes to the policy’s address', async () => {
    const asked: Request[] = [];
    const fetching = {
      fetch: async (request: Request) => {
        asked.push(request);
        return Response.json({});
      },
    };
    const vpc = httpTarget({
      host: '10.0.0.5',
      port: 8080,
      route: { kind: 'vpc', binding: 'NET' },
      credential: { kind: 'bearer', token: 'TOKEN' },
    });
    await upstream(gateway({ NET: fetching }), vpc, get('/a', { query: 'b' }));
    const mutual = httpTarget({
      scheme: 'https',
      host: 'api.acme.dev',
      port: 443,
      certificate: 'CERT',
    });
    await upstream(gateway({ CERT: fetching }), mutual, get('/a'));
    expect(asked.map(({ url, redirect }) => [url, redirect])).toEqual([
      ['http://10.0.0.5:8080/a?b', 'manual'],
      ['https://api.acme.dev/a', 'manual'],
    ]);
    expect(asked[0]?.headers.get('authorization')).toBe('Bearer abc.def-123');
  });

  it.each<[string, Partial<HttpTarget>, Record<string, unknown>]>([
    ['a missing binding', { route: { kind: 'vpc', binding: 'NET' } }, {}],
    ['a secret in the binding’s place', { route: { kind: 'vpc', binding: 'KEY' } }, {}],
    ['a missing certificate', { scheme: 'https', certificate: 'CERT' }, {}],
    ['a certificate without TLS', { certificate: 'CERT' }, { CERT: { fetch } }],
    [
      'a certificate behind a tunnel',
      { scheme: 'https', certificate: 'CERT', route: { ...tunnel, url: 'https://t.acme.dev' } },
      { CERT: { fetch } },
    ],
    [
      'a missing service token',
      { route: { ...tunnel, url: 'https://t.acme.dev', access: 'NONE' } },
      {},
    ],
    [
      'a service token without its secret',
      { route: { ...tunnel, url: 'https://t.acme.dev', access: 'TOKEN' } },
      {},
    ],
    [
      'a service token with a line break',
      { route: { ...tunnel, url: 'https://t.acme.dev', access: 'BAD' } },
      { BAD: 'a:b\n' },
    ],
    ['a tunnel in plaintext', { route: { ...tunnel, url: 'http://t.acme.dev', access: null } }, {}],
    [
      'a tunnel with a path',
      { route: { ...tunnel, url: `https://t.acme.dev/x`, access: null } },
      {},
    ],
    [
      'a tunnel with a user',
      { route: { ...tunnel, url: `https://u@t.acme.dev`, access: null } },
      {},
    ],
  ])('that leads nowhere safe is refused: %s', async (_name, more, secrets) => {
    const asked = upstream(gateway(secrets), httpTarget(more), get('/a'));
    expect(await failure(asked)).toMatchObject({ code: 'target_unreachable', sent: false });
  });

  it('in plaintext to a tunnel on this machine is for development only', async () => {
    const target = httpTarget({ route: { ...tunnel, url: plainOrigin(), access: null } });
    expect((await upstream(env, target, get('/a'))).status).toBe(200);
    const asked = upstream(gateway({ POSTERN_ENV: 'production' }), target, get('/a'));
    expect(await failure(asked)).toMatchObject({ code: 'target_unreachable' });
  });
});

describe('a signature of AWS', () => {
  const aws = (service: string, sessionToken?: string): HttpCredential => ({
    kind: 'sigv4',
    accessKeyId: 'AWS_ID',
    secretAccessKey: 'AWS_SECRET',
    ...(sessionToken === undefined ? {} : { sessionToken }),
    region: 'eu-central-1',
    service,
  });

  it.each([
    ['s3', '/bucket/a b:c@d+é(1)!', 'prefix=a%2Fb&list-type=2', 'GET', null],
    ['s3', '/bucket/key', null, 'PUT', 'the body'],
    ['execute-api', '/prod/a b:c@d=é(1)*', 'z=1&a=%2B&a=%20&empty', 'POST', '{"a":1}'],
    ['dynamodb', '/', null, 'POST', '{}'],
    ['sts', '/', 'Action=GetCallerIdentity&Version=2011-06-15', 'GET', null],
  ])('%s: holds for the bytes that arrive: %s %s', async (service, path, query, method, body) => {
    const sentPath = path.replaceAll(' ', '%20').replaceAll('é', '%C3%A9').replaceAll('+', '%2B');
    const headers = [
      ['accept-encoding', 'identity'],
      ['user-agent', 'agent/1'],
      ['content-type', 'application/json'],
      ['x-amz-target', 'Table.Get'],
      ['x-amz-meta-blanks', 'a   b'],
      ['x-amz-date', 'mine'],
      ['x-amz-content-sha256', 'mine'],
    ] as const;
    const bytes = body === null ? null : new TextEncoder().encode(body);
    const answer = await upstream(
      env,
      withCredential(aws(service, 'AWS_SESSION')),
      get(sentPath, { query, method, headers, body: bytes }),
    );
    const echo = await echoed(answer);
    expect(echo.target).toBe(`${sentPath}${query === null ? '' : `?${query}`}`);
    expect(JSON.stringify(echo)).not.toContain('mine');
    const authorization = seen(echo, 'authorization')[0]!;
    expect(authorization).toBe(expected(echo, service));
    expect(seen(echo, 'x-amz-security-token')).toEqual([SECRETS.AWS_SESSION]);
    // The signature can be sent again as long as it is fresh, so it is nobody's to see either.
    for (const hidden of [authorization.slice(-64), SECRETS.AWS_SECRET, SECRETS.AWS_SESSION]) {
      expect(answer.secrets).toContain(hidden);
    }
  });

  it('covers the target’s own host, whatever the way there', async () => {
    const target = withCredential(aws('s3'), {
      scheme: 'https',
      host: 's3.eu-central-1.amazonaws.com',
      port: 443,
      route: { kind: 'tunnel', url: plainOrigin(), access: null },
    });
    const echo = await echoed(await upstream(env, target, get('/b/k')));
    const own: Echo = {
      ...echo,
      headers: echo.headers.map(([name, value]) =>
        name.toLowerCase() === 'host' ? [name, target.host] : [name, value],
      ),
    };
    expect(seen(echo, 'authorization')[0]).toBe(expected(own, 's3'));
  });

  it('leaves a streamed body unsigned for S3 alone', async () => {
    const body = (): ReadableStream<Uint8Array> =>
      new Response('streamed').body!.pipeThrough(new TransformStream<Uint8Array, Uint8Array>());
    const put = { method: 'PUT', length: 8 };
    const echo = await echoed(
      await upstream(env, withCredential(aws('s3')), get('/b/k', { ...put, body: body() })),
    );
    expect(seen(echo, 'x-amz-content-sha256')).toEqual(['UNSIGNED-PAYLOAD']);
    expect(seen(echo, 'content-length')).toEqual(['8']);
    expect(seen(echo, 'authorization')[0]).toBe(expected(echo, 's3'));
    const other = upstream(env, withCredential(aws('lambda')), get('/a', { ...put, body: body() }));
    expect(await failure(other)).toMatchObject({ code: 'request_refused', sent: false });
  });
});

/** The manual's own steps over what arrived, written a second time. */
function expected(echo: Echo, service: string): string {
  const [path = '', query = ''] = echo.target.split('?', 2);
  const uri = (text: string): string =>
    encodeURIComponent(text).replaceAll(
      /[!'()*]/g,
      (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const plain = service === 's3' ? decodeURIComponent(path) : path;
  const canonicalPath = plain.split('/').map(uri).join('/');
  const canonicalQuery = query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split('=', 2);
      return `${uri(decodeURIComponent(name))}=${uri(decodeURIComponent(value))}`;
    })
    .sort()
    .join('&');
  const signedNames = echo.headers
    .map(([name]) => name.toLowerCase())
    .filter((name) => name === 'host' || name === 'content-type' || name.startsWith('x-amz-'))
    .sort();
  const canonicalHeaders = signedNames
    .map((name) => `${name}:${seen(echo, name)[0]?.replaceAll(/ +/g, ' ')}\n`)
    .join('');
  const bytes = Uint8Array.from(atob(echo.body), (c) => c.charCodeAt(0));
  const sha256 = (data: string | Uint8Array): string =>
    createHash('sha256').update(data).digest('hex');
  const bodyHash = seen(echo, 'x-amz-content-sha256')[0] ?? sha256(bytes);
  if (bodyHash !== 'UNSIGNED-PAYLOAD') expect(bodyHash).toBe(sha256(bytes));
  const canonical = [
    echo.method,
    canonicalPath,
    canonicalQuery,
    canonicalHeaders,
    signedNames.join(';'),
    bodyHash,
  ].join('\n');
  const date = seen(echo, 'x-amz-date')[0]!;
  const scope = `${date.slice(0, 8)}/eu-central-1/${service}/aws4_request`;
  const hmac = (key: string | Uint8Array, data: string): Uint8Array =>
    new Uint8Array(createHmac('sha256', key).update(data).digest());
  let key: Uint8Array = hmac(`AWS4${SECRETS.AWS_SECRET}`, date.slice(0, 8));
  for (const part of ['eu-central-1', service, 'aws4_request']) key = hmac(key, part);
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const signature = createHmac('sha256', key).update(toSign).digest('hex');
  return `AWS4-HMAC-SHA256 Credential=${SECRETS.AWS_ID}/${scope}, SignedHeaders=${signedNames.join(';')}, Signature=${signature}`;
}

describe('an OAuth token', () => {
  let name = '';
  const oauth = (behaviour: string, more: Partial<HttpTarget> = {}): HttpTarget =>
    withCredential(
      {
        kind: 'oauth',
        tokenUrl: `${plainOrigin()}/oauth/${behaviour}/${name}`,
        clientId: 'gate',
        clientSecret: 'KEY',
        authentication: 'post',
        scope: ['read'],
        audience: null,
        resource: null,
      },
      more,
    );
  const count = async (): Promise<number> =>
    Number(await (await fetch(`${plainOrigin()}/oauth/count/${name}`)).text());
  const bearer = async (answer: UpstreamResponse): Promise<string | undefined> =>
    seen(await echoed(answer), 'authorization')[0];

  beforeEach(() => {
    name = crypto.randomUUID();
  });

  it('is fetched once and kept, and is a secret like any other', async () => {
    const first = await upstream(env, oauth('hour'), get('/a'));
    expect(first.secrets).toContain(`token-${name}-1`);
    expect(await bearer(first)).toBe(`Bearer token-${name}-1`);
    expect(await bearer(await upstream(env, oauth('hour'), get('/b')))).toBe(
      `Bearer token-${name}-1`,
    );
    expect(await count()).toBe(1);
  });

  it('is another target’s only if that one asks for it itself, and another secret’s too', async () => {
    await upstream(env, oauth('hour'), get('/a'));
    await upstream(env, oauth('hour', { id: 'other' }), get('/a'));
    await upstream(gateway({ KEY: 'rotated' }), oauth('hour'), get('/a'));
    expect(await count()).toBe(3);
  });

  it('is asked for once by fifty requests at the same time', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => bearer(await upstream(env, oauth('late'), get('/a')))),
    );
    expect(new Set(answers)).toEqual(new Set([`Bearer token-${name}-1`]));
    expect(await count()).toBe(1);
  });

  it('is shared by Durable Objects of one isolate', async () => {
    const objects = [0, 1, 2].map(() => bindings.SESSION.get(bindings.SESSION.newUniqueId()));
    const answers = await Promise.all(
      objects.map((object) =>
        runInDurableObject(object, async () =>
          bearer(await upstream(env, oauth('late'), get('/a'))),
        ),
      ),
    );
    expect(new Set(answers)).toEqual(new Set([`Bearer token-${name}-1`]));
    expect(await count()).toBe(1);
  });

  it.each([
    ['minute', 29_000, 31_000],
    ['hour', 3_539_000, 3_541_000],
    ['unknown-end', 59_000, 61_000],
  ])('is kept until shortly before its end: %s', async (behaviour, stillMs, overMs) => {
    const started = Date.now();
    await upstream(env, oauth(behaviour), get('/a'));
    const clock = vi.spyOn(Date, 'now').mockReturnValue(started + stillMs);
    await upstream(env, oauth(behaviour), get('/a'));
    expect(await count()).toBe(1);
    clock.mockReturnValue(started + overMs);
    await upstream(env, oauth(behaviour), get('/a'));
    expect(await count()).toBe(2);
  });

  it('that the target no longer takes is replaced, and a GET sent once more', async () => {
    const { header, arrived } = place();
    const unauthorized = get('/status-401', { headers: [header] });
    await upstream(env, oauth('hour'), get('/a'));
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 31_000);
    expect((await upstream(env, oauth('hour'), unauthorized)).status).toBe(401);
    expect(await arrived()).toHaveLength(2);
    expect(await count()).toBe(2);
    // The new one is not doubted so soon: a caller cannot make the gateway ask the issuer again and again.
    for (let n = 0; n < 5; n++) await upstream(env, oauth('hour'), unauthorized);
    expect(await arrived()).toHaveLength(7);
    expect(await count()).toBe(2);
  });

  it.each([
    ['POST', null],
    ['DELETE', null],
    ['POST', new TextEncoder().encode('order')],
  ])('that the target no longer takes has nothing sent twice: %s', async (method, body) => {
    const { header, arrived } = place();
    await upstream(env, oauth('hour'), get('/a'));
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 31_000);
    const refused = await upstream(
      env,
      oauth('hour'),
      get('/status-401', { method, body, headers: [header] }),
    );
    expect(refused.status).toBe(401);
    expect(await arrived()).toHaveLength(1);
    expect(await bearer(await upstream(env, oauth('hour'), get('/a')))).toBe(
      `Bearer token-${name}-2`,
    );
  });

  it.each([
    ['refuse', 'token_refused'],
    ['redirect', 'token_refused'],
    ['missing', 'token_refused'],
    ['mac', 'token_answer'],
    ['split', 'token_answer'],
    ['huge', 'token_too_large'],
  ])(
    'that is not given ends the request, and says nothing of the secret: %s',
    async (behaviour, reason) => {
      const { header, arrived } = place();
      const error = await failure(
        upstream(env, oauth(behaviour), get('/a', { headers: [header] })),
      );
      expect(error).toMatchObject({ code: 'target_auth_failed', sent: false });
      expect(error.message).toBe(`no usable credential: ${reason}`);
      expect(await arrived()).toEqual([]);
      expect(logged.map((line) => JSON.parse(line) as unknown)).toEqual([
        { event: 'target_auth_failed', target: 'shop-api', reason },
      ]);
      // Nothing bad is kept: the next request asks again.
      await failure(upstream(env, oauth(behaviour), get('/a')));
      expect(await count()).toBe(2);
    },
  );

  it.each(['never', 'endless'])(
    'is waited for ten seconds, whole: %s',
    { timeout: 20_000 },
    async (behaviour) => {
      const started = Date.now();
      const error = await failure(upstream(env, oauth(behaviour), get('/a')));
      expect(error.message).toBe('no usable credential: token_unreachable');
      expect(Date.now() - started).toBeGreaterThan(9_000);
      expect(Date.now() - started).toBeLessThan(15_000);
    },
  );

  it('is asked for over https, but on this machine in development', async () => {
    const production = gateway({ POSTERN_ENV: 'production' });
    expect(await failure(upstream(production, oauth('hour'), get('/a')))).toMatchObject({
      code: 'target_auth_failed',
      message: 'no usable credential: token_url',
    });
    expect(await count()).toBe(0);
  });

  it('is not asked for on behalf of a request that is refused', async () => {
    await failure(upstream(env, oauth('hour'), get('/a/../b')));
    expect(await count()).toBe(0);
  });
});
