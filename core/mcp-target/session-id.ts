// A server's session id, as its caller carries it: with a seal that only the gateway can make, over the caller, the target and
// the id. Nothing is kept of it, and nobody can use one that was given to somebody else.
import { decodeBase64, encodeBase64 } from '../base64.ts';
import { decodeUtf8, toHex, utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';

export interface SealOptions {
  /** 32 bytes. */
  readonly key: Uint8Array;
  readonly principal: string;
  readonly target: string;
}

/** Longer ones are none. Characters. */
const MAX_ID_CHARS = 1_024;

/** Null for an id that no header may hold (visible ASCII, says the specification). */
export function sealedId(
  id: string,
  options: SealOptions,
  crypto: Pick<Crypto, 'hmacSha256'>,
): string | null {
  if (!/^[!-~]+$/.test(id) || id.length > MAX_ID_CHARS) return null;
  return `${seal(id, options, crypto)}.${encodeBase64(utf8(id))}`;
}

/** The server's own; null for what was not sealed for this caller at this target. */
export function openedId(
  sealed: string,
  options: SealOptions,
  crypto: Pick<Crypto, 'hmacSha256' | 'equal'>,
): string | null {
  const match = /^([0-9a-f]{64})\.([A-Za-z0-9+/=]{4,2048})$/.exec(sealed);
  const bytes = match?.[2] === undefined ? null : decodeBase64(match[2]);
  const id = bytes === null ? null : decodeUtf8(bytes);
  if (id === null || match?.[1] === undefined) return null;
  return crypto.equal(utf8(match[1]), utf8(seal(id, options, crypto))) ? id : null;
}

function seal(
  id: string,
  { key, principal, target }: SealOptions,
  crypto: Pick<Crypto, 'hmacSha256'>,
): string {
  const bound = JSON.stringify(['postern mcp session v1', target, principal, id]);
  return toHex(crypto.hmacSha256(key, utf8(bound)));
}
