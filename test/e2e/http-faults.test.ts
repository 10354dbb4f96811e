// What happens to HTTP requests when something stops: the gateway itself, a caller in the middle of an answer, one that does
// not read, one that sends less than it announced. A stack of its own, since its runtime is killed.
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHttpStack, type HttpStack } from '../support/http-stack.ts';
import { descendants, residentMiB } from '../support/processes.ts';

const MB = 1_000_000;
let http: HttpStack;

beforeAll(async () => {
  http = await startHttpStack();
});

afterAll(async () => {
  await http.stop();
});

const runtimes = (): number[] => descendants(http.stack.pid, 'workerd');
const memory = (): number => Math.max(...runtimes().map(residentMiB));

/** A token of its own, and its session, which has seen one request. */
async function caller(name: string): Promise<{ token: string; session: string }> {
  const token = await http.stack.token(name, ['web']);
  const first = await http.request('/api/warm', {}, token);
  await first.text();
  return { token, session: first.headers.get('x-postern-session') ?? '' };
}

/** Outcomes that a session's journal has, by action. */
async function outcomes(session: string, token: string): Promise<Record<number, string>> {
  const answer = await fetch(`${http.stack.gateway}/v1/sessions/${session}/events`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!answer.ok) return {};
  const text = (await answer.text()).replaceAll('\\"', '"');
  const ends = text.matchAll(/"action":(\d+),[^{}]*?"kind":"outcome","outcome":"(\w+)"/g);
  return Object.fromEntries(
    [...ends].map(([, action, outcome]) => [Number(action), outcome ?? '']),
  );
}

function opened(path: string, token: string, name: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'x-test-name': name };
    get(`${http.stack.gateway}/http${path}`, { headers, agent: false }, resolve).on(
      'error',
      reject,
    );
  });
}

const patient = { timeout: 30_000, interval: 250 };

it('a caller that leaves in mid-answer ends it at the target', async () => {
  const { token } = await caller('faults-leaves');
  const name = randomUUID();
  const response = await opened(`/api/huge?bytes=${300 * MB}`, token, name);
  response.on('error', () => undefined);
  await once(response, 'data');
  response.destroy();
  await expect
    .poll(async () => (await http.arrived(name))[0]?.answered, { timeout: 5_000, interval: 100 })
    .toBe('cut');
});

it('a caller that does not read costs no memory, and gets everything once it does', async () => {
  const { token } = await caller('faults-stalls');
  const before = memory();
  const response = await opened(`/api/huge?bytes=${300 * MB}`, token, randomUUID());
  await sleep(4_000);
  // Of 300 MB that wait; the runtime's own garbage comes and goes.
  expect(memory() - before).toBeLessThan(128);
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
  }
  expect(bytes).toBe(300 * MB);
}, 60_000);

it('a large upload costs no memory', async () => {
  const { token } = await caller('faults-uploads');
  const before = memory();
  let peak = 0;
  let sent = 0;
  const body = Readable.toWeb(
    Readable.from(
      (function* () {
        for (; sent < 300; sent++) {
          if (sent % 10 === 0) peak = Math.max(peak, memory());
          yield Buffer.alloc(MB);
        }
      })(),
    ),
  ) as ReadableStream;
  const init = { method: 'PUT', body, duplex: 'half' } as RequestInit;
  const response = await http.request('/api/upload', init, token);
  expect(await response.json()).toEqual({ bytes: 300 * MB, complete: true });
  expect(peak - before).toBeLessThan(192);
}, 60_000);

it.each([
  ['small', 1_000, 10, 0],
  ['large', 1 * MB, 600_000, 1],
])('a %s body that is announced longer than it is never becomes a whole request', async (...of) => {
  const [, announced, sent, most] = of;
  const name = randomUUID();
  const { hostname, port } = new URL(http.stack.gateway);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.write(
    `POST /http/api/upload HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer ${http.agent}\r\nX-Test-Name: ${name}\r\nContent-Length: ${announced}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(sent, 'x'));
  await sleep(1_000);
  socket.destroy();
  await sleep(1_000);
  const arrived = await http.arrived(name);
  expect(arrived.length).toBeLessThanOrEqual(most);
  for (const at of arrived.keys()) {
    await expect.poll(async () => (await http.arrived(name))[at]?.ended, patient).toBe('cut');
  }
});

it('a gateway killed between send and answer says unknown, and does not send again', async () => {
  const { token, session } = await caller('faults-killed');
  const name = randomUUID();
  const asked = http
    .request('/api/slow?afterMs=20000', { method: 'POST', headers: { 'x-test-name': name } }, token)
    .then(
      (response) => response.status,
      () => 'broken',
    );
  await expect.poll(async () => (await http.arrived(name)).length, patient).toBe(1);
  // The index knows the session by then.
  await sleep(6_000);
  const killed = runtimes();
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  expect(await asked).not.toBe(200);
  await expect
    .poll(async () => {
      const up = await fetch(`${http.stack.gateway}/readyz`).catch(() => null);
      return up?.ok === true && !runtimes().some((pid) => killed.includes(pid));
    }, patient)
    .toBe(true);
  const next = await http.request('/api/after', {}, token);
  expect(next.status).toBe(200);
  await expect.poll(async () => (await outcomes(session, token))[2], patient).toBe('unknown');
  await sleep(2_000);
  expect(await http.arrived(name)).toHaveLength(1);
}, 120_000);
