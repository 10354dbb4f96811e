// Identifiers made of digits only. One pass cuts the text into groups of digits and asks each run of groups which number
// it could be: by how the groups are long, by how they are separated, and by its check digit.
import { validate as validateTfn } from 'stdnum/lib/cjs/au/tfn.js';
import { validate as validateCnpj } from 'stdnum/lib/cjs/br/cnpj.js';
import { validate as validateCpf } from 'stdnum/lib/cjs/br/cpf.js';
import { validate as validateTaxId } from 'stdnum/lib/cjs/de/idnr.js';
import { validate as validateAadhaar } from 'stdnum/lib/cjs/in/aadhaar.js';
import { validate as validateBsn } from 'stdnum/lib/cjs/nl/bsn.js';
import { gluedLeft, gluedRight, isDigit, type Emit } from './candidate.ts';
import { isCardNumber, mayBeCard, isNhsNumber, isRepeated, isUsItin, isUsSsn } from './checksum.ts';
import type { DetectorId } from './detector.ts';

interface Shape {
  readonly detector: DetectorId;
  /** Lengths of the groups as people write them. */
  readonly groups: readonly number[];
  /** What stands between the groups where it is written by the book, in order; null: spaces or dashes alike. */
  readonly separators: readonly string[] | null;
  readonly valid: (digits: string) => boolean;
  /** Confidence: by the book, grouped with other separators, in one piece. */
  readonly exact: number;
  readonly grouped: number;
  readonly bare: number;
}

const isTfn = (digits: string): boolean => validateTfn(digits).isValid && !isRepeated(digits);
const isBsn = (digits: string): boolean => validateBsn(digits).isValid && !isRepeated(digits);
const isAadhaar = (digits: string): boolean => validateAadhaar(digits).isValid;
const isTaxId = (digits: string): boolean => validateTaxId(digits).isValid;
const isCpf = (digits: string): boolean => validateCpf(digits).isValid && !isRepeated(digits);
const isCnpj = (digits: string): boolean => validateCnpj(digits).isValid && !isRepeated(digits);

// prettier-ignore
const SHAPES: readonly Shape[] = [
  { detector: 'us_ssn', groups: [3, 2, 4], separators: ['-', '-'], valid: isUsSsn, exact: 0.75, grouped: 0.45, bare: 0.15 },
  { detector: 'us_itin', groups: [3, 2, 4], separators: ['-', '-'], valid: isUsItin, exact: 0.75, grouped: 0.45, bare: 0.15 },
  { detector: 'gb_nhs', groups: [3, 3, 4], separators: [' ', ' '], valid: isNhsNumber, exact: 0.55, grouped: 0.3, bare: 0.2 },
  { detector: 'br_cpf', groups: [3, 3, 3, 2], separators: ['.', '.', '-'], valid: isCpf, exact: 0.95, grouped: 0.6, bare: 0.4 },
  { detector: 'br_cnpj', groups: [2, 3, 3, 4, 2], separators: ['.', '.', '/', '-'], valid: isCnpj, exact: 0.95, grouped: 0.6, bare: 0.45 },
  { detector: 'in_aadhaar', groups: [4, 4, 4], separators: [' ', ' '], valid: isAadhaar, exact: 0.75, grouped: 0.6, bare: 0.4 },
  { detector: 'au_tfn', groups: [3, 3, 3], separators: null, valid: isTfn, exact: 0.3, grouped: 0.3, bare: 0.15 },
  { detector: 'au_tfn', groups: [2, 3, 3], separators: null, valid: isTfn, exact: 0.2, grouped: 0.2, bare: 0.1 },
  { detector: 'de_tax_id', groups: [2, 3, 3, 3], separators: [' ', ' ', ' '], valid: isTaxId, exact: 0.75, grouped: 0.5, bare: 0.35 },
  { detector: 'nl_bsn', groups: [4, 2, 3], separators: ['.', '.'], valid: isBsn, exact: 0.5, grouped: 0.3, bare: 0.15 },
  { detector: 'nl_bsn', groups: [3, 3, 3], separators: null, valid: isBsn, exact: 0.3, grouped: 0.3, bare: 0.15 },
];

const CARD_MIN = 12;
const CARD_MAX = 19;
/** " - " between two groups; wider gaps separate numbers. */
const MAX_GAP = 3;

interface Group {
  readonly start: number;
  readonly end: number;
  /** What stands before it if that is only separators and another group; null otherwise. */
  readonly gap: string | null;
}

