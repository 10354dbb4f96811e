// A stand-in for HTTP targets on ports of this machine: one that speaks HTTP (echo, codings, streams, WebSockets), one that
// breaks it, one behind a certificate that nobody trusts, and an issuer of OAuth tokens. Driven by paths; what arrived is kept
// by the name in `X-Test-Name` and read, and dropped, at /control/{name}.
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Server, Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { answer } from './http-target-answers.ts';
import { rawServer } from './http-target-raw.ts';
import { answerToken } from './http-target-tokens.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Set by stand-ins-setup.ts. */
    readonly httpTargets: { readonly plainPort: number; readonly rawPort: number };
  }
}

export interface HttpTargets {
  readonly plainPort: number;
  readonly rawPort: number;
  /** Code and reason with which the next WebSocket ends here. */
  closes(): Promise<readonly [number, string]>;
  close(): Promise<void>;
}

/** What arrived under a name. `ended`: how the message ended, once it has; `answered`: how its answer did. */
export interface Arrived {
  readonly method: string;
  readonly target: string;
  ended: 'complete' | 'cut' | null;
  answered: 'complete' | 'cut' | null;
}

export async function startHttpTargets(): Promise<HttpTargets> {
  const sockets = new Set<Socket>();
  const arrivals = new Map<string, Arrived[]>();
  const plain = createServer((request, response) => {
    const target = request.url ?? '/';
    if (target.startsWith('/control/')) {
      const name = target.slice('/control/'.length);
      response.end(JSON.stringify(arrivals.get(name) ?? []));
      return;
    }
    const arrived = keep(arrivals, request);
    response.once('close', () => {
      if (arrived !== null) arrived.answered = response.writableFinished ? 'complete' : 'cut';
    });
    const answered = target.startsWith('/oauth/')
      ? answerToken(request, response)
      : answer(request, response);
    answered.catch(() => response.destroy());
  });
  plain.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  const closing: ((end: readonly [number, string]) => void)[] = [];
  const webSockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  plain.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    keep(arrivals, request);
    if (!/\/ws(?:\?|$)/.test(request.url ?? '')) {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno');
      return;
    }
    webSockets.handleUpgrade(request, socket, head, (client) => {
      // What came with the handshake first, then every message back as it came, but for `close CODE REASON`.
      client.send(JSON.stringify(request.headers));
      client.on('close', (code, reason) => {
        for (const tell of closing.splice(0)) tell([code, reason.toString()]);
      });
      client.on('message', (data, binary) => {
        const close = /^close (\d{4}) (.*)$/.exec(binary ? '' : (data as Buffer).toString());
        if (close === null) client.send(data, { binary });
        else client.close(Number(close[1]), close[2]);
      });
    });
  });
  const raw = rawServer(sockets);
  await listening(plain);
  await listening(raw);
  return {
    plainPort: portOf(plain),
    rawPort: portOf(raw),
    closes: () => new Promise((resolve) => closing.push(resolve)),
    close: async () => {
      for (const client of webSockets.clients) client.terminate();
      for (const socket of sockets) socket.destroy();
      await closed(plain);
      await closed(raw);
    },
  };
}

function keep(arrivals: Map<string, Arrived[]>, request: IncomingMessage): Arrived | null {
  const name = request.headers['x-test-name'];
  if (typeof name !== 'string') return null;
  const arrived: Arrived = {
    method: request.method ?? '',
    target: request.url ?? '',
    ended: null,
    answered: null,
  };
  arrivals.set(name, [...(arrivals.get(name) ?? []), arrived]);
  request.once('close', () => {
    arrived.ended = request.complete ? 'complete' : 'cut';
  });
  return arrived;
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
