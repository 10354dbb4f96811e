// Stands in for a Cloudflare Tunnel whose hostname has a TCP service and an Access service-token policy: the edge checks
// the token, cloudflared dials the target before it answers 101, then copies bytes. It has cloudflared's faults on purpose:
// every message arrives in a 16,384-byte buffer and the rest of a longer one is lost without a word, text is taken for
// bytes, and the connection ends without a close frame (1006). Code that works here must not rely on more.
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** cloudflared's copy buffer, in both directions. */
const BUFFER_BYTES = 16_384;
/** Bytes waiting on one side before the other is no longer read. */
const HIGH_WATER_BYTES = 1024 * 1024;
const DIAL_TIMEOUT_MS = 5_000;

export interface ServiceToken {
  readonly id: string;
  readonly secret: string;
}

export interface TunnelConnector {
  readonly url: string;
  readonly port: number;
  /** Cuts every connection and stops listening. */
  close(): Promise<void>;
}

export async function startTunnelConnector(options: {
  readonly target: { readonly host: string; readonly port: number };
  /** null: the hostname has no Access policy. */
  readonly access: ServiceToken | null;
  /** 0: any free port. */
  readonly port: number;
}): Promise<TunnelConnector> {
  const { target, access } = options;
  const acceptor = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const live = new Set<Duplex>();
  const track = (socket: Duplex): void => {
    live.add(socket);
    socket.once('close', () => live.delete(socket));
  };

  const server = createServer((request, response) => {
    response.writeHead(isAdmitted(request, access) ? 400 : 403).end();
  });
  server.on('upgrade', (request: IncomingMessage, client: Duplex, head: Buffer) => {
    track(client);
    client.on('error', () => client.destroy());
    if (!isAdmitted(request, access)) return refuse(client, '403 Forbidden');
    const upstream = connect({ host: target.host, port: target.port, noDelay: true });
    track(upstream);
    upstream.setTimeout(DIAL_TIMEOUT_MS, () => upstream.destroy());
    upstream.once('close', () => refuse(client, '502 Bad Gateway'));
    upstream.on('error', () => upstream.destroy());
    client.once('close', () => upstream.destroy());
    upstream.once('connect', () => {
      upstream.setTimeout(0);
      upstream.removeAllListeners('close');
      track(upstream);
      acceptor.handleUpgrade(request, client, head, (socket) => copy(socket, upstream));
    });
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    close() {
      for (const socket of live) socket.destroy();
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function isAdmitted(request: IncomingMessage, access: ServiceToken | null): boolean {
  if (access === null) return true;
  return (
    request.headers['cf-access-client-id'] === access.id &&
    request.headers['cf-access-client-secret'] === access.secret
  );
}

function refuse(client: Duplex, status: string): void {
  client.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function copy(socket: WebSocket, upstream: Socket): void {
  socket.on('message', (data: Buffer) => {
    const kept = data.subarray(0, BUFFER_BYTES);
    if (!upstream.write(kept) && upstream.writableLength > HIGH_WATER_BYTES) {
      socket.pause();
      upstream.once('drain', () => socket.resume());
    }
  });
  // What the target said before it hung up still reaches the client.
  let unsent = 0;
  const sent = (): void => {
    unsent -= 1;
    if (unsent > 0) return;
    if (upstream.destroyed) socket.terminate();
    else if (upstream.isPaused()) upstream.resume();
  };
  upstream.on('data', (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; at += BUFFER_BYTES) {
      unsent += 1;
      socket.send(chunk.subarray(at, at + BUFFER_BYTES), { binary: true }, sent);
    }
    if (socket.bufferedAmount > HIGH_WATER_BYTES) upstream.pause();
  });
  // terminate() drops the connection as cloudflared does: the peer sees 1006, whoever ended first.
  socket.on('close', () => upstream.destroy());
  socket.on('error', () => socket.terminate());
  upstream.on('close', () => {
    if (unsent === 0) socket.terminate();
  });
}
