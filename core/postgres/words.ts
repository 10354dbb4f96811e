// Names and texts of the gateway's own on the target: one word for each use, which nobody can know before. A statement that
// stands in for a refused one shows in pg_stat_activity, where the caller may read it; if the next refusal used the same
// word, a portal bound under it would run in the place of the one that must not exist.
import { toHex, utf8 } from '../bytes.ts';
import type { Crypto } from '../crypto.ts';

/** Clients may not use names that begin so (denials.ts). */
export const OWN_PREFIX = 'postern_';

export class Words {
  readonly #crypto: Crypto;
  readonly #secret: Uint8Array;
  #count = 0;

  /** `nonce`: the session's secret; no word tells it, or another word. */
  constructor(crypto: Crypto, nonce: string) {
    this.#crypto = crypto;
    this.#secret = utf8(nonce);
  }

  /** 40 characters, an identifier to SQL and to the protocol. */
  next(): string {
    this.#count += 1;
    const mac = this.#crypto.hmacSha256(this.#secret, utf8(String(this.#count)));
    return OWN_PREFIX + toHex(mac.subarray(0, 16));
  }
}
