// The bytes an envelope is hashed over: a value is a tag and, where it has a size, the size before the content. Nothing is
// separated, escaped or terminated, so no two different values share their bytes. docs/approvals.md gives it byte for byte.

/** What can be encoded. Numbers are whole and not negative. */
export type Encodable = null | string | number | readonly Encodable[];

/** A value has no encoding: an unpaired surrogate, a fraction, a negative number. The caller must refuse. */
export class Unencodable extends Error {
  override readonly name = 'Unencodable';
}

export const TAG = { null: 0x00, string: 0x01, integer: 0x02, list: 0x03 } as const;

const utf8 = new TextEncoder();

/** @throws Unencodable */
export function encode(value: Encodable): Uint8Array {
  const parts: Uint8Array[] = [];
  append(value, parts);
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function append(value: Encodable, parts: Uint8Array[]): void {
  if (value === null) {
    parts.push(Uint8Array.of(TAG.null));
  } else if (typeof value === 'string') {
    // UTF-8 has no unpaired surrogates: an encoder replaces them all with U+FFFD, and two texts become one.
    if (!value.isWellFormed()) throw new Unencodable('a text holds an unpaired surrogate');
    const bytes = utf8.encode(value);
    parts.push(head(TAG.string, bytes.length), bytes);
  } else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || value < 0) throw new Unencodable('not a whole number');
    const bytes = new Uint8Array(9);
    bytes[0] = TAG.integer;
    new DataView(bytes.buffer).setBigUint64(1, BigInt(value));
    parts.push(bytes);
  } else {
    parts.push(head(TAG.list, value.length));
    for (const item of value) append(item, parts);
  }
}

function head(tag: number, size: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = tag;
  new DataView(bytes.buffer).setUint32(1, size);
  return bytes;
}
