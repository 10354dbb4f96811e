// The pre-filter: one pass over bytes that says which kinds of value a text could hold at all, so that clean text is
// neither decoded nor searched. It may be wrong in one direction only: what a detector would find always shows its
// feature here (detection.ts runs a detector only where the feature is present, so the two cannot disagree).
import { foldKind, foldOf, GAP, isControl, SPECIAL, STAYS } from './fold.ts';

export const FEATURES = {
  /** Five digits with nothing but separators and single letters between them, or four right behind a letter. */
  digits: 1,
  /** An at sign, plain or percent-encoded. */
  at: 2,
  /** Sixteen characters of a token in a row, or five dashes. */
  token: 4,
  /** A word like `password` before `:` or `=`. */
  assignment: 8,
  /** Three dots among digits, or two colons among hexadecimal digits. */
  address: 16,
} as const;

export const ALL_FEATURES = 31;
const MIN_DIGITS = 5;
const MIN_TOKEN = 16;

const LETTER = 1;
const DIGIT = 2;
const SEPARATOR = 4;
const TOKEN = 8;
const ADDRESS = 16;

/** What a byte can be part of. */
const CLASS = new Uint8Array(256);
/** Bytes at which something is decided, by their own number; 0 for all the others, which the pass only steps over. */
const EVENT = new Uint8Array(256);
const ON_DIGIT = 1;
const ON_POINT = 2;
const ON_SIGN = 3;
const ON_PERCENT = 4;
const ON_ASSIGNMENT = 5;
const ON_DASH = 6;
const ON_ABOVE = 7;

