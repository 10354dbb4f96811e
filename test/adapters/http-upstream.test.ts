// Requests to HTTP targets and their answers, from inside workerd to a server on Node.
import { env as bindings } from 'cloudflare:workers';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Env } from '../../adapters/env.ts';
import { answeredInTime } from '../../adapters/http-answer.ts';
import { UpstreamFailure } from '../../adapters/http-failure.ts';
import type { Sending } from '../../adapters/http-request.ts';
import { upstream } from '../../adapters/http-upstream.ts';
import { responseHeaders } from '../../core/http/headers.ts';
import { normalisePath } from '../../core/http/path.ts';
import { readQuery } from '../../core/http/query.ts';
import { LETTERS, PLAIN } from '../support/http-target-answers.ts';
import { RAW_ANSWERS } from '../support/http-target-raw.ts';
import {
  echoed,
  get,
  httpTarget,
  place,
  plainOrigin,
  rawTarget,
  seen,
} from './http-target-place.ts';

function gateway(more: Record<string, unknown> = {}): Env {
  return { ...bindings, POSTERN_ENV: 'development', ...more } as unknown as Env;
}

const env = gateway();

async function failure(promise: Promise<unknown>): Promise<UpstreamFailure> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof UpstreamFailure) return error;
    throw error;
  }
  throw new Error('there was an answer');
}

async function text(body: ReadableStream | null): Promise<string> {
  return new Response(body).text();
}

