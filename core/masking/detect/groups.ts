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
  readonly count: number;
  /** What lies behind `count` is left over from another text, but for the first few, which are empty groups. */
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** NO_GAP, JOINED, SPACED or the separator's character. */
  readonly gaps: Uint8Array;
}

/** How far behind the last group its readers look. */
const LOOK_AHEAD = 4;
let starts = new Uint32Array(256);
let ends = new Uint32Array(256);
let gaps = new Uint8Array(256);

/** The groups in bytes[from, size). Valid until the next call: the lists are used again. */
export function groupsOf(bytes: Uint8Array, from: number, size: number): Groups {
  let count = 0;
  let last = -1;
  let at = from;
  // A group that began before belongs to the stretch before.
  while (at > 0 && at < size && isDigit(bytes[at] ?? 0) && isDigit(bytes[at - 1] ?? 0)) at += 1;
  for (; at < size; at += 1) {
    if (!isDigit(bytes[at] ?? 0)) continue;
    const start = at;
    while (at < size && isDigit(bytes[at] ?? 0)) at += 1;
    if (count + LOOK_AHEAD >= starts.length) grow();
    starts[count] = start;
    ends[count] = at;
    gaps[count] = gapBefore(bytes, last, start);
    count += 1;
    last = at;
  }
  starts.fill(0, count, count + LOOK_AHEAD);
  ends.fill(0, count, count + LOOK_AHEAD);
  gaps.fill(NO_GAP, count, count + LOOK_AHEAD);
  return { count, starts, ends, gaps };
}

function grow(): void {
  const size = starts.length * 2;
  const [olderStarts, olderEnds, olderGaps] = [starts, ends, gaps];
  starts = new Uint32Array(size);
  ends = new Uint32Array(size);
  gaps = new Uint8Array(size);
  starts.set(olderStarts);
  ends.set(olderEnds);
  gaps.set(olderGaps);
}

function gapBefore(bytes: Uint8Array, last: number, start: number): number {
  if (last < 0 || start - last > MAX_GAP) return NO_GAP;
  let blank = false;
  for (let at = last; at < start; at += 1) {
    const code = bytes[at];
    if (code === BLANK) blank = true;
    else if (code !== 0x2e && code !== 0x5f && code !== 0x2d && code !== 0x2f) return NO_GAP;
  }
  if (start - last === 1) return bytes[last] ?? NO_GAP;
  return blank ? SPACED : JOINED;
}

export function isSpaced(gap: number): boolean {
  return gap === BLANK || gap === SPACED;
}

/** Digits of a group. */
export function sizeOf({ starts, ends }: Groups, at: number): number {
  return (ends[at] ?? 0) - (starts[at] ?? 0);
}