function mark(table: Uint8Array, characters: string, bit: number): void {
  for (let at = 0; at < characters.length; at += 1) {
    const code = characters.charCodeAt(at);
    table[code] = (table[code] ?? 0) | bit;
  }
}
mark(CLASS, 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', LETTER | TOKEN);
mark(CLASS, '0123456789', DIGIT | TOKEN | ADDRESS);
mark(CLASS, 'ABCDEFabcdef:.', ADDRESS);
mark(CLASS, ' \t-.()+_/', SEPARATOR);
mark(CLASS, '-_+/=', TOKEN);
mark(EVENT, '0123456789', ON_DIGIT);
mark(EVENT, '.', ON_POINT);
mark(EVENT, '@', ON_SIGN);
mark(EVENT, '%', ON_PERCENT);
mark(EVENT, ':=', ON_ASSIGNMENT);
mark(EVENT, '-', ON_DASH);
EVENT.fill(ON_ABOVE, 0x80);
const ON_CONTROL = 8;
for (let code = 0; code < 0x80; code += 1) if (isControl(code)) EVENT[code] = ON_CONTROL;

/** No identifier has more than this between two of its digits. */
const MAX_GAP = 8;
/** Longest text form of an IP address. */
const MAX_ADDRESS = 46;

/** Last three letters of the words that announce a secret: see ASSIGNED in secret.ts. */
const ENDINGS: ReadonlySet<number> = new Set(
  'ord swd pwd ass ase ret ken key ort ial uth nha ena ave sse'
    .split(' ')
    .map((end) => ending(end.charCodeAt(0), end.charCodeAt(1), end.charCodeAt(2))),
);

/** Three letters as one number, in lower case. */
function ending(first: number, second: number, third: number): number {
  return ((first | 0x20) << 16) | ((second | 0x20) << 8) | third | 0x20;
}

/** Whether words that announce a secret end like this. Other characters than letters may be taken for some. */
export function isEnding(first: number, second: number, third: number): boolean {
  return ENDINGS.has(ending(first, second, third));
}

/**
 * The features of a text, bytes[start, end) in UTF-8, as far as they are `wanted`. `first`: any one of them will do. What
 * stands around the text counts for nothing.
 */
export function featuresOf(
  bytes: Uint8Array,
  wanted: number = ALL_FEATURES,
  first = false,
  start = 0,
  end: number = bytes.length,
): number {
  const found = scan(bytes, start, end, wanted, first);
  if (found >= 0) return found;
  const size = foldBytes(bytes, start, end, false);
  const joined = scan(scratch, 0, size, wanted, first);
  if (!invisible || joined === wanted || (first && joined !== 0)) return joined;
  return joined | scan(scratch, 0, foldBytes(bytes, start, end, true), wanted & ~joined, first);
}

/** -1 where a character has to be folded first. */
function scan(
  bytes: Uint8Array,
  start: number,
  end: number,
  wanted: number,
  first: boolean,
): number {
  let missing = wanted;
  let digits = 0;
  let lastDigit = -1;
  const events = EVENT;
  for (let at = start; at < end; at += 1) {
    let event = events[bytes[at] ?? 0] ?? 0;
    // A loop of its own for what is only stepped over, which is most: half the time of one loop for everything.
    while (event === 0) {
      at += 1;
      if (at >= end) break;
      event = events[bytes[at] ?? 0] ?? 0;
    }
    if (event === 0) break;
    if (event === ON_DIGIT) {
      digits = continues(bytes, lastDigit, at) ? digits + 1 : 1;
      lastDigit = at;
      if (digits < MIN_DIGITS - 1) continue;
      if (digits >= MIN_DIGITS || behindLetter(bytes, start, at)) missing &= ~FEATURES.digits;
    } else if (event === ON_POINT) {
      if (isAddressLike(bytes, start, at, 0x2e, 3)) missing &= ~FEATURES.address;
    } else if (event === ON_ASSIGNMENT) {
      if (isAddressLike(bytes, start, at, 0x3a, 2)) missing &= ~FEATURES.address;
      if (announced(bytes, start, at)) missing &= ~FEATURES.assignment;
    } else if (event === ON_DASH) {
      if (isDashes(bytes, start, at)) missing &= ~FEATURES.token;
    } else if (event === ON_SIGN) missing &= ~FEATURES.at;
    else if (event === ON_PERCENT) {
      if (at + 2 < end && bytes[at + 1] === 0x34 && bytes[at + 2] === 0x30) {
        missing &= ~FEATURES.at;
      }
    } else if (event === ON_CONTROL) return -1;
    else {
      readCharacter(bytes, at, end);
      if (character >= 0 && foldKind(character) !== STAYS) return -1;
      at += characterSize - 1;
    }
    if (missing === wanted) continue;
    if (first) return wanted & ~missing;
    if (missing === 0) return wanted;
  }
  if ((missing & FEATURES.token) !== 0 && hasToken(bytes, start, end)) missing &= ~FEATURES.token;
  return wanted & ~missing;
}

/** Whether a digit belongs to the digits before it: nothing but separators and single letters stand between them. */
function continues(bytes: Uint8Array, last: number, at: number): boolean {
  if (at - last === 1) return last >= 0;
  if (last < 0 || at - last > MAX_GAP) return false;
  let letters = 0;
  for (let between = last + 1; between < at; between += 1) {
    const kind = CLASS[bytes[between] ?? 0] ?? 0;
    if ((kind & LETTER) !== 0) {
      if (++letters === 2) return false;
    } else if ((kind & SEPARATOR) === 0) return false;
    else letters = 0;
  }
  return true;
}

/** Any run of so many bytes covers one of every so many places: only those are looked at, and what surrounds them. */
function hasToken(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start + MIN_TOKEN - 1; at < end; at += MIN_TOKEN) {
    if (!isToken(bytes[at] ?? 0)) continue;
    let run = 1;
    for (let left = at - 1; left >= start && run < MIN_TOKEN; left -= 1) {
      if (!isToken(bytes[left] ?? 0)) break;
      run += 1;
    }
    for (let right = at + 1; right < end && run < MIN_TOKEN; right += 1) {
      if (!isToken(bytes[right] ?? 0)) break;
      run += 1;
    }
    if (run >= MIN_TOKEN) return true;
  }
  return false;
}

function isToken(byte: number): boolean {
  return ((CLASS[byte] ?? 0) & TOKEN) !== 0;
}

/** Whether this is the `least`th such mark in a row of hexadecimal digits, dots and colons. */
function isAddressLike(
  bytes: Uint8Array,
  start: number,
  at: number,
  mark: number,
  least: number,
): boolean {
  let marks = bytes[at] === mark ? 1 : 0;
  if (marks === 0) return false;
  const furthest = Math.max(start, at - MAX_ADDRESS);
  for (let back = at - 1; back >= furthest; back -= 1) {
    const byte = bytes[back] ?? 0;
    if (((CLASS[byte] ?? 0) & ADDRESS) === 0) return false;
    if (byte === mark && ++marks >= least) return true;
  }
  return false;
}

/** Bytes of the folded text that is searched; grows with the longest. */
let searched = new Uint8Array(1_024);

