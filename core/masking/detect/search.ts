// One search over a stretch of text: features first, then only the detectors whose feature is there, then context,
// threshold, and one finding per place. Stretches are cut where no value can lie across (see cuts.ts), so that a long
// text, a stream and a single cell give the same findings.
import { findAddresses } from './address.ts';
import type { Sink } from './candidate.ts';
import { CONTEXT_REACH, readable, type Context } from './context.ts';
import type { DetectorId, Finding } from './detector.ts';
import { findEmails, findUrlPasswords } from './email.ts';
import { ALL_FEATURES, bytesOf, FEATURES, featuresOf } from './features.ts';
import { fold, type Folded } from './fold.ts';
import { groupsOf } from './groups.ts';
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
  /** Told of each validation of a candidate. */
  readonly tried: () => void;
}

/** Findings that start in [from, to); offsets are those of `text`. */
export function search(how: Search, text: string, from: number, to: number): readonly Finding[] {
  const base = Math.max(0, from - HISTORY);
  const stretch = base === 0 && to === text.length ? text : text.slice(base, to);
  const folded = fold(stretch);
  const found = searchFolded(how, stretch, folded, base, from - base);
  if (folded.invisible) {
    // Two values with nothing but an invisible character between them are one long something without it.
    found.push(...searchFolded(how, stretch, fold(stretch, true), base, from - base));
  }
  return united(found);
}

/** `base`: where the stretch begins; `least`: findings before this offset in it do not count. */
function searchFolded(
  { wanted, context, minimum, tried }: Search,
  stretch: string,
  folded: Folded,
  base: number,
  least: number,
): Finding[] {
  const bytes = bytesOf(folded.text);
  const size = folded.text.length;
  const features = featuresOf(bytes, ALL_FEATURES, false, 0, size);
  if (features === 0) return [];
  const startOf = (at: number): number => folded.starts?.[at] ?? at;
  const endOf = (end: number): number => folded.ends?.[end - 1] ?? end;
  const first = foldedIndex(folded.starts, least);
  const found: Finding[] = [];
  // Several candidates at one place see the same words.
  let place = -1;
  let words = '';
  const judge = (detector: DetectorId, at: number, confidence: number): number | null =>
    context.judge(detector, confidence, minimum, () => {
      if (place !== at) {
        place = at;
        words = wordsBefore(stretch, at);
      }
      return words;
    });
  const sink: Sink = {
    emit({ detector, start, end, confidence }) {
      const at = startOf(start);
      const sure = at < least ? null : judge(detector, at, confidence);
      if (sure === null) return;
      found.push({ detector, start: base + at, end: base + endOf(end), confidence: sure });
    },
    worth(detector, start, confidence) {
      const at = startOf(start);
      return at >= least && judge(detector, at, confidence) !== null;
    },
    tried,
  };
  if ((features & FEATURES.digits) !== 0) {
    const groups = groupsOf(bytes, first, size);
    findNumbers(folded.text, groups, wanted, sink);
    findLettered(folded.text, bytes, first, wanted, sink);
    if (wanted.has('phone')) findPhones(folded.text, bytes, groups, sink);
  }
  if ((features & FEATURES.at) !== 0) {
    if (wanted.has('email')) findEmails(folded.text, first, sink);
    if (wanted.has('url_password')) findUrlPasswords(folded.text, first, sink);
  }
  if ((features & FEATURES.address) !== 0 && wanted.has('ip'))
    findAddresses(folded.text, first, sink);
  if ((features & FEATURES.token) !== 0) findTokens(folded.text, first, wanted, sink);
  if (wanted.has('secret')) {
    if ((features & FEATURES.token) !== 0) findRandom(folded.text, first, sink);
    if ((features & FEATURES.assignment) !== 0) findAssigned(folded.text, first, sink);
  }
  return found;
}

/** Digits and marks alone say nothing. */
function wordsBefore(text: string, at: number): string {
  const least = Math.max(0, at - CONTEXT_REACH);
  for (let back = at - 1; back >= least; back -= 1) {
    if (text.charCodeAt(back) > 0x40) return readable(text.slice(least, at));
  }
  return '';
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

/** Whether `one` names what `other` overlaps better: a known kind of key says more than "some secret", else the surer. */
function names(one: Finding, other: Finding): boolean {
  const known = (finding: Finding): boolean =>
    finding.detector !== 'secret' && finding.confidence >= KNOWN;
  if (one.detector === 'secret' || other.detector === 'secret') {
    if (known(one) !== known(other)) return known(one);
  }
  return one.confidence > other.confidence;
}

/** Confidence of an unmistakable shape. */
const KNOWN = 0.9;

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
      const { detector, confidence } = names(finding, last) ? finding : last;
      const end = Math.max(last.end, finding.end);
      kept[kept.length - 1] = { detector, confidence, start: last.start, end };
    }
  }
  return kept;
}
