// The smallest honest driver of an engine: one TCP connection in, one out, effects performed in order. For tests against
// real peers; the product's driver is durable-objects/conversation.ts.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { EngineEvent } from '../../core/audit/event.ts';
import type { Decision } from '../../core/decision.ts';
import type { Authentication, Effect, Engine, TargetLogin } from '../../core/engine.ts';

export interface TcpDriverOptions {
  readonly engine: () => Engine;
  readonly target: { readonly host: string; readonly port: number };
  readonly login: TargetLogin;
  readonly decide: (effect: Extract<Effect, { kind: 'decide' }>) => Decision | Promise<Decision>;
  readonly authenticate?: (token: string) => Authentication;
}

export interface TcpDriver {
  readonly port: number;
  readonly events: EngineEvent[];
  readonly closes: { code: string; detail: string }[];
  readonly sessions: Set<Conversation>;
  close(): Promise<void>;
}

class Conversation {
  readonly #options: TcpDriverOptions;
  readonly #driver: TcpDriver;
  readonly engine: Engine;
  readonly #client: Socket;
  #server: Socket | null = null;
  #queue: Effect[] = [];
  #performing = false;
  #closed = false;

  constructor(options: TcpDriverOptions, driver: TcpDriver, client: Socket) {
    this.#options = options;
    this.#driver = driver;
    this.#client = client;
    this.engine = options.engine();
    client.on('data', (chunk) => this.perform(this.engine.fromClient(new Uint8Array(chunk))));
    client.on('close', () => this.perform(this.engine.clientClosed()));
    client.on('error', () => this.perform(this.engine.clientClosed()));
  }

  perform(effects: readonly Effect[]): void {
    this.#queue.push(...effects);
    if (this.#performing) return;
    this.#performing = true;
    for (let effect = this.#queue.shift(); effect !== undefined; effect = this.#queue.shift()) {
      if (!this.#closed) this.#performOne(effect);
    }
    this.#performing = false;
  }

  #performOne(effect: Effect): void {
    const { engine } = this;
    switch (effect.kind) {
      case 'send':
        (effect.to === 'client' ? this.#client : this.#server)?.write(effect.bytes.slice());
        return;
      case 'record':
        this.#driver.events.push(effect.event);
        return;
      case 'decide': {
        const decision = this.#options.decide(effect);
        if (decision instanceof Promise) {
          void decision.then((later) => this.perform(engine.decided(effect.id, later)));
        } else {
          this.#queue.push(...engine.decided(effect.id, decision));
        }
        return;
      }
      case 'authenticate': {
        const result = this.#options.authenticate?.(effect.token) ?? { ok: true };
        this.#queue.push(...engine.authenticated(result));
        return;
      }
      case 'dial':
        this.#dial();
        return;
      case 'cancel':
        for (const other of this.#driver.sessions) {
          const request = other.engine.cancelRequest();
          if (request !== null) connect(this.#options.target).end(request);
        }
        return;
      case 'stale':
        return;
      case 'close':
        this.#closed = true;
        this.#driver.closes.push({ code: effect.code, detail: effect.detail });
        this.#client.end();
        this.#server?.end();
        this.#driver.sessions.delete(this);
        return;
      default:
        throw new Error('unknown effect');
    }
  }

  #dial(): void {
    const server = connect(this.#options.target);
    server.setNoDelay(true);
    this.#server = server;
    server.on('connect', () => this.perform(this.engine.dialled(this.#options.login)));
    server.on('data', (chunk) => this.perform(this.engine.fromServer(new Uint8Array(chunk))));
    server.on('close', () => this.perform(this.engine.serverClosed()));
    server.on('error', () => this.perform(this.engine.undialled('target_unreachable')));
  }
}

export async function startTcpDriver(options: TcpDriverOptions): Promise<TcpDriver> {
  const sockets = new Set<Socket>();
  const sessions = new Set<Conversation>();
  const server: Server = createServer((socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    sessions.add(new Conversation(options, driver, socket));
  });
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  const driver: TcpDriver = {
    port,
    events: [],
    closes: [],
    sessions,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
  return driver;
}
