// Identifiers of letters and digits: IBAN and the national numbers that contain letters. Shapes are regular expressions
// with bounded, unambiguous repetition, tried only where a word begins as theirs do, so each word costs a constant.
import { getCountrySpecifications, isValidIBAN } from 'ibantools';
import { validate as validateDni } from 'stdnum/lib/cjs/es/dni.js';
import { validate as validateNie } from 'stdnum/lib/cjs/es/nie.js';
import { validate as validateNir } from 'stdnum/lib/cjs/fr/nir.js';
import { validate as validateNino } from 'stdnum/lib/cjs/gb/nino.js';
import { validate as validatePan } from 'stdnum/lib/cjs/in/pan.js';
import { validate as validateCodiceFiscale } from 'stdnum/lib/cjs/it/codicefiscale.js';
import { gluedLeft, gluedRight, isAlphanumeric, isDigit, isWord, type Sink } from './candidate.ts';
import type { DetectorId } from './detector.ts';
import { hasDigits } from './features.ts';

interface Lettered {
  readonly detector: DetectorId;
  readonly pattern: RegExp;
  /** How its first word begins. */
  readonly begins: number;
  readonly valid: (compact: string) => boolean;
  readonly upper: number;
  readonly lower: number;
}

const DIGITS = 1;
/** Two letters and a digit. */
const IBAN_LIKE = 2;
const NIE = 4;
const TAX_CODE = 8;
const PAN = 16;

// prettier-ignore
const LETTERED: readonly Lettered[] = [
  { detector: 'gb_nino', begins: IBAN_LIKE, pattern: /[A-Z]{2}[ -]{0,2}\d{2}[ -]{0,2}\d{2}[ -]{0,2}\d{2}[ -]{0,2}[A-D](?![A-Z0-9_])/iy,
    valid: (text) => validateNino(text).isValid, upper: 0.75, lower: 0.4 },
  { detector: 'es_dni', begins: DIGITS, pattern: /\d{2}[. ]?\d{3}[. ]?\d{3}[-. ]?[A-Z](?![A-Z0-9_])/iy,
    valid: (text) => validateDni(text).isValid, upper: 0.8, lower: 0.4 },
  { detector: 'es_nie', begins: NIE, pattern: /[XYZ][-. ]?\d{1}[.]?\d{3}[. ]?\d{3}[-. ]?[A-Z](?![A-Z0-9_])/iy,
    valid: (text) => validateNie(text).isValid, upper: 0.8, lower: 0.45 },
  { detector: 'it_codice_fiscale', begins: TAX_CODE,
    pattern: /[A-Z]{3}[ -]?[A-Z]{3}[ -]?[0-9LMNP-V]{2}[ -]?[A-EHLMPRST][ -]?[0-9LMNP-V]{2}[ -]?[A-Z][ -]?[0-9LMNP-V]{3}[ -]?[A-Z](?![A-Z0-9_])/iy,
    valid: (text) => validateCodiceFiscale(text).isValid, upper: 0.95, lower: 0.8 },
  { detector: 'in_pan', begins: PAN, pattern: /[A-Z]{3}[ABCEFGHJKLPT][A-Z]\d{4}[A-Z](?![A-Z0-9_])/iy,
    valid: (text) => validatePan(text).isValid, upper: 0.6, lower: 0.3 },
  { detector: 'fr_nir', begins: DIGITS,
    pattern: /[1-478][ .-]?\d{2}[ .-]?\d{2}[ .-]?(?:\d{2}|2[AB])[ .-]?\d{3}[ .-]?\d{3}[ .-]{0,3}\d{2}(?![A-Z0-9_])/iy,
    valid: (text) => validateNir(text).isValid, upper: 0.75, lower: 0.75 },
];

const IBAN = /[A-Z]{2}[ -]?\d[ -]?\d(?:[ .-]?[A-Z0-9]){11,30}/iy;

