// A buffer that grows and is used again: what masks write goes here, so that a row or a chunk costs no allocation.

/** Buffers that grew beyond this are let go when they are cleared. */
const KEPT_BYTES = 1024 * 1024;

export class ByteSink {
  /** Valid up to `length`; another buffer after every `reserve`. */
  bytes: Uint8Array<ArrayBuffer>;
  length = 0;
  readonly #initial: number;

  constructor(capacity = 4096) {
    this.#initial = capacity;
    this.bytes = new Uint8Array(capacity);
  }

  clear(): void {
    this.length = 0;
    if (this.bytes.length > KEPT_BYTES) this.bytes = new Uint8Array(this.#initial);
  }

  /** Makes room for `count` more bytes behind `length`. */
  reserve(count: number): void {
    const need = this.length + count;
    if (need <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(need, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.length] = value;
    this.length += 1;
  }

  int32(value: number): void {
    this.reserve(4);
    this.putInt32(this.length, value);
    this.length += 4;
  }

  /** Overwrites four bytes at a place that is reserved. */
  putInt32(at: number, value: number): void {
    const bytes = this.bytes;
    bytes[at] = value >>> 24;
    bytes[at + 1] = value >>> 16;
    bytes[at + 2] = value >>> 8;
    bytes[at + 3] = value;
  }

  /** Appends source[start, end), which may be this sink's own bytes only where nothing overlaps. */
  append(source: Uint8Array, start = 0, end: number = source.length): void {
    const count = end - start;
    this.reserve(count);
    const bytes = this.bytes;
    let at = this.length;
    // A view costs more than a short loop.
    if (count < 64) for (let from = start; from < end; from += 1) bytes[at++] = source[from] ?? 0;
    else bytes.set(source.subarray(start, end), at);
    this.length += count;
  }

  /** Appends UTF-8. */
  text(value: string): void {
    const count = value.length;
    // Three bytes per UTF-16 unit are the most there can be.
    this.reserve(count * 3);
    const bytes = this.bytes;
    let at = this.length;
    for (let from = 0; from < count; from += 1) {
      let code = value.charCodeAt(from);
      if (code < 0x80) {
        bytes[at++] = code;
        continue;
      }
      if (code < 0x800) bytes[at++] = 0xc0 | (code >> 6);
      else {
        if (code < 0xd800 || code > 0xdfff) bytes[at++] = 0xe0 | (code >> 12);
        else {
          const whole = value.codePointAt(from) ?? 0;
          // Half of a pair is no character: U+FFFD, as TextEncoder has it.
          code = whole > 0xffff ? whole : 0xfffd;
          if (whole > 0xffff) {
            from += 1;
            bytes[at++] = 0xf0 | (code >> 18);
            bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
          } else bytes[at++] = 0xe0 | (code >> 12);
        }
        bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
      }
      bytes[at++] = 0x80 | (code & 0x3f);
    }
    this.length = at;
  }

  /** What was written, valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(0, this.length);
  }
}
