// One search over a stretch of text: features first, then only the detectors whose feature is there, then context,
// threshold, and one finding per place. Stretches are cut where no value can lie across (see cuts.ts), so that a long
// text, a stream and a single cell give the same findings.
import { findAddresses } from './address.ts';
import type { Candidate } from './candidate.ts';
import { CONTEXT_REACH, type Context } from './context.ts';
import type { DetectorId, Finding } from './detector.ts';
import { findEmails, findUrlPasswords } from './email.ts';
import { FEATURES, featuresOfText } from './features.ts';
import { fold } from './fold.ts';
import { findLettered } from './lettered.ts';
import { findNumbers } from './numbers.ts';
import { findPhones } from './phone.ts';
import { findAssigned, findRandom } from './secret.ts';
import { findTokens } from './tokens.ts';

/** How much of the past a search looks back at: contexts, keywords, neighbours. Code units. */
export const HISTORY = 128;

export interface Search {
  readonly wanted: ReadonlySet<DetectorId>;
  readonly context: Context;
  readonly minimum: number;
}

/** Findings that start in [from, to); offsets are those of `text`. */
export function search(
  { wanted, context, minimum }: Search,
  text: string,
  from: number,
  to: number,
): readonly Finding[] {
  const base = Math.max(0, from - HISTORY);
  const stretch = base === 0 && to === text.length ? text : text.slice(base, to);
  const folded = fold(stretch);
  const features = featuresOfText(folded.text);
  if (features === 0) return [];
  const startOf = (at: number): number => folded.starts?.[at] ?? at;
  const endOf = (end: number): number => folded.ends?.[end - 1] ?? end;
  const first = foldedIndex(folded.starts, from - base);
  const found: Finding[] = [];
  const emit = ({ detector, start, end, confidence }: Candidate): void => {
    const at = startOf(start);
    if (at < from - base) return;
    const before = stretch.slice(Math.max(0, at - CONTEXT_REACH), at);
    const sure = Math.min(0.99, Math.max(0, confidence + context.shift(detector, before)));
    if (sure < minimum) return;
    found.push({ detector, start: base + at, end: base + endOf(end), confidence: sure });
  };
  if ((features & FEATURES.digits) !== 0) {
    findNumbers(folded.text, first, wanted, emit);
    findLettered(folded.text, first, wanted, emit);
    if (wanted.has('phone')) findPhones(folded.text, first, emit);
  }
  if ((features & FEATURES.at) !== 0) {
    if (wanted.has('email')) findEmails(folded.text, first, emit);
    if (wanted.has('url_password')) findUrlPasswords(folded.text, first, emit);
  }
  if ((features & FEATURES.address) !== 0 && wanted.has('ip'))
    findAddresses(folded.text, first, emit);
  if ((features & FEATURES.token) !== 0) findTokens(folded.text, first, wanted, emit);
  if (wanted.has('secret')) {
    if ((features & FEATURES.token) !== 0) findRandom(folded.text, first, emit);
    if ((features & FEATURES.assignment) !== 0) findAssigned(folded.text, first, emit);
  }
  return united(found);
}

/** First folded character that starts at or behind an offset. */
function foldedIndex(starts: Uint32Array | null, offset: number): number {
  if (starts === null) return offset;
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((starts[middle] ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Overlapping findings become one over all of them, under the name of the surest: nothing of either is left over. */
function united(found: readonly Finding[]): readonly Finding[] {
  if (found.length < 2) return found;
  const sorted = [...found].sort(
    (a, b) => a.start - b.start || b.confidence - a.confidence || b.end - a.end,
  );
  const kept: Finding[] = [];
  for (const finding of sorted) {
    const last = kept.at(-1);
    if (last === undefined || finding.start >= last.end) kept.push(finding);
    else {
      const { detector, confidence } = finding.confidence > last.confidence ? finding : last;
      const end = Math.max(last.end, finding.end);
      kept[kept.length - 1] = { detector, confidence, start: last.start, end };
    }
  }
  return kept;
}
