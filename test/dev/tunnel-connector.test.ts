// The stand-in must have cloudflared's habits, the bad ones above all: code that passes against it must not need more.
import { once } from 'node:events';
import { type Server, type Socket, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { type TunnelConnector, startTunnelConnector } from '../../dev/tunnel-connector.ts';

const ACCESS = { id: 'client.access', secret: 'its-secret' };
const ADMITTED = { 'CF-Access-Client-Id': ACCESS.id, 'CF-Access-Client-Secret': ACCESS.secret };

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function target(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push({
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return (server.address() as { port: number }).port;
}

async function connector(port: number): Promise<TunnelConnector> {
  const made = await startTunnelConnector({
    target: { host: '127.0.0.1', port },
    access: ACCESS,
    port: 0,
  });
  open.push(made);
  return made;
}

/** `onMessage` sees also what arrives together with the 101. */
async function dial(
  tunnel: TunnelConnector,
  onMessage: (data: Buffer) => void = () => undefined,
): Promise<WebSocket> {
  const socket = new WebSocket(tunnel.url.replace('http', 'ws'), {
    headers: ADMITTED,
    perMessageDeflate: false,
  });
  open.push({ close: () => socket.terminate() });
  socket.on('message', onMessage);
  await once(socket, 'open');
  return socket;
}

/** The status of an upgrade that was not granted. */
async function refusal(tunnel: TunnelConnector, headers: Record<string, string>): Promise<number> {
  const socket = new WebSocket(tunnel.url.replace('http', 'ws'), { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error('it opened')));
    socket.once('error', () => undefined);
    socket.once('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
  });
}

async function received(socket: WebSocket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  return new Promise((resolve) => {
    socket.on('message', (data: Buffer) => {
      chunks.push(data);
      total += data.length;
      if (total >= length) resolve(Buffer.concat(chunks));
    });
  });
}

const pattern = (length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, at) => at % 251));

describe('the tunnel connector stand-in', () => {
  it.each([
    ['no headers', {}],
    ['no secret', { 'CF-Access-Client-Id': ACCESS.id }],
    ['a wrong secret', { ...ADMITTED, 'CF-Access-Client-Secret': 'guess' }],
    ['a wrong id', { ...ADMITTED, 'CF-Access-Client-Id': 'other' }],
  ])('turns away %s with 403', async (_what, headers) => {
    const tunnel = await connector(await target((socket) => socket.pipe(socket)));
    expect(await refusal(tunnel, headers)).toBe(403);
  });

  it('dials the target before it answers, so that an absent target is a 502', async () => {
    const tunnel = await connector(1);
    expect(await refusal(tunnel, ADMITTED)).toBe(502);
  });

  it.each([
    [1, 1],
    [16_384, 16_384],
    [16_385, 16_384],
    [100_000, 16_384],
  ])('passes a message of %i bytes on as %i', async (sent, kept) => {
    const tunnel = await connector(await target((socket) => socket.pipe(socket)));
    const socket = await dial(tunnel);
    const answer = received(socket, kept + 3);
    socket.send(pattern(sent));
    socket.send(Buffer.from('end'));
    expect(await answer).toEqual(
      Buffer.concat([pattern(sent).subarray(0, kept), Buffer.from('end')]),
    );
  });

  it('sends messages of at most 16,384 bytes and loses none of a long answer', async () => {
    const chunk = pattern(65_536);
    const tunnel = await connector(
      await target((socket) => {
        for (let part = 0; part < 64; part++) socket.write(chunk);
        socket.end();
      }),
    );
    const parts: Buffer[] = [];
    const socket = await dial(tunnel, (data) => parts.push(data));
    await once(socket, 'close');
    const all = Buffer.concat(parts);
    expect(all.equals(Buffer.concat(Array.from({ length: 64 }, () => chunk)))).toBe(true);
    expect(Math.max(...parts.map((part) => part.length))).toBeLessThanOrEqual(16_384);
  });

  it('loses nothing when the target hangs up on a client that reads late', async () => {
    const chunk = pattern(65_536);
    const port = await target((socket) => {
      for (let part = 0; part < 200; part++) socket.write(chunk);
      socket.end();
    });
    let bytes = 0;
    const socket = await dial(await connector(port), (data) => {
      bytes += data.length;
    });
    socket.pause();
    await sleep(200);
    socket.resume();
    await once(socket, 'close');
    expect(bytes).toBe(200 * 65_536);
  });

  it('takes text for bytes and answers in binary', async () => {
    const tunnel = await connector(await target((socket) => socket.pipe(socket)));
    const socket = await dial(tunnel);
    const message = once(socket, 'message') as Promise<[Buffer, boolean]>;
    socket.send('text');
    const [data, isBinary] = await message;
    expect([data.toString(), isBinary]).toEqual(['text', true]);
  });

  it('ends without a close frame when the target ends', async () => {
    const tunnel = await connector(await target((socket) => socket.end('bye')));
    const socket = await dial(tunnel);
    const [code] = (await once(socket, 'close')) as [number];
    expect(code).toBe(1006);
  });

  it('hangs up on the target when the client goes', async () => {
    let hungUp = (): void => undefined;
    const gone = new Promise<void>((resolve) => {
      hungUp = resolve;
    });
    const tunnel = await connector(await target((socket) => void socket.once('close', hungUp)));
    const socket = await dial(tunnel);
    socket.terminate();
    await gone;
  });
});