describe('a request', () => {
  it('arrives as it was judged, and with nothing of the gateway but what the runtime adds', async () => {
    const answer = await upstream(
      env,
      httpTarget({ base: '/api/v2' }),
      get('/a:b/c%20d', {
        query: 'q=a+b%2B&&x',
        headers: [
          ['accept-encoding', 'identity'],
          ['x-one', '1'],
        ],
      }),
    );
    const echo = await echoed(answer);
    expect(echo).toMatchObject({
      method: 'GET',
      target: '/api/v2/a:b/c%20d?q=a+b%2B&&x',
      body: '',
    });
    expect(echo.headers.map(([name]) => name.toLowerCase()).sort()).toEqual([
      'accept-encoding',
      'cache-control',
      'cf-worker',
      'host',
      'pragma',
      'x-one',
    ]);
    expect(seen(echo, 'host')).toEqual([new URL(plainOrigin()).host]);
    expect(answer).toMatchObject({ status: 200, webSocket: null, decoded: false, packed: false });
    expect(answer.secrets).toEqual([]);
  });

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT'])(
    'keeps its method: %s',
    async (method) => {
      const { header, arrived } = place();
      await upstream(env, httpTarget(), get('/a', { method, headers: [header] }));
      expect(await arrived()).toMatchObject([{ method, target: '/a' }]);
    },
  );

  it.each([
    ['a method that fetch does not know', get('/a', { method: 'FOO' })],
    ['a method that fetch would spell otherwise', get('/a', { method: 'patch' })],
    ['a GET with a body', get('/a', { body: new Uint8Array([1]) })],
    ['a header with a line break', get('/a', { headers: [['x', 'a\r\nb: c']] })],
    ['a path that climbs', get('/a/../b')],
    ['a path that climbs encoded', get('/a/%2e%2e/b')],
    ['a path that is not rooted', get('.evil.example/')],
    ['a user name', get('@evil.example/')],
    ['a port', get(':80@evil.example/')],
    ['a backslash', get('/\\evil.example/')],
    ['a fragment', get('/a#b')],
    ['a query in the path', get('/a?b')],
    ['a tab', get('/a\tb')],
    ['a blank at the end', get('/a ')],
    ['quotes in the query', get('/a', { query: 'a="b"' })],
    ['an apostrophe in the query', get('/a', { query: "a='b'" })],
    ['a fragment in the query', get('/a', { query: 'a=b#c' })],
  ])('is refused rather than changed: %s', async (_name, request) => {
    const { header, arrived } = place();
    const named = { ...request, headers: [...request.headers, header] };
    expect(await failure(upstream(env, httpTarget(), named))).toMatchObject({
      code: 'request_refused',
      sent: false,
    });
    expect(await arrived()).toEqual([]);
  });

  it('has the spelling that was judged, whatever passes the judgement', async () => {
    const SAFE = LETTERS + "AZ09-._~:@!$&'()*,=+";
    const piece = fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(...SAFE) },
      {
        weight: 2,
        arbitrary: fc.constantFrom('%20', '%25', '%C3%A9', '%E2%82%AC', '%F0%9F%98%80'),
      },
      { weight: 1, arbitrary: fc.constantFrom('%2F', '%3F', '%23', '%5B', '%22', '%7C', '/') },
    );
    const path = fc.array(piece, { maxLength: 24 }).map((pieces) => `/${pieces.join('')}`);
    const query = fc.option(
      fc
        .array(fc.oneof(piece, fc.constantFrom('?', '[', ']', '{', '|', '^', '`', '\\', '/')), {
          maxLength: 24,
        })
        .map((pieces) => pieces.join('')),
    );
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(path, query, async (raw, rawQuery) => {
        const normal = normalisePath(raw, { encodedDelimiters: true });
        if (!normal.ok || (rawQuery !== null && !readQuery(rawQuery).ok)) return;
        // The door's URLs have these encoded already; elsewhere they are refused (see above).
        if (rawQuery !== null && /["'<>]/.test(rawQuery)) return;
        const request = get(`${normal.path}.x`, { query: rawQuery });
        const echo = await echoed(await upstream(env, httpTarget({ base: '/b' }), request));
        expect(echo.target).toBe(`/b${normal.path}.x${rawQuery === null ? '' : `?${rawQuery}`}`);
        sent++;
      }),
      { numRuns: 300 },
    );
    expect(sent).toBeGreaterThan(100);
  });

  it.each([
    ['bytes', new TextEncoder().encode('hello'), null, 'content-length', '5'],
    ['no bytes', new Uint8Array(), null, 'content-length', '0'],
    ['nothing', null, null, 'content-length', '0'],
    ['a stream', stream('hel', 'lo'), null, 'transfer-encoding', 'chunked'],
    ['a stream of known length', stream('hel', 'lo'), 5, 'content-length', '5'],
  ])('has the body it was given: %s', async (_name, body, length, header, value) => {
    const request = get('/a', { method: 'POST', body, length });
    const echo = await echoed(await upstream(env, httpTarget(), request));
    expect(seen(echo, header)).toEqual([value]);
    expect(['hello', '']).toContain(atob(echo.body));
    expect(seen(echo, 'content-type')).toEqual([]);
  });

  it('lets no header of the caller frame it or speak for the gateway', async () => {
    const headers = [
      'authorization',
      'Authorization',
      'cf-access-client-id',
      'cf_access_client_secret',
      'cf-connecting-ip',
      'x-amz-security-token',
      'upgrade',
      'connection',
      'host',
      'expect',
    ].map((name) => [name, 'mine'] as const);
    const framing = [
      ['content-length', '3'],
      ['transfer-encoding', 'chunked'],
    ] as const;
    const request = get('/a', {
      method: 'POST',
      headers: [...headers, ...framing],
      body: new TextEncoder().encode('hello'),
    });
    const echo = await echoed(await upstream(env, httpTarget(), request));
    expect(JSON.stringify(echo)).not.toContain('mine');
    expect(seen(echo, 'content-length')).toEqual(['5']);
    expect(seen(echo, 'transfer-encoding')).toEqual([]);
  });

  it('breaks off at the target when its body does: half of one is never a whole one', async () => {
    const { header, arrived } = place();
    const broken = new ReadableStream<Uint8Array>({
      async pull(controller) {
        controller.enqueue(new TextEncoder().encode('half'));
        await new Promise((resolve) => setTimeout(resolve, 20));
        controller.error(new Error('the caller has gone'));
      },
    });
    const request = get('/upload', { method: 'POST', headers: [header], body: broken });
    expect(await failure(upstream(env, httpTarget(), request))).toMatchObject({
      code: 'client_closed',
      sent: true,
    });
    await vi.waitFor(async () => expect(await arrived()).toMatchObject([{ ended: 'cut' }]));
  });

  it.each([
    ['shorter', 6],
    ['longer', 4],
  ])('breaks off when its body is %s than was said', async (_name, length) => {
    const { header, arrived } = place();
    const body = stream('hel', 'lo');
    const request = get('/upload', { method: 'POST', headers: [header], body, length });
    await failure(upstream(env, httpTarget(), request));
    // The runtime may notice before it has sent anything.
    await vi.waitFor(async () =>
      expect((await arrived()).filter(({ ended }) => ended !== 'cut')).toEqual([]),
    );
  });

  it('ends at the target when the caller has gone, before the answer and in the middle of it', async () => {
    const before = new AbortController();
    const { header, arrived } = place();
    const query = 'afterMs=5000';
    const waiting = upstream(
      env,
      httpTarget(),
      get('/slow', { query, headers: [header], signal: before.signal }),
    );
    await vi.waitFor(async () => expect(await arrived()).toHaveLength(1));
    before.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');

    const during = new AbortController();
    const { body } = await upstream(
      env,
      httpTarget(),
      get('/sse', { query: 'count=1000&everyMs=10', signal: during.signal }),
    );
    const reader = body?.getReader();
    await reader?.read();
    during.abort(new Error('gone too'));
    await expect(
      (async () => {
        while ((await reader?.read())?.done === false);
      })(),
    ).rejects.toThrow('gone too');
  });

  it('waits only so long for the head of an answer', async () => {
    const send = ({ signal }: Sending): Promise<Response> =>
      fetch(`${plainOrigin()}/slow?afterMs=3000`, { signal });
    const started = Date.now();
    await expect(answeredInTime(new AbortController().signal, send, 100)).rejects.toMatchObject({
      code: 'target_unreachable',
      sent: true,
    });
    expect(Date.now() - started).toBeLessThan(2000);
    // The body may take longer than the head.
    const sse = ({ signal }: Sending): Promise<Response> =>
      fetch(`${plainOrigin()}/sse?count=10&everyMs=30`, { signal });
    const answer = await answeredInTime(new AbortController().signal, sse, 150);
    expect(await answer.text()).toContain('event 10');
  });
});

