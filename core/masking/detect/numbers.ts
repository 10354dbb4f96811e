// Identifiers made of digits only. One pass cuts the text into groups of digits and asks each run of groups which number
// it could be: by how the groups are long, by how they are separated, and by its check digit.
import { gluedLeft, gluedRight, type Sink } from './candidate.ts';
import { isAadhaar, isBsn, isCnpj, isCpf, isTaxId, isTfn } from './check-digits.ts';
import { isIssued, isNhsNumber, isUsItin, isUsSsn, Luhn, mayBeCard } from './checksum.ts';
import type { DetectorId } from './detector.ts';
import { isSpaced, NO_GAP, sizeOf, type Groups } from './groups.ts';

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

/** By the length of their first group: as people write them, or in one piece. */
const BY_SIZE: ReadonlyMap<number, readonly (Shape & { readonly total: number })[]> = bySize();

function bySize(): Map<number, (Shape & { readonly total: number })[]> {
  const map = new Map<number, (Shape & { readonly total: number })[]>();
  for (const shape of SHAPES) {
    const total = shape.groups.reduce((sum, size) => sum + size, 0);
    for (const size of [shape.groups[0] ?? 0, total]) {
      map.set(size, [...(map.get(size) ?? []), { ...shape, total }]);
    }
  }
  return map;
}

const CARD_MIN = 12;
const CARD_MAX = 19;

export function findNumbers(
  text: string,
  groups: Groups,
  wanted: ReadonlySet<DetectorId>,
  sink: Sink,
): void {
  const { count, starts, gaps } = groups;
  const cards = wanted.has('credit_card');
  for (let at = 0; at < count; at += 1) {
    const shapes = BY_SIZE.get(sizeOf(groups, at));
    const start = starts[at] ?? 0;
    const card = cards && mayBeCard(text.charCodeAt(start));
    if (shapes === undefined && !card) continue;
    // A number may follow another after a blank, never after a dash or a dot.
    const gap = gaps[at] ?? NO_GAP;
    if (gap === NO_GAP ? gluedLeft(text, start) : !isSpaced(gap)) continue;
    for (const shape of shapes ?? []) {
      if (wanted.has(shape.detector)) tryShape(text, groups, at, shape, sink);
    }
    if (card) tryCard(text, groups, at, sink);
  }
}

/** Whether what ends with the group `last` ends there for good. */
function endsAt(text: string, { ends, gaps }: Groups, last: number): boolean {
  const next = gaps[last + 1] ?? NO_GAP;
  return next === NO_GAP ? !gluedRight(text, ends[last] ?? 0) : isSpaced(next);
}

function tryShape(
  text: string,
  groups: Groups,
  at: number,
  shape: Shape & { readonly total: number },
  sink: Sink,
): void {
  const { detector, separators } = shape;
  let exact = true;
  let last = at;
  const bare = sizeOf(groups, at) === shape.total;
  const pieces = bare ? 1 : shape.groups.length;
  for (let index = 1; index < pieces; index += 1) {
    last = at + index;
    const gap = groups.gaps[last] ?? NO_GAP;
    if (gap === NO_GAP || sizeOf(groups, last) !== shape.groups[index]) return;
    if (separators !== null && gap !== separators[index - 1]?.charCodeAt(0)) exact = false;
  }
  const start = groups.starts[at] ?? 0;
  const confidence = bare ? shape.bare : exact ? shape.exact : shape.grouped;
  if (!endsAt(text, groups, last) || !sink.worth(detector, start, confidence)) return;
  sink.tried();
  const end = groups.ends[last] ?? 0;
  const written = text.slice(start, end);
  if (!shape.valid(bare ? written : written.replaceAll(/\D/g, ''))) return;
  sink.emit({ detector, start, end, confidence });
}

/** Groups as on a card (4-4-4-4, 4-6-5, 4-6-4), all alike, or a whole chain of groups whatever their lengths. */
function tryCard(text: string, groups: Groups, at: number, sink: Sink): void {
  const start = groups.starts[at] ?? 0;
  const size = sizeOf(groups, at);
  if (size > CARD_MAX) return;
  const luhn = new Luhn();
  let count = 0;
  let even = true;
  for (let last = at; last < groups.count; last += 1) {
    if (last > at && (groups.gaps[last] ?? NO_GAP) === NO_GAP) return;
    const length = sizeOf(groups, last);
    count += length;
    if (count > CARD_MAX) return;
    const end = groups.ends[last] ?? 0;
    for (let digit = end - length; digit < end; digit += 1) {
      luhn.add(text.charCodeAt(digit) - 0x30);
    }
    if (count >= CARD_MIN && luhn.passes && endsAt(text, groups, last)) {
      const whole = (groups.gaps[at] ?? NO_GAP) === NO_GAP && (groups.gaps[last + 1] ?? 0) === 0;
      const asPrinted = last === at || (even && length <= size) || isAmexLike(groups, at, last);
      if ((asPrinted || whole) && isCard(text, start, end, sink)) {
        const sure = count === 15 || count === 16;
        const confidence = !asPrinted ? 0.55 : sure ? 0.9 : last > at ? 0.75 : 0.55;
        sink.emit({ detector: 'credit_card', start, end, confidence });
        return;
      }
    }
    if (length !== size) even = false;
  }
}

function isCard(text: string, start: number, end: number, sink: Sink): boolean {
  sink.tried();
  return isIssued(text.slice(start, end).replaceAll(/\D/g, ''));
}

function isAmexLike(groups: Groups, at: number, last: number): boolean {
  if (last !== at + 2 || sizeOf(groups, at) !== 4 || sizeOf(groups, at + 1) !== 6) return false;
  return sizeOf(groups, last) === 4 || sizeOf(groups, last) === 5;
}
