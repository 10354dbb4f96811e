// Check digits and number ranges that no library we use offers: Luhn with issuers' prefixes (ISO/IEC 7812-1), NHS modulus
// 11 (NHS Data Dictionary), US SSN and ITIN ranges (SSA randomization 2011; IRS). The rest comes from `stdnum`.

export function passesLuhn(digits: string): boolean {
  let sum = 0;
  let twice = false;
  for (let at = digits.length - 1; at >= 0; at -= 1) {
    let digit = digits.charCodeAt(at) - 0x30;
    if (twice) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
    twice = !twice;
  }
  return sum % 10 === 0;
}

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

export function mayBeCard(firstDigit: string): boolean {
  return BY_FIRST.has(firstDigit);
}

/** Whether some issuer gives out numbers of this prefix and length, and the check digit is right. */
export function isCardNumber(digits: string): boolean {
  if (!passesLuhn(digits) || isRepeated(digits)) return false;
  const issuers = BY_FIRST.get(digits[0] ?? '') ?? [];
  return issuers.some(({ from, to, lengths }) => {
    const prefix = digits.slice(0, from.length);
    return prefix >= from && prefix <= to && lengths.includes(digits.length);
  });
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
  return digits === (digits[0] ?? '').repeat(digits.length);
}
