// HTTP targets through the whole gateway: what arrives at the target, what comes back, what is refused, what people are asked.
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, changePolicy, decide } from '../support/held-statement.ts';
import { API_KEY, startHttpStack, type HttpStack } from '../support/http-stack.ts';
import type { Echo } from '../support/http-target-answers.ts';

let http: HttpStack;

beforeAll(async () => {
  http = await startHttpStack();
});

afterAll(async () => {
  await http.stop();
});

const echo = async (response: Response): Promise<Echo> => (await response.json()) as Echo;
const header = ({ headers }: Echo, name: string): string | undefined =>
  headers.find(([own]) => own.toLowerCase() === name)?.[1];

async function problem(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}

/** The gateway's own API. */
function as(token: string, path: string, method = 'GET'): Promise<Response> {
  return fetch(`${http.stack.gateway}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
  });
}

/** What is written to the index comes some seconds later. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + 25_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('it never came');
    await sleep(250);
  }
}

/** One request, written byte by byte; the answer's first line and body as they came. */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(http.stack.gateway);
  const socket = connect(Number(port), hostname);
  socket.end(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

describe('a request', () => {
  it('arrives under the policy’s address, with the credential and without the caller’s', async () => {
    const response = await http.request('/api/things/1?x=%20a&x=b', {
      headers: {
        cookie: 'a=b',
        'x-forwarded-for': '6.6.6.6',
        'x-thing': 'yes',
        'x-api-key': 'mine',
      },
    });
    expect(response.status).toBe(200);
    const seen = await echo(response);
    expect(seen.target).toBe('/base/things/1?x=%20a&x=b');
    expect(header(seen, 'host')).toBe(`127.0.0.1:${http.targets.plainPort}`);
    expect(header(seen, 'x-thing')).toBe('yes');
    expect(header(seen, 'authorization')).toBeUndefined();
    expect(header(seen, 'cookie')).toBeUndefined();
    expect(header(seen, 'x-forwarded-for')).toBeUndefined();
    // What the target got was the key; what it said of it is overwritten.
    expect(header(seen, 'x-api-key')).toBe('*'.repeat(API_KEY.length));
  });

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'OPTIONS'])('keeps its method: %s', async (method) => {
    const seen = await echo(await http.request('/api/m', { method }));
    expect(seen.method).toBe(method);
  });

  it('keeps its body to the byte, small or streamed', async () => {
    const small = Buffer.from('{"a": 1.0,  "b":"é"}');
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const first = await echo(await http.request('/api/m', { ...init, body: small }));
    expect(Buffer.from(first.body, 'base64').equals(small)).toBe(true);
    expect(header(first, 'content-length')).toBe(String(small.length));
    const large = Buffer.alloc(700_000, 'xyz');
    const second = await echo(await http.request('/api/m', { ...init, body: large }));
    expect(Buffer.from(second.body, 'base64').equals(large)).toBe(true);
    expect(header(second, 'content-length')).toBe(String(large.length));
  });

  it('streams a body of unknown length', async () => {
    const parts = ['one ', 'two ', 'x'.repeat(300_000)];
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        const part = parts.shift();
        if (part === undefined) return controller.close();
        await sleep(20);
        controller.enqueue(Buffer.from(part));
      },
    });
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    const seen = await echo(await http.request('/api/m', init));
    expect(Buffer.from(seen.body, 'base64')).toHaveLength(300_008);
    expect(header(seen, 'transfer-encoding')).toBe('chunked');
  });

  it('is not sent twice, whatever its answer', async () => {
    const name = randomUUID();
    await http.request('/api/reset-early', { headers: { 'x-test-name': name } });
    await http.request('/api/status-503', { headers: { 'x-test-name': name } });
    expect(await http.arrived(name)).toHaveLength(2);
  });
});

describe('an answer', () => {
  it('streams events as they come', async () => {
    const response = await http.request('/api/sse?count=3&everyMs=150');
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const times: number[] = [];
    const body = response.body ?? new ReadableStream();
    for await (const _ of body) times.push(Date.now());
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(150);
  });

  it('keeps length, ETag and ranges of what it does not change', async () => {
    const part = await http.request('/api/range', { headers: { range: 'bytes=2-5' } });
    expect([part.status, await part.text()]).toEqual([206, 'cdef']);
    const whole = await http.request('/api/huge?bytes=100000');
    expect(whole.headers.get('content-length')).toBe('100000');
    expect((await whole.arrayBuffer()).byteLength).toBe(100_000);
  });

  it.each(['gzip', 'br', 'deflate'])('comes unpacked from %s', async (coding) => {
    // The stack's own front packs what a client says it can unpack, as Cloudflare's does.
    const response = await http.request(`/api/${coding}`, {
      headers: { 'accept-encoding': 'identity' },
    });
    expect(response.headers.get('content-encoding')).toBeNull();
    expect(await response.text()).toContain('abcdefghijklmnopqrstuvwxyz abc');
  });

  it('is refused in a coding that cannot be looked into', async () => {
    const response = await http.request('/api/unknown');
    expect([response.status, (await problem(response))['code']]).toEqual([502, 'target_protocol']);
  });

  it.each([204, 304, 404, 500])('keeps its status: %i', async (status) => {
    const response = await http.request(`/api/status-${status}`);
    expect(response.status).toBe(status);
  });

  it('to HEAD has no body', async () => {
    const response = await http.request('/api/huge?bytes=5000', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  it('leads back through the gateway, and its cookies and challenges stay behind', async () => {
    const to = (place: string) => http.request(`/api/redirect?to=${encodeURIComponent(place)}`);
    const own = await to(`http://127.0.0.1:${http.targets.plainPort}/base/next?a=1`);
    expect([own.status, own.headers.get('location')]).toEqual([302, '/http/api/next?a=1']);
    expect((await to('https://elsewhere.example/x')).headers.get('location')).toBe(
      'https://elsewhere.example/x',
    );
    expect((await to('/outside')).headers.get('location')).toBeNull();
    expect((await http.request('/api/cookies')).headers.get('set-cookie')).toBeNull();
  });

  it('is a sandbox for whoever opens it in a browser', async () => {
    const { headers } = await http.request('/api/m');
    expect(headers.get('content-security-policy')).toBe('sandbox');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  });

  it('that breaks off breaks off for the caller', async () => {
    const response = await http.request('/api/reset');
    await expect(response.text()).rejects.toThrow();
  });

  it('that never comes is said to be unknown', async () => {
    const response = await http.request('/api/reset-early');
    expect(response.status).toBe(502);
    expect(await problem(response)).toMatchObject({
      detail: expect.stringContaining('may have acted') as string,
    });
    const gone = await http.request('/gone/x');
    expect([gone.status, (await problem(gone))['code']]).toEqual([502, 'target_unreachable']);
  });
});