function stream(...parts: string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
}

describe('an answer', () => {
  it.each([
    ['identity', false, false],
    ['gzip', true, false],
    ['br', true, false],
    ['gzip-upper', true, false],
    ['x-gzip', true, false],
    ['deflate', true, false],
    ['with-identity', true, false],
    ['zstd', false, true],
    ['twice', false, true],
    ['unknown', false, true],
  ])('is handed on in plain bytes, or said to be packed: %s', async (name, decoded, packed) => {
    const answer = await upstream(env, httpTarget(), get(`/${name}`));
    expect(answer).toMatchObject({ decoded, packed });
    const body = await text(answer.body);
    if (!packed) expect(body).toBe(PLAIN);
    const head = await upstream(env, httpTarget(), get(`/${name}`, { method: 'HEAD' }));
    expect(head).toMatchObject({ decoded, packed, body: null });
  });

  it.each(['gzip-lie', 'gzip-cut', 'gzip-more', 'deflate-raw', 'reset'])(
    'that is not what it says breaks off: %s',
    async (name) => {
      const answer = await upstream(env, httpTarget(), get(`/${name}`));
      await expect(text(answer.body)).rejects.toThrow();
    },
  );

  it('keeps a part of something packed as it is', async () => {
    const range = ['range', 'bytes=5-9'] as const;
    const part = await upstream(env, httpTarget(), get('/range-gzip', { headers: [range] }));
    expect(part).toMatchObject({ status: 206, decoded: false, packed: true });
    expect(await new Response(part.body).bytes()).toHaveLength(5);
    const whole = await upstream(env, httpTarget(), get('/gzip', { headers: [range] }));
    expect(whole).toMatchObject({ status: 200, decoded: true });
    expect(await text(whole.body)).toBe(PLAIN);
    const plain = await upstream(env, httpTarget(), get('/range', { headers: [range] }));
    expect(plain.status).toBe(206);
    expect(await text(plain.body)).toBe('fghij');
  });

  it('streams: events come when they are sent, and a bomb is unpacked only as far as it is read', async () => {
    const query = 'count=3&everyMs=150';
    const events = await upstream(env, httpTarget(), get('/sse', { query }));
    const reader = events.body?.getReader();
    const started = Date.now();
    await reader?.read();
    expect(Date.now() - started).toBeLessThan(120);
    await reader?.cancel();
    const bomb = await upstream(env, httpTarget(), get('/bomb', { query: 'bytes=1000000000' }));
    const unpacked = bomb.body?.getReader();
    expect((await unpacked?.read())?.value?.length).toBeLessThan(1024 * 1024);
    await unpacked?.cancel();
  });

  it('comes with every cookie, without trailers, and from where it was asked: no redirect is followed', async () => {
    const cookies = await upstream(env, httpTarget(), get('/cookies'));
    expect(cookies.headers.filter(([name]) => name === 'set-cookie')).toHaveLength(2);
    expect(cookies.headers).toContainEqual(['x-twice', 'one, two']);
    const trailers = await upstream(env, httpTarget(), get('/trailers'));
    expect(await text(trailers.body)).toBe('body');
    expect(JSON.stringify(trailers.headers)).not.toContain('a-trailer');
    const { header, arrived } = place();
    const redirect = await upstream(
      env,
      httpTarget(),
      get('/redirect', { query: 'to=/echo', headers: [header] }),
    );
    expect(redirect).toMatchObject({ status: 302 });
    expect(redirect.headers).toContainEqual(['location', '/echo']);
    expect(await arrived()).toHaveLength(1);
  });

  it.each([204, 304])('without a body has none: %s', async (status) => {
    const answer = await upstream(env, httpTarget(), get(`/status-${status}`));
    expect(answer.status).toBe(status);
    expect(await text(answer.body)).toBe('');
  });

  it('may come before the whole body was sent', async () => {
    const body = new Uint8Array(4 * 1024 * 1024);
    const { header, arrived } = place();
    const request = get('/early-answer', { method: 'POST', body, headers: [header] });
    try {
      expect((await upstream(env, httpTarget(), request)).status).toBe(413);
    } catch (error) {
      // The target closes while bytes are on their way; what then arrives first is chance.
      expect(error).toMatchObject({ code: 'target_unreachable', sent: true });
    }
    expect(await arrived()).toHaveLength(1);
  });

  it('that never comes is never asked for a second time', async () => {
    for (const method of ['GET', 'POST']) {
      const { header, arrived } = place();
      const request = get('/reset-early', { method, headers: [header] });
      expect(await failure(upstream(env, httpTarget(), request))).toMatchObject({
        code: 'target_unreachable',
        sent: true,
      });
      expect(await arrived()).toHaveLength(1);
    }
  });
});

