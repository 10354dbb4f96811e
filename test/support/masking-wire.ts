// A Postgres client that keeps every byte it is sent: for tests that look for what must not be there. Speaks the simple and
// the extended protocol by hand, text and binary; no TLS, and a password only in the clear.
import { connect, type Socket } from 'node:net';
import { cstr, frame, i16, i32, join, startup, text, V30 } from '../core/postgres/wire.ts';

/** How one statement is sent. */
export type Mode = 'simple' | 'extended' | 'binary';
export const MODES: readonly Mode[] = ['simple', 'extended', 'binary'];

/** What one message, up to its ReadyForQuery, was answered with. */
export interface Answer {
  /** Cells as latin1 of their bytes; null for NULL. COPY data counts as rows of one cell. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly columns: readonly string[];
  readonly tags: readonly string[];
  /** SQLSTATE, message and detail of the error; null without one. */
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly detail: string;
  } | null;
  readonly notices: readonly string[];
  /** Everything that was received. */
  readonly bytes: Buffer;
}

export interface WireAddress {
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly database: string;
}

export interface Statement {
  readonly sql: string;
  readonly values?: readonly (string | null)[];
  /** COPY … FROM STDIN gets this. */
  readonly copy?: string;
}

const TIMEOUT_MS = 15_000;

export class WireClient {
  readonly #socket: Socket;
  #held = Buffer.alloc(0);
  #frames: Buffer[] = [];
  #wake: (() => void) | null = null;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const wake = () => this.#wake?.();
    socket.on('data', (chunk: Buffer) => {
      this.#held = Buffer.concat([this.#held, chunk]);
      while (this.#held.length >= 5) {
        const length = 1 + this.#held.readInt32BE(1);
        if (this.#held.length < length) break;
        this.#frames.push(this.#held.subarray(0, length));
        this.#held = this.#held.subarray(length);
      }
      wake();
    });
    socket.on('close', () => {
      this.#closed = true;
      wake();
    });
    socket.on('error', () => {
      this.#closed = true;
      wake();
    });
  }

  static async open(address: WireAddress): Promise<WireClient> {
    const socket = connect(address.port, '127.0.0.1');
    socket.setNoDelay(true);
    const client = new WireClient(socket);
    socket.write(
      startup(V30, {
        user: address.user,
        database: address.database,
        application_name: 'masking',
      }),
    );
    for (;;) {
      const next = await client.#next();
      if (next === null) throw new Error('closed during the login');
      const tag = String.fromCharCode(next[0] ?? 0);
      if (tag === 'R' && next.readInt32BE(5) === 3) {
        socket.write(frame('p', cstr(address.password ?? '')));
      } else if (tag === 'E') throw new Error(`login refused: ${fields(next).M}`);
      else if (tag === 'Z') return client;
    }
  }

  /** Sends one statement and reads to its ReadyForQuery; a closed connection is an answer too. */
  async run(statement: Statement | string, mode: Mode): Promise<Answer> {
    const { sql, values, copy } = typeof statement === 'string' ? { sql: statement } : statement;
    const format = mode === 'binary' ? 1 : 0;
    this.#socket.write(
      mode === 'simple' && values === undefined
        ? frame('Q', cstr(sql))
        : join(
            frame('P', cstr(''), cstr(sql), i16(0)),
            bind(values ?? [], format),
            frame('D', text('P'), cstr('')),
            frame('E', cstr(''), i32(0)),
            frame('S'),
          ),
    );
    return this.#answer(copy ?? '', mode !== 'simple');
  }

  /** Bytes as they stand, up to the next ReadyForQuery. */
  async raw(bytes: Uint8Array): Promise<Answer> {
    this.#socket.write(bytes);
    return this.#answer('', false);
  }

  close(): void {
    this.#socket.destroy();
  }

  async #answer(copy: string, extended: boolean): Promise<Answer> {
    const rows: (string | null)[][] = [];
    let columns: string[] = [];
    const tags: string[] = [];
    const notices: string[] = [];
    const bytes: Buffer[] = [];
    let error: Answer['error'] = null;
    for (let next = await this.#next(); next !== null; next = await this.#next()) {
      bytes.push(next);
      const tag = String.fromCharCode(next[0] ?? 0);
      switch (tag) {
        case 'T':
          columns = described(next);
          break;
        case 'D':
          rows.push(cells(next));
          break;
        case 'd':
          rows.push([next.subarray(5).toString('latin1')]);
          break;
        case 'C':
          tags.push(next.subarray(5, -1).toString());
          break;
        case 'N':
          notices.push(fields(next).M ?? '');
          break;
        case 'A':
          notices.push(next.subarray(9, -1).toString().replaceAll('\0', ' '));
          break;
        case 'G':
          // A Sync during COPY is ignored: it is sent again behind it.
          this.#socket.write(
            join(frame('d', text(copy)), frame('c'), ...(extended ? [frame('S')] : [])),
          );
          break;
        case 'E': {
          const { C = '', M = '', D = '' } = fields(next);
          error ??= { code: C, message: M, detail: D };
          break;
        }
        default:
      }
      if (tag === 'Z') return { rows, columns, tags, error, notices, bytes: Buffer.concat(bytes) };
    }
    error ??= { code: 'closed', message: 'the connection was closed', detail: '' };
    return { rows, columns, tags, error, notices, bytes: Buffer.concat(bytes) };
  }

  async #next(): Promise<Buffer | null> {
    const deadline = Date.now() + TIMEOUT_MS;
    for (;;) {
      const frame = this.#frames.shift();
      if (frame !== undefined) return frame;
      if (this.#closed) return null;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error('no answer in time');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

function bind(values: readonly (string | null)[], format: number): Uint8Array {
  return frame(
    'B',
    cstr(''),
    cstr(''),
    i16(0),
    i16(values.length),
    ...values.map((value) =>
      value === null ? i32(-1) : join(i32(Buffer.byteLength(value)), text(value)),
    ),
    i16(1),
    i16(format),
  );
}

function cells(message: Buffer): (string | null)[] {
  let at = 7;
  return Array.from({ length: message.readInt16BE(5) }, () => {
    const length = message.readInt32BE(at);
    at += 4;
    if (length < 0) return null;
    at += length;
    return message.subarray(at - length, at).toString('latin1');
  });
}

function described(message: Buffer): string[] {
  let at = 7;
  return Array.from({ length: message.readInt16BE(5) }, () => {
    const end = message.indexOf(0, at);
    const name = message.subarray(at, end).toString();
    at = end + 19;
    return name;
  });
}

function fields(message: Buffer): Record<string, string> {
  const list = message.subarray(5).toString().split('\0').filter(Boolean);
  return Object.fromEntries(list.map((field) => [field.slice(0, 1), field.slice(1)]));
}
