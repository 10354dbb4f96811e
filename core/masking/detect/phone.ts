// Phone numbers: shapes found here, validity from libphonenumber-js with its smallest metadata (lengths and leading
// digits per country). A number without a country prefix is tried in a few countries and trusted only as people write it.
import { parsePhoneNumberFromString, type CountryCode } from 'libphonenumber-js/min';
import { eachMatch, gluedLeft, gluedRight, type Emit } from './candidate.ts';

const PHONE = /(?<![\w+])(?:\+|00)?[ ]?\(?\d(?:[ ().\-/]{0,3}\d){6,16}(?![\d])/g;
const COUNTRIES: readonly CountryCode[] = [
  'US',
  'GB',
  'DE',
  'FR',
  'ES',
  'IT',
  'NL',
  'BR',
  'IN',
  'AU',
];

/** Dates, versions, amounts and addresses look like phone numbers without a prefix. */
const NOT_A_PHONE = [
  /^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:\D|$)/,
  /^\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?:\D|$)/,
  /^\d{1,3}(?:\.\d{1,3}){3}$/,
  /^\d+[.]\d+$/,
  /^\d{4}[ -]+\d{4}$/,
];

const NORTH_AMERICAN = /(?:1[-. ])?\(?\d{3}\)?[-. ]{1,2}\d{3}[-. ]\d{4}(?!\d)/y;
const MORE = /[ ().\-/]{0,3}\d/y;

export function findPhones(text: string, from: number, emit: Emit): void {
  eachMatch(PHONE, text, from, (match) => {
    const start = match.index + match[0].length - match[0].trimStart().length;
    if (gluedLeft(text, start)) return null;
    const written = match[0].trimStart();
    for (const { end, confidence } of readings(text, start, written)) {
      if (confidence === 0 || gluedRight(text, end)) continue;
      emit({ detector: 'phone', start, end, confidence });
      return end;
    }
    return null;
  });
}

interface Reading {
  readonly end: number;
  readonly confidence: number;
}

/** What may be the number where more digits follow: with a prefix, up to any group's end; else only a known shape. */
function* readings(text: string, start: number, written: string): Generator<Reading> {
  NORTH_AMERICAN.lastIndex = start;
  const american = NORTH_AMERICAN.exec(text)?.[0];
  if (american !== undefined && isValid(american, 'US')) {
    yield { end: start + american.length, confidence: 0.6 };
  }
  const end = start + written.length;
  MORE.lastIndex = end;
  // A long chain of numbers is tried in full length only at its end, so that it costs no more than its length.
  if (!MORE.test(text)) yield { end, confidence: phoneConfidence(written) };
  if (!written.startsWith('+')) return;
  for (let last = written.length; last > 0; last = written.lastIndexOf(' ', last - 1)) {
    const shorter = written.slice(0, last);
    if (last < 8) return;
    yield { end: start + last, confidence: isValid(shorter) ? 0.9 : 0 };
  }
}

function phoneConfidence(written: string): number {
  if (written.startsWith('+')) return isValid(written) ? 0.9 : 0;
  if (NOT_A_PHONE.some((pattern) => pattern.test(written))) return 0;
  if (written.startsWith('00') && isValid(`+${written.slice(2)}`)) return 0.75;
  if (!COUNTRIES.some((country) => isValid(written, country))) return 0;
  if (/^\d+$/.test(written)) return 0.2;
  // A leading zero and groups, or a bracketed area code: how the rest of the world writes it.
  return /^\(?0\d/.test(written) || written.startsWith('(') ? 0.55 : 0.3;
}

function isValid(written: string, country?: CountryCode): boolean {
  const parsed = parsePhoneNumberFromString(written, {
    extract: false,
    ...(country === undefined ? {} : { defaultCountry: country }),
  });
  return parsed?.isValid() === true;
}
