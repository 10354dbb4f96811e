// The yardstick: a byte pump that does nothing but pump, on the very path of the gateway. A Worker takes the WebSocket and
// hands it to a Durable Object, which dials the target and copies bytes both ways. No protocol, no policy, no journal. It
// keeps the tunnel's credits where they are asked for (docs/tunnel.md), so that `postern connect` works through it.
import { DurableObject } from 'cloudflare:workers';
import { connect } from 'cloudflare:sockets';

interface PumpEnv {
  readonly PUMP: DurableObjectNamespace<Pump>;
  /** Ports of the targets, by the name in the path. */
  readonly PORTS: Readonly<Record<string, number>>;
}

/** The reader that the gateway uses: dial.ts says why. */
const READ_BUFFER_BYTES = 64 * 1024;
const CREDIT_STEP_BYTES = 256 * 1024;
const TUNNEL_PROTOCOL = 'postern.v1';

export class Pump extends DurableObject<PumpEnv> {
  override async fetch(request: Request): Promise<Response> {
    const port = this.env.PORTS[new URL(request.url).pathname.split('/').at(-1) ?? ''];
    if (port === undefined) return new Response(null, { status: 404 });
    const credited = request.headers.get('sec-websocket-protocol') === TUNNEL_PROTOCOL;
    const { 0: client, 1: server } = new WebSocketPair();
    server.binaryType = 'arraybuffer';
    server.accept();
    const socket = connect(
      { hostname: '127.0.0.1', port },
      { secureTransport: 'off', allowHalfOpen: true },
    );
    const writer = socket.writable.getWriter();
    let consumed = 0;
    let announced = 0;
    server.addEventListener('message', ({ data }) => {
      if (!(data instanceof ArrayBuffer)) return;
      void writer.write(new Uint8Array(data));
      consumed += data.byteLength;
      if (!credited || consumed - announced < CREDIT_STEP_BYTES) return;
      announced = consumed;
      server.send(`{"credit":${consumed}}`);
    });
    server.addEventListener('close', () => {
      server.close(1000);
      socket.close().catch(() => undefined);
    });
    void this.#copy(socket, server);
    const headers = new Headers();
    if (credited) headers.set('sec-websocket-protocol', TUNNEL_PROTOCOL);
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  async #copy(socket: Socket, server: WebSocket): Promise<void> {
    const reader = socket.readable.getReader({ mode: 'byob' });
    let buffer = new ArrayBuffer(READ_BUFFER_BYTES);
    for (;;) {
      const { value, done } = await reader.read(new Uint8Array(buffer));
      if (done) break;
      server.send(value);
      buffer = value.buffer;
    }
    server.close(1000);
  }
}

// oxlint-disable-next-line import/no-default-export -- the runtime's contract
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === '/healthz') return new Response('ok');
    // What `postern connect` asks before it opens a tunnel.
    if (pathname === '/v1/targets') {
      return Response.json({ targets: [{ id: 'shop', kind: 'postgres', database: 'shop' }] });
    }
    if (request.headers.get('upgrade') !== 'websocket') return new Response(null, { status: 404 });
    return env.PUMP.get(env.PUMP.newUniqueId()).fetch(request);
  },
} satisfies ExportedHandler<PumpEnv>;