describe('a target that breaks HTTP', () => {
  const ANSWERED: Readonly<Record<string, string>> = {
    plain: 'plain',
    continue: 'after',
    hints: 'after',
    'until-close': 'until close',
    'http-1.0': 'old',
    'length-and-chunks': 'hello', // the chunks count, as RFC 9112 section 6.3 has it
    'bare-lf': 'hello',
    'latin-1': 'hello',
    'utf-8': 'hello',
    'huge-header': 'hello', // headers.ts refuses it
    'unknown-coding': 'hello',
    spare: 'first',
    'body-of-204': '',
  };
  const REFUSED = ['switching', 'status-999'];
  const CUT = ['short', 'chunk-of-nonsense', 'chunk-cut'];

  it.each(Object.keys(RAW_ANSWERS))(
    'neither confuses this answer nor the next: %s',
    async (name) => {
      const whole = async (): Promise<string> => {
        const answer = await upstream(env, rawTarget(), get(`/${name}`));
        return text(answer.body);
      };
      if (ANSWERED[name] !== undefined) expect(await whole()).toBe(ANSWERED[name]);
      else if (CUT.includes(name)) await expect(whole()).rejects.toThrow();
      else {
        const code = REFUSED.includes(name) ? 'target_protocol' : 'target_unreachable';
        expect(await failure(whole())).toMatchObject({ code, sent: true });
      }
      const next = await upstream(env, rawTarget(), get('/plain'));
      expect(await text(next.body)).toBe('plain');
      expect(JSON.stringify(next.headers)).not.toContain('smuggled');
    },
  );

  it('has no header shown that is not UTF-8, and none at all where they are too large', async () => {
    const options = {
      mount: { origin: '', base: '', prefix: '/http/x', paths: {}, credentialParameter: null },
      requestPath: '/',
      allowCookies: false,
      allowChallenges: false,
      allow: [],
      bodyChanged: false,
      secrets: [],
    };
    const shown = async (name: string): Promise<unknown> =>
      responseHeaders((await upstream(env, rawTarget(), get(`/${name}`))).headers, options);
    expect(JSON.stringify(await shown('latin-1'))).not.toContain('x-latin');
    expect(JSON.stringify(await shown('utf-8'))).toContain('x-utf');
    expect(await shown('huge-header')).toMatchObject({ ok: false, code: 'headers_too_large' });
  });

  it.each([
    ['nobody listens', httpTarget({ port: 1 }), 'target_unreachable'],
    ['the name does not exist', httpTarget({ host: 'nowhere.invalid' }), 'target_unreachable'],
    ['it speaks no TLS', httpTarget({ scheme: 'https' }), 'target_tls_failed'],
    ['its address has two readings', httpTarget({ host: '127.1' }), 'target_unreachable'],
    ['its address is none', httpTarget({ host: 'a b' }), 'target_unreachable'],
  ])('is named for what it is: %s', async (_name, target, code) => {
    const error = await failure(upstream(env, target, get('/a', { query: 'key=s3cret' })));
    expect(error.code).toBe(code);
    expect(error.message).not.toMatch(/s3cret|127\.|nowhere/);
  });

  it.each([
    [521, 'target_unreachable'],
    [522, 'target_unreachable'],
    [523, 'target_unreachable'],
    [525, 'target_tls_failed'],
    [526, 'target_tls_failed'],
    [530, 'target_unreachable'],
  ])('is known by what Cloudflare says in its place: %s', async (status, code) => {
    const path = `/status-${status}`;
    const edge = get(path, { query: 'server=cloudflare' });
    expect(await failure(upstream(env, httpTarget(), edge))).toMatchObject({ code, sent: false });
    expect((await upstream(env, httpTarget(), get(path))).status).toBe(status);
  });
});