export function findNumbers(
  text: string,
  from: number,
  wanted: ReadonlySet<DetectorId>,
  emit: Emit,
): void {
  const shapes = SHAPES.filter(({ detector }) => wanted.has(detector));
  const cards = wanted.has('credit_card');
  if (shapes.length === 0 && !cards) return;
  const groups = groupsOf(text, from);
  for (let at = 0; at < groups.length; at += 1) {
    const first = groups[at];
    if (first === undefined || first.start < from) continue;
    // A number may follow another after a blank, never after a dash or a dot.
    if (first.gap === null ? gluedLeft(text, first.start) : !first.gap.includes(' ')) continue;
    for (const shape of shapes) tryShape(text, groups, at, shape, emit);
    if (cards) tryCard(text, groups, at, emit);
  }
}

function groupsOf(text: string, from: number): readonly Group[] {
  const groups: Group[] = [];
  let last = -1;
  let at = from;
  // A group that began before belongs to the stretch before.
  while (
    at > 0 &&
    at < text.length &&
    isDigit(text.charCodeAt(at)) &&
    isDigit(text.charCodeAt(at - 1))
  )
    at += 1;
  for (; at < text.length; at += 1) {
    if (!isDigit(text.charCodeAt(at))) continue;
    const start = at;
    while (at < text.length && isDigit(text.charCodeAt(at))) at += 1;
    groups.push({ start, end: at, gap: gapBefore(text, last, start) });
    last = at;
  }
  return groups;
}

function gapBefore(text: string, last: number, start: number): string | null {
  if (last < 0 || start - last > MAX_GAP) return null;
  const gap = text.slice(last, start);
  return /^[ ._\-/]+$/.test(gap) ? gap : null;
}

/** Whether what ends with `groups[last]` ends there for good. */
function endsAt(text: string, groups: readonly Group[], last: number): boolean {
  const next = groups[last + 1];
  if (next !== undefined && next.gap !== null) return next.gap.includes(' ');
  return !gluedRight(text, groups[last]?.end ?? 0);
}

function tryShape(
  text: string,
  groups: readonly Group[],
  at: number,
  shape: Shape,
  emit: Emit,
): void {
  const first = groups[at];
  if (first === undefined) return;
  const total = shape.groups.reduce((sum, size) => sum + size, 0);
  const { detector } = shape;
  if (first.end - first.start === total) {
    if (!endsAt(text, groups, at)) return;
    if (!shape.valid(text.slice(first.start, first.end))) return;
    emit({ detector, start: first.start, end: first.end, confidence: shape.bare });
    return;
  }
  let exact = true;
  for (const [index, size] of shape.groups.entries()) {
    const group = groups[at + index];
    if (group === undefined || group.end - group.start !== size) return;
    if (index === 0) continue;
    if (group.gap === null) return;
    if (shape.separators !== null && group.gap !== shape.separators[index - 1]) exact = false;
  }
  const lastAt = at + shape.groups.length - 1;
  const last = groups[lastAt];
  if (last === undefined || !endsAt(text, groups, lastAt)) return;
  const digits = text.slice(first.start, last.end).replaceAll(/\D/g, '');
  if (!shape.valid(digits)) return;
  emit({
    detector,
    start: first.start,
    end: last.end,
    confidence: exact ? shape.exact : shape.grouped,
  });
}

/** Groups as on a card (4-4-4-4, 4-6-5, 4-6-4), all alike, or a whole chain of groups whatever their lengths. */
function tryCard(text: string, groups: readonly Group[], at: number, emit: Emit): void {
  let digits = '';
  const first = groups[at];
  if (first === undefined) return;
  const size = first.end - first.start;
  if (size > CARD_MAX || !mayBeCard(text[first.start] ?? '')) return;
  let even = true;
  for (let last = at; last < groups.length; last += 1) {
    const group = groups[last];
    if (group === undefined || (last > at && group.gap === null)) return;
    const length = group.end - group.start;
    if (digits.length + length > CARD_MAX) return;
    digits += text.slice(group.start, group.end);
    if (digits.length >= CARD_MIN && endsAt(text, groups, last) && isCardNumber(digits)) {
      const whole = first.gap === null && groups[last + 1]?.gap == null;
      const asPrinted = last === at || (even && length <= size) || isAmexLike(groups, at, last);
      if (asPrinted || whole) {
        const sure = digits.length === 15 || digits.length === 16;
        const confidence = !asPrinted ? 0.55 : sure ? 0.9 : last > at ? 0.75 : 0.55;
        emit({ detector: 'credit_card', start: first.start, end: group.end, confidence });
        return;
      }
    }
    if (length !== size) even = false;
  }
}

function isAmexLike(groups: readonly Group[], at: number, last: number): boolean {
  if (last !== at + 2) return false;
  const sizes = groups.slice(at, last + 1).map(({ start, end }) => end - start);
  return sizes[0] === 4 && sizes[1] === 6 && (sizes[2] === 4 || sizes[2] === 5);
}
