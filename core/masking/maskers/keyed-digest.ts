// HMAC-SHA-256 under one key, for many short values: what the key alone decides is computed once and copied for each value.
// The platforms' own HMAC is called across a border that costs ten times the hash itself, so this is @noble/hashes
// (audited, no dependencies), in whose objects the state can be kept. @see RFC 2104, section 4
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ByteSink } from '../byte-sink.ts';

/** The 32 bytes for the UTF-8 of a text. Valid until the next call. */
export type KeyedDigest = (text: string) => Uint8Array<ArrayBuffer>;

export function createKeyedDigest(key: Uint8Array): KeyedDigest {
  const begun = hmac.create(sha256, key);
  const running = begun.clone();
  const digest = new Uint8Array(running.outputLen);
  const encoded = new ByteSink(256);
  return (text) => {
    encoded.clear();
    encoded.text(text);
    begun._cloneInto(running);
    running.update(encoded.view()).digestInto(digest);
    return digest;
  };
}
