// What masks put in place of values, and how it is recognised again: what was read masked must not be written back over
// the real value. `fake` looks like a real value by design, and 0, false, midnight and hashed integers are values like any
// other: none of these can be recognised.
import type { ValueType } from './value-type.ts';

export const MASKED = '[masked]';
/** MASKED as bytes, in hexadecimal. */
export const MASKED_BYTES = '5b6d61736b65645d';
/** Stands for what `partial` hides, always several in a row. */
export const HIDDEN = '•';
export const ALL_HIDDEN = '•••';
/** The first day that every calendar library reads, and that nobody was born on. */
const DAY = '0001-01-01';
const ZERO_UUID = '00000000-0000-0000-0000-000000000000';
export const HASH_TAG = 'hash:';
/** `mask` in ASCII: the first group of a hashed uuid, whose version is 8 (RFC 9562, section 5.8: free to use). */
export const UUID_TAG = '6d61736b';

/** The fixed value of a type; null where it has none that means nothing. */
export function neutral(type: ValueType): string | null {
  switch (type.kind) {
    case 'text':
      return MASKED;
    case 'integer':
    case 'decimal':
    case 'float':
      return '0';
    case 'boolean':
      return 'false';
    case 'date':
      return DAY;
    case 'time':
      return type.zone ? '00:00:00+00' : '00:00:00';
    case 'timestamp':
      return type.zone ? `${DAY} 00:00:00+00` : `${DAY} 00:00:00`;
    case 'uuid':
      return ZERO_UUID;
    case 'json':
      return `"${MASKED}"`;
    case 'bytes':
      return MASKED_BYTES;
    case 'other':
      return null;
    default:
      return type satisfies never;
  }
}

const INSIDE = /\[masked\]|•{2}|hash:[0-9a-f]{32}(?![0-9a-f])/i;
const HASHED_UUID = /^6d61736b[0-9a-f]{4}8[0-9a-f]{3}8[0-9a-f]{15}$/;
const BYTES = /^(?:\\x)?5b6d61736b65645d$/;

/**
 * Whether a text is, or contains, what `redact`, `partial` or `hash` put in place of a value. Also of a JSON text, an array
 * or any other text with a placeholder in it; in the spellings of dates, uuids and bytes that databases accept.
 */
export function isPlaceholder(text: string): boolean {
  if (INSIDE.test(text)) return true;
  const plain = text.trim().toLowerCase();
  if (plain.startsWith(DAY) || BYTES.test(plain)) return true;
  const digits = plain.replaceAll(/[-{}]/g, '');
  return /^0{32}$/.test(digits) || HASHED_UUID.test(digits);
}
