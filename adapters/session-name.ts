// A session's name is a hash of its cancel key, so that a cancel request finds its session without a directory, and only
// whoever holds the key can. The name is public (it stands in recordings); finding the key from it is a search over 2^63.
import { NAMING_KEY_BYTES } from '../core/session-ticket.ts';
import { nativeCrypto } from './crypto.ts';

const CONTEXT = new TextEncoder().encode('postern session v1\0');

/** 32 hex digits. `key` needs at least NAMING_KEY_BYTES; more are ignored. */
export function sessionName(target: string, key: Uint8Array): string {
  const digest = nativeCrypto.sha256(
    CONTEXT,
    new TextEncoder().encode(`${target}\0`),
    key.subarray(0, NAMING_KEY_BYTES),
  );
  return [...digest.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A fresh key: a positive process id, as Postgres has them, and 32 secret bytes (4 of which protocol 3.0 can carry). */
export function createCancelKey(): Uint8Array {
  const key = nativeCrypto.randomBytes(36);
  key[0] = (key[0] ?? 0) & 0x7f;
  return key;
}
