// Foreign clients at HTTP targets: each is given another base URL and a token, nothing else, and does what it does with any
// server. What the gateway itself promises is in http-door.test.ts.
import { execFile, spawn } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline as piped } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EventSource } from 'eventsource';
import got, { HTTPError } from 'got';
import * as undici from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { API_KEY, startHttpStack, type HttpStack } from '../support/http-stack.ts';
import type { Echo } from '../support/http-target-answers.ts';

const run = promisify(execFile);
const MIB = 1024 * 1024;

let http: HttpStack;
let base: string;
let authorization: string;

beforeAll(async () => {
  http = await startHttpStack();
  base = `${http.stack.gateway}/http/api`;
  authorization = `Bearer ${http.agent}`;
});

afterAll(async () => {
  await http.stop();
});

const bodyOf = ({ body }: Echo): string => Buffer.from(body, 'base64').toString();
const header = ({ headers }: Echo, name: string): string | undefined =>
  headers.find(([own]) => own.toLowerCase() === name)?.[1];

describe('undici', () => {
  it('sends and gets by request() on one kept connection', async () => {
    const client = new undici.Client(http.stack.gateway);
    for (const at of [1, 2, 3]) {
      const { statusCode, body, headers } = await client.request({
        path: `/http/api/things/${at}?x=1`,
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify({ at }),
      });
      const seen = (await body.json()) as Echo;
      expect([statusCode, seen.target, bodyOf(seen)]).toEqual([
        200,
        `/base/things/${at}?x=1`,
        `{"at":${at}}`,
      ]);
      expect(headers['x-answer']).toBe('echo');
    }
    await client.close();
  });

  it('streams a download by stream()', async () => {
    let bytes = 0;
    await undici.stream(
      `${base}/huge?bytes=${8 * MIB}`,
      { method: 'GET', headers: { authorization } },
      () =>
        new Writable({
          write(chunk: Buffer, _, done) {
            bytes += chunk.length;
            done();
          },
        }),
    );
    expect(bytes).toBe(8 * MIB);
  });

  it('streams both ways by pipeline()', async () => {
    const pieces: Buffer[] = [];
    await piped(
      Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(MIB / 8, 'u'))),
      undici.pipeline(
        `${base}/upload`,
        { method: 'PUT', headers: { authorization } },
        ({ body }) => body,
      ),
      new Writable({
        write(chunk: Buffer, _, done) {
          pieces.push(chunk);
          done();
        },
      }),
    );
    const told = JSON.parse(Buffer.concat(pieces).toString()) as unknown;
    expect(told).toEqual({ bytes: 8 * MIB, complete: true });
  });
});

describe('got', () => {
  const client = () => got.extend({ prefixUrl: base, headers: { authorization } });

  it('sends JSON and a form, and reads JSON', async () => {
    const json = await client()
      .post('things', { json: { a: [1, 'é'] } })
      .json<Echo>();
    expect(bodyOf(json)).toBe('{"a":[1,"é"]}');
    const form = await client()
      .post('things', { form: { a: 'b c' } })
      .json<Echo>();
    expect([bodyOf(form), header(form, 'content-type')]).toEqual([
      'a=b+c',
      'application/x-www-form-urlencoded',
    ]);
  });

  it('follows a redirect of the target, with its token, through the gateway', async () => {
    const to = encodeURIComponent('/base/next?a=1');
    const seen = await client().get(`redirect?to=${to}`).json<Echo>();
    expect(seen.target).toBe('/base/next?a=1');
  });

  it('throws the target’s errors as its own, and tries again as it always does', async () => {
    const name = randomUUID();
    const failed = client().get('status-503', {
      headers: { 'x-test-name': name },
      retry: { limit: 1, backoffLimit: 50 },
    });
    await expect(failed).rejects.toBeInstanceOf(HTTPError);
    expect(await http.arrived(name)).toHaveLength(2);
    await expect(client().get('things/../../closed/x')).rejects.toMatchObject({
      response: { statusCode: 403 },
    });
  });

  it('streams, and reads what the target packed', async () => {
    const hash = createHash('sha256');
    for await (const chunk of client().stream('huge?bytes=3000000')) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(
      createHash('sha256').update(Buffer.alloc(3_000_000)).digest('hex'),
    );
    expect(await client().get('gzip').text()).toContain('abcdefghijklmnopqrstuvwxyz abc');
  });
});