/**
 * A folded text as bytes, one a character: above ASCII nothing is left that is looked for, but in e-mail addresses. They are
 * valid until the next call; what lies behind the text is left over from another one.
 */
export function bytesOf(folded: string): Uint8Array {
  const size = folded.length;
  if (searched.length < size || (searched.length > KEPT && size <= KEPT)) {
    searched = new Uint8Array(Math.max(1_024, size));
  }
  for (let at = 0; at < size; at += 1) {
    const code = folded.charCodeAt(at);
    searched[at] = code < 0x80 ? code : GAP;
  }
  return searched;
}

/** Whether a part of a folded text has enough digits together for a detector of numbers to be asked at all. */
export function hasDigits(bytes: Uint8Array, start: number, end: number): boolean {
  return featuresOf(bytes, FEATURES.digits, true, start, end) !== 0;
}

function behindLetter(bytes: Uint8Array, start: number, at: number): boolean {
  if (at - start < 4) return false;
  for (let back = 1; back <= 3; back += 1) {
    if (((CLASS[bytes[at - back] ?? 0] ?? 0) & DIGIT) === 0) return false;
  }
  return ((CLASS[bytes[at - 4] ?? 0] ?? 0) & LETTER) !== 0;
}

function isDashes(bytes: Uint8Array, start: number, at: number): boolean {
  if (at - start < 4) return false;
  for (let back = 1; back <= 4; back += 1) if (bytes[at - back] !== 0x2d) return false;
  return true;
}

function announced(bytes: Uint8Array, start: number, at: number): boolean {
  let end = at;
  const least = Math.max(start, at - 6);
  while (end > least && isFiller(bytes[end - 1] ?? 0)) end -= 1;
  if (end - start < 3) return false;
  return isEnding(bytes[end - 3] ?? 0, bytes[end - 2] ?? 0, bytes[end - 1] ?? 0);
}

function isFiller(byte: number): boolean {
  return byte === 0x20 || byte === 0x22 || byte === 0x27 || byte === 0x5c || byte === 0x09;
}

/** The code point that `readCharacter` read, or -1, and its bytes. Two numbers instead of an object for each character. */
let character = -1;
let characterSize = 1;

/** Reads a character above ASCII. An ill-formed byte is none, alone: decoders make a U+FFFD of it, which nothing takes. */
function readCharacter(bytes: Uint8Array, at: number, size: number): void {
  const lead = bytes[at] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  character = -1;
  characterSize = 1;
  if (lead < 0xc2 || lead > 0xf4 || at + length > size) return;
  let codePoint = lead & (0x7f >> length);
  for (let more = 1; more < length; more += 1) {
    const next = bytes[at + more] ?? 0;
    if ((next & 0xc0) !== 0x80) return;
    codePoint = (codePoint << 6) | (next & 0x3f);
  }
  if (codePoint > 0x10ffff || codePoint < (length === 4 ? 0x10000 : length === 3 ? 0x800 : 0x80)) {
    return;
  }
  character = codePoint;
  characterSize = length;
}

/** Folded bytes, one a character; grows with the longest text, up to KEPT. */
let scratch = new Uint8Array(4_096);
const KEPT = 1 << 18;

function reserve(size: number): void {
  if (scratch.length < size || (scratch.length > KEPT && size <= KEPT)) {
    scratch = new Uint8Array(Math.max(4_096, size));
  }
}

/** What was folded last had invisible characters in it. */
let invisible = false;

/** Folds into `scratch`, without making a string of it. Answers how many bytes that are. */
function foldBytes(bytes: Uint8Array, start: number, end: number, parted: boolean): number {
  // The most that folding makes of three bytes are four characters, and of two, two.
  reserve((end - start) * 2);
  let size = 0;
  invisible = false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) {
      if (!isControl(byte)) scratch[size++] = byte;
      else {
        invisible = true;
        if (parted) scratch[size++] = GAP;
      }
      continue;
    }
    readCharacter(bytes, at, end);
    at += characterSize - 1;
    const kind = character < 0 ? STAYS : foldKind(character);
    if (kind === STAYS) scratch[size++] = GAP;
    else if (kind !== SPECIAL) scratch[size++] = kind;
    else {
      const becomes = foldOf(character) ?? '';
      if (becomes === '') {
        invisible = true;
        if (parted) scratch[size++] = GAP;
      }
      for (let unit = 0; unit < becomes.length; unit += 1) {
        scratch[size++] = becomes.charCodeAt(unit);
      }
    }
  }
  return size;
}
