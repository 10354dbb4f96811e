// `partial` of what most masked columns hold, an e-mail address, a number or a name in ASCII, on the bytes themselves: no
// string is made of the value, nor of what is shown. It shows what partial.ts shows (the tests compare them) and leaves it
// every value that it is not sure of.
import type { ByteSink } from '../byte-sink.ts';
import { utf8 } from '../../bytes.ts';
import { Luhn } from '../detect/checksum.ts';
import { LONGEST_TLD, SEPARATORS, SHORTEST } from './partial.ts';
import { ALL_HIDDEN, HIDDEN } from './placeholder.ts';
import { CARD_DIGITS, PHONE_DIGITS } from './shape.ts';

const DIGIT = 1;
const LETTER = 2;
/** Of a number or a name, beside digits and letters. */
const IN_NUMBER = 4;
const IN_NAME = 8;
/** Anything else of ASCII that is no blank, and may stand in an address. */
const OTHER = 16;
const AT = 32;
const PLUS = 64;
/** Blanks but the space, bytes above ASCII, and colons, which addresses of computers have. */
const UNSURE = 128;

const KINDS = new Uint8Array(256).fill(UNSURE);
KINDS.fill(OTHER, 0x21, 0x7f);
KINDS.fill(DIGIT, 0x30, 0x3a);
KINDS.fill(LETTER, 0x41, 0x5b);
KINDS.fill(LETTER, 0x61, 0x7b);
for (const character of " ,'-.()/") {
  const number = SEPARATORS.includes(character) && character !== '.' ? IN_NUMBER : 0;
  const name = " ,'-.".includes(character) ? IN_NAME : 0;
  KINDS[character.charCodeAt(0)] = number | name | (character === ' ' ? 0 : OTHER);
}
KINDS[0x40] = AT;
KINDS[0x2b] = PLUS;
KINDS[0x3a] = UNSURE;

/** An address of this length is none of the usual ones. */
const LONGEST = 64;
const BULLET = utf8(HIDDEN);
const BULLETS = utf8(ALL_HIDDEN);

/** Appends what is shown of the text bytes[start, end). False: nothing is appended, and partial.ts has to say it. */
export function appendPartial(
  bytes: Uint8Array,
  start: number,
  end: number,
  sink: ByteSink,
): boolean {
  const count = end - start;
  if (count > LONGEST || count < SHORTEST) return false;
  let seen = 0;
  let signs = 0;
  let sign = -1;
  let dot = -1;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    const kind = KINDS[byte] ?? UNSURE;
    seen |= kind;
    if (kind === AT) {
      signs += 1;
      sign = at;
    } else if (byte === 0x2e) dot = at;
  }
  if ((seen & UNSURE) !== 0) return false;
  const first = KINDS[bytes[start] ?? 0] ?? UNSURE;
  const most = Math.floor(count / 3);
  if (signs > 0) {
    // A space is of IN_NUMBER without OTHER: no address has one.
    if (signs > 1 || sign === start || sign === end - 1) return false;
    if (hasSpace(bytes, start, end)) return false;
    appendEmail(bytes, start, end, dot > sign ? dot : -1, most, sink);
    return true;
  }
  if ((seen & LETTER) === 0) return (seen & DIGIT) !== 0 && appendNumber(bytes, start, end, sink);
  if (first !== LETTER || (seen & (DIGIT | PLUS)) !== 0) return false;
  for (let at = start; at < end; at += 1) {
    if (((KINDS[bytes[at] ?? 0] ?? 0) & (LETTER | IN_NAME)) === 0) return false;
  }
  sink.append(bytes, start, start + 1);
  sink.append(BULLETS);
  return true;
}

function hasSpace(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at += 1) if (bytes[at] === 0x20) return true;
  return false;
}

function appendEmail(
  bytes: Uint8Array,
  start: number,
  end: number,
  dot: number,
  most: number,
  sink: ByteSink,
): void {
  sink.append(bytes, start, start + 1);
  sink.append(BULLETS);
  sink.byte(0x40);
  sink.append(BULLETS);
  const size = dot < 0 ? 0 : end - dot - 1;
  if (size === 0 || size > LONGEST_TLD || 1 + size > most) return;
  for (let at = dot + 1; at < end; at += 1) if (KINDS[bytes[at] ?? 0] !== LETTER) return;
  sink.append(bytes, dot, end);
}

/** A card's last four digits, two of a phone number, of other numbers nothing. Dots are left to partial.ts. */
function appendNumber(bytes: Uint8Array, start: number, end: number, sink: ByteSink): boolean {
  const luhn = new Luhn();
  let digits = 0;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    const kind = KINDS[byte] ?? UNSURE;
    if (kind === DIGIT) {
      digits += 1;
      luhn.add(byte - 0x30);
    } else if ((kind & IN_NUMBER) === 0 && !(kind === PLUS && at === start)) return false;
  }
  const shown =
    digits >= CARD_DIGITS[0] && digits <= CARD_DIGITS[1] && luhn.passes
      ? 4
      : digits >= PHONE_DIGITS[0] && digits <= PHONE_DIGITS[1]
        ? 2
        : 0;
  if (shown === 0 || shown > Math.floor((end - start) / 3)) {
    sink.append(BULLETS);
    return true;
  }
  const base = sink.length;
  let left = digits - shown;
  let hidden = false;
  let recognisable = false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    const hides = KINDS[byte] === DIGIT && left > 0;
    if (hides) {
      left -= 1;
      sink.append(BULLET);
      if (hidden) recognisable = true;
    } else sink.byte(byte);
    hidden = hides;
  }
  if (!recognisable) {
    sink.length = base;
    sink.append(BULLETS);
  }
  return true;
}
