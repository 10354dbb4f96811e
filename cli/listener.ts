// A local TCP port in front of one Postgres target: each connection is a tunnel of its own. One that fails is told so in
// Postgres's own words and ends alone; nothing is ever reconnected, since a session's state cannot be.
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import type { WebSocket } from 'ws';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { hasCode } from './file-lock.ts';
import { isOwnPeer } from './local-peer.ts';
import { fatalFromEnd, fatalFromFailure } from './postgres-error.ts';
import { PostgresOpening } from './postgres-opening.ts';
import { pump } from './pump.ts';
import { isLoopback } from './settings.ts';
import { openTunnel, tunnelPath } from './tunnel.ts';

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

export interface ListenerOptions {
  readonly target: string;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Serve every user of the machine, not only this one (local-peer.ts). Has no meaning for hosts beyond loopback. */
  readonly anyUser: boolean;
  /** One line for each connection that fails. */
  readonly log: (line: string) => void;
}

/** Sessions get this long to say goodbye to the gateway. */
const CLOSE_TIMEOUT_MS = 2_500;

/** @throws CliError failed, when the port cannot be had */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const sessions = new Set<Promise<void>>();
  const sockets = new Set<Socket>();
  const giveUp = new AbortController();
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    const session = serve(socket, options, giveUp.signal).finally(() => {
      sockets.delete(socket);
      sessions.delete(session);
    });
    sessions.add(session);
  });
  const { port } = await bind(server, options);
  server.on('error', (error) => options.log(`${options.target}: ${reasonOf(error)}`));
  return {
    host: options.host,
    port,
    close: async () => {
      server.close();
      // The tunnel of a client that goes away is closed with it.
      for (const socket of sockets) socket.destroy();
      const deadline = setTimeout(() => giveUp.abort(), CLOSE_TIMEOUT_MS);
      await Promise.all(sessions);
      clearTimeout(deadline);
    },
  };
}

async function bind(server: Server, { host, port }: ListenerOptions): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => {
      const reason = hasCode(error, 'EADDRINUSE') ? 'it is in use' : reasonOf(error);
      reject(new CliError(EXIT.failed, `Cannot listen on ${host}:${port}: ${reason}.`));
    };
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      const address = server.address();
      if (typeof address === 'object' && address) resolve(address);
    });
  });
}

function foreignUser(): CliError {
  return new CliError(
    EXIT.refused,
    'This port serves only the user who opened it.',
    'Open one of your own, or start postern with --any-user.',
  );
}

/** One client, from accept to close. Never rejects. */
async function serve(
  socket: Socket,
  { target, host, anyUser, log }: ListenerOptions,
  signal: AbortSignal,
): Promise<void> {
  const opening = new PostgresOpening();
  socket.on('error', () => socket.destroy());
  let tunnel: WebSocket;
  try {
    if (!anyUser && isLoopback(host) && !isOwnPeer(socket)) throw foreignUser();
    tunnel = await openTunnel(tunnelPath('postgres', target), signal);
  } catch (error) {
    const failure =
      error instanceof CliError
        ? error
        : new CliError(EXIT.failed, `Internal error: ${reasonOf(error)}`);
    log(`${target}: ${failure.message}${failure.hint === '' ? '' : ` ${failure.hint}`}`);
    await opening.refuse(socket, fatalFromFailure(failure));
    return;
  }
  const end = await pump(socket, tunnel, opening);
  const fatal = fatalFromEnd(end);
  if (!fatal) {
    socket.end();
    socket.resume();
    return;
  }
  log(`${target}: ${fatal.message}`);
  await opening.refuse(socket, fatal);
}
