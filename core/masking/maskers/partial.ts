// `partial`: enough to tell two values apart by eye, never enough to have one. At most a third of the characters is
// shown, and nothing of a value under six characters.
import type { DetectorId } from '../detect/detector.ts';
import { ALL_HIDDEN, HIDDEN } from './placeholder.ts';
import { shapeOf } from './shape.ts';

const SHORTEST = 6;
/** A longer top-level domain is a name. */
const LONGEST_TLD = 4;

/**
 * A card's last 4 digits, 2 of a phone number, an IBAN's country and last 4, an e-mail's first letter and top-level domain,
 * an address's first group, a name's first letter; of anything else, nothing.
 */
export function partial(value: string, detector: DetectorId | null): string {
  const characters = [...value];
  if (characters.length < SHORTEST) return ALL_HIDDEN;
  const most = Math.floor(characters.length / 3);
  switch (shapeOf(value, detector)) {
    case 'card':
      return withEnds(characters, 0, 4, most);
    case 'phone':
      return withEnds(characters, 0, 2, most);
    case 'iban':
      return withEnds(characters, 2, 4, most);
    case 'email':
      return email(characters, value, most);
    case 'ip':
      return address(value, most);
    case 'name':
      return `${characters[0] ?? ''}${ALL_HIDDEN}`;
    default:
      return ALL_HIDDEN;
  }
}

/** The first and last letters or digits, everything between hidden in its own layout. */
function withEnds(
  characters: readonly string[],
  first: number,
  last: number,
  most: number,
): string {
  const counted = characters.filter(isCounted).length;
  if (first + last > most || counted > 64) return ALL_HIDDEN;
  let seen = 0;
  let masked = '';
  for (const character of characters) {
    if (!isCounted(character)) masked += isSeparator(character) ? character : HIDDEN;
    else {
      seen += 1;
      masked += seen <= first || seen > counted - last ? character : HIDDEN;
    }
  }
  // Recognisable as masked even where separators leave no two hidden characters together.
  return masked.includes(HIDDEN + HIDDEN) ? masked : ALL_HIDDEN;
}

function email(characters: readonly string[], value: string, most: number): string {
  const at = value.lastIndexOf('@');
  const dot = value.lastIndexOf('.');
  if (at < 1) return ALL_HIDDEN;
  const tld = dot > at ? value.slice(dot + 1) : '';
  const initial = characters[0] ?? '';
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

function isCounted(character: string): boolean {
  return /[\p{L}\p{N}]/u.test(character);
}

function isSeparator(character: string): boolean {
  return ' -./()+'.includes(character);
}
