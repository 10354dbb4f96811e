// Watches a Postgres conversation just closely enough to know when a refusal may be put into it: after the startup packet
// and between two server messages. A refusal that comes earlier waits for its moment, because libpq shows no text in answer
// to an SSLRequest. What it does not understand (TLS, garbage) it leaves alone and ends without words.
//
//   SSLRequest / GSSENCRequest ─▶ 'N'   …   StartupMessage ─▶ messages   (manual, section 55.2.10 and 55.2.11)
import type { Socket } from 'node:net';
import { MAX_STARTUP_BYTES } from '../core/limits.ts';
import { type FatalError, encodeFatalError } from './postgres-error.ts';
import type { Taps } from './pump.ts';

const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
const REFUSED_NEGOTIATION = 0x4e; // N
const ERROR_RESPONSE = 0x45; // E

/** A client that does not go on is not waited for. */
const REFUSE_TIMEOUT_MS = 5_000;

export class PostgresOpening implements Taps {
  /** `mute`: no refusal can be understood here. */
  #phase: 'negotiating' | 'started' | 'mute' = 'negotiating';
  /** Client bytes of an unfinished packet of the opening. */
  #packet: Buffer = Buffer.alloc(0);
  #unansweredNegotiations = 0;
  /** Server side: a message's header as far as it is seen, the bytes its body still lacks, the last complete tag. */
  readonly #header: number[] = [];
  #bodyBytes = 0;
  #lastTag = 0;

  fromClient(chunk: Uint8Array): void {
    if (this.#phase !== 'negotiating') return;
    this.#packet = Buffer.concat([this.#packet, chunk]);
    while (this.#phase === 'negotiating' && this.#packet.length >= 8) {
      const length = this.#packet.readUInt32BE(0);
      const code = this.#packet.readUInt32BE(4);
      if (length < 8 || length > MAX_STARTUP_BYTES || code === CANCEL_REQUEST) {
        this.#phase = 'mute';
      } else if (this.#packet.length < length) {
        return;
      } else if (code === SSL_REQUEST || code === GSSENC_REQUEST) {
        this.#unansweredNegotiations += 1;
        this.#packet = this.#packet.subarray(length);
      } else {
        this.#phase = 'started';
      }
    }
    if (this.#phase !== 'negotiating') this.#packet = Buffer.alloc(0);
  }

  fromServer(chunk: Uint8Array): void {
    let at = 0;
    while (this.#unansweredNegotiations > 0 && at < chunk.length) {
      this.#unansweredNegotiations -= 1;
      if (chunk[at] !== REFUSED_NEGOTIATION) this.#phase = 'mute';
      at += 1;
    }
    if (this.#phase === 'mute') return;
    while (at < chunk.length) {
      if (this.#bodyBytes > 0) {
        const step = Math.min(this.#bodyBytes, chunk.length - at);
        this.#bodyBytes -= step;
        at += step;
      } else {
        at = this.#readHeader(chunk, at);
      }
    }
  }

  #readHeader(chunk: Uint8Array, start: number): number {
    let at = start;
    const header = this.#header;
    while (header.length < 5 && at < chunk.length) {
      header.push(chunk[at] ?? 0);
      at += 1;
    }
    if (header.length < 5) return at;
    const [tag = 0, a = 0, b = 0, c = 0, d = 0] = header;
    header.length = 0;
    const length = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
    if (length < 4) this.#phase = 'mute';
    this.#lastTag = tag;
    this.#bodyBytes = Math.max(length - 4, 0);
    return at;
  }

  /** True where a server message may stand, and the server has not just said why itself. */
  get #mayRefuse(): boolean {
    const between = this.#header.length === 0 && this.#bodyBytes === 0;
    return this.#phase === 'started' && between && this.#lastTag !== ERROR_RESPONSE;
  }

  /** Ends the client's connection, with the error where the client can read it. Resolves when the socket is closed. */
  async refuse(socket: Socket, error: FatalError): Promise<void> {
    if (socket.destroyed) return;
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
    });
    const deadline = setTimeout(() => socket.destroy(), REFUSE_TIMEOUT_MS);
    const step = (): void => {
      if (this.#phase !== 'mute') {
        socket.write(Buffer.alloc(this.#unansweredNegotiations, REFUSED_NEGOTIATION));
        this.#unansweredNegotiations = 0;
      }
      if (this.#phase === 'negotiating') return;
      if (this.#mayRefuse) socket.write(encodeFatalError(error));
      socket.end();
      socket.off('data', onData);
      // Bytes left unread would turn our end into a reset, and the client might lose the words.
      socket.resume();
    };
    const onData = (chunk: Buffer): void => {
      this.fromClient(chunk);
      step();
    };
    socket.on('error', () => socket.destroy());
    socket.on('data', onData);
    step();
    socket.resume();
    await closed;
    clearTimeout(deadline);
  }
}
