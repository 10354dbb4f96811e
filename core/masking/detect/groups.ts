// The groups of digits in a text and what stands between them: read once, for identifiers and for phone numbers.
import { isDigit } from './candidate.ts';

/** " - " between two groups; wider gaps separate numbers. */
const MAX_GAP = 3;

/** What stands before a group: another group and, in between, nothing, one of these separators alone, or several. */
export const NO_GAP = 0;
/** Several separators, no blank among them. */
export const JOINED = 1;
/** Several, with a blank. */
export const SPACED = 2;
export const BLANK = 0x20;

/** Parallel lists instead of an object for each group: a hostile text has half a million of them. */
export interface Groups {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  /** NO_GAP, JOINED, SPACED or the separator's character. */
  readonly gaps: readonly number[];
}

export function groupsOf(text: string, from: number): Groups {
  const starts: number[] = [];
  const ends: number[] = [];
  const gaps: number[] = [];
  let last = -1;
  let at = from;
  // A group that began before belongs to the stretch before.
  while (at > 0 && isDigit(text.charCodeAt(at)) && isDigit(text.charCodeAt(at - 1))) at += 1;
  for (; at < text.length; at += 1) {
    if (!isDigit(text.charCodeAt(at))) continue;
    const start = at;
    while (at < text.length && isDigit(text.charCodeAt(at))) at += 1;
    starts.push(start);
    ends.push(at);
    gaps.push(gapBefore(text, last, start));
    last = at;
  }
  return { starts, ends, gaps };
}

function gapBefore(text: string, last: number, start: number): number {
  if (last < 0 || start - last > MAX_GAP) return NO_GAP;
  let blank = false;
  for (let at = last; at < start; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BLANK) blank = true;
    else if (code !== 0x2e && code !== 0x5f && code !== 0x2d && code !== 0x2f) return NO_GAP;
  }
  if (start - last === 1) return text.charCodeAt(last);
  return blank ? SPACED : JOINED;
}

export function isSpaced(gap: number): boolean {
  return gap === BLANK || gap === SPACED;
}

/** Digits of a group. */
export function sizeOf({ starts, ends }: Groups, at: number): number {
  return (ends[at] ?? 0) - (starts[at] ?? 0);
}
