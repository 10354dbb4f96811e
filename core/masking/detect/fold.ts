// Makes a text comparable: invisible characters vanish, every decimal digit, dash, space and compatibility form becomes
// its ASCII counterpart, and each character remembers where it came from. Whoever writes a card number in full-width
// digits or with zero-width spaces in it is found all the same. Look-alike letters of other scripts stay what they are.

export interface Folded {
  readonly text: string;
  /** Offset in the original of each character of `text`; null where nothing changed. */
  readonly starts: Uint32Array | null;
  /** Offset just behind it. */
  readonly ends: Uint32Array | null;
}

const MAX_REMEMBERED = 4096;
const remembered = new Map<number, string | null>();

/** What a code point above ASCII becomes: an ASCII text, nothing (''), or null where it stays itself. */
export function foldOf(codePoint: number): string | null {
  const known = remembered.get(codePoint);
  if (known !== undefined) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const folded = compute(codePoint);
  remembered.set(codePoint, folded);
  return folded;
}

// Default_Ignorable_Code_Point is Unicode's own list of what a reader does not see; Cf adds the rest of the format marks.
const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\p{Cf}]$/u;
const DIGIT = /^\p{Nd}$/u;
const DASH = /^[\p{Pd}\u2212\u2043]$/u;
const SPACE = /^\p{Zs}$/u;
const DOT = /^[\u2024\u3002\uFF61\u00B7\u2027]$/u;
// eslint-disable-next-line no-control-regex -- the whole of ASCII is meant
const ASCII = /^[\x00-\x7F]+$/;

function compute(codePoint: number): string | null {
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return null;
  const character = String.fromCodePoint(codePoint);
  if (INVISIBLE.test(character)) return '';
  if (DIGIT.test(character)) return String(digitValue(codePoint));
  if (DASH.test(character)) return '-';
  if (SPACE.test(character)) return ' ';
  if (DOT.test(character)) return '.';
  const compatible = character.normalize('NFKC');
  return ASCII.test(compatible) ? compatible : null;
}

/** Decimal digits come in runs of ten from a zero (Unicode, section 4.6); math digits are five runs in a row. */
function digitValue(codePoint: number): number {
  if (codePoint >= 0x1d7ce && codePoint <= 0x1d7ff) return (codePoint - 0x1d7ce) % 10;
  let zero = codePoint;
  while (codePoint - zero < 9 && DIGIT.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return codePoint - zero;
}

export function fold(text: string): Folded {
  let at = 0;
  while (at < text.length && text.charCodeAt(at) < 0x80) at += 1;
  if (at === text.length) return { text, starts: null, ends: null };
  return foldFrom(text, at);
}

function foldFrom(text: string, first: number): Folded {
  let parts = text.slice(0, first);
  const starts: number[] = [];
  const ends: number[] = [];
  for (let at = 0; at < first; at += 1) {
    starts.push(at);
    ends.push(at + 1);
  }
  let changed = false;
  for (let at = first; at < text.length;) {
    const codePoint = text.codePointAt(at) ?? 0;
    const size = codePoint > 0xffff ? 2 : 1;
    const original = text.slice(at, at + size);
    const folded = codePoint < 0x80 ? null : foldOf(codePoint);
    const becomes = folded ?? original;
    if (folded === null) {
      for (let unit = 0; unit < size; unit += 1) {
        starts.push(at + unit);
        ends.push(at + unit + 1);
      }
    } else {
      changed = true;
      // Several characters out of one share its place.
      for (let unit = 0; unit < becomes.length; unit += 1) {
        starts.push(at);
        ends.push(at + size);
      }
    }
    parts += becomes;
    at += size;
  }
  if (!changed) return { text, starts: null, ends: null };
  return { text: parts, starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
}
