// `partial`: enough to tell two values apart by eye, never enough to have one. At most a third of the characters is
// shown, and nothing of a value under six characters.
import type { DetectorId } from '../detect/detector.ts';
import { ALL_HIDDEN, HIDDEN } from './placeholder.ts';
import { shapeOf } from './shape.ts';

/** Of a shorter value nothing is shown. */
export const SHORTEST = 6;
/** A longer top-level domain is a name. */
export const LONGEST_TLD = 4;
const LONGEST_LAYOUT = 64;
/** Shown where they stand between characters that are not. */
export const SEPARATORS = ' -./()+';

/**
 * A card's last 4 digits, 2 of a phone number, an IBAN's country and last 4, an e-mail's first letter and top-level domain,
 * an address's first group, a name's first letter; of anything else, nothing.
 */
export function partial(value: string, detector: DetectorId | null): string {
  const count = isAscii(value) ? value.length : [...value].length;
  if (count < SHORTEST) return ALL_HIDDEN;
  const most = Math.floor(count / 3);
  switch (shapeOf(value, detector)) {
    case 'card':
      return withEnds(value, 0, 4, most);
    case 'phone':
      return withEnds(value, 0, 2, most);
    case 'iban':
      return withEnds(value, 2, 4, most);
    case 'email':
      return email(value, most);
    case 'ip':
      return address(value, most);
    case 'name':
      return `${initialOf(value)}${ALL_HIDDEN}`;
    default:
      return ALL_HIDDEN;
  }
}

/** The first and last letters or digits, everything between hidden in its own layout. */
function withEnds(value: string, first: number, last: number, most: number): string {
  let counted = 0;
  for (const character of value) if (isCounted(character)) counted += 1;
  if (first + last > most || counted > LONGEST_LAYOUT) return ALL_HIDDEN;
  let seen = 0;
  let masked = '';
  for (const character of value) {
    if (!isCounted(character)) masked += SEPARATORS.includes(character) ? character : HIDDEN;
    else {
      seen += 1;
      masked += seen <= first || seen > counted - last ? character : HIDDEN;
    }
  }
  // Recognisable as masked even where separators leave no two hidden characters together.
  return masked.includes(HIDDEN + HIDDEN) ? masked : ALL_HIDDEN;
}

function email(value: string, most: number): string {
  const at = value.lastIndexOf('@');
  const dot = value.lastIndexOf('.');
  if (at < 1) return ALL_HIDDEN;
  const tld = dot > at ? value.slice(dot + 1) : '';
  const initial = initialOf(value);
  const shown = /^[a-z]+$/i.test(tld) && tld.length <= LONGEST_TLD ? tld : '';
  if (1 + shown.length > most || shown === '') return `${initial}${ALL_HIDDEN}@${ALL_HIDDEN}`;
  return `${initial}${ALL_HIDDEN}@${ALL_HIDDEN}.${shown}`;
}

function address(value: string, most: number): string {
  const separator = value.includes(':') ? ':' : '.';
  const group = value.slice(0, value.indexOf(separator));
  if (group === '' || group.length > most) return ALL_HIDDEN;
  return `${group}${separator}${ALL_HIDDEN}`;
}

function initialOf(value: string): string {
  return String.fromCodePoint(value.codePointAt(0) ?? 0x2022);
}

function isAscii(value: string): boolean {
  for (let at = 0; at < value.length; at += 1) if (value.charCodeAt(at) > 0x7f) return false;
  return true;
}

function isCounted(character: string): boolean {
  const code = character.charCodeAt(0);
  if (code > 0x7f) return /[\p{L}\p{N}]/u.test(character);
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a)
  );
}
