// What is computed here for speed, against the libraries that compute the same at leisure.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/min';
import { validate as tfn } from 'stdnum/lib/cjs/au/tfn.js';
import { validate as cnpj } from 'stdnum/lib/cjs/br/cnpj.js';
import { validate as cpf } from 'stdnum/lib/cjs/br/cpf.js';
import { validate as taxId } from 'stdnum/lib/cjs/de/idnr.js';
import { validate as aadhaar } from 'stdnum/lib/cjs/in/aadhaar.js';
import { validate as bsn } from 'stdnum/lib/cjs/nl/bsn.js';
import {
  isAadhaar,
  isBsn,
  isCnpj,
  isCpf,
  isTaxId,
  isTfn,
} from '../../../../core/masking/detect/check-digits.ts';
import { isRepeated } from '../../../../core/masking/detect/checksum.ts';
import { isInternational, isNational } from '../../../../core/masking/detect/phone-plan.ts';

const rows = (minLength: number, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'), minLength, maxLength });

describe('check digits', () => {
  const cases = [
    ['tfn', 9, isTfn, tfn],
    ['tfn, older', 8, isTfn, tfn],
    ['bsn', 9, isBsn, bsn],
    ['cpf', 11, isCpf, cpf],
    ['cnpj', 14, isCnpj, cnpj],
    ['aadhaar', 12, isAadhaar, aadhaar],
  ] as const;
  it.each(cases)('are those of stdnum: %s', (_, size, ours, theirs) => {
    let valid = 0;
    fc.assert(
      fc.property(rows(size - 2, size - 2), (body) => {
        // Of a hundred endings one or nine are right: each run meets both sides.
        for (let end = 0; end < 100; end += 1) {
          const digits = body + String(end).padStart(2, '0');
          const expected = theirs(digits).isValid && !isRepeated(digits);
          if (expected) valid += 1;
          expect([digits, ours(digits)]).toEqual([digits, expected]);
        }
      }),
      { numRuns: 100 },
    );
    expect(valid).toBeGreaterThan(50);
  });

  it('are those of stdnum: tax id, which besides has one digit twice or three times', () => {
    let valid = 0;
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...'0123456789'], { minLength: 9, maxLength: 9 }),
        (some) => {
          const body = some.join('') + (some[4] ?? '');
          for (let end = 0; end < 10; end += 1) {
            const digits = body + String(end);
            if (taxId(digits).isValid) valid += 1;
            expect([digits, isTaxId(digits)]).toEqual([digits, taxId(digits).isValid]);
          }
        },
      ),
      { numRuns: 200 },
    );
    expect(valid).toBeGreaterThan(50);
    fc.assert(
      fc.property(rows(11, 11), (digits) => {
        if (isTaxId(digits)) expect(taxId(digits).isValid).toBe(true);
      }),
    );
  });
});

const COUNTRIES = 'US GB DE FR ES IT NL BR IN AU'.split(' ') as CountryCode[];
const parsed = (written: string, country?: CountryCode): boolean =>
  parsePhoneNumberFromString(written, {
    extract: false,
    ...(country === undefined ? {} : { defaultCountry: country }),
  })?.isValid() === true;

describe('phone numbers', () => {
  const prefixes = fc.constantFrom(
    '',
    '1',
    '0',
    '00',
    '44',
    '49',
    '33',
    '55',
    '0044',
    '011',
    '020',
    '212',
    '599',
    '7',
    '39',
  );
  const digits = fc.tuple(prefixes, rows(5, 12)).map((parts) => parts.join(''));

  it('are refused by no plan that the library finds', () => {
    const seen = { international: 0, national: 0 };
    fc.assert(
      fc.property(digits, (row) => {
        if (parsed(`+${row}`)) {
          seen.international += 1;
          expect([row, isInternational(row)]).toEqual([row, true]);
        }
        if (COUNTRIES.some((country) => parsed(row, country))) {
          seen.national += 1;
          expect([row, isNational(row)]).toEqual([row, true]);
        }
      }),
      { numRuns: 1_500 },
    );
    expect(seen.international).toBeGreaterThan(100);
    expect(seen.national).toBeGreaterThan(100);
  });

  it('are hardly ever taken where the library finds none', () => {
    let wrong = 0;
    let right = 0;
    const count = (known: boolean): void => {
      if (known) right += 1;
      else wrong += 1;
    };
    fc.assert(
      fc.property(digits, (row) => {
        const theirs = parsed(`+${row}`);
        if (isInternational(row)) count(theirs);
        const national = COUNTRIES.some((country) => parsed(row, country));
        if (isNational(row)) count(national);
      }),
      { numRuns: 1_500 },
    );
    expect(wrong / right).toBeLessThan(0.05);
  });
});
