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
const SPECIAL = 32;
const ABOVE = 64;

const CLASS = new Uint8Array(256);
function mark(characters: string, bit: number): void {
  for (let at = 0; at < characters.length; at += 1) {
    const code = characters.charCodeAt(at);
    CLASS[code] = (CLASS[code] ?? 0) | bit;
  }
}
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
mark(LETTERS, LETTER | TOKEN);
mark('0123456789', DIGIT | TOKEN | ADDRESS);
mark('ABCDEFabcdef', ADDRESS);
mark(':.', ADDRESS);
mark(' \t-.()+_/', SEPARATOR);
mark('-_+/=', TOKEN);
mark('@%:=.-', SPECIAL);
CLASS.fill(ABOVE, 0x80);

/** Last three letters of the words that announce a secret: see ASSIGNED in secret.ts. */
const ENDINGS = new Set('ord swd pwd ass ase ret ken key ort ial uth nha ena ave sse'.split(' '));

/** The features of a text in UTF-8. Stops as soon as one of `wanted` is seen when `first` is set. */
export function featuresOf(
  bytes: Uint8Array,
  wanted: number = ALL_FEATURES,
  first = false,
): number {
  let found = 0;
  let run = 0;
  let letters = 0;
  let digits = 0;
  let dots = 0;
  let colons = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    const kind = CLASS[byte] ?? 0;
    if ((kind & TOKEN) === 0) run = 0;
    else if (++run === MIN_TOKEN) found |= FEATURES.token;
    if ((kind & LETTER) !== 0) {
      if (++letters === 2) digits = 0;
    } else {
      letters = 0;
      if ((kind & DIGIT) !== 0) {
        if (++digits >= MIN_DIGITS || behindLetter(bytes, at)) found |= FEATURES.digits;
      } else if ((kind & SEPARATOR) === 0) digits = 0;
    }
    if ((kind & ADDRESS) === 0) {
      dots = 0;
      colons = 0;
    }
    if (kind >= SPECIAL) {
      if (kind >= ABOVE) {
        const size = plainSize(bytes, at);
        // Something that folds: the text that comes of it decides.
        if (size === 0) return featuresOf(foldedBytes(bytes), wanted, first) & wanted;
        at += size - 1;
      } else if (byte === 0x2e) {
        if (++dots === 3) found |= FEATURES.address;
      } else if (byte === 0x40) found |= FEATURES.at;
      else if (byte === 0x25) {
        if (bytes[at + 1] === 0x34 && bytes[at + 2] === 0x30) found |= FEATURES.at;
      } else if (byte === 0x2d) {
        if (run >= 5 && isDashes(bytes, at)) found |= FEATURES.token;
      } else {
        if (byte === 0x3a && ++colons === 2) found |= FEATURES.address;
        if (announced(bytes, at)) found |= FEATURES.assignment;
      }
    }
    if (first && (found & wanted) !== 0) return found & wanted;
  }
  return found & wanted;
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
  return foldOf(codePoint) === null ? size : 0;
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
