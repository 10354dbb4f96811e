// Phone numbers: shapes found here, among the groups of digits; whether the digits are a number of some plan is
// phone-plan.ts' business. A number without a country prefix is tried in a few countries and trusted only as people
// write it, and only where the words around it would make it worth something.
import { gluedLeft, gluedRight, isDigit, isWord, type Sink } from './candidate.ts';
import { sizeOf, type Groups } from './groups.ts';
import { isInternational, isNational, isNationalIn } from './phone-plan.ts';

const MIN_DIGITS = 7;
const MAX_DIGITS = 17;
/** Separators between two groups: blanks, brackets, dashes, dots, slashes. */
const MAX_GAP = 3;
const MIN_PREFIXED = 8;
/** A list of more groups is let go. */
const KEPT_CHAINS = 16_384;

/** Dates, versions, amounts and addresses look like phone numbers without a prefix. */
const NOT_A_PHONE =
  /^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:\D|$)|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?:\D|$)|\d{1,3}(?:\.\d{1,3}){3}$|\d+\.\d+$|\d{4}[ -]+\d{4}$)/;
const NORTH_AMERICAN = /(?:1[-. ])?\(?\d{3}\)?[-. ]{1,2}\d{3}[-. ]\d{4}(?!\d)/y;

/** `bytes` are those of `text`, one a character. */
export function findPhones(text: string, bytes: Uint8Array, groups: Groups, sink: Sink): void {
  const { count, starts } = groups;
  const chains = chainsOf(bytes, groups);
  let until = 0;
  for (let at = 0; at < count; at += 1) {
    const start = starts[at] ?? 0;
    const whole = chains[at] ?? 0;
    if (start < until || whole < MIN_DIGITS) continue;
    // Most places in a long row of numbers are passed by here.
    if (whole > MAX_DIGITS + 2 && !isAmericanShape(groups, at) && !hasPlus(bytes, start)) continue;
    for (const begin of beginnings(text, start)) {
      if (begin < until || gluedLeft(text, begin)) continue;
      const end = takePhone(text, groups, chains, at, begin, sink);
      if (end === null) continue;
      until = end;
      break;
    }
  }
}

/** Whether a plus sign stands where `beginnings` looks for it. */
function hasPlus(bytes: Uint8Array, start: number): boolean {
  for (let at = start - 1; at >= start - 3; at -= 1) if (bytes[at] === 0x2b) return true;
  return false;
}

/** For the longest text so far: used again by each. */
let chains = new Uint32Array(64);

/** How many digits follow from each group on, its own among them, until something else than a separator stands between. */
function chainsOf(bytes: Uint8Array, groups: Groups): Uint32Array {
  const { count, starts, ends } = groups;
  if (chains.length < count || chains.length > Math.max(KEPT_CHAINS, count)) {
    chains = new Uint32Array(Math.max(64, count));
  }
  for (let at = count - 1; at >= 0; at -= 1) {
    const linked = at + 1 < count && isLink(bytes, ends[at] ?? 0, starts[at + 1] ?? 0);
    chains[at] = sizeOf(groups, at) + (linked ? (chains[at + 1] ?? 0) : 0);
  }
  return chains;
}

function isLink(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from > MAX_GAP) return false;
  for (let at = from; at < to; at += 1) {
    const code = bytes[at] ?? 0;
    if (code !== 0x20 && (code < 0x28 || code > 0x2f || code === 0x2a || code === 0x2b)) {
      return false;
    }
    if (code === 0x2c) return false;
  }
  return true;
}

/** Where a number may begin whose first digit stands at `start`: at its plus sign, its bracket, the digit itself. */
function beginnings(text: string, start: number): readonly number[] {
  const found: number[] = [];
  let at = start;
  if (text.charCodeAt(at - 1) === 0x28) at -= 1;
  const bracket = at;
  if (text.charCodeAt(at - 1) === 0x20) at -= 1;
  if (text.charCodeAt(at - 1) === 0x2b && isFree(text, at - 1)) found.push(at - 1);
  if (bracket < start && isFree(text, bracket)) found.push(bracket);
  if (isFree(text, start)) found.push(start);
  return found;
}

