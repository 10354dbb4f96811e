// core's Crypto on node:crypto, which workerd and Node both implement natively.
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Crypto } from '../core/crypto.ts';

function hash(algorithm: 'sha256' | 'md5', parts: readonly Uint8Array[]): Uint8Array {
  const h = createHash(algorithm);
  for (const part of parts) h.update(part);
  return new Uint8Array(h.digest());
}

export const nativeCrypto: Crypto = {
  sha256: (...parts) => hash('sha256', parts),
  md5: (...parts) => hash('md5', parts),
  hmacSha256: (key, data) => new Uint8Array(createHmac('sha256', key).update(data).digest()),
  pbkdf2Sha256: (password, salt, iterations) =>
    new Uint8Array(pbkdf2Sync(password, salt, iterations, 32, 'sha256')),
  randomBytes: (length) => new Uint8Array(randomBytes(length)),
  equal: (a, b) => a.length === b.length && timingSafeEqual(a, b),
  digest: () => {
    const h = createHash('sha256');
    return { update: (bytes) => void h.update(bytes), hex: () => h.digest('hex') };
  },
};
