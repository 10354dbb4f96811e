// Identifiers of letters and digits: IBAN and the national numbers that contain letters. Shapes are regular expressions
// with bounded, unambiguous repetition behind a one-character look-behind, so each start costs a constant.
import { getCountrySpecifications, isValidIBAN } from 'ibantools';
import { validate as validateDni } from 'stdnum/lib/cjs/es/dni.js';
import { validate as validateNie } from 'stdnum/lib/cjs/es/nie.js';
import { validate as validateNir } from 'stdnum/lib/cjs/fr/nir.js';
import { validate as validateNino } from 'stdnum/lib/cjs/gb/nino.js';
import { validate as validatePan } from 'stdnum/lib/cjs/in/pan.js';
import { validate as validateCodiceFiscale } from 'stdnum/lib/cjs/it/codicefiscale.js';
import { eachMatch, gluedLeft, gluedRight, isAlphanumeric, type Emit } from './candidate.ts';
import type { DetectorId } from './detector.ts';
import { FEATURES, featuresOfText } from './features.ts';

interface Lettered {
  readonly detector: DetectorId;
  readonly pattern: RegExp;
  readonly valid: (compact: string) => boolean;
  readonly upper: number;
  readonly lower: number;
}

// prettier-ignore
const LETTERED: readonly Lettered[] = [
  { detector: 'gb_nino', pattern: /(?<![A-Z0-9_])[A-Z]{2}[ -]{0,2}\d{2}[ -]{0,2}\d{2}[ -]{0,2}\d{2}[ -]{0,2}[A-D](?![A-Z0-9_])/gi,
    valid: (text) => validateNino(text).isValid, upper: 0.75, lower: 0.4 },
  { detector: 'es_dni', pattern: /(?<![A-Z0-9_])\d{2}[. ]?\d{3}[. ]?\d{3}[-. ]?[A-Z](?![A-Z0-9_])/gi,
    valid: (text) => validateDni(text).isValid, upper: 0.8, lower: 0.4 },
  { detector: 'es_nie', pattern: /(?<![A-Z0-9_])[XYZ][-. ]?\d{1}[.]?\d{3}[. ]?\d{3}[-. ]?[A-Z](?![A-Z0-9_])/gi,
    valid: (text) => validateNie(text).isValid, upper: 0.8, lower: 0.45 },
  { detector: 'it_codice_fiscale',
    pattern: /(?<![A-Z0-9_])[A-Z]{3}[ -]?[A-Z]{3}[ -]?[0-9LMNP-V]{2}[ -]?[A-EHLMPRST][ -]?[0-9LMNP-V]{2}[ -]?[A-Z][ -]?[0-9LMNP-V]{3}[ -]?[A-Z](?![A-Z0-9_])/gi,
    valid: (text) => validateCodiceFiscale(text).isValid, upper: 0.95, lower: 0.8 },
  { detector: 'in_pan', pattern: /(?<![A-Z0-9_])[A-Z]{3}[ABCEFGHJKLPT][A-Z]\d{4}[A-Z](?![A-Z0-9_])/gi,
    valid: (text) => validatePan(text).isValid, upper: 0.6, lower: 0.3 },
  { detector: 'fr_nir',
    pattern: /(?<![A-Z0-9_])[1-478][ .-]?\d{2}[ .-]?\d{2}[ .-]?(?:\d{2}|2[AB])[ .-]?\d{3}[ .-]?\d{3}[ .-]{0,3}\d{2}(?![A-Z0-9_])/gi,
    valid: (text) => validateNir(text).isValid, upper: 0.75, lower: 0.75 },
];

const IBAN = /(?<![A-Z0-9_])[A-Z]{2}[ -]?\d[ -]?\d(?:[ .-]?[A-Z0-9]){11,30}/gi;

export function findLettered(
  text: string,
  from: number,
  wanted: ReadonlySet<DetectorId>,
  emit: Emit,
): void {
  for (const { detector, pattern, valid, upper, lower } of LETTERED) {
    if (!wanted.has(detector)) continue;
    eachMatch(pattern, text, from, (match) => {
      const start = match.index;
      const end = start + match[0].length;
      if (gluedLeft(text, start) || gluedRight(text, end)) return null;
      const compact = match[0].replaceAll(/[ .-]/g, '');
      const capital = compact.toUpperCase();
      if (!valid(capital) || (featuresOfText(match[0]) & FEATURES.digits) === 0) return null;
      emit({ detector, start, end, confidence: compact === capital ? upper : lower });
      return end;
    });
  }
  if (wanted.has('iban')) eachMatch(IBAN, text, from, (match) => takeIban(text, match, emit));
}

let lengths: ReadonlyMap<string, number> | null = null;

/** Built when the first candidate shows up, not when the Worker starts. */
function ibanLength(country: string): number | undefined {
  lengths ??= new Map(
    Object.entries(getCountrySpecifications()).flatMap(([code, { chars }]) =>
      chars === null ? [] : [[code, chars] as const],
    ),
  );
  return lengths.get(country);
}

/** The expression takes as much as an IBAN can have; the country says how much belongs to it. */
function takeIban(text: string, match: RegExpExecArray, emit: Emit): number | null {
  const start = match.index;
  const length = ibanLength(match[0].slice(0, 2).toUpperCase());
  if (length === undefined || gluedLeft(text, start)) return null;
  let compact = '';
  let end = start;
  for (; end < start + match[0].length && compact.length < length; end += 1) {
    if (isAlphanumeric(text.charCodeAt(end))) compact += text[end];
  }
  if (compact.length < length || gluedRight(text, end)) return null;
  if (!isValidIBAN(compact.toUpperCase())) return null;
  if ((featuresOfText(text.slice(start, end)) & FEATURES.digits) === 0) return null;
  emit({ detector: 'iban', start, end, confidence: 0.97 });
  return end;
}