function isFree(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  return !isWord(before) && before !== 0x2b;
}

/** Takes what may be the number: with a prefix, up to any group's end; else a known shape or all the digits there are. */
function takePhone(
  text: string,
  groups: Groups,
  chains: Uint32Array,
  at: number,
  begin: number,
  sink: Sink,
): number | null {
  const { ends } = groups;
  const emit = (end: number, confidence: number): number | null => {
    if (confidence === 0 || gluedRight(text, end)) return null;
    sink.emit({ detector: 'phone', start: begin, end, confidence });
    return end;
  };
  if (isAmericanShape(groups, at)) {
    NORTH_AMERICAN.lastIndex = begin;
    const written = NORTH_AMERICAN.exec(text)?.[0];
    if (written !== undefined && sink.worth('phone', begin, 0.6)) {
      sink.tried();
      const valid = isNationalIn('US', digitsOf(written));
      const end = valid ? emit(begin + written.length, 0.6) : null;
      if (end !== null) return end;
    }
  }
  // The longest row of groups that is not too long. One that goes on is no number, unless a plus sign begins it.
  const most = text.startsWith('00', begin) ? MAX_DIGITS + 2 : MAX_DIGITS;
  const whole = chains[at] ?? 0;
  const prefixed = text.charCodeAt(begin) === 0x2b;
  if (whole > most && !prefixed) return null;
  let last = at;
  let count = sizeOf(groups, at);
  while (count < whole && count + sizeOf(groups, last + 1) <= most) {
    last += 1;
    count += sizeOf(groups, last);
  }
  if (count > most || count < MIN_DIGITS) return null;
  const end = ends[last] ?? 0;
  if (count === whole) {
    const taken = emit(end, confidenceOf(text.slice(begin, end), begin, sink));
    if (taken !== null) return taken;
  }
  if (!prefixed || !sink.worth('phone', begin, 0.9)) return null;
  const written = text.slice(begin, end);
  for (let size = written.length; size >= MIN_PREFIXED; size = written.lastIndexOf(' ', size - 1)) {
    sink.tried();
    const taken = isInternational(digitsOf(written.slice(0, size)))
      ? emit(begin + size, 0.9)
      : null;
    if (taken !== null) return taken;
  }
  return null;
}

/** 3-3-4 digits, behind a 1 or not. */
function isAmericanShape(groups: Groups, at: number): boolean {
  const area = sizeOf(groups, at) === 1 ? at + 1 : at;
  return (
    sizeOf(groups, area) === 3 && sizeOf(groups, area + 1) === 3 && sizeOf(groups, area + 2) === 4
  );
}

function confidenceOf(written: string, start: number, sink: Sink): number {
  const digits = digitsOf(written);
  if (written.startsWith('+')) {
    if (!sink.worth('phone', start, 0.9)) return 0;
    sink.tried();
    return isInternational(digits) ? 0.9 : 0;
  }
  // A leading zero and groups, or a bracketed area code: how the rest of the world writes it.
  const grouped = /^\(?0\d/.test(written) || written.startsWith('(') ? 0.55 : 0.3;
  const likely = digits.length === written.length ? 0.2 : grouped;
  const dialled = written.startsWith('00');
  if (!sink.worth('phone', start, dialled ? 0.75 : likely) || NOT_A_PHONE.test(written)) return 0;
  sink.tried();
  if (dialled && isInternational(digits.slice(2))) return 0.75;
  return isNational(digits) ? likely : 0;
}

/** Digit groups are few and long, so they are taken as they stand. */
function digitsOf(written: string): string {
  let digits = '';
  for (let at = 0; at < written.length; at += 1) {
    if (!isDigit(written.charCodeAt(at))) continue;
    const start = at;
    while (isDigit(written.charCodeAt(at))) at += 1;
    digits += written.slice(start, at);
  }
  return digits;
}
