// The pre-filter: one pass over bytes that says which kinds of value a text could hold at all, so that clean text is
// neither decoded nor searched. It may be wrong in one direction only: what a detector would find always shows its
// feature here (detection.ts runs a detector only where the feature is present, so the two cannot disagree).
import { fold, foldOf } from './fold.ts';

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

/** No identifier has more than this between two of its digits. */
const MAX_GAP = 8;
/** Longest text form of an IP address. */
const MAX_ADDRESS = 46;

/** Last three letters of the words that announce a secret: see ASSIGNED in secret.ts. */
const ENDINGS = new Set('ord swd pwd ass ase ret ken key ort ial uth nha ena ave sse'.split(' '));

/** The features of a text in UTF-8, as far as they are `wanted`. `first`: any one of them will do. */
export function featuresOf(
  bytes: Uint8Array,
  wanted: number = ALL_FEATURES,
  first = false,
): number {
  let found = 0;
  let digits = 0;
  let lastDigit = -1;
  const size = bytes.length;
  for (let at = 0; at < size; at += 1) {
    const event = EVENT[bytes[at] ?? 0] ?? 0;
    if (event === 0) continue;
    if (event === ON_DIGIT) {
      digits = continues(bytes, lastDigit, at) ? digits + 1 : 1;
      lastDigit = at;
      if (digits >= MIN_DIGITS || (digits >= 4 && behindLetter(bytes, at))) {
        found |= FEATURES.digits;
      }
    } else if (event === ON_POINT) {
      if (isAddressLike(bytes, at, 0x2e, 3)) found |= FEATURES.address;
    } else if (event === ON_ASSIGNMENT) {
      if (isAddressLike(bytes, at, 0x3a, 2)) found |= FEATURES.address;
      if (announced(bytes, at)) found |= FEATURES.assignment;
    } else if (event === ON_DASH) {
      if (isDashes(bytes, at)) found |= FEATURES.token;
    } else if (event === ON_SIGN) found |= FEATURES.at;
    else if (event === ON_PERCENT) {
      if (bytes[at + 1] === 0x34 && bytes[at + 2] === 0x30) found |= FEATURES.at;
    } else {
      const more = plainSize(bytes, at);
      // Something that folds: the text that comes of it decides.
      if (more === 0) return featuresOf(foldedBytes(bytes), wanted, first);
      at += more - 1;
    }
    if (first && (found & wanted) !== 0) return found & wanted;
  }
  if ((wanted & ~found & FEATURES.token) !== 0 && hasToken(bytes)) found |= FEATURES.token;
  return found & wanted;
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
function hasToken(bytes: Uint8Array): boolean {
  for (let at = MIN_TOKEN - 1; at < bytes.length; at += MIN_TOKEN) {
    if (!isToken(bytes[at])) continue;
    let run = 1;
    for (let left = at - 1; run < MIN_TOKEN && isToken(bytes[left]); left -= 1) run += 1;
    for (let right = at + 1; run < MIN_TOKEN && isToken(bytes[right]); right += 1) run += 1;
    if (run >= MIN_TOKEN) return true;
  }
  return false;
}

function isToken(byte: number | undefined): boolean {
  return byte !== undefined && ((CLASS[byte] ?? 0) & TOKEN) !== 0;
}

/** Whether this is the `least`th such mark in a row of hexadecimal digits, dots and colons. */
function isAddressLike(bytes: Uint8Array, at: number, mark: number, least: number): boolean {
  let marks = bytes[at] === mark ? 1 : 0;
  if (marks === 0) return false;
  const furthest = Math.max(0, at - MAX_ADDRESS);
  for (let back = at - 1; back >= furthest; back -= 1) {
    const byte = bytes[back] ?? 0;
    if (((CLASS[byte] ?? 0) & ADDRESS) === 0) return false;
    if (byte === mark && ++marks >= least) return true;
  }
  return false;
}

/** The same of a text that is already folded. */
export function featuresOfText(folded: string): number {
  return featuresOf(asciiBytes(folded));
}

function behindLetter(bytes: Uint8Array, at: number): boolean {
  for (let back = 1; back <= 3; back += 1) {
    if (((CLASS[bytes[at - back] ?? 0] ?? 0) & DIGIT) === 0) return false;
  }
  return ((CLASS[bytes[at - 4] ?? 0] ?? 0) & LETTER) !== 0;
}

function isDashes(bytes: Uint8Array, at: number): boolean {
  for (let back = 1; back <= 4; back += 1) if (bytes[at - back] !== 0x2d) return false;
  return true;
}

function announced(bytes: Uint8Array, at: number): boolean {
  let end = at;
  const least = Math.max(0, at - 6);
  while (end > least && isFiller(bytes[end - 1] ?? 0)) end -= 1;
  if (end < 3) return false;
  const ending = String.fromCharCode(bytes[end - 3] ?? 0, bytes[end - 2] ?? 0, bytes[end - 1] ?? 0);
  return ENDINGS.has(ending.toLowerCase());
}

function isFiller(byte: number): boolean {
  return byte === 0x20 || byte === 0x22 || byte === 0x27 || byte === 0x5c || byte === 0x09;
}

/** 1: seen, and folding leaves it alone. The first plane only. */
const PLAIN = new Uint8Array(0x10000);

/** Bytes of a character above ASCII that folding leaves alone (an ill-formed byte is one); 0 where it would change. */
function plainSize(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0;
  const size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return 1;
  let codePoint = lead & (0x7f >> size);
  for (let more = 1; more < size; more += 1) {
    const next = bytes[at + more] ?? 0;
    if ((next & 0xc0) !== 0x80) return 1;
    codePoint = (codePoint << 6) | (next & 0x3f);
  }
  if (codePoint > 0x10ffff) return 1;
  const known = PLAIN[codePoint];
  if (known === 1) return size;
  const plain = foldOf(codePoint) === null;
  if (plain && known === 0) PLAIN[codePoint] = 1;
  return plain ? size : 0;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function foldedBytes(bytes: Uint8Array): Uint8Array {
  return asciiBytes(fold(decoder.decode(bytes)).text);
}

/** Characters above ASCII become a byte of no class: nothing that is looked for contains them but e-mail addresses. */
function asciiBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    bytes[at] = code < 0x80 ? code : 0;
  }
  return bytes;
}
