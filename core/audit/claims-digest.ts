// What the journal keeps of verified claims: enough to tell later whether a token was this one, and nothing of what it said.
import { toHex, utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import type { Principal } from '../identity.ts';

/** SHA-256, hex, over the claims as JSON, sorted by name. */
export function claimsDigest({ claims }: Principal, crypto: Pick<Crypto, 'sha256'>): string {
  const sorted = Object.entries(claims).sort(([a], [b]) => (a < b ? -1 : 1));
  return toHex(crypto.sha256(utf8(JSON.stringify(sorted))));
}
