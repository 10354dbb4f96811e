import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import type { DetectorId } from '../../../core/masking/detect/detector.ts';
import { MASK_KINDS, type MaskKind } from '../../../core/masking/mask.ts';
import { createMaskers, MaskKeyMissing } from '../../../core/masking/maskers/maskers.ts';
import { isPlaceholder } from '../../../core/masking/maskers/placeholder.ts';
import type { ValueType } from '../../../core/masking/maskers/value-type.ts';

const maskers = createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto });
const other = createMaskers({ key: new Uint8Array(32).fill(8), crypto: nativeCrypto });
const TEXT: ValueType = { kind: 'text' };
const mask = (
  kind: MaskKind,
  value: string,
  detector: DetectorId | null = null,
  type: ValueType = TEXT,
) => maskers.mask(kind, value, { type, detector });

test.each([
  ['4111 1111 1111 1111', null, '•••• •••• •••• 1111'],
  ['4111111111111111', null, '••••••••••••1111'],
  ['378282246310005', 'credit_card', '•••••••••••0005'],
  ['+49 170 1234567', null, '+•• ••• •••••67'],
  ['ada.lovelace@analytical.org', null, 'a•••@•••.org'],
  ['ada.lovelace@analytical.international', null, 'a•••@•••'],
  ['a@b.io', null, 'a•••@•••'],
  ['DE89 3704 0044 0532 0130 00', null, 'DE•• •••• •••• •••• ••30 00'],
  ['192.0.2.10', null, '192.•••'],
  ['2001:db8:0:1::17', null, '2001:•••'],
  ['2001:db8::1', null, '•••'],
  ['Ada Lovelace', null, 'A•••'],
  ['Žofie Nováková', null, 'Ž•••'],
  ['👩‍👩‍👧 family name', null, '•••'],
  ['12345', null, '•••'],
  ['Ada', null, '•••'],
  ['078-05-1120', 'us_ssn', '•••'],
  ['AKIAIOSFODNN7EXAMPLE', 'aws_key', '•••'],
  ['', null, '•••'],
] as const)('of %j (%s) partial shows %j', (value, detector, expected) => {
  expect(mask('partial', value, detector)).toBe(expected);
});

describe('hash', () => {
  test('is the target’s own and keeps what Postgres calls equal apart', () => {
    expect(mask('hash', 'a')).toMatch(/^hash:[0-9a-f]{32}$/);
    expect(mask('hash', 'a')).not.toBe(mask('hash', 'A'));
    expect(mask('hash', 'a')).not.toBe(mask('hash', 'a '));
    expect(mask('hash', 'a')).not.toBe(other.mask('hash', 'a', { type: TEXT, detector: null }));
  });
  test('integers join over widths, uuids over spellings', () => {
    const of = (value: string, bits: 16 | 32 | 53 | 64) =>
      BigInt(mask('hash', value, null, { kind: 'integer', bits })!);
    fc.assert(
      fc.property(fc.integer({ min: -32768, max: 32767 }), (number) => {
        const wide = of(String(number), 64);
        expect(wide).toBeGreaterThanOrEqual(0n);
        expect(of(String(number), 53)).toBe(wide & (2n ** 53n - 1n));
        expect(of(String(number), 32)).toBe(wide & 0x7fffffffn);
        expect(of(String(number), 16)).toBe(wide & 0x7fffn);
      }),
    );
    expect(of('+0042', 32)).toBe(of('42', 32));
    const uuid = '6F1B8F7E-0000-4000-8000-000000000001';
    expect(mask('hash', uuid, null, { kind: 'uuid' })).toBe(
      mask('hash', uuid.toLowerCase(), null, { kind: 'uuid' }),
    );
  });
  test('of other types is NULL', () => {
    for (const kind of ['decimal', 'float', 'boolean', 'date', 'json', 'bytes', 'other'] as const) {
      expect(mask('hash', '1', null, { kind })).toBe(null);
    }
  });
});

