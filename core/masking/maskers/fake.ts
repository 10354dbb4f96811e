// `fake`: a value of the same format that is the same for the same value of a target, for programs that check formats. Not
// reversible, not free of collisions, and not recognisable as masked. Never five characters in a row of the original.
import type { DetectorId } from '../detect/detector.ts';
import { alphabetOf } from './alphabet.ts';
import { createKeyedDigest } from './keyed-digest.ts';
import { neutral } from './placeholder.ts';
import { digitsOf, shapeOf } from './shape.ts';
import type { ValueType } from './value-type.ts';

/** Random numbers that depend on nothing but the key and the value. */
export interface Keystream {
  /** 0 to `count` - 1. */
  below(count: number): number;
}

export type Keystreams = (value: string) => Keystream;

/**
 * One HMAC seeds a small generator (sfc32, PractRand): a fake that tells the generator's state tells a seed, and a seed
 * tells neither the key nor the value.
 */
export function createKeystreams(key: Uint8Array): Keystreams {
  const keyed = createKeyedDigest(key);
  return (value) => {
    const words = new DataView(keyed(value).buffer);
    let a = words.getInt32(0);
    let b = words.getInt32(4);
    let c = words.getInt32(8);
    let counter = words.getInt32(12);
    return {
      below(count) {
        const drawn = (a + b + counter) | 0;
        counter = (counter + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = ((c << 21) | (c >>> 11)) + drawn;
        return (drawn >>> 0) % count;
      },
    };
  };
}

export function faked(
  value: string,
  type: ValueType,
  detector: DetectorId | null,
  streams: Keystreams,
): string | null {
  switch (type.kind) {
    case 'text':
      return fakedText(value, detector, streams(value));
    case 'integer':
      return fakedInteger(value, type.bits, streams(value));
    case 'decimal':
    case 'float':
      // Exponents, NaN and infinity: what comes of digits could be out of range.
      return /^-?\d+(?:\.\d+)?$/.test(value) ? fakedDigits(value, streams(value)) : null;
    case 'date':
      return day(streams(value));
    case 'time':
      return clock(streams(value)) + (type.zone ? '+00' : '');
    case 'timestamp': {
      const stream = streams(value);
      return `${day(stream)} ${clock(stream)}${type.zone ? '+00' : ''}`;
    }
    case 'uuid': {
      const stream = streams(value.toLowerCase());
      return '00000000-0000-4000-a000-000000000000'.replaceAll('0', () => hexDigit(stream));
    }
    case 'boolean':
    case 'json':
      // One of two values is the other one's opposite, and JSON has its own way in, string by string.
      return neutral(type);
    case 'bytes':
    case 'other':
      return null;
    default:
      return type satisfies never;
  }
}

function hexDigit(stream: Keystream): string {
  return stream.below(16).toString(16);
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

function day(stream: Keystream): string {
  return `${1950 + stream.below(60)}-${two(1 + stream.below(12))}-${two(1 + stream.below(28))}`;
}

function clock(stream: Keystream): string {
  return `${two(stream.below(24))}:${two(stream.below(60))}:${two(stream.below(60))}`;
}

function fakedInteger(value: string, bits: number, stream: Keystream): string | null {
  if (!/^-?\d+$/.test(value)) return null;
  const fake = fakedDigits(value, stream);
  const fits = BigInt.asIntN(bits, BigInt(fake)) === BigInt(fake);
  // As many digits as the widest value has: a leading 1 always fits (32767, 2147483647, 9223372036854775807 …).
  return fits ? fake : fake.replace(/\d/, '1');
}

/** A first digit other than 0 stays other than 0, so that the number of digits remains. */
function fakedDigits(value: string, stream: Keystream): string {
  let started = false;
  return mapped(value, stream, (character, draw) => {
    if (character < '0' || character > '9') return character;
    const digit = started || character === '0' ? draw(0x30, 0x39) : draw(0x31, 0x39);
    started = true;
    return digit;
  });
}

function fakedText(value: string, detector: DetectorId | null, stream: Keystream): string {
  switch (shapeOf(value, detector)) {
    case 'card':
      return withLuhn(fakedCharacters(value, stream));
    case 'iban':
      return fakedIban(value, stream);
    case 'email': {
      const at = value.lastIndexOf('@');
      if (at < 1) return fakedCharacters(value, stream);
      const domain = ['example.com', 'example.net', 'example.org'][stream.below(3)] ?? '';
      return `${fakedCharacters(value.slice(0, at), stream)}@${domain}`;
    }
    default:
      return fakedCharacters(value, stream);
  }
}

const KEPT = /[\s\-./:,@_()+'’]/u;

function fakedCharacters(value: string, stream: Keystream, same = 0): string {
  return mapped(
    value,
    stream,
    (character, draw) => {
      const alphabet = alphabetOf(character);
      if (alphabet !== null) return draw(alphabet[0], alphabet[1]);
      if (/\p{M}/u.test(character)) return '';
      return KEPT.test(character) ? character : '*';
    },
    same,
  );
}

type Draw = (first: number, last: number) => string;

/** Separators that stay, together with characters that came out as they were. */
const MOST_SEPARATORS = 4;
const MOST_SAME = 2;

/** Character by character. Where too much in a row would be as it was, the next one is made another. */
function mapped(
  value: string,
  stream: Keystream,
  map: (character: string, draw: Draw) => string,
  same = 0,
): string {
  let fake = '';
  let run = same;
  for (const character of value) {
    const original = character.codePointAt(0) ?? 0;
    let next = map(character, (first, last) => {
      const drawn = first + stream.below(last - first + 1);
      if (drawn !== original || run < MOST_SAME) return String.fromCodePoint(drawn);
      return String.fromCodePoint(drawn === last ? last - 1 : drawn + 1);
    });
    if (next === character && run >= MOST_SEPARATORS) next = character === '*' ? '#' : '*';
    run = next === character ? run + 1 : 0;
    fake += next;
  }
  return fake;
}

/** The last digit becomes the check digit (ISO/IEC 7812-1). */
function withLuhn(fake: string): string {
  const digits = digitsOf(fake);
  let sum = 0;
  for (let back = 2; back <= digits.length; back += 1) {
    const digit = Number(digits.at(-back));
    const counted = back % 2 === 0 ? digit * 2 : digit;
    sum += counted > 9 ? counted - 9 : counted;
  }
  const check = String((10 - (sum % 10)) % 10);
  const last = fake.search(/\d\D*$/);
  return last < 0 ? fake : fake.slice(0, last) + check + fake.slice(last + 1);
}

/** The country stays; the check digits are those of what follows (ISO 13616-1, ISO/IEC 7064 MOD 97-10). */
function fakedIban(value: string, stream: Keystream): string {
  if (value.length < 5) return fakedCharacters(value, stream);
  // The check digits can be the original's: the next digit cannot.
  const rest = fakedCharacters(value.slice(4), stream, MOST_SAME);
  const country = value.slice(0, 2);
  const numbers = (rest + country).replaceAll(/[^0-9a-z]/gi, '').toUpperCase();
  let remainder = 0;
  for (const character of `${numbers}00`) {
    const number = Number.parseInt(character, 36);
    remainder = (remainder * (number > 9 ? 100 : 10) + number) % 97;
  }
  return country + two(98 - remainder) + rest;
}
