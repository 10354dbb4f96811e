// Bounds-checked reading and writing of binary messages. Every read that would leave its message is a ProtocolViolation,
// never `undefined` or a neighbour's bytes. Integers are big-endian, strings UTF-8. Frames and meaning belong to the protocols.
import { ProtocolViolation } from './failure.ts';

// `ignoreBOM` keeps a leading U+FEFF: without it the text that is judged would not be the text that is sent.
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LOSSY = new TextDecoder('utf-8', { ignoreBOM: true });
const ENCODER = new TextEncoder();

/** Strings up to this length are decoded by hand: cheaper than a TextDecoder call when they are ASCII. */
const SHORT_STRING_BYTES = 48;

export const NO_BYTES = new Uint8Array(0);

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return ENCODER.encode(text);
}

/** Exact text of valid UTF-8, a byte order mark included; null when it is not valid UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return STRICT.decode(bytes);
  } catch {
    // TextDecoder has no other way to say it; null is the answer, not a swallowed error.
    return null;
  }
}

/** For texts that are only shown: what is not UTF-8 becomes U+FFFD. */
export function decodeLossy(bytes: Uint8Array): string {
  return LOSSY.decode(bytes);
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Reads one message, from `start` up to `end` of a buffer that it does not own. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    if (start < 0 || end > bytes.length || start > end)
      throw new RangeError('reader out of buffer');
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#byte(this.#take(1));
  }

  u16(): number {
    const at = this.#take(2);
    return (this.#byte(at) << 8) | this.#byte(at + 1);
  }

  i16(): number {
    return (this.u16() << 16) >> 16;
  }

  i32(): number {
    const at = this.#take(4);
    return (
      (this.#byte(at) << 24) |
      (this.#byte(at + 1) << 16) |
      (this.#byte(at + 2) << 8) |
      this.#byte(at + 3)
    );
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  /** A view, not a copy: valid as long as the buffer is. */
  bytes(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Everything left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** The bytes of a zero-terminated string, without the zero. */
  cstringBytes(): Uint8Array {
    const zero = this.#bytes.indexOf(0, this.#at);
    if (zero === -1 || zero >= this.#end) throw new ProtocolViolation('unterminated string');
    const text = this.#bytes.subarray(this.#at, zero);
    this.#at = zero + 1;
    return text;
  }

  /** A zero-terminated string of valid UTF-8. */
  cstring(): string {
    const start = this.#at;
    const limit = Math.min(this.#end, start + SHORT_STRING_BYTES);
    let text = '';
    for (let at = start; at < limit; at++) {
      const byte = this.#byte(at);
      if (byte === 0) {
        this.#at = at + 1;
        return text;
      }
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    const decoded = decodeUtf8(this.cstringBytes());
    if (decoded === null) throw new ProtocolViolation('string is not UTF-8');
    return decoded;
  }

  /** Says that the message is over: bytes nobody read are a violation, as Postgres' pq_getmsgend has it. */
  end(): void {
    if (this.#at !== this.#end) throw new ProtocolViolation('bytes left over in a message');
  }

  #take(length: number): number {
    const at = this.#at;
    if (!Number.isInteger(length) || length < 0 || length > this.#end - at) {
      throw new ProtocolViolation('message shorter than its content');
    }
    this.#at = at + length;
    return at;
  }

  #byte(at: number): number {
    const byte = this.#bytes[at];
    if (byte === undefined) throw new ProtocolViolation('read outside of a message');
    return byte;
  }
}

/** Builds messages in a buffer that grows. Numbers outside their field throw: those are bugs of ours, not of a peer. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(capacity = 128) {
    this.#bytes = new Uint8Array(Math.max(capacity, 16));
  }

  get length(): number {
    return this.#at;
  }

  u8(value: number): this {
    this.#check(value, 0, 0xff);
    this.#bytes[this.#room(1)] = value;
    return this;
  }

  i16(value: number): this {
    this.#check(value, -0x8000, 0xffff);
    const at = this.#room(2);
    this.#bytes[at] = value >> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  i32(value: number): this {
    this.#check(value, -0x8000_0000, 0xffff_ffff);
    const at = this.#room(4);
    this.#put32(at, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#room(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** A string and its terminating zero. A zero inside would end the string early and shift every field behind it. */
  cstring(value: string): this {
    if (value.includes('\0')) throw new RangeError('zero byte in a string');
    return this.bytes(utf8(value)).u8(0);
  }

  /** Overwrites 4 bytes written before: a length known only at the end. */
  patch32(at: number, value: number): this {
    if (at < 0 || at + 4 > this.#at) throw new RangeError('patch outside of what was written');
    this.#put32(at, value);
    return this;
  }

  /** What was written, as a copy of its own. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#at);
  }

  #put32(at: number, value: number): void {
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
  }

  #check(value: number, least: number, most: number): void {
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError('number outside of its field');
    }
  }

  #room(length: number): number {
    const at = this.#at;
    const need = at + length;
    if (need > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(need, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
    }
    this.#at = need;
    return at;
  }
}