describe('eventsource', () => {
  it('gets events as they come, and after an end goes on where it was', async () => {
    const source = new EventSource(`${base}/sse?count=2&everyMs=50`, {
      fetch: (url, init) =>
        fetch(url, { ...init, headers: { ...init.headers, authorization } } as RequestInit),
    });
    const seen: string[] = [];
    await new Promise<void>((resolve) => {
      source.addEventListener('message', ({ data, lastEventId }) => {
        seen.push(`${lastEventId} ${String(data)}`);
        if (seen.length === 4) resolve();
      });
    });
    source.close();
    expect(seen).toEqual(['1 event 1', '2 event 2', '3 event 3', '4 event 4']);
  });
});

describe('ws', () => {
  const open = (path = '/http/api/ws', protocols: string[] = []): WebSocket =>
    new WebSocket(`${http.stack.gateway.replace('http', 'ws')}${path}`, protocols, {
      headers: { authorization },
    });
  /** Listens before it opens: the stand-in speaks first. */
  async function opened(protocols: string[] = []) {
    const socket = open('/http/api/ws', protocols);
    const [handshake] = (await once(socket, 'message')) as [Buffer];
    return { socket, handshake: handshake.toString() };
  }
  async function said(socket: WebSocket): Promise<{ data: Buffer; binary: boolean }> {
    const [data, binary] = (await once(socket, 'message')) as [Buffer, boolean];
    return { data, binary };
  }

  it('gets back what it sends: text, bytes, nothing, a megabyte, in order', async () => {
    const { socket } = await opened();
    for (const text of ['hello', '', 'é€😀', 'x'.repeat(MIB)]) {
      const back = said(socket);
      socket.send(text);
      const { data, binary } = await back;
      expect([binary, data.toString() === text]).toEqual([false, true]);
    }
    const bytes = randomBytes(MIB);
    const back = said(socket);
    socket.send(bytes);
    const { data, binary } = await back;
    expect([binary, data.equals(bytes)]).toEqual([true, true]);
    const order: string[] = [];
    const all = new Promise<void>((resolve) => {
      socket.on('message', (each) => {
        order.push((each as Buffer).toString());
        if (order.length === 500) resolve();
      });
    });
    for (let at = 0; at < 500; at++) socket.send(String(at));
    await all;
    expect(order).toEqual(Array.from({ length: 500 }, (_, at) => String(at)));
    socket.close();
  });

  it('agrees on a subprotocol with the target, and sees no credential in what it echoes', async () => {
    const { socket, handshake } = await opened(['chat.v2', 'chat.v1']);
    expect(socket.protocol).toBe('chat.v2');
    const sent = JSON.parse(handshake) as Record<string, string>;
    expect(sent['x-api-key']).toBe('*'.repeat(API_KEY.length));
    expect(sent['authorization']).toBeUndefined();
    expect(handshake).not.toContain(http.agent);
    socket.close();
  });

  it.each([
    [1000, 'done'],
    [1001, 'away'],
    [1011, 'broken'],
    [4321, 'its own'],
  ])('is told why the target closes: %i', async (code, reason) => {
    const { socket } = await opened();
    const closed = once(socket, 'close') as Promise<[number, Buffer]>;
    socket.send(`close ${code} ${reason}`);
    const [gotCode, gotReason] = await closed;
    expect([gotCode, gotReason.toString()]).toEqual([code, reason]);
  });

  it('closes with a code of its own, which the target gets', async () => {
    const { socket } = await opened();
    const atTarget = http.targets.closes();
    const closed = once(socket, 'close') as Promise<[number, Buffer]>;
    socket.close(4000, 'enough');
    expect((await closed)[0]).toBe(4000);
    expect(await atTarget).toEqual([4000, 'enough']);
  });

  it('that is cut off closes the target’s end', async () => {
    const { socket } = await opened();
    const atTarget = http.targets.closes();
    socket.terminate();
    await expect(Promise.race([atTarget, sleep(10_000, 'late')])).resolves.not.toBe('late');
  });

  it.each([
    ['the target of which does not allow any', '/http/raw/ws', 403],
    ['that no rule opens', '/http/closed/ws', 403],
    ['that the target refuses', '/http/api/nothing', 403],
  ])('is refused a socket %s', async (_, path, status) => {
    const socket = open(path);
    const refused = await new Promise<number | undefined>((resolve, reject) => {
      socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
      socket.on('open', () => reject(new Error('it opened')));
      socket.on('error', reject);
    });
    expect(refused).toBe(status);
  });
});

