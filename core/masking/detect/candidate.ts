// What a detector hands over, and the two questions about surroundings that most of them ask. Offsets are those of the
// folded text. Everything looked at around a candidate is bounded, so that a stream can keep enough of it.
import type { DetectorId } from './detector.ts';

export interface Candidate {
  readonly detector: DetectorId;
  readonly start: number;
  readonly end: number;
  /** Of the shape and its checksum alone; context.ts raises or lowers it. */
  readonly confidence: number;
}

/** What detectors report to. */
export interface Sink {
  emit(candidate: Candidate): void;
  /** Whether a value found at `start` with this confidence would be kept: asked before a validation that costs something. */
  worth(detector: DetectorId, start: number, confidence: number): boolean;
  /** Told of each validation: the work that a hostile text can ask for is proportional to its length, and tests count it. */
  tried(): void;
}

/** Longest token whose neighbour is looked at. */
const MAX_NEIGHBOUR = 24;

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

export function isAlphanumeric(code: number): boolean {
  return isDigit(code) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
}

export function isWord(code: number): boolean {
  return isAlphanumeric(code) || code === 0x5f;
}

function isJoint(code: number): boolean {
  return code === 0x2d || code === 0x2e || code === 0x5f;
}

/** Whether what ends before `at` belongs to the same token: a UUID's groups, a version, a file's name. */
export function gluedLeft(text: string, at: number): boolean {
  const before = text.charCodeAt(at - 1);
  if (isWord(before)) return true;
  if (!isJoint(before)) return false;
  for (let back = at - 2; back >= 0 && back > at - MAX_NEIGHBOUR; back -= 1) {
    const code = text.charCodeAt(back);
    if (!isAlphanumeric(code)) return false;
    if (isDigit(code)) return true;
  }
  return false;
}

export function gluedRight(text: string, at: number): boolean {
  const after = text.charCodeAt(at);
  if (isWord(after)) return true;
  if (!isJoint(after)) return false;
  for (let next = at + 1; next < text.length && next < at + MAX_NEIGHBOUR; next += 1) {
    const code = text.charCodeAt(next);
    if (!isAlphanumeric(code)) return false;
    if (isDigit(code)) return true;
  }
  return false;
}

/** Calls `take` for each match; it answers where to go on, or null: one character on. `pattern` is sticky or global. */
export function eachMatch(
  pattern: RegExp,
  text: string,
  from: number,
  take: (match: RegExpExecArray) => number | null,
): void {
  pattern.lastIndex = from;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    pattern.lastIndex = take(match) ?? match.index + 1;
  }
}
