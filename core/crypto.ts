// The cryptography core needs, handed in by its host: synchronous, so that engines stay plain functions.

export interface Crypto {
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  md5(...parts: readonly Uint8Array[]): Uint8Array;
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array;
  /** PBKDF2-HMAC-SHA-256 with a 32-byte result (RFC 8018 section 5.2). */
  pbkdf2Sha256(password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array;
  randomBytes(length: number): Uint8Array;
  /** Constant-time comparison; false when lengths differ. */
  equal(a: Uint8Array, b: Uint8Array): boolean;
  /** A running SHA-256, for streams. */
  digest(): { update(bytes: Uint8Array): void; hex(): string };
}