describe('curl', () => {
  const folder = mkdtempSync(join(tmpdir(), 'postern-curl-'));
  const large = join(folder, 'large');
  beforeAll(() => writeFileSync(large, Buffer.alloc(2 * MIB, 'f')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function curl(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    return run('curl', [
      '-sS',
      '--max-time',
      '30',
      '-H',
      `Authorization: ${authorization}`,
      ...args,
    ]);
  }

  it('sends what comes through a pipe while it comes', async () => {
    const child = spawn(
      'curl',
      ['-sS', '-H', `Authorization: ${authorization}`, '-T', '-', `${base}/upload`],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    let answer = '';
    child.stdout.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const ended = once(child, 'close');
    for (let at = 0; at < 20; at++) {
      child.stdin.write(Buffer.alloc(100_000, 'c'));
      await sleep(10);
    }
    child.stdin.end();
    expect((await ended)[0]).toBe(0);
    expect(JSON.parse(answer)).toEqual({ bytes: 2_000_000, complete: true });
  });

  it('sends a file with --data-binary, asked for 100-continue or not', async () => {
    for (const expectation of ['Expect: 100-continue', 'Expect:']) {
      const { stdout } = await curl(
        '--data-binary',
        `@${large}`,
        '-H',
        expectation,
        `${base}/upload`,
      );
      expect(JSON.parse(stdout)).toEqual({ bytes: 2 * MIB, complete: true });
    }
  });

  it('asks for heads, ranges and files, and follows', async () => {
    const { stdout: head } = await curl('-I', `${base}/huge?bytes=5000`);
    expect(head).toMatch(/^HTTP\/1\.1 200 /);
    expect(head).toMatch(/^content-length: 5000\r$/im);
    expect((await curl('-r', '2-5', `${base}/range`)).stdout).toBe('cdef');
    expect((await curl('-r', '24-', `${base}/range`)).stdout).toBe('yz');
    const file = join(folder, 'out');
    await curl('--compressed', '-o', file, `${base}/br`);
    expect(readFileSync(file, 'utf8')).toContain('abcdefghijklmnopqrstuvwxyz abc');
    const { stdout } = await curl('-L', `${base}/redirect?to=${encodeURIComponent('/base/next')}`);
    expect((JSON.parse(stdout) as Echo).target).toBe('/base/next');
    const form = await curl('-F', 'a=b', '-F', `f=@${large};filename=x.bin`, `${base}/upload`);
    expect((JSON.parse(form.stdout) as { complete: boolean }).complete).toBe(true);
  });

  it('sees that an answer broke off', async () => {
    await expect(curl(`${base}/reset`)).rejects.toMatchObject({ code: 18 });
  });
});

/** What Python's standard library does: one kept connection, a generator as body, a body in chunks as answer. */
const PYTHON = `
import http.client, json, os, sys
from urllib.parse import urlsplit
at = urlsplit(os.environ['BASE'])
headers = {'Authorization': os.environ['AUTHORIZATION']}
c = http.client.HTTPConnection(at.hostname, at.port, timeout=30)
def ask(method, path, body=None, **more):
    c.request(method, at.path + path, body=body, headers={**headers, **more})
    r = c.getresponse()
    return r.status, r.read()
out = {}
out['get'] = json.loads(ask('GET', '/things?x=1')[1])['target']
out['json'] = json.loads(ask('POST', '/things', '{"a":1}', **{'Content-Type': 'application/json'})[1])['body']
out['generator'] = json.loads(ask('PUT', '/upload', (b'p' * 65536 for _ in range(16)))[1])
out['chunked'] = ask('GET', '/chunked')[1].decode()
out['large'] = len(ask('GET', '/huge?bytes=3000000')[1])
out['refused'] = ask('GET', '/a%2fb')[0]
c.request('GET', at.path + '/huge?bytes=30000000', headers=headers)
r = c.getresponse(); r.read(1000); c.close()
out['again'] = ask('HEAD', '/things')[0]
try:
    ask('GET', '/reset'); out['cut'] = 'whole'
except http.client.IncompleteRead: out['cut'] = 'cut'
print(json.dumps(out))
`;

it('Python’s http.client does what it does elsewhere', async () => {
  const { stdout } = await run('python3', ['-c', PYTHON], {
    env: { ...process.env, BASE: base, AUTHORIZATION: authorization },
    timeout: 40_000,
  });
  expect(JSON.parse(stdout)).toEqual({
    get: '/base/things?x=1',
    json: Buffer.from('{"a":1}').toString('base64'),
    generator: { bytes: MIB, complete: true },
    chunked: 'one two three',
    large: 3_000_000,
    refused: 400,
    again: 200,
    cut: 'cut',
  });
});
