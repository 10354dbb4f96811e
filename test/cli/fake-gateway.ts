// A stand-in for the gateway: its HTTP answers and its end of the tunnel protocol, written independently of cli/pump.ts from
// docs/tunnel.md, so that each checks the other. It judges nothing; tests script what it says.
import { type IncomingMessage, type Server, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { once } from 'node:events';
import { type WebSocket, WebSocketServer } from 'ws';

export const WINDOW = 1024 * 1024;
export const MESSAGE = 64 * 1024;

export interface Refusal {
  readonly status: number;
  readonly problem: Readonly<Record<string, string>> | null;
}

export interface FakeGateway {
  readonly url: string;
  /** Tokens in the order they came, one for each request or upgrade. */
  readonly tokens: string[];
  /** Live tunnels, and how each finished one was closed. */
  readonly tunnels: Set<WebSocket>;
  readonly closed: number[];
  /** Answers of the HTTP side by path. */
  readonly answers: Map<string, unknown>;
  onTunnel: (tunnel: WebSocket, request: IncomingMessage) => void;
  refuse: ((request: IncomingMessage) => Refusal | null) | null;
  close(): Promise<void>;
}

export async function startFakeGateway(
  onTunnel: FakeGateway['onTunnel'] = () => {},
): Promise<FakeGateway> {
  const server: Server = createServer();
  const sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE,
    handleProtocols: (offers) => (offers.has('postern.v1') ? 'postern.v1' : false),
  });
  const gateway: FakeGateway = {
    url: '',
    tokens: [],
    tunnels: new Set(),
    closed: [],
    answers: new Map<string, unknown>([
      [
        '/v1/targets',
        {
          targets: [
            {
              id: 'shop-db',
              kind: 'postgres',
              database: 'shop',
              labels: { env: 'prod' },
              access: 'read-write',
            },
            { id: 'bastion', kind: 'ssh', labels: {} },
          ],
        },
      ],
    ]),
    onTunnel,
    refuse: null,
    close: async () => {
      for (const tunnel of gateway.tunnels) tunnel.terminate();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const token = (request: IncomingMessage): void => {
    const value = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (value !== undefined) gateway.tokens.push(value);
  };
  server.on('request', (request, response) => {
    token(request);
    const refusal = gateway.refuse?.(request);
    const answer = gateway.answers.get(request.url ?? '');
    const status = refusal?.status ?? (answer === undefined ? 404 : 200);
    response.writeHead(status, {
      'content-type': refusal ? 'application/problem+json' : 'application/json',
    });
    response.end(JSON.stringify(refusal ? refusal.problem : (answer ?? null)));
  });
  server.on('upgrade', (request, socket, head) => {
    token(request);
    const refusal = gateway.refuse?.(request);
    if (refusal) {
      const body = JSON.stringify(refusal.problem);
      socket.end(
        `HTTP/1.1 ${refusal.status} X\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      );
      return;
    }
    sockets.handleUpgrade(request, socket, head, (tunnel) => {
      gateway.tunnels.add(tunnel);
      tunnel.on('error', () => {});
      tunnel.on('close', (code) => {
        gateway.tunnels.delete(tunnel);
        gateway.closed.push(code);
      });
      gateway.onTunnel(tunnel, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  Object.assign(gateway, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  return gateway;
}

/** The gateway's end of the flow control. Throws on whatever a well-behaved client must not do. */
export class GatewayEnd {
  readonly tunnel: WebSocket;
  sent = 0;
  credited = 0;
  received = 0;
  consumed = 0;
  #announced = 0;
  /** The most a client was ever ahead of what was consumed. */
  peakUncredited = 0;
  violation: string | null = null;
  #wake: (() => void) | null = null;

  constructor(tunnel: WebSocket, onBytes: (bytes: Buffer, consume: () => void) => void) {
    this.tunnel = tunnel;
    tunnel.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) {
        const credit = Number(/^\{"credit":(\d+)\}$/.exec(data.toString())?.[1] ?? NaN);
        if (!(credit >= this.credited && credit <= this.sent)) this.violation = data.toString();
        this.credited = credit;
        this.#wake?.();
        return;
      }
      this.received += data.length;
      this.peakUncredited = Math.max(this.peakUncredited, this.received - this.#announced);
      if (data.length > MESSAGE || this.received - this.#announced > WINDOW) {
        this.violation = `${data.length} bytes, ${this.received - this.#announced} uncredited`;
      }
      onBytes(data, () => this.consume(data.length));
    });
    tunnel.on('close', () => this.#wake?.());
  }

  consume(bytes: number): void {
    this.consumed += bytes;
    if (this.consumed - this.#announced < WINDOW / 4) return;
    this.announce();
  }

  announce(): void {
    this.#announced = this.consumed;
    if (this.tunnel.readyState === this.tunnel.OPEN) {
      this.tunnel.send(`{"credit":${this.consumed}}`);
    }
  }

  /** Sends in messages of at most 64 KiB, never past the window. */
  async send(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const room = Math.min(WINDOW - (this.sent - this.credited), MESSAGE);
      if (this.tunnel.readyState !== this.tunnel.OPEN) return;
      if (room <= 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const message = bytes.subarray(at, at + room);
      this.sent += message.length;
      at += message.length;
      this.tunnel.send(message);
    }
  }
}

/** Pumps a tunnel to a TCP port, as the session does after all judging. */
export function toPort(port: number): FakeGateway['onTunnel'] {
  return (tunnel) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const end = new GatewayEnd(tunnel, (bytes, consume) => socket.write(bytes, consume));
    socket.on('data', (chunk) => {
      socket.pause();
      void end.send(chunk).then(() => socket.resume());
    });
    socket.on('end', () => tunnel.close(1000));
    socket.on('error', () => tunnel.close(4010, 'target_unreachable'));
    tunnel.on('close', () => socket.destroy());
  };
}
