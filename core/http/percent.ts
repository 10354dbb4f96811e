// Percent-encoding (RFC 3986 section 2.1), read strictly: every `%` stands before two hex digits, and what they say is
// UTF-8. Lenient decoders are what path and parameter tricks are made of.
import { decodeUtf8, utf8 } from '../bytes.ts';

const UNSAFE = /[^A-Za-z0-9\-._~]/gu;
const TRIPLET = /^[0-9a-f]{2}$/i;

/** The bytes of a text with its triplets decoded; null where a `%` starts none. */
export function percentBytes(text: string): Uint8Array | null {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (char !== '%') {
      for (const byte of utf8(char)) bytes.push(byte);
      continue;
    }
    const digits = text.slice(at + 1, at + 3);
    if (!TRIPLET.test(digits)) return null;
    bytes.push(Number.parseInt(digits, 16));
    at += 2;
  }
  return Uint8Array.from(bytes);
}

/** Null where a triplet is broken or the bytes are not UTF-8 (overlong forms and surrogates included). ASCII input. */
export function percentDecoded(text: string): string | null {
  if (!text.includes('%')) return text;
  const bytes = percentBytes(text);
  return bytes === null ? null : decodeUtf8(bytes);
}

/** Everything but unreserved characters (RFC 3986 section 2.3) as triplets of its UTF-8, in upper case. */
export function percentEncoded(text: string): string {
  return text.replaceAll(UNSAFE, (char) => {
    let encoded = '';
    for (const byte of utf8(char)) encoded += triplet(byte);
    return encoded;
  });
}

export function triplet(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
}
