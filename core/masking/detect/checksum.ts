// Check digits and number ranges that no library we use offers: Luhn with issuers' prefixes (ISO/IEC 7812-1), NHS modulus
// 11 (NHS Data Dictionary), US SSN and ITIN ranges (SSA randomization 2011; IRS).

interface Issuer {
  /** Lowest and highest prefix, of equal length. */
  readonly from: string;
  readonly to: string;
  readonly lengths: readonly number[];
}

const ISSUERS: readonly Issuer[] = [
  { from: '4', to: '4', lengths: [13, 16, 19] },
  { from: '51', to: '55', lengths: [16] },
  { from: '2221', to: '2720', lengths: [16] },
  { from: '34', to: '34', lengths: [15] },
  { from: '37', to: '37', lengths: [15] },
  { from: '300', to: '305', lengths: [14] },
  { from: '3095', to: '3095', lengths: [14] },
  { from: '36', to: '36', lengths: [14] },
  { from: '38', to: '39', lengths: [14] },
  { from: '3528', to: '3589', lengths: [16, 17, 18, 19] },
  { from: '6011', to: '6011', lengths: [16, 17, 18, 19] },
  { from: '644', to: '659', lengths: [16, 17, 18, 19] },
  { from: '62', to: '62', lengths: [16, 17, 18, 19] },
  { from: '60', to: '60', lengths: [16] },
  { from: '81', to: '82', lengths: [16] },
  { from: '508', to: '508', lengths: [16] },
  { from: '2200', to: '2204', lengths: [16, 17, 18, 19] },
  { from: '50', to: '50', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '56', to: '58', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '63', to: '63', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
  { from: '67', to: '67', lengths: [12, 13, 14, 15, 16, 17, 18, 19] },
];

/** By first digit: most numbers are told from cards by it. */
const BY_FIRST = new Map<string, readonly Issuer[]>(
  ['2', '3', '4', '5', '6', '8'].map((first) => [
    first,
    ISSUERS.filter(({ from }) => from.startsWith(first)),
  ]),
);

export function mayBeCard(firstDigit: number): boolean {
  // 2, 3, 4, 5, 6 and 8: what BY_FIRST has.
  return firstDigit >= 0x32 && firstDigit <= 0x38 && firstDigit !== 0x37;
}

/** Whether some issuer gives out numbers of this prefix and length. The check digit is Luhn's business. */
export function isIssued(digits: string): boolean {
  const issuers = BY_FIRST.get(digits[0] ?? '');
  if (issuers === undefined || isRepeated(digits)) return false;
  for (const { from, to, lengths } of issuers) {
    if (!lengths.includes(digits.length)) continue;
    const prefix = digits.slice(0, from.length);
    if (prefix >= from && prefix <= to) return true;
  }
  return false;
}

/** Luhn's sum as digits come in from the left, for every length at once: ISO/IEC 7812-1, annex B. */
export class Luhn {
  /** The sum if the number ends with the last digit, and if it ends one later. */
  #here = 0;
  #next = 0;

  add(digit: number): void {
    const here = this.#next + digit;
    this.#next = this.#here + (digit > 4 ? digit * 2 - 9 : digit * 2);
    this.#here = here;
  }

  get passes(): boolean {
    return this.#here % 10 === 0;
  }
}

export function passesLuhn(digits: string): boolean {
  const luhn = new Luhn();
  for (let at = 0; at < digits.length; at += 1) luhn.add(digits.charCodeAt(at) - 0x30);
  return luhn.passes;
}

export function isNhsNumber(digits: string): boolean {
  let sum = 0;
  for (let at = 0; at < 9; at += 1) sum += (10 - at) * (digits.charCodeAt(at) - 0x30);
  const check = (11 - (sum % 11)) % 11;
  return check !== 10 && check === digits.charCodeAt(9) - 0x30 && !isRepeated(digits);
}

export function isUsSsn(digits: string): boolean {
  const area = digits.slice(0, 3);
  if (area === '000' || area === '666' || area >= '900') return false;
  return digits.slice(3, 5) !== '00' && digits.slice(5) !== '0000' && !isRepeated(digits);
}

/** 9xx, and a middle of 50–65, 70–88, 90–92 or 94–99. */
export function isUsItin(digits: string): boolean {
  const middle = Number(digits.slice(3, 5));
  if (digits[0] !== '9' || middle < 50 || middle > 99) return false;
  return middle !== 89 && middle !== 93 && (middle <= 65 || middle >= 70);
}

export function isRepeated(digits: string): boolean {
  const first = digits.charCodeAt(0);
  for (let at = 1; at < digits.length; at += 1) if (digits.charCodeAt(at) !== first) return false;
  return true;
}
