// Opens a byte connection to a target over the route its policy entry names. The address comes from the policy only, so
// no caller can steer it. TLS is always verified in full: connect() can do nothing less, and nothing less is offered.
// Private databases are reached through a tunnel or a VPC binding, in plaintext inside that encrypted path (docs/deploy.md).
import { connect } from 'cloudflare:sockets';
import { unreachable } from '../core/failure.ts';
import { DIAL_TIMEOUT_MS, MAX_TUNNEL_FRAME_BYTES } from '../core/limits.ts';
import type { Connection } from './connection.ts';
import { DialFailure } from './dial-failure.ts';
import { tunnelConnection, type HoldInput } from './tunnel-connection.ts';

/** Where to dial, with secrets already looked up. */
export type Route =
  | {
      readonly kind: 'tcp';
      readonly hostname: string;
      readonly port: number;
      /** `upgrade`: the protocol's own request for TLS first (TlsUpgrade). `direct`: TLS from the first byte. */
      readonly tls: 'off' | 'upgrade' | 'direct';
      /** Name the certificate must carry, when it is not the address. */
      readonly serverName: string | null;
    }
  | {
      readonly kind: 'tunnel';
      readonly url: string;
      readonly access: { readonly id: string; readonly secret: string } | null;
    }
  | { readonly kind: 'vpc'; readonly network: SocketSource; readonly address: string };

/** What a vpc_networks binding looks like to us: `connect` as on a Fetcher. */
export interface SocketSource {
  connect(address: string): Socket;
}

/** How a protocol asks for TLS on a plaintext connection: bytes to send and the one byte that agrees. */
export interface TlsUpgrade {
  readonly request: Uint8Array;
  readonly agreed: number;
}

/** Resolves with an open connection or rejects with DialFailure within DIAL_TIMEOUT_MS. */
export async function dial(
  route: Route,
  upgrade: TlsUpgrade,
  hold: HoldInput,
): Promise<Connection> {
  const opened = open(route, upgrade, hold);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DialFailure('target_unreachable', 'timed out')),
      DIAL_TIMEOUT_MS,
    );
  });
  try {
    return await Promise.race([opened, late]);
  } catch (error) {
    // A connection that arrives after the deadline must not stay open unused.
    opened.then(
      (connection) => connection.close(),
      () => undefined,
    );
    if (error instanceof DialFailure) throw error;
    throw new DialFailure('target_unreachable', describe(error));
  } finally {
    clearTimeout(timer);
  }
}

async function open(route: Route, upgrade: TlsUpgrade, hold: HoldInput): Promise<Connection> {
  switch (route.kind) {
    case 'tcp':
      return route.tls === 'upgrade' ? openUpgraded(route, upgrade) : openPlain(route);
    case 'vpc': {
      const socket = route.network.connect(route.address);
      await socket.opened;
      return socketConnection(socket);
    }
    case 'tunnel':
      return tunnelConnection(route.url, route.access, MAX_TUNNEL_FRAME_BYTES, hold);
    default:
      return unreachable(route);
  }
}

type TcpRoute = Extract<Route, { kind: 'tcp' }>;

async function openPlain(route: TcpRoute): Promise<Connection> {
  const socket = connect(
    { hostname: route.hostname, port: route.port },
    { secureTransport: route.tls === 'direct' ? 'on' : 'off', allowHalfOpen: true },
  );
  await opening(socket, route.tls === 'direct' ? 'target_tls_failed' : 'target_unreachable');
  return socketConnection(socket);
}

async function openUpgraded(route: TcpRoute, upgrade: TlsUpgrade): Promise<Connection> {
  const socket = connect(
    { hostname: route.hostname, port: route.port },
    { secureTransport: 'starttls', allowHalfOpen: true },
  );
  await opening(socket, 'target_unreachable');
  const writer = socket.writable.getWriter();
  await writer.write(upgrade.request);
  writer.releaseLock();
  // Exactly one byte is read: anything a man in the middle sends behind it must not be taken for decrypted data.
  const reader = socket.readable.getReader({ mode: 'byob' });
  const { value } = await reader.read(new Uint8Array(1));
  reader.releaseLock();
  if (value?.[0] !== upgrade.agreed) {
    await socket.close();
    throw new DialFailure('target_tls_failed', 'the target does not offer TLS');
  }
  const secured = socket.startTls({ expectedServerHostname: route.serverName ?? route.hostname });
  await opening(secured, 'target_tls_failed');
  return socketConnection(secured);
}

async function opening(
  socket: Socket,
  code: 'target_unreachable' | 'target_tls_failed',
): Promise<void> {
  try {
    await socket.opened;
  } catch (error) {
    throw new DialFailure(code, describe(error));
  }
}

/** A fresh buffer per read would cost an allocation a round trip; the reader hands its 64 KiB back each time. */
const READ_BUFFER_BYTES = 64 * 1024;

function socketConnection(socket: Socket): Connection {
  const reader = socket.readable.getReader({ mode: 'byob' });
  const writer = socket.writable.getWriter();
  let buffer = new ArrayBuffer(READ_BUFFER_BYTES);
  let closed = false;
  return {
    async read() {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done || value === undefined) return null;
      buffer = value.buffer;
      return value;
    },
    write: (bytes) => writer.write(bytes),
    close() {
      if (closed) return;
      closed = true;
      // Both ends may already be gone; closing is then a no-op that still rejects.
      socket.close().catch(() => undefined);
    },
  };
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'unknown error';
}
