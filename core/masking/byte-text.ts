// Small pieces of large buffers as text, without a view of each: most values are short, and a view costs more than a loop.
import { decodeLossy } from '../bytes.ts';

/** Longer ones are decoded by the platform. */
const SHORT_BYTES = 48;

/** bytes[start, end) as text. What is not UTF-8 becomes U+FFFD: it is masked or searched, never judged. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT_BYTES) return decodeLossy(bytes.subarray(start, end));
  let text = '';
  let at = start;
  // By eights: strings that grow by one character are put together again when they are read.
  for (; at + 8 <= end; at += 8) {
    const a = bytes[at] ?? 0;
    const b = bytes[at + 1] ?? 0;
    const c = bytes[at + 2] ?? 0;
    const d = bytes[at + 3] ?? 0;
    const e = bytes[at + 4] ?? 0;
    const f = bytes[at + 5] ?? 0;
    const g = bytes[at + 6] ?? 0;
    const h = bytes[at + 7] ?? 0;
    if ((a | b | c | d | e | f | g | h) > 0x7f) return decodeLossy(bytes.subarray(start, end));
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  for (; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte > 0x7f) return decodeLossy(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

export function hasByte(bytes: Uint8Array, byte: number, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] === byte) return true;
  return false;
}
