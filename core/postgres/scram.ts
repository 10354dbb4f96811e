// SCRAM-SHA-256 as a client, without channel binding: proves the password to the target and checks that the target knows it
// too. RFC 5802 sections 3 and 5, RFC 7677. Postgres ignores the user name in it. @see sasl-authentication
import { concatBytes, utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';
import { decodeBase64, encodeBase64 } from '../base64.ts';

export const SCRAM_MECHANISM = 'SCRAM-SHA-256';

/** RFC 7677 asks for at least this many. Fewer would let whoever answers guess the password from our proof. */
const MIN_ITERATIONS = 4096;
/** About a second of hashing; a target that asks for more would stop every session of this process. */
const MAX_ITERATIONS = 1_000_000;
/** RFC 5802 section 5.1: no channel binding is supported by this client; then no authzid. */
const GS2_HEADER = 'n,,';

/** What went wrong, for the journal only. */
export type ScramStep =
  | { readonly ok: true; readonly response: string }
  | { readonly ok: false; readonly why: string };

export class ScramClient {
  readonly #crypto: Crypto;
  readonly #password: Uint8Array;
  readonly #nonce: string;
  readonly #first: string;
  #expectedSignature: Uint8Array | null = null;

  /** `nonce`: printable ASCII without commas, at least 18 random bytes' worth. `user` is part of RFC vectors, empty for Postgres. */
  constructor(crypto: Crypto, password: string, nonce: string, user = '') {
    this.#crypto = crypto;
    this.#password = utf8(saslPrep(password));
    this.#nonce = nonce;
    this.#first = `n=${user},r=${nonce}`;
  }

  clientFirst(): string {
    return GS2_HEADER + this.#first;
  }

  clientFinal(serverFirst: string): ScramStep {
    const parsed = /^r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9]\d{0,8})$/.exec(serverFirst);
    if (parsed === null) return { ok: false, why: 'unreadable server-first-message' };
    const [, nonce = '', saltText = '', count = ''] = parsed;
    // Without anything of its own in the nonce, a server could replay an old exchange.
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      return { ok: false, why: 'server nonce does not extend ours' };
    }
    const salt = decodeBase64(saltText);
    const iterations = Number(count);
    if (salt === null || salt.length === 0) return { ok: false, why: 'bad salt' };
    if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
      return { ok: false, why: 'iteration count out of bounds' };
    }
    const crypto = this.#crypto;
    const withoutProof = `c=${encodeBase64(utf8(GS2_HEADER))},r=${nonce}`;
    const authMessage = utf8(`${this.#first},${serverFirst},${withoutProof}`);
    const salted = crypto.pbkdf2Sha256(this.#password, salt, iterations);
    const clientKey = crypto.hmacSha256(salted, utf8('Client Key'));
    const signature = crypto.hmacSha256(crypto.sha256(clientKey), authMessage);
    const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
    this.#expectedSignature = crypto.hmacSha256(
      crypto.hmacSha256(salted, utf8('Server Key')),
      authMessage,
    );
    return { ok: true, response: `${withoutProof},p=${encodeBase64(proof)}` };
  }

  /** Whether the server proved that it knows the password too. */
  verify(serverFinal: string): boolean {
    const expected = this.#expectedSignature;
    this.#expectedSignature = null;
    const [, text = ''] = /^v=([A-Za-z0-9+/=]+)$/.exec(serverFinal) ?? [];
    const signature = decodeBase64(text);
    return expected !== null && signature !== null && this.#crypto.equal(signature, expected);
  }
}

/**
 * RFC 4013 for the passwords people have: ASCII is untouched, other spaces become spaces, invisible characters go, the rest
 * is NFKC. The tables of prohibited and unassigned characters are left out: Postgres takes such a password as it is.
 */
function saslPrep(password: string): string {
  if (/^[\x20-\x7e]*$/.test(password)) return password;
  return password
    .replace(/\p{Zs}|\u200b/gu, ' ')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .normalize('NFKC');
}

/** A nonce of 24 random bytes. */
export function scramNonce(crypto: Crypto): string {
  return encodeBase64(concatBytes([crypto.randomBytes(24)]));
}
