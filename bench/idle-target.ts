// A Postgres that only logs in: for a thousand sessions that do nothing, without a thousand server processes. It answers
// the start of a session as a server without a password does, and the gateway's question about the session. A connection
// that says it reads the catalog goes through to the real database.
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { concatBytes, utf8 } from '../core/bytes.ts';
import {
  encodeAuthentication,
  encodeBackendKey,
  encodeCommandComplete,
  encodeDataRow,
  encodeEmpty,
  encodeParameterStatus,
  encodeReadyForQuery,
} from '../core/postgres/server-messages.ts';
import { SERVER } from '../core/postgres/tags.ts';

const GREETING = concatBytes([
  encodeAuthentication('ok'),
  encodeParameterStatus('standard_conforming_strings', 'on'),
  encodeParameterStatus('client_encoding', 'UTF8'),
  encodeBackendKey({ processId: 2, secret: new Uint8Array(4) }),
  encodeReadyForQuery('I'),
]);

const SESSION_STATE = concatBytes([
  encodeEmpty(SERVER.parseComplete),
  encodeEmpty(SERVER.bindComplete),
  encodeDataRow(['{pg_catalog,public}', 'on', 'UTF8', 'off', 'off', 'app'].map(utf8)),
  encodeCommandComplete('SELECT 1'),
  encodeEmpty(SERVER.closeComplete),
  encodeEmpty(SERVER.closeComplete),
  encodeReadyForQuery('I'),
]);

export interface IdleTarget {
  readonly port: number;
  close(): Promise<void>;
}

export async function startIdleTarget(realPort: number): Promise<IdleTarget> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.setNoDelay();
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.once('data', (startup) => {
      if (startup.includes('postern-catalog')) return passThrough(socket, startup, realPort);
      socket.write(GREETING);
      socket.on('data', (question) => {
        if (question.includes('postern_probe')) socket.write(SESSION_STATE);
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', 4096, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

function passThrough(socket: Socket, startup: Buffer, port: number): void {
  const upstream = connect({ host: '127.0.0.1', port, noDelay: true });
  upstream.on('error', () => socket.destroy());
  upstream.on('close', () => socket.destroy());
  socket.on('close', () => upstream.destroy());
  upstream.write(startup);
  socket.pipe(upstream).pipe(socket);
}