const shapesOfWanted = new WeakMap<ReadonlySet<DetectorId>, readonly Lettered[]>();

function shapesOf(wanted: ReadonlySet<DetectorId>): readonly Lettered[] {
  let shapes = shapesOfWanted.get(wanted);
  if (shapes === undefined) {
    shapes = LETTERED.filter(({ detector }) => wanted.has(detector));
    shapesOfWanted.set(wanted, shapes);
  }
  return shapes;
}

/** `bytes` are those of `text`, one a character. */
export function findLettered(
  text: string,
  bytes: Uint8Array,
  from: number,
  wanted: ReadonlySet<DetectorId>,
  sink: Sink,
): void {
  const shapes = shapesOf(wanted);
  const ibans = wanted.has('iban');
  if (shapes.length === 0 && !ibans) return;
  // Words that begin before belong to the stretch before.
  let at = from;
  while (at > 0 && isWord(text.charCodeAt(at)) && isWord(text.charCodeAt(at - 1))) at += 1;
  for (; at < text.length; at += 1) {
    if (!isWord(text.charCodeAt(at))) continue;
    const begins = beginsWith(text, at);
    if (begins !== 0) {
      for (const shape of shapes)
        if ((shape.begins & begins) !== 0) take(text, bytes, at, shape, sink);
      if (ibans && (begins & IBAN_LIKE) !== 0) takeIban(text, bytes, at, sink);
    }
    while (isWord(text.charCodeAt(at))) at += 1;
  }
}

/** What a word's first characters allow it to be: enough to pass by nearly all words without a regular expression. */
function beginsWith(text: string, at: number): number {
  let letters = 0;
  while (letters < 7 && isLetter(text.charCodeAt(at + letters))) letters += 1;
  if (letters === 0) return isDigit(text.charCodeAt(at)) ? DIGITS : 0;
  // A tax code's groups may stand apart, its digits may be letters.
  if (letters === 3 || letters >= 6) return TAX_CODE;
  if (letters === 5) return PAN;
  let next = at + letters;
  while (next - at - letters < 2 && isJoint(text.charCodeAt(next))) next += 1;
  if (!isDigit(text.charCodeAt(next))) return 0;
  return letters === 2 ? IBAN_LIKE : letters === 1 ? NIE : 0;
}

/** A blank, a dash or a dot. */
function isJoint(code: number): boolean {
  return code === 0x20 || code === 0x2d || code === 0x2e;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

function take(text: string, bytes: Uint8Array, start: number, shape: Lettered, sink: Sink): void {
  const { detector, pattern, valid, upper, lower } = shape;
  pattern.lastIndex = start;
  const written = pattern.exec(text)?.[0];
  if (written === undefined) return;
  const end = start + written.length;
  const compact = written.replaceAll(/[ .-]/g, '');
  const capital = compact.toUpperCase();
  const confidence = compact === capital ? upper : lower;
  if (!sink.worth(detector, start, confidence)) return;
  if (gluedLeft(text, start) || gluedRight(text, end)) return;
  if (!hasDigits(bytes, start, end)) return;
  sink.tried();
  if (valid(capital)) sink.emit({ detector, start, end, confidence });
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
function takeIban(text: string, bytes: Uint8Array, start: number, sink: Sink): void {
  IBAN.lastIndex = start;
  const written = IBAN.exec(text)?.[0];
  if (written === undefined) return;
  const length = ibanLength(written.slice(0, 2).toUpperCase());
  if (length === undefined || gluedLeft(text, start)) return;
  let compact = '';
  let end = start;
  for (; end < start + written.length && compact.length < length; end += 1) {
    if (isAlphanumeric(text.charCodeAt(end))) compact += text[end];
  }
  if (compact.length < length || gluedRight(text, end)) return;
  if (!hasDigits(bytes, start, end)) return;
  sink.tried();
  if (isValidIBAN(compact.toUpperCase())) {
    sink.emit({ detector: 'iban', start, end, confidence: 0.97 });
  }
}
