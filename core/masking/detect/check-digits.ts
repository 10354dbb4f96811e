// Check digits of the national numbers that are digits only. `stdnum` has them too, but takes 2 to 9 µs and builds an error
// for each refusal, and a line of digits asks a hundred thousand times; the tests hold these against it.
import { isRepeated } from './checksum.ts';

const weighted = (digits: string, weights: readonly number[]): number => {
  let sum = 0;
  const size = Math.min(weights.length, digits.length);
  for (let at = 0; at < size; at += 1) sum += (weights[at] ?? 0) * digitAt(digits, at);
  return sum;
};

function digitAt(digits: string, at: number): number {
  return digits.charCodeAt(at) - 0x30;
}

const TFN = [1, 4, 3, 7, 5, 8, 6, 9, 10];
const BSN = [9, 8, 7, 6, 5, 4, 3, 2, -1];

/** Nine digits, or eight of the older ones (Australian Taxation Office). */
export function isTfn(digits: string): boolean {
  return weighted(digits, TFN) % 11 === 0 && !isRepeated(digits);
}

/** The "elfproef" of the Dutch citizen service number. */
export function isBsn(digits: string): boolean {
  return weighted(digits, BSN) % 11 === 0 && !isRepeated(digits);
}

/** Modulus 11, of which 10 counts as 0: both check digits of a CPF and of a CNPJ. */
function brazilian(digits: string, weights: readonly number[]): boolean {
  const rest = weighted(digits, weights) % 11;
  return digitAt(digits, weights.length) === (rest < 2 ? 0 : 11 - rest);
}

const CPF_SECOND = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
const CPF_FIRST = CPF_SECOND.slice(1);
const CNPJ_SECOND = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
const CNPJ_FIRST = CNPJ_SECOND.slice(1);

export function isCpf(digits: string): boolean {
  return brazilian(digits, CPF_FIRST) && brazilian(digits, CPF_SECOND) && !isRepeated(digits);
}

export function isCnpj(digits: string): boolean {
  return brazilian(digits, CNPJ_FIRST) && brazilian(digits, CNPJ_SECOND) && !isRepeated(digits);
}

/** Verhoeff's product: the dihedral group of the pentagon. */
function product(a: number, b: number): number {
  if (a < 5) return b < 5 ? (a + b) % 5 : ((a + b) % 5) + 5;
  return b < 5 ? ((a - b + 5) % 5) + 5 : (a - b + 5) % 5;
}

const PERMUTATION = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/** Twelve digits, not from 0 or 1, no palindrome, with Verhoeff's check digit (UIDAI). */
export function isAadhaar(digits: string): boolean {
  if (digitAt(digits, 0) < 2) return false;
  let check = 0;
  for (let at = 0; at < digits.length; at += 1) {
    let digit = digitAt(digits, digits.length - 1 - at);
    for (let turn = at % 8; turn > 0; turn -= 1) digit = PERMUTATION[digit] ?? 0;
    check = product(check, digit);
  }
  return check === 0 && [...digits].toReversed().join('') !== digits;
}

/** Eleven digits, ISO/IEC 7064 MOD 11,10; of the first ten one comes twice or three times (Bundeszentralamt für Steuern). */
export function isTaxId(digits: string): boolean {
  if (digitAt(digits, 0) === 0) return false;
  let product = 10;
  for (let at = 0; at < 10; at += 1) {
    const sum = (digitAt(digits, at) + product) % 10;
    product = ((sum === 0 ? 10 : sum) * 2) % 11;
  }
  return (11 - product) % 10 === digitAt(digits, 10) && repeatsOnce(digits);
}

const counts = new Uint8Array(10);

function repeatsOnce(digits: string): boolean {
  counts.fill(0);
  for (let at = 0; at < 10; at += 1) {
    const digit = digitAt(digits, at);
    counts[digit] = (counts[digit] ?? 0) + 1;
  }
  let often = 0;
  for (const count of counts) {
    if (count < 2) continue;
    if (often > 0) return false;
    often = count;
  }
  return often === 2 || often === 3;
}
