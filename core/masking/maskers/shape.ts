// What a value looks like when no detector has said it: decides which part of it `partial` shows and what `fake` keeps.
// A wrong guess shows no more than a right one: every shape hides at least two thirds.
import type { DetectorId } from '../detect/detector.ts';
import { passesLuhn } from '../detect/checksum.ts';

export type Shape = 'card' | 'email' | 'phone' | 'iban' | 'ip' | 'name' | 'number' | 'opaque';

const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,255}$/;
const IBAN = /^[A-Z]{2}\d{2}(?: ?[0-9A-Z]){11,30}$/i;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?$/;
const IPV6 = /^[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:\/\d{1,3})?$/i;
const NUMBER = /^\+?[\d\s().\-/]+$/;
const NAME = /^[\p{L}\p{M}][\p{L}\p{M}\s.,'’-]*$/u;
/** Least and most digits of a card's number, and of a phone's (ISO/IEC 7812-1; ITU-T E.164). */
export const CARD_DIGITS = [12, 19] as const;
export const PHONE_DIGITS = [7, 15] as const;
/** No shape is longer; a longer text is not looked at. */
const LONGEST = 320;

export function shapeOf(value: string, detector: DetectorId | null): Shape {
  switch (detector) {
    case null:
      return guess(value);
    case 'credit_card':
      return 'card';
    case 'email':
      return 'email';
    case 'phone':
      return 'phone';
    case 'iban':
      return 'iban';
    case 'ip':
      return 'ip';
    default:
      // Numbers of states and secrets: nothing of them is anybody's business.
      return 'opaque';
  }
}

/** The first character says which of the patterns can match at all. */
function guess(value: string): Shape {
  if (value.length > LONGEST) return 'opaque';
  const first = value.charCodeAt(0);
  if (value.includes('@') && EMAIL.test(value)) return 'email';
  if (value.includes(':') && IPV6.test(value)) return 'ip';
  if (first < 0x41) {
    if (IPV4.test(value)) return 'ip';
    if (!NUMBER.test(value)) return 'opaque';
    const digits = digitsOf(value);
    if (isWithin(digits.length, CARD_DIGITS) && passesLuhn(digits)) return 'card';
    return isWithin(digits.length, PHONE_DIGITS) ? 'phone' : 'number';
  }
  if (IBAN.test(value)) return 'iban';
  return NAME.test(value) ? 'name' : 'opaque';
}

function isWithin(count: number, [least, most]: readonly [number, number]): boolean {
  return count >= least && count <= most;
}

export function digitsOf(value: string): string {
  return value.replaceAll(/\D/g, '');
}
