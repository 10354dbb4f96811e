// Text cells: bytes ↔ strings, and the texts of types ↔ those that maskers speak.
import { decodeLossy } from '../bytes.ts';
import type { PgType } from './masked-types.ts';

const SHORT_BYTES = 48;

/** What is not UTF-8 becomes U+FFFD: it is masked or searched, never judged. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT_BYTES) return decodeLossy(bytes.subarray(start, end));
  let text = '';
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte > 0x7f) return decodeLossy(bytes.subarray(start, end));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** The text of a value as maskers speak it → as Postgres writes it. */
export function toPgText({ value }: PgType, text: string): string {
  if (value.kind === 'boolean') return text === 'true' ? 't' : 'f';
  return value.kind === 'bytes' ? `\\x${text}` : text;
}

/** The other way round; null where the text is none of the type. */
export function fromPgText({ value }: PgType, text: string): string | null {
  if (value.kind === 'boolean') return text === 't' ? 'true' : 'false';
  if (value.kind === 'bytes') return text.startsWith('\\x') ? text.slice(2) : null;
  return text;
}
