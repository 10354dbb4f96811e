// Bytes on their way to one side within one call. Neighbouring pieces of the same buffer stay one view, so a chunk of rows
// that is passed on is passed on without a copy; only a mixture of sources is joined.
import { concatBytes } from '../bytes.ts';

export class Outbox {
  readonly #pieces: Uint8Array[] = [];
  #buffer: Uint8Array | null = null;
  #start = 0;
  #end = 0;
  /** Pieces at the front that are copies of ours already. */
  #kept = 0;
  #length = 0;

  /** Bytes in it. */
  get length(): number {
    return this.#length;
  }

  get empty(): boolean {
    return this.#buffer === null && this.#pieces.length === 0;
  }

  /** Adds bytes `start` to `end` of a buffer that stays as it is until `take` or `keep`. */
  append(buffer: Uint8Array, start: number, end: number): void {
    this.#length += end - start;
    if (buffer === this.#buffer && start === this.#end) {
      this.#end = end;
      return;
    }
    this.#seal();
    this.#buffer = buffer;
    this.#start = start;
    this.#end = end;
  }

  write(bytes: Uint8Array): void {
    this.append(bytes, 0, bytes.length);
  }

  /** Everything added so far, in order; null when that is nothing. */
  take(): Uint8Array | null {
    this.#seal();
    const [first] = this.#pieces;
    if (first === undefined) return null;
    const whole = this.#pieces.length === 1 ? first : concatBytes(this.#pieces);
    this.#pieces.length = 0;
    this.#kept = 0;
    this.#length = 0;
    return whole;
  }

  /** Copies what is still here: its buffers may change after this call. */
  keep(): void {
    if (this.empty) return;
    this.#seal();
    if (this.#kept < this.#pieces.length) {
      this.#pieces.push(concatBytes(this.#pieces.splice(this.#kept)));
    }
    this.#kept = this.#pieces.length;
  }

  /** Moves everything from `other` behind what is here. */
  moveFrom(other: Outbox): void {
    if (other.empty) return;
    this.#seal();
    for (const piece of other.#pieces.splice(0)) this.#pieces.push(piece);
    this.#length += other.#length;
    other.#length = 0;
    other.#kept = 0;
    // The open run stays open, so that what follows it in the same buffer joins it.
    this.#buffer = other.#buffer;
    this.#start = other.#start;
    this.#end = other.#end;
    other.#buffer = null;
  }

  #seal(): void {
    if (this.#buffer === null) return;
    this.#pieces.push(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = null;
  }
}
