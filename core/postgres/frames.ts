// Byte stream → frames, for both directions after startup. Works on the incoming chunk in place and copies only what a
// cut left over. A frame is handed out whole, or in pieces when its rules say that nobody needs to see it whole (rows, COPY
// data); so memory never grows with a result. What a tag means is left to messages. @see protocol-overview, "Messaging Overview"
import { NO_BYTES } from '../bytes.ts';
import { ProtocolViolation } from '../failure.ts';
import { HEADER_BYTES } from './tags.ts';

export interface FrameRules {
  /** Largest value of the length field for this tag, in bytes; 0 when no such message may come. */
  limit(tag: number): number;
  /**
   * Whether this frame may be handed out in pieces. Asked when its header is there, until its first piece is consumed.
   * `length`: as the header says it, which counts itself.
   */
  streams(tag: number, length: number): boolean;
}

/** Buffers that grew beyond this are let go once they are empty. */
const KEPT_CAPACITY_BYTES = 64 * 1024;

/**
 * `next()` points `buffer`, `start` and `end` at the next whole frame or piece, header included; `consume()` moves on.
 * What they point at stays as it is until the next `push`.
 */
export class FrameReader {
  tag = 0;
  buffer: Uint8Array = NO_BYTES;
  start = 0;
  end = 0;
  /** The piece begins with the header. */
  first = true;
  /** The piece ends its frame. */
  last = true;

  readonly #rules: FrameRules;
  #data: Uint8Array = NO_BYTES;
  #at = 0;
  #size = 0;
  /** An empty buffer of ours from before. Effects of an earlier call may still show it, those of this one do not. */
  #spare: Uint8Array = NO_BYTES;
  /** Whether #data is ours to write into, or a chunk that is only lent until the end of this call. */
  #owned = false;
  /** Bytes still to come of a frame whose first piece was consumed. */
  #left = 0;
  /** Length of the frame whose first piece is pointed at, header included. */
  #total = 0;
  /** Bytes behind #at that `sees` has been over. */
  #looked = 0;

  constructor(rules: FrameRules) {
    this.#rules = rules;
  }

  /** Bytes received and not consumed. */
  get held(): number {
    return this.#size - this.#at;
  }

  /** A frame's first piece was consumed and its end was not. */
  get inside(): boolean {
    return this.#left > 0;
  }

  push(chunk: Uint8Array): void {
    if (this.#at === this.#size) {
      this.#data = chunk;
      this.#at = 0;
      this.#size = chunk.length;
      this.#owned = false;
      return;
    }
    this.#own(chunk.length);
    this.#data.set(chunk, this.#size);
    this.#size += chunk.length;
  }

  next(): boolean {
    const available = this.#size - this.#at;
    if (this.#left > 0) return this.#point(Math.min(available, this.#left), false);
    if (available === 0) return false;
    const data = this.#data;
    const at = this.#at;
    const tag = data[at] ?? 0;
    // Before the rest has come: a peer that speaks something else is not given a buffer first.
    const limit = this.#rules.limit(tag);
    if (limit === 0) throw new ProtocolViolation(`unexpected message type ${tag}`);
    if (available < HEADER_BYTES) return false;
    const length = lengthAt(data, at);
    if (length < 4) throw new ProtocolViolation(`message length ${length} under 4`);
    if (length > limit) throw new ProtocolViolation(`message length ${length} over its limit`);
    this.tag = tag;
    if (available > length) return this.#point(length + 1, true, length + 1);
    if (this.#rules.streams(tag, length)) return this.#point(available, true, length + 1);
    return false;
  }

  consume(): void {
    this.#looked = Math.max(0, this.#looked - (this.end - this.start));
    this.#at = this.end;
    if (this.first) this.#left = this.last ? 0 : this.#total - (this.end - this.start);
    else this.#left -= this.end - this.start;
  }

  /**
   * Whether a whole frame of this tag is held, at or behind the next one. Looks at headers only, and at each of them once
   * until something is consumed; ask for one tag only.
   */
  sees(tag: number): boolean {
    const data = this.#data;
    let at = this.#at + (this.#left > 0 ? this.#left : this.#looked);
    while (this.#size - at >= HEADER_BYTES) {
      const length = lengthAt(data, at);
      if (length < 4 || this.#size - at <= length) break;
      if (data[at] === tag) return true;
      at += length + 1;
      if (this.#left === 0) this.#looked = at - this.#at;
    }
    return false;
  }

  /** Ends a call: what is left of a lent chunk is copied, since its owner may use it again. */
  keep(): void {
    if (this.#at === this.#size) {
      if (this.#owned && this.#data.length <= KEPT_CAPACITY_BYTES) this.#spare = this.#data;
      this.#data = NO_BYTES;
      this.#owned = false;
      this.#at = 0;
      this.#size = 0;
    } else if (!this.#owned) {
      this.#own(0);
    }
  }

  #point(length: number, first: boolean, total = 0): boolean {
    if (length === 0) return false;
    this.buffer = this.#data;
    this.start = this.#at;
    this.end = this.#at + length;
    this.first = first;
    if (first) this.#total = total;
    this.last = first ? length === total : length === this.#left;
    return true;
  }

  /** Makes #data ours, with room for `extra` more bytes behind what is held. */
  #own(extra: number): void {
    const held = this.#size - this.#at;
    const need = held + extra;
    if (this.#owned && this.#size + extra <= this.#data.length) return;
    if (this.#owned && need <= this.#data.length) {
      this.#data.copyWithin(0, this.#at, this.#size);
    } else {
      // Doubling follows the bytes that came, never the length a header claims.
      const fits = !this.#owned && need <= this.#spare.length;
      const grown = fits ? this.#spare : new Uint8Array(Math.max(need, held * 2, 256));
      grown.set(this.#data.subarray(this.#at, this.#size));
      this.#data = grown;
      this.#owned = true;
    }
    this.#at = 0;
    this.#size = held;
  }
}

function lengthAt(data: Uint8Array, at: number): number {
  const high = ((data[at + 1] ?? 0) << 24) | ((data[at + 2] ?? 0) << 16);
  return (high | ((data[at + 3] ?? 0) << 8) | (data[at + 4] ?? 0)) >>> 0;
}
