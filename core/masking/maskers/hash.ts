// `hash`: the same value of a target always becomes the same, so masked results can be joined, grouped and counted.
//
// One digest per value: HMAC-SHA-256 over its canonical text, whatever the type of the column it stands in. Canonical is the
// decimal form of an integer without sign of plus or leading zeros, the lower-case form of a uuid, and any other text
// exactly as it is, case, blanks and normalisation included. So 42 in smallint, integer, bigint and text has one digest:
//   text     `hash:` and its first 16 bytes in hexadecimal (128 bits)
//   integer  the low 15, 31, 53 or 63 bits of these 16 bytes: a bigint's `& 2147483647` is the integer's. Narrow types collide
//   uuid     tagged, version 8, 88 bits of it
// Every other type becomes NULL.
import { toHex } from '../../bytes.ts';
import { createKeyedDigest } from './keyed-digest.ts';
import { HASH_TAG, UUID_TAG } from './placeholder.ts';
import type { ValueType } from './value-type.ts';

/** Digests of short values are kept: columns repeat themselves, and a digest costs more than everything else here. */
const KEPT_DIGESTS = 4096;
const KEPT_LENGTH = 64;

/** Hexadecimal digest of 16 bytes for a canonical text. */
export type Digest = (canonical: string) => string;

export function createDigest(key: Uint8Array): Digest {
  const keyed = createKeyedDigest(key);
  const kept = new Map<string, string>();
  return (canonical) => {
    const known = kept.get(canonical);
    if (known !== undefined) return known;
    const digest = toHex(keyed(canonical).subarray(0, 16));
    if (canonical.length <= KEPT_LENGTH) {
      if (kept.size >= KEPT_DIGESTS) kept.clear();
      kept.set(canonical, digest);
    }
    return digest;
  };
}

export function hashed(value: string, type: ValueType, digest: Digest): string | null {
  switch (type.kind) {
    case 'text':
      return HASH_TAG + digest(value);
    case 'integer': {
      const canonical = canonicalInteger(value);
      if (canonical === null) return null;
      const wide = BigInt(`0x${digest(canonical).slice(16)}`);
      return BigInt.asUintN(type.bits === 53 ? 53 : type.bits - 1, wide).toString();
    }
    case 'uuid': {
      const hex = digest(value.toLowerCase());
      return `${UUID_TAG}-${hex.slice(0, 4)}-8${hex.slice(4, 7)}-8${hex.slice(7, 10)}-${hex.slice(10, 22)}`;
    }
    case 'decimal':
    case 'float':
    case 'boolean':
    case 'date':
    case 'time':
    case 'timestamp':
    case 'json':
    case 'bytes':
    case 'other':
      return null;
    default:
      return type satisfies never;
  }
}

function canonicalInteger(value: string): string | null {
  return /^[+-]?\d{1,40}$/.test(value) ? BigInt(value.replace(/^\+/, '')).toString() : null;
}