describe('a WebSocket', () => {
  it('is handed over unaccepted, with the subprotocol and every message', async () => {
    const headers = [['sec-websocket-protocol', 'chat']] as const;
    const answer = await upstream(env, httpTarget(), get('/ws', { webSocket: true, headers }));
    expect(answer.status).toBe(101);
    expect(answer.headers).toContainEqual(['sec-websocket-protocol', 'chat']);
    const socket = answer.webSocket!;
    const received: unknown[] = [];
    socket.addEventListener('message', ({ data }) => void received.push(data));
    socket.accept();
    socket.send('text');
    await vi.waitFor(() => expect(received).toHaveLength(2));
    expect(JSON.parse(String(received[0]))).toMatchObject({ upgrade: 'websocket' });
    expect(received[1]).toBe('text');
    socket.close(1000);
  });

  it('that is refused is an answer', async () => {
    const answer = await upstream(env, httpTarget(), get('/other', { webSocket: true }));
    expect(answer).toMatchObject({ status: 403, webSocket: null });
    expect(await text(answer.body)).toBe('no');
  });

  it('is not opened where none was asked for', async () => {
    const fetching = {
      fetch: () => fetch(`${plainOrigin()}/ws`, { headers: { upgrade: 'websocket' } }),
    };
    const target = httpTarget({ route: { kind: 'vpc', binding: 'NET' } });
    const asked = upstream(gateway({ NET: fetching }), target, get('/ws'));
    expect(await failure(asked)).toMatchObject({ code: 'target_protocol' });
  });
});
