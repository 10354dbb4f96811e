// A Connection as the stream that postgres.js wants for its `socket` option: it asks for `readyState`, and waits for
// `close` when it is told to end.
import { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import type { Connection } from './connection.ts';

/** The driver keeps whole rows in memory: a peer that sends more than any catalog has is cut off. */
const MAX_ANSWER_BYTES = 48 * 1024 * 1024;

export class ConnectionStream extends Duplex {
  readonly #connection: Connection;
  #reading = false;
  #received = 0;

  constructor(connection: Connection) {
    super({ allowHalfOpen: false });
    this.#connection = connection;
  }

  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open';
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#connection.read().then(
      (bytes) => {
        this.#reading = false;
        if (bytes === null) {
          this.push(null);
          return;
        }
        this.#received += bytes.length;
        if (this.#received > MAX_ANSWER_BYTES) {
          this.destroy(new Error('too many bytes'));
          return;
        }
        // The bytes are only valid until the next read: the stream keeps a copy.
        this.push(Buffer.from(bytes));
      },
      (error: unknown) => this.destroy(asError(error)),
    );
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error) => void): void {
    this.#connection.write(chunk).then(
      () => done(),
      (error: unknown) => done(asError(error)),
    );
  }

  override _final(done: () => void): void {
    done();
    this.destroy();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connection.close();
    done(error);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('connection broke');
}
