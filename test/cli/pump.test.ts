import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { array, assert, asyncProperty, integer } from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { keepAlive } from '../../cli/keep-alive.ts';
import { type TunnelEnd, pump } from '../../cli/pump.ts';
import { type FakeGateway, GatewayEnd, WINDOW, startFakeGateway } from './fake-gateway.ts';

// Megabytes are moved, on a machine that others use too.
vi.setConfig({ testTimeout: 120_000 });

let gateway: FakeGateway;
beforeEach(async () => {
  gateway = await startFakeGateway();
});
afterEach(() => gateway.close());

const MB = 1024 * 1024;
const sha = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

interface Rig {
  /** What a local client (psql) holds. */
  readonly client: Socket;
  readonly gatewayEnd: GatewayEnd;
  /** Bytes that came out of the tunnel, whether or not the client has read them. */
  readonly arrived: () => number;
  readonly ended: Promise<TunnelEnd>;
}

/** A client socket, the pump and the gateway's end, connected. `onBytes` is what the gateway does with what it gets. */
async function rig(
  onBytes: (bytes: Buffer, consume: () => void) => void = (_, consume) => consume(),
): Promise<Rig> {
  const opened = new Promise<GatewayEnd>((resolve) => {
    gateway.onTunnel = (tunnel) => resolve(new GatewayEnd(tunnel, onBytes));
  });
  const server = createServer({ pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  client.on('error', () => {});
  const [local] = (await once(server, 'connection')) as [Socket];
  server.close();
  const tunnel = new WebSocket(gateway.url, 'postern.v1', { perMessageDeflate: false });
  await once(tunnel, 'open');
  tunnel.pause();
  let arrived = 0;
  const ended = pump(local, tunnel, {
    fromClient: () => {},
    fromServer: (chunk) => {
      arrived += chunk.length;
    },
  });
  void ended.then(() => local.end().resume());
  return { client, gatewayEnd: await opened, arrived: () => arrived, ended };
}

async function read(client: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  for await (const chunk of client.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer);
    got += (chunk as Buffer).length;
    if (got >= length) break;
  }
  return Buffer.concat(chunks);
}

/** Waits until a number stands still. */
async function settled(value: () => number): Promise<number> {
  for (;;) {
    const before = value();
    await sleep(150);
    if (value() === before) return before;
  }
}

describe('pump', () => {
  it('carries 50 MB both ways at once, in order, within the window', async () => {
    const up = randomBytes(50 * MB);
    const down = randomBytes(50 * MB);
    const got: Buffer[] = [];
    const { client, gatewayEnd, ended } = await rig((bytes, consume) => {
      got.push(bytes);
      setImmediate(consume);
    });
    const started = performance.now();
    client.write(up);
    const [received] = await Promise.all([read(client, down.length), gatewayEnd.send(down)]);
    while (gatewayEnd.received < up.length) await sleep(5);
    const seconds = (performance.now() - started) / 1000;
    console.log(`pump: ${(100 / seconds).toFixed(0)} MB/s, both ways together`);
    expect(sha(received)).toBe(sha(down));
    expect(sha(Buffer.concat(got))).toBe(sha(up));
    expect(gatewayEnd.violation).toBeNull();
    client.end();
    expect(await ended).toEqual({
      code: 1000,
      reason: '',
      bytesUp: up.length,
      bytesDown: down.length,
    });
  });

  it('stops the gateway when the client stops reading, and goes on when it reads again', async () => {
    const { client, gatewayEnd, arrived } = await rig();
    client.pause();
    const bytes = randomBytes(30 * MB);
    const sending = gatewayEnd.send(bytes);
    const stalledAt = await settled(() => gatewayEnd.sent);
    // The kernel's own socket buffers come on top of the window.
    expect(stalledAt).toBeLessThan(12 * MB);
    expect(arrived() - gatewayEnd.credited).toBeLessThanOrEqual(WINDOW);
    const received = read(client, bytes.length);
    await sending;
    expect(sha(await received)).toBe(sha(bytes));
  });

  it('holds back a gateway that ignores credits, so that memory stays flat', async () => {
    const { client, gatewayEnd, arrived } = await rig();
    client.pause();
    const message = Buffer.alloc(64 * 1024, 7);
    for (let i = 0; i < 1600; i += 1) gatewayEnd.tunnel.send(message);
    const stalledAt = await settled(arrived);
    expect(stalledAt).toBeLessThan(12 * MB);
    await read(client, 100 * MB);
    expect(arrived()).toBe(1600 * 64 * 1024);
  });

  it('stops reading the client when the gateway gives no credit, at exactly one window', async () => {
    const { client, gatewayEnd } = await rig(() => {});
    client.write(randomBytes(20 * MB));
    expect(await settled(() => gatewayEnd.received)).toBe(WINDOW);
    gatewayEnd.consumed = 300_000;
    gatewayEnd.announce();
    expect(await settled(() => gatewayEnd.received)).toBe(WINDOW + 300_000);
    expect(gatewayEnd.violation).toBeNull();
  });

  it('delivers everything a client sent before it hung up, though credit is slow', async () => {
    const got: Buffer[] = [];
    const { client, gatewayEnd, ended } = await rig((bytes, consume) => {
      got.push(bytes);
      setTimeout(consume, 2);
    });
    const bytes = randomBytes(3 * MB + 17);
    client.end(bytes);
    expect((await ended).bytesUp).toBe(bytes.length);
    await settled(() => gatewayEnd.received);
    expect(sha(Buffer.concat(got))).toBe(sha(bytes));
    expect(gateway.closed).toEqual([1000]);
  });

  it.each([
    ['a word', 'hello'],
    ['another object', '{"credit":0,"x":1}'],
    ['a credit for bytes never sent', '{"credit":1}'],
    ['a negative credit', '{"credit":-1}'],
    ['a huge credit', '{"credit":99999999999999999999}'],
  ])('closes a tunnel whose gateway sends %s', async (_, text) => {
    const { gatewayEnd, ended } = await rig();
    gatewayEnd.tunnel.send(text);
    expect(await ended).toMatchObject({ code: 4020 });
    expect(gateway.closed).toEqual([4020]);
  });

  it('closes a tunnel whose gateway takes a credit back', async () => {
    const { client, gatewayEnd, ended } = await rig(() => {});
    client.write('abc');
    await settled(() => gatewayEnd.received);
    gatewayEnd.tunnel.send('{"credit":3}');
    gatewayEnd.tunnel.send('{"credit":2}');
    expect(await ended).toMatchObject({ code: 4020, reason: expect.any(String) });
  });

  it.each([
    [
      'closes with a code and words',
      (tunnel: WebSocket) => tunnel.close(4030, 'killed'),
      4030,
      'killed',
    ],
    ['vanishes', (tunnel: WebSocket) => tunnel.terminate(), 1006, ''],
  ])('reports a gateway that %s', async (_, act, code, reason) => {
    const { gatewayEnd, ended } = await rig();
    act(gatewayEnd.tunnel);
    expect(await ended).toMatchObject({ code, reason });
  });

  it('gives the client what came before the gateway closed', async () => {
    const { client, gatewayEnd, ended } = await rig();
    const bytes = randomBytes(700_000);
    await gatewayEnd.send(bytes);
    gatewayEnd.tunnel.close(1000);
    await sleep(100);
    expect(sha(await read(client, Infinity))).toBe(sha(bytes));
    expect((await ended).code).toBe(1000);
  });

  it('closes the tunnel when the client is killed, even while both directions are stalled', async () => {
    const { client, gatewayEnd, ended } = await rig(() => {});
    client.pause();
    client.write(randomBytes(4 * MB));
    void gatewayEnd.send(randomBytes(20 * MB));
    await settled(() => gatewayEnd.sent);
    client.resetAndDestroy();
    expect((await ended).code).toBe(1000);
  });

  it('carries the same bytes wherever either stream is cut', async () => {
    const cuts = array(integer({ min: 1, max: 200_000 }), { minLength: 1, maxLength: 12 });
    await assert(
      asyncProperty(cuts, cuts, async (ups, downs) => {
        const got: Buffer[] = [];
        const { client, gatewayEnd, ended } = await rig((bytes, consume) => {
          got.push(bytes);
          consume();
        });
        const up = ups.map((length) => randomBytes(length));
        const down = downs.map((length) => randomBytes(length));
        const total = downs.reduce((a, b) => a + b, 0);
        const received = read(client, total);
        for (const [i, chunk] of up.entries()) {
          client.write(chunk);
          if (i % 3 === 0) await sleep(0);
        }
        for (const chunk of down) await gatewayEnd.send(chunk);
        expect(sha(await received)).toBe(sha(Buffer.concat(down)));
        client.end();
        await ended;
        await settled(() => gatewayEnd.received);
        expect(sha(Buffer.concat(got))).toBe(sha(Buffer.concat(up)));
        expect(gatewayEnd.violation).toBeNull();
      }),
      { numRuns: 12 },
    );
  });
});

describe('keepAlive', () => {
  async function opened(options: { autoPong: boolean }): Promise<WebSocket> {
    gateway.onTunnel = (tunnel) => {
      Object.assign(tunnel, { _autoPong: options.autoPong });
    };
    const tunnel = new WebSocket(gateway.url, 'postern.v1');
    await once(tunnel, 'open');
    return tunnel;
  }

  it('keeps a quiet tunnel whose peer answers', async () => {
    const tunnel = await opened({ autoPong: true });
    keepAlive(tunnel, () => {}, { pingMs: 20, deadAfterMs: 60 });
    await sleep(300);
    expect(tunnel.readyState).toBe(WebSocket.OPEN);
    tunnel.terminate();
  });

  it('ends a tunnel whose peer is silent', async () => {
    const tunnel = await opened({ autoPong: false });
    let why = '';
    keepAlive(tunnel, (words) => (why = words), { pingMs: 20, deadAfterMs: 60 });
    const [code] = (await once(tunnel, 'close')) as [number];
    expect(code).toBe(1006);
    expect(why).toBe('The gateway stopped answering.');
  });

  it('does not blame a peer for silence while we are not listening', async () => {
    const tunnel = await opened({ autoPong: false });
    tunnel.pause();
    keepAlive(tunnel, () => {}, { pingMs: 20, deadAfterMs: 60 });
    await sleep(300);
    expect(tunnel.readyState).toBe(WebSocket.OPEN);
    tunnel.terminate();
  });
});
