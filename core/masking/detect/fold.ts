// Makes a text comparable: invisible characters vanish, every decimal digit, dash, space and compatibility form becomes
// its ASCII counterpart, and each character remembers where it came from. Whoever writes a card number in full-width
// digits or with zero-width spaces in it is found all the same. Look-alike letters of other scripts stay what they are.

export interface Folded {
  readonly text: string;
  /** Offset in the original of each character of `text`; null where nothing changed. */
  readonly starts: Uint32Array | null;
  /** Offset just behind it. */
  readonly ends: Uint32Array | null;
  /** Invisible characters were met. */
  readonly invisible: boolean;
}

/** What a character of the first plane becomes; written when it is first met. Anything else is its ASCII character. */
const KIND = new Uint8Array(0x10000);
const UNKNOWN = 0;
/** It stays itself. */
export const STAYS = 1;
/** Nothing, or several characters: `foldOf` has them. */
export const SPECIAL = 2;

const MAX_REMEMBERED = 4096;
const remembered = new Map<number, string | null>();

/** Whether an ASCII character is one that readers do not see, and searches must not trip over. */
export function isControl(code: number): boolean {
  return code === 0x7f || (code < 0x20 && (code < 0x09 || code > 0x0d));
}

/** What stands for an invisible character where it is taken to part what it stands between: nothing that is looked for. */
export const GAP = 0x0b;

/** What a code point above ASCII, or a control character, becomes: an ASCII text, nothing (''), or null where it stays itself. */
export function foldOf(codePoint: number): string | null {
  const known = remembered.get(codePoint);
  if (known !== undefined) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const folded = compute(codePoint);
  remembered.set(codePoint, folded);
  return folded;
}

/** The same as a number: STAYS, SPECIAL or the one ASCII character that it becomes. */
export function foldKind(codePoint: number): number {
  const known = codePoint < 0x10000 ? (KIND[codePoint] ?? UNKNOWN) : UNKNOWN;
  return known === UNKNOWN ? learn(codePoint) : known;
}

function learn(codePoint: number): number {
  const folded = foldOf(codePoint);
  const code = folded?.length === 1 ? folded.charCodeAt(0) : 0;
  const kind = folded === null ? STAYS : code > SPECIAL ? code : SPECIAL;
  if (codePoint < 0x10000) KIND[codePoint] = kind;
  return kind;
}

// Default_Ignorable_Code_Point is Unicode's own list of what a reader does not see; Cf adds the rest of the format marks.
const INVISIBLE = /^[\p{Default_Ignorable_Code_Point}\p{Cf}]$/u;
/** Line ends, tabs and form feeds part what stands around them; every other control character is dropped by its readers. */
// eslint-disable-next-line no-control-regex -- controls are what is meant
const CONTROL = /^[\0-\u0008\u000E-\u001F\u007F-\u0084\u0086-\u009F]$/;
const DIGIT = /^\p{Nd}$/u;
const DASH = /^[\p{Pd}\u2212\u2043]$/u;
const SPACE = /^\p{Zs}$/u;
const DOT = /^[\u2024\u3002\uFF61\u00B7\u2027]$/u;
// eslint-disable-next-line no-control-regex -- the whole of ASCII is meant
const ASCII = /^[\x00-\x7F]+$/;

function compute(codePoint: number): string | null {
  if (codePoint >= 0xd800 && codePoint <= 0xdfff) return null;
  const character = String.fromCodePoint(codePoint);
  if (INVISIBLE.test(character) || CONTROL.test(character)) return '';
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

/**
 * `parted`: invisible characters become GAP instead of nothing. Two values with one between them are found that way, a value
 * with one in it the other way: whoever has to find both folds twice.
 */
export function fold(text: string, parted = false): Folded {
  let at = 0;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code < 0x80) {
      if (isControl(code)) return foldFrom(text, at, parted);
      at += 1;
    } else {
      const codePoint = text.codePointAt(at) ?? 0;
      if (foldKind(codePoint) !== STAYS) return foldFrom(text, at, parted);
      at += codePoint > 0xffff ? 2 : 1;
    }
  }
  return { text, starts: null, ends: null, invisible: false };
}

function foldFrom(text: string, first: number, parted: boolean): Folded {
  let codes = new Uint16Array(text.length + 64);
  let starts = new Uint32Array(text.length + 64);
  let ends = new Uint32Array(text.length + 64);
  let size = 0;
  let invisible = false;
  const put = (code: number, start: number, end: number): void => {
    if (size === codes.length) {
      codes = grown(codes, new Uint16Array(size * 2));
      starts = grown(starts, new Uint32Array(size * 2));
      ends = grown(ends, new Uint32Array(size * 2));
    }
    codes[size] = code;
    starts[size] = start;
    ends[size] = end;
    size += 1;
  };
  for (let at = 0; at < first; at += 1) put(text.charCodeAt(at), at, at + 1);
  for (let at = first; at < text.length;) {
    const code = text.charCodeAt(at);
    const codePoint = code < 0x80 ? code : (text.codePointAt(at) ?? 0);
    const units = codePoint > 0xffff ? 2 : 1;
    const kind = code < 0x80 && !isControl(code) ? STAYS : foldKind(codePoint);
    if (kind === STAYS) {
      for (let unit = at; unit < at + units; unit += 1) put(text.charCodeAt(unit), unit, unit + 1);
    } else if (kind !== SPECIAL) put(kind, at, at + units);
    else {
      // Several characters out of one share its place.
      const becomes = foldOf(codePoint) ?? '';
      if (becomes === '') {
        invisible = true;
        if (parted) put(GAP, at, at + units);
      }
      for (let unit = 0; unit < becomes.length; unit += 1) {
        put(becomes.charCodeAt(unit), at, at + units);
      }
    }
    at += units;
  }
  return {
    text: textOf(codes.subarray(0, size)),
    starts: starts.subarray(0, size),
    ends: ends.subarray(0, size),
    invisible,
  };
}

function grown<T extends Uint16Array | Uint32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}

/** As many arguments as every engine takes. */
const MAX_ARGUMENTS = 8_192;

function textOf(codes: Uint16Array): string {
  let text = '';
  for (let at = 0; at < codes.length; at += MAX_ARGUMENTS) {
    text += String.fromCharCode(...codes.subarray(at, at + MAX_ARGUMENTS));
  }
  return text;
}