describe('fake', () => {
  const luhn = (text: string) => {
    const digits = [...text.replaceAll(/\D/g, '')].map(Number).reverse();
    return (
      digits.reduce((sum, d, i) => sum + (i % 2 === 0 ? d : d > 4 ? d * 2 - 9 : d * 2), 0) % 10
    );
  };
  test('keeps the format', () => {
    const card = mask('fake', '4111-1111-1111-1111')!;
    expect(card).toMatch(/^\d{4}-\d{4}-\d{4}-\d{4}$/);
    expect(luhn(card)).toBe(0);
    expect(mask('fake', 'ada.Lovelace7@analytical.org')).toMatch(
      /^[a-z]{3}\.[A-Z][a-z]{7}\d@example\.(com|net|org)$/,
    );
    expect(mask('fake', 'Жанна Ünal 東京 ٣٤')).toMatch(
      /^[А-Я][а-я]{4} [A-Z][a-z]{3} \p{sc=Han}{2} [٠-٩]{2}$/u,
    );
    const iban = mask('fake', 'DE89 3704 0044 0532 0130 00')!;
    expect(iban).toMatch(/^DE\d\d \d{4} \d{4} \d{4} \d{4} \d\d$/);
    const plain = iban.replaceAll(' ', '');
    const numbers = (plain.slice(4) + plain.slice(0, 4)).replaceAll(/[A-Z]/g, (c) =>
      String(c.charCodeAt(0) - 55),
    );
    expect(BigInt(numbers) % 97n).toBe(1n);
  });
  test('integers keep sign and number of digits, and fit', () => {
    fc.assert(
      fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (number) => {
        const fake = mask('fake', String(number), null, { kind: 'integer', bits: 64 })!;
        expect(fake).toMatch(/^(-?[1-9]\d*|\d)$/);
        expect(fake.length).toBe(String(number).length);
        expect(BigInt.asIntN(64, BigInt(fake))).toBe(BigInt(fake));
      }),
    );
  });
});

const texts = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 5 }),
  fc.string({ unit: 'binary', minLength: 5 }),
  fc.emailAddress(),
  fc.ipV4(),
  fc.ipV6(),
  fc.stringMatching(/^[A-Z][a-z]{4,9} [A-Z][a-z]{4,9}$/),
  fc.stringMatching(/^\d{12,19}$/),
  fc.stringMatching(/^[A-Z]{2}\d{2}[A-Z0-9]{11,20}$/),
  fc.stringMatching(/^[-!.]{5,20}$/),
);

describe('every kind, of any text', () => {
  test('is deterministic, well-formed and shows no five characters in a row', () => {
    fc.assert(
      fc.property(texts, fc.constantFrom(...MASK_KINDS), (value, kind) => {
        const shown = mask(kind, value);
        expect(mask(kind, value)).toBe(shown);
        if (shown === null) return;
        if (value.isWellFormed()) expect(shown.isWellFormed()).toBe(true);
        if (kind === 'fake') {
          // Place by place: elsewhere digits meet again by chance.
          const [was, is] = [[...value], [...shown]];
          const domain = was.lastIndexOf('@');
          for (let at = 0; at + 5 <= (domain > 0 ? domain : was.length); at += 1) {
            const same = [0, 1, 2, 3, 4].every((more) => was[at + more] === is[at + more]);
            expect(same, `${value} ${shown}`).toBe(false);
          }
          return;
        }
        // What is shown by design: a top-level domain, an address's first group.
        const hidden = value.replace(/\.[a-z]{1,4}$/i, '').replace(/^[0-9a-f]{1,4}[.:]/i, '');
        for (let at = 0; at + 5 <= hidden.length; at += 1) {
          expect(shown).not.toContain(hidden.slice(at, at + 5));
        }
      }),
      { numRuns: 2000 },
    );
  });
  test('partial shows a third at most', () => {
    fc.assert(
      fc.property(texts, (value) => {
        const shown = [...mask('partial', value)!].filter((c) => /[\p{L}\p{N}]/u.test(c));
        expect(shown.length * 3).toBeLessThanOrEqual([...value].length);
      }),
      { numRuns: 1000 },
    );
  });
  test('redact, partial and hash are recognised, in a larger text too; clean texts are not', () => {
    fc.assert(
      fc.property(
        texts,
        fc.constantFrom('redact' as const, 'partial' as const, 'hash' as const),
        (value, kind) => {
          const shown = mask(kind, value)!;
          expect(isPlaceholder(shown)).toBe(true);
          expect(isPlaceholder(`{"a": "x ${shown} y"}`)).toBe(true);
        },
      ),
    );
    for (const text of ['', 'Ada', '0', 'hash:abc', '1980-01-01', 'a • b', '[mask]', '000000']) {
      expect(isPlaceholder(text), text).toBe(false);
    }
    const zero = '{00000000-0000-0000-0000-000000000000}';
    for (const text of [zero, ' 0001-01-01 00:00:00+00', '\\x5B6D61736B65645D', '[MASKED]']) {
      expect(isPlaceholder(text), text).toBe(true);
    }
    expect(isPlaceholder(mask('hash', zero, null, { kind: 'uuid' })!)).toBe(true);
  });
});

test('without a key hash and fake are refused, the others work', () => {
  const keyless = createMaskers({ key: null, crypto: nativeCrypto });
  for (const kind of MASK_KINDS) {
    const call = () => keyless.mask(kind, 'x', { type: TEXT, detector: null });
    if (kind === 'hash' || kind === 'fake') expect(call).toThrow(MaskKeyMissing);
    else expect(call).not.toThrow();
  }
  expect(() => createMaskers({ key: new Uint8Array(8), crypto: nativeCrypto })).toThrow(RangeError);
});
