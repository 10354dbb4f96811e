// The client of every measurement, the same in all of them: speaks just enough Postgres to log in and to know when an
// answer is over. Frames are read with the gateway's own reader; rows are looked at by their headers only.
import { once } from 'node:events';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { nativeCrypto } from '../adapters/crypto.ts';
import type { TargetLogin } from '../core/engine.ts';
import { encodeParse, encodeQuery, SYNC } from '../core/postgres/client-messages.ts';
import { concatBytes } from '../core/bytes.ts';
import { FrameReader } from '../core/postgres/frames.ts';
import { LoginExchange } from '../core/postgres/login.ts';
import { decodeReport } from '../core/postgres/server-messages.ts';
import { SERVER } from '../core/postgres/tags.ts';
import { encodeControl, TUNNEL_PROTOCOL } from '../core/tunnel.ts';

/** A way to a server: bytes there, bytes back. */
export interface Pipe {
  send(bytes: Uint8Array): void;
  /** Set by whoever reads. Chunks are only valid during the call. */
  receive: (chunk: Uint8Array) => void;
  ended: (why: string) => void;
  close(): void;
}

const IGNORE = (): void => undefined;

export async function tcpPipe(port: number): Promise<Pipe> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  const pipe: Pipe = {
    send: (bytes) => void socket.write(bytes),
    receive: IGNORE,
    ended: IGNORE,
    close: () => socket.destroy(),
  };
  socket.on('data', (chunk) => pipe.receive(chunk));
  socket.on('error', (error) => pipe.ended(error.message));
  socket.on('close', () => pipe.ended('the connection was closed'));
  return pipe;
}

export interface DoorOptions {
  readonly token?: string;
  /** Speak postern.v1, as `postern connect` does. Default: no subprotocol, as Neon's driver. */
  readonly credited?: boolean;
}

/** Consumed bytes between two credit messages, as cli/pump.ts has it. */
const CREDIT_STEP_BYTES = 256 * 1024;

/** @throws Error when the door does not answer 101 */
export async function doorPipe(url: string, options: DoorOptions = {}): Promise<Pipe> {
  const { token, credited = false } = options;
  const socket = new WebSocket(url.replace(/^http/, 'ws'), credited ? [TUNNEL_PROTOCOL] : [], {
    perMessageDeflate: false,
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  });
  const pipe: Pipe = {
    send: (bytes) => socket.send(bytes),
    receive: IGNORE,
    ended: IGNORE,
    close: () => socket.terminate(),
  };
  let consumed = 0;
  let announced = 0;
  socket.on('message', (data: Buffer, isBinary) => {
    if (!isBinary) return;
    pipe.receive(data);
    consumed += data.length;
    if (!credited || consumed - announced < CREDIT_STEP_BYTES) return;
    announced = consumed;
    socket.send(encodeControl({ credit: consumed }));
  });
  await once(socket, 'open');
  socket.on('error', (error) => pipe.ended(error.message));
  socket.on('close', (code, reason) => pipe.ended(`closed with ${code} ${reason.toString()}`));
  return pipe;
}

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class WireSession {
  /** Bytes received since the login. */
  received = 0;
  /** Told the text of every NOTICE. */
  notice: (message: string) => void = IGNORE;
  readonly #pipe: Pipe;
  readonly #reader = new FrameReader({
    limit: () => 0x3fff_ffff,
    streams: (tag) => tag === SERVER.dataRow || tag === SERVER.copyData,
  });
  #login: LoginExchange | null;
  #waiting: Waiting | null = null;
  #error: string | null = null;

  private constructor(pipe: Pipe, login: TargetLogin) {
    this.#pipe = pipe;
    this.#login = new LoginExchange(nativeCrypto, login);
    pipe.receive = (chunk) => this.#receive(chunk);
    pipe.ended = (why) => this.#fail(new Error(why));
  }

  /** Resolves when the server is ready for the first query. */
  static async open(pipe: Pipe, login: TargetLogin): Promise<WireSession> {
    const session = new WireSession(pipe, login);
    const { user, database } = login;
    const parameters = { user, database, client_encoding: 'UTF8', application_name: 'bench' };
    const start = session.#login?.start(Object.entries(parameters)) ?? SYNC;
    await session.ask(start);
    session.received = 0;
    return session;
  }

  /** Sends messages that one ReadyForQuery answers, and waits for it. Rejects with the server's error. */
  ask(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#pipe.send(bytes);
    });
  }

  query(text: string): Promise<void> {
    return this.ask(encodeQuery(text));
  }

  prepare(name: string, text: string): Promise<void> {
    return this.ask(concatBytes([encodeParse(name, text), SYNC]));
  }

  close(): void {
    this.#waiting = null;
    this.#pipe.close();
  }

  #receive(chunk: Uint8Array): void {
    const reader = this.#reader;
    this.received += chunk.length;
    reader.push(chunk);
    while (reader.next()) {
      if (reader.first) this.#take();
      reader.consume();
    }
    reader.keep();
  }

  #take(): void {
    const { tag } = this.#reader;
    if (this.#login !== null) {
      const step = this.#login.receive(tag, this.#reader);
      if (step.kind === 'answer') this.#pipe.send(step.bytes);
      if (step.kind === 'failed') this.#fail(new Error(`login refused: ${step.why}`));
      if (step.kind !== 'ready') return;
      this.#login = null;
      this.#done();
    } else if (tag === SERVER.error) {
      const fields = decodeReport(this.#reader);
      this.#error = `${fields['C'] ?? ''} ${fields['M'] ?? ''}`;
    } else if (tag === SERVER.notice) {
      this.notice(decodeReport(this.#reader)['M'] ?? '');
    } else if (tag === SERVER.readyForQuery) {
      this.#done();
    }
  }

  #done(): void {
    const waiting = this.#waiting;
    const error = this.#error;
    this.#waiting = null;
    this.#error = null;
    if (error === null) waiting?.resolve();
    else waiting?.reject(new Error(error));
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(error);
  }
}
