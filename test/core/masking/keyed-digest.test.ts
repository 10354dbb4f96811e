import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { toHex, utf8 } from '../../../core/bytes.ts';
import { createKeyedDigest } from '../../../core/masking/maskers/keyed-digest.ts';

// RFC 4231, section 4.3.
test('the published example', () => {
  const keyed = createKeyedDigest(utf8('Jefe'));
  expect(toHex(keyed('what do ya want for nothing?'))).toBe(
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  );
});

test('is the platform’s HMAC of the same key, whatever was digested before', () => {
  const texts = fc.array(fc.string({ maxLength: 150 }), { maxLength: 3 });
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 100 }), texts, (key, values) => {
      const keyed = createKeyedDigest(key);
      for (const value of values) {
        expect(toHex(keyed(value))).toBe(toHex(nativeCrypto.hmacSha256(key, utf8(value))));
      }
    }),
    { numRuns: 50 },
  );
});

test('texts of every length around a block’s end', () => {
  const key = new Uint8Array(32).fill(3);
  const keyed = createKeyedDigest(key);
  for (let length = 0; length < 200; length += 1) {
    // Halves of a pair too: both encoders make U+FFFD of them.
    const text = ['', 'é', '\ud800'][length % 3] + 'x'.repeat(length);
    expect(toHex(keyed(text))).toBe(toHex(nativeCrypto.hmacSha256(key, utf8(text))));
  }
});
