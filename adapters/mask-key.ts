// The key of `hash` and `fake` masks. One secret, POSTERN_MASK_KEY, and a key of its own for each target derived from it: the
// same value hashes alike everywhere on a target and differently on another. Changing the secret changes every hash.
import { nativeCrypto } from './crypto.ts';
import type { Env } from './env.ts';

/** Shorter ones could be guessed from one value and its hash. `openssl rand -base64 32` has 44. */
const MIN_CHARS = 32;

/** 32 bytes; null when the secret is missing or too short to be one. */
export function maskKey(env: Env, target: string): Uint8Array | null {
  const secret = env.POSTERN_MASK_KEY;
  if (typeof secret !== 'string' || secret.length < MIN_CHARS) return null;
  const utf8 = new TextEncoder();
  return nativeCrypto.hmacSha256(utf8.encode(secret), utf8.encode(`postern mask v1 ${target}`));
}
