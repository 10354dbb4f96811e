// Whether digits are a number of some country's plan, by the metadata of libphonenumber-js (ITU-T E.164 and the national
// plans). Its parser answers the same in 25 to 70 µs, one country at a time: too slow to ask of every row of digits. This
// asks its patterns directly, never refuses what the parser takes (the tests compare them), and builds them at first use.
import { Metadata, type CountryCode } from 'libphonenumber-js/min';

/** Where numbers without a prefix are looked for. */
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
const MAX_CALLING_CODE = 3;
/** E.164 allows 15 with the calling code; German and Austrian extensions have more. */
const MAX_DIGITS = 18;

/** What the library's numbering plan has at this version, of which its types leave out most. */
interface Source {
  callingCode(): string;
  nationalNumberPattern(): string;
  IDDPrefix(): string | undefined;
  nationalPrefixForParsing(): string | undefined;
  nationalPrefixTransformRule(): string | undefined;
}

interface Plan {
  readonly callingCode: string;
  readonly pattern: RegExp;
  /** The digits that are dialled before a number inside of the country, and what becomes of it without them. */
  readonly prefix: RegExp | null;
  readonly transform: string | undefined;
  /** The digits that are dialled before a number abroad. */
  readonly dialOut: RegExp | null;
}

const plans = new Map<string, Plan | null>();

/** By country or calling code; null: there is none. */
function planOf(key: string): Plan | null {
  const known = plans.get(key);
  if (known !== undefined) return known;
  const plan = build(key);
  plans.set(key, plan);
  return plan;
}

function build(key: string): Plan | null {
  const metadata = new Metadata();
  // The library takes calling codes too, and throws for those that nobody has.
  if (/^\d/.test(key) && !hasCallingCode(metadata, key)) return null;
  metadata.selectNumberingPlan(key as CountryCode);
  const source = metadata.numberingPlan as unknown as Source | undefined;
  if (source === undefined) return null;
  const prefix = source.nationalPrefixForParsing();
  const dialOut = source.IDDPrefix();
  return {
    callingCode: source.callingCode(),
    pattern: new RegExp(`^(?:${source.nationalNumberPattern()})$`),
    prefix: prefix === undefined ? null : new RegExp(`^(?:${prefix})`),
    transform: source.nationalPrefixTransformRule(),
    dialOut: dialOut === undefined ? null : new RegExp(`^(?:${dialOut})(?=[1-9])`),
  };
}

function hasCallingCode(metadata: Metadata, code: string): boolean {
  return (metadata as unknown as { hasCallingCode(code: string): boolean }).hasCallingCode(code);
}

/** Digits behind a `+`. Plans exist for a thousand codes at most, so what is remembered has a bound. */
export function isInternational(digits: string): boolean {
  if (digits.length > MAX_DIGITS || digits.startsWith('0')) return false;
  for (let size = 1; size <= MAX_CALLING_CODE; size += 1) {
    const plan = planOf(digits.slice(0, size));
    if (plan !== null) return isIn(plan, digits.slice(size));
  }
  return false;
}

/** Digits as dialled in one of a few countries, with or without its prefix. */
export function isNational(digits: string): boolean {
  if (digits.length > MAX_DIGITS) return false;
  return COUNTRIES.some((country) => isNationalIn(country, digits));
}

export function isNationalIn(country: CountryCode, digits: string): boolean {
  const plan = planOf(country);
  if (plan === null) return false;
  const { callingCode, dialOut } = plan;
  // Only a few digits begin what is dialled abroad.
  const abroad = /^[01]/.test(digits) ? dialOut?.exec(digits)?.[0] : undefined;
  if (abroad !== undefined) return isInternational(digits.slice(abroad.length));
  if (isIn(plan, digits)) return true;
  return digits.startsWith(callingCode) && isIn(plan, digits.slice(callingCode.length));
}

function isIn({ pattern, prefix, transform }: Plan, digits: string): boolean {
  if (pattern.test(digits)) return true;
  const match = prefix?.exec(digits);
  if (prefix === null || match === null || match === undefined) return false;
  const captured = match.length > 1 && match[match.length - 1] !== undefined;
  const rest =
    transform !== undefined && captured
      ? digits.replace(prefix, transform)
      : digits.slice(match[0].length);
  return pattern.test(rest);
}
