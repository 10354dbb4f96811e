// What a faked character may become: a digit a digit, a letter a letter of its case and script. Code points, so nothing
// is ever cut in half.

/** First and last code point of the characters something may become. */
export type Range = readonly [first: number, last: number];

const LOWER: Range = [0x61, 0x7a];
const UPPER: Range = [0x41, 0x5a];
const DIGITS: Range = [0x30, 0x39];

/** Scripts by a test of one of their letters. Parts of a block where every code point is a letter of everyday use. */
const SCRIPTS: readonly (readonly [test: RegExp, range: Range])[] = [
  [/\p{sc=Greek}/u, [0x3b1, 0x3c1]],
  [/\p{sc=Cyrillic}/u, [0x430, 0x44f]],
  [/\p{sc=Han}/u, [0x4e00, 0x9fa5]],
  [/\p{sc=Hiragana}/u, [0x3042, 0x3082]],
  [/\p{sc=Katakana}/u, [0x30a2, 0x30e2]],
  [/\p{sc=Hangul}/u, [0xac00, 0xd7a3]],
  [/\p{sc=Arabic}/u, [0x628, 0x63a]],
  [/\p{sc=Hebrew}/u, [0x5d0, 0x5ea]],
  [/\p{sc=Devanagari}/u, [0x915, 0x939]],
  [/\p{sc=Bengali}/u, [0x995, 0x9a8]],
  [/\p{sc=Tamil}/u, [0xbae, 0xbb9]],
  [/\p{sc=Thai}/u, [0xe01, 0xe2e]],
  [/\p{sc=Georgian}/u, [0x10d0, 0x10f0]],
];
const UPPER_SCRIPTS: readonly (readonly [test: RegExp, range: Range])[] = [
  [/\p{sc=Greek}/u, [0x391, 0x3a1]],
  [/\p{sc=Cyrillic}/u, [0x410, 0x42f]],
];
/** Zeros of decimal digits; ten code points follow each other in every script (Unicode Standard, section 4.6). */
const ZEROS = [0x660, 0x6f0, 0x966, 0x9e6, 0xbe6, 0xe50, 0xff10];

/** Null: not a letter or digit. */
export function alphabetOf(character: string): Range | null {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) {
    if (code >= 0x30 && code <= 0x39) return DIGITS;
    if (code >= 0x61 && code <= 0x7a) return LOWER;
    return code >= 0x41 && code <= 0x5a ? UPPER : null;
  }
  if (/\p{N}/u.test(character)) {
    const zero = ZEROS.find((zero) => code >= zero && code < zero + 10);
    return zero === undefined ? DIGITS : [zero, zero + 9];
  }
  if (!/\p{L}/u.test(character)) return null;
  const upper = /\p{Lu}/u.test(character);
  const found = [...(upper ? UPPER_SCRIPTS : []), ...SCRIPTS].find(([test]) =>
    test.test(character),
  );
  if (found !== undefined) return found[1];
  return upper ? UPPER : LOWER;
}
