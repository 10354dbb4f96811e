// What kind of value a masker is handed, without a word about the protocol it came by. The texts, both ways: integers and
// decimals as usual; `true`/`false`; YYYY-MM-DD; HH:MM:SS; YYYY-MM-DD HH:MM:SS; a zone is `+00`; a uuid in lower case with
// hyphens; JSON as JSON; bytes in lower-case hexadecimal without a prefix. Protocols translate from and to their own.
import type { DetectorId } from '../detect/detector.ts';

export type ValueType =
  | { readonly kind: 'text' }
  /** 53: a number that JavaScript reads exactly. All widths are of signed integers. */
  | { readonly kind: 'integer'; readonly bits: 16 | 32 | 53 | 64 }
  | { readonly kind: 'decimal' }
  | { readonly kind: 'float' }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'date' }
  | { readonly kind: 'time'; readonly zone: boolean }
  | { readonly kind: 'timestamp'; readonly zone: boolean }
  | { readonly kind: 'uuid' }
  | { readonly kind: 'json' }
  | { readonly kind: 'bytes' }
  /** Nothing is known that would be a valid value of it, so it becomes NULL. */
  | { readonly kind: 'other' };

export interface MaskHint {
  readonly type: ValueType;
  /** Who found the value; null where its column is masked. */
  readonly detector: DetectorId | null;
}

export const TEXT: ValueType = { kind: 'text' };
export const OTHER: ValueType = { kind: 'other' };
