// Where a text can be cut without cutting a value. A cut depends on nothing but the text before it, so it falls on the
// same places however a stream is delivered. Values contain no line ends (private keys do, and are held together) and
// only numbers contain blanks. A stretch without any such place is cut by force, with half a window of look-ahead.
import { isAlphanumeric } from './candidate.ts';
import type { Finding } from './detector.ts';
import { isControl } from './fold.ts';
import { search, type Search } from './search.ts';
import { MAX_PRIVATE_KEY } from './tokens.ts';

/** The most that is searched at once, and the most a stream holds back. Code units. */
export const WINDOW = 65_536;
/** Twice the longest value (a private key) may start before the middle of a window and still lie in it. */
const HALF = WINDOW / 2;
/** A word of so many letters is no group of an IBAN or a tax code. */
const MIN_WORD = 7;
/** Wider gaps than this separate numbers. */
const MAX_BLANKS = 3;

export interface Step {
  /** Everything before is decided. */
  readonly cut: number;
  readonly findings: readonly Finding[];
}

/** Decides what can be decided of `text` from `from` on. `final`: nothing follows. Null: more text is needed. */
export function advance(how: Search, text: string, from: number, final: boolean): Step | null {
  const rest = text.length - from;
  if (rest === 0) return null;
  if (final && rest <= WINDOW) {
    return { cut: text.length, findings: search(how, text, from, text.length) };
  }
  const to = Math.min(text.length, from + WINDOW);
  const cut = lastCut(text, from, to);
  if (cut > from) return { cut, findings: search(how, text, from, cut) };
  if (rest <= WINDOW) return null;
  return forced(how, text, from);
}

function forced(how: Search, text: string, from: number): Step {
  let middle = from + HALF;
  const before = text.charCodeAt(middle - 1);
  if (before >= 0xd800 && before <= 0xdbff) middle -= 1;
  const findings = search(how, text, from, from + WINDOW).filter(({ start }) => start < middle);
  return { cut: Math.max(middle, findings.at(-1)?.end ?? 0), findings };
}

/** The last cut in (from, to], or `from`. */
function lastCut(text: string, from: number, to: number): number {
  let at = to;
  while (at > from && !isCut(text, from, at)) at -= 1;
  if (at <= from) return from;
  const begin = openArmour(text, from, at);
  return begin < 0 ? at : lastCut(text, from, begin);
}

function isCut(text: string, from: number, at: number): boolean {
  const last = text.charCodeAt(at - 1);
  if (last === 0x0a) return true;
  if (last !== 0x20 && last !== 0x09) return false;
  let end = at - 1;
  while (end > from && isBlank(text.charCodeAt(end - 1))) end -= 1;
  if (at - end > MAX_BLANKS || end === from) return at - end > MAX_BLANKS;
  const before = text.charCodeAt(end - 1);
  if (before > 0x7f || isControl(before) || '().-+/_'.includes(text[end - 1] ?? '')) return false;
  if (!isAlphanumeric(before)) return true;
  let start = end;
  while (start > from && end - start < MIN_WORD && isLetter(text.charCodeAt(start - 1))) start -= 1;
  return end - start >= MIN_WORD;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function isLetter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

/** Where an armoured block begins that is still open at `at`; -1 if there is none. */
function openArmour(text: string, from: number, at: number): number {
  const least = Math.max(from, at - MAX_PRIVATE_KEY);
  const near = text.slice(least, at);
  const begin = near.lastIndexOf('-----BEGIN ');
  if (begin < 0) return -1;
  const end = near.indexOf('-----END ', begin);
  if (end >= 0 && near.indexOf('-----', end + 9) >= 0) return -1;
  return least + begin;
}