describe('what is refused', () => {
  it.each([
    ['no token', '/api/m', { headers: { authorization: '' } }, 401, 'token_missing'],
    ['a target that is not there', '/nothing/m', {}, 403, 'no_rule'],
    ['a target that nobody opens to the caller', '/closed/m', {}, 403, 'no_rule'],
    ['a target of another kind', '/shop-db/m', {}, 403, 'no_rule'],
    ['a path with an encoded slash', '/api/a%2fb', {}, 400, 'path_encoded_delimiter'],
    ['a double slash', '/api//a', {}, 400, 'path_empty_segment'],
    ['an encoded dot', '/api/a%252e', {}, 400, 'path_double_encoded'],
    [
      'a method override',
      '/api/m',
      { headers: { 'x-http-method-override': 'DELETE' } },
      400,
      'header_override',
    ],
    ['the parameter of the credential', '/masked/m?api_key=mine', {}, 400, 'query_credential'],
  ] as const)('is %s', async (_, path, init, status, code) => {
    const name = randomUUID();
    const token = 'headers' in init && 'authorization' in init.headers ? '' : http.agent;
    const response = await fetch(`${http.stack.gateway}/http${path}`, {
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...('headers' in init && !('authorization' in init.headers) ? init.headers : {}),
        'x-test-name': name,
      },
    });
    expect([response.status, (await problem(response))['code']]).toEqual([status, code]);
    expect(await http.arrived(name)).toEqual([]);
  });

  it('sounds the same for targets that are not there and targets that are closed', async () => {
    const answers = await Promise.all(
      ['/nothing/m', '/closed/m', '/shop-db/m'].map(async (path) => {
        const { instance: _, revision: __, ...rest } = await problem(await http.request(path));
        return rest;
      }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  it.each([
    [
      'both lengths',
      'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /http/api/smuggled HTTP/1.1\r\n',
    ],
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd'],
    ['a folded header', 'X-A: b\r\n c: d\r\n\r\n'],
    ['a bare line feed', 'X-A: b\nX-Api-Key: mine\r\n\r\n'],
  ])('is a message with %s, or it means one thing', async (_, rest) => {
    const name = randomUUID();
    await raw(
      `POST /http/api/m HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nAuthorization: Bearer ${http.agent}\r\nX-Test-Name: ${name}\r\n${rest}`,
    );
    const arrived = await http.arrived(name);
    expect(arrived.length).toBeLessThan(2);
    for (const { method, target } of arrived) expect([method, target]).toEqual(['POST', '/base/m']);
  });
});

describe('masks', () => {
  const post = (body: string, type = 'application/json') =>
    http.request('/masked/said', { method: 'POST', body, headers: { 'content-type': type } });

  it('hide fields and findings in what a target echoes', async () => {
    const response = await post('{"email":"ada@example.com"}');
    const text = await response.text();
    expect(response.headers.get('x-postern-masked')).toBe('true');
    // The stand-in answers with base64, which nobody looks into: the field is one that it does not have.
    expect(text).toContain('"body"');
    expect(text).not.toContain(API_KEY);
  });

  it.each([
    ['of a type that nobody looks into', '/masked/huge?bytes=10'],
    ['without a type', '/masked/mirror'],
    ['that is a part', '/masked/range'],
  ])('withhold an answer %s', async (_, path) => {
    const response = await http.request(path, { headers: { range: 'bytes=0-3' } });
    expect([response.status, (await problem(response))['code']]).toEqual([502, 'mask_body']);
  });
});

describe('what people are asked', () => {
  it('runs once, exactly as it was', async () => {
    const name = randomUUID();
    const send = (path = '/api/things/7') =>
      http.request(path, { method: 'DELETE', headers: { 'x-test-name': name } });
    const held = await send();
    expect([held.status, held.headers.get('retry-after')]).toEqual([202, '5']);
    const { approval } = (await problem(held)) as { approval: string };
    // Asked again, it is the same question.
    expect((await problem(await send()))['approval']).toBe(approval);
    expect(await http.arrived(name)).toEqual([]);
    const own = await decide(http.stack.gateway, approval, http.agent, 'approve');
    expect(own.status).toBe(403);
    expect((await decide(http.stack.gateway, approval, http.dana, 'approve')).status).toBe(200);
    expect((await send('/api/things/8')).status).toBe(202);
    expect((await send()).status).toBe(200);
    expect((await send()).status).toBe(202);
    expect(await http.arrived(name)).toHaveLength(1);
    expect((await approvalOf(http.stack.gateway, approval, http.dana))?.state).toBe('consumed');
  });

  it('is sent once by fifty at the same time', async () => {
    const name = randomUUID();
    const send = () =>
      http.request('/api/things/race', { method: 'DELETE', headers: { 'x-test-name': name } });
    const { approval } = (await problem(await send())) as { approval: string };
    await decide(http.stack.gateway, approval, http.dana, 'approve');
    const all = await Promise.all(Array.from({ length: 50 }, send));
    expect(all.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await http.arrived(name)).toHaveLength(1);
  });

  it('can be waited for', async () => {
    const send = http.request('/api/things/wait', {
      method: 'DELETE',
      headers: { 'x-postern-wait': '30', 'x-postern-task': 'clearing the cache' },
    });
    const approval = await eventually(async () => {
      const list = await as(http.dana, '/v1/approvals?state=pending');
      const { approvals } = (await list.json()) as { approvals: { id: string }[] };
      const asked = await Promise.all(
        approvals.map(async ({ id }) => ({
          id,
          text: await (await as(http.dana, `/v1/approvals/${id}`)).text(),
        })),
      );
      return asked.find(({ text }) => text.includes('clearing the cache'))?.id;
    });
    await decide(http.stack.gateway, approval, http.dana, 'approve');
    expect((await send).status).toBe(200);
  });

  it('is asked of mutations, not of queries', async () => {
    const send = (query: string) =>
      http.request('/api/v2/q', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      });
    expect((await send('{ viewer { name } }')).status).toBe(200);
    expect((await send('mutation { remove(id: 1) { ok } }')).status).toBe(202);
  });

  it('is not asked about what cannot be shown', async () => {
    const response = await http.request('/api/big', {
      method: 'DELETE',
      body: Buffer.alloc(400_000),
    });
    expect([response.status, (await problem(response))['code']]).toEqual([
      403,
      'approval_unavailable',
    ]);
  });
});

describe('a session of requests', () => {
  it('is one for a token, has every request, and its recording verifies', async () => {
    const token = await http.stack.token('web-journal', ['web']);
    const first = await http.request('/api/one', {}, token);
    const second = await http.request('/api/two?q=1', { method: 'POST', body: 'x' }, token);
    const session = first.headers.get('x-postern-session') ?? '';
    expect(second.headers.get('x-postern-session')).toBe(session);
    await Promise.all([first.text(), second.text()]);
    const text = await eventually(async () => {
      const answer = await as(token, `/v1/sessions/${session}/events`);
      return answer.ok ? answer.text() : undefined;
    });
    expect(text).toContain('/one');
    expect(text).toContain('q=1');
    expect(text).not.toContain(API_KEY);
    expect(text).not.toContain(token);
  });

  it('ends when an operator ends it, with what streams in it; the next request opens another', async () => {
    const token = await http.stack.token('web-killed', ['web']);
    const sre = await http.stack.token('sam', ['sre', 'staff'], { issuer: 'human' });
    const response = await http.request('/api/sse?count=200&everyMs=100', {}, token);
    const session = response.headers.get('x-postern-session') ?? '';
    const reading = response.text();
    reading.catch(() => undefined);
    await eventually(async () => {
      const killed = await as(sre, `/v1/sessions/${session}`, 'DELETE');
      return killed.ok ? true : undefined;
    });
    await expect(reading).rejects.toThrow();
    const next = await http.request('/api/one', {}, token);
    expect(next.status).toBe(200);
    expect(next.headers.get('x-postern-session')).not.toBe(session);
  });

  it('ends within ten seconds of a policy that no longer allows it', async () => {
    const token = await http.stack.token('web-revoked', ['web']);
    const response = await http.request('/api/sse?count=400&everyMs=100', {}, token);
    const reading = response.text();
    reading.catch(() => undefined);
    const began = Date.now();
    await changePolicy(http.stack, (document) =>
      document.replace(
        '- id: web-use\n',
        '- id: web-revoke\n    who: principal.subject == "web-revoked"\n    on: [api]\n    then: deny\n  - id: web-use\n',
      ),
    );
    await expect(reading).rejects.toThrow();
    expect(Date.now() - began).toBeLessThan(20_000);
    expect((await http.request('/api/one', {}, token)).status).toBe(403);
  });
});
