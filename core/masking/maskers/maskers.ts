// The way in: a value and what is to be done with it → what is shown instead. Whether a value is masked at all was decided
// before (core/masking/plan.ts); where it stands in a message is the protocol's affair.
import type { Crypto } from '../../crypto.ts';
import { utf8 } from '../../bytes.ts';
import type { MaskKind } from '../mask.ts';
import { createKeystreams, faked } from './fake.ts';
import { createDigest, hashed } from './hash.ts';
import { partial } from './partial.ts';
import { neutral } from './placeholder.ts';
import type { MaskHint } from './value-type.ts';

export interface Maskers {
  /**
   * What stands in place of `value`, a valid value of its type; null is NULL. Deterministic. Throws MaskKeyMissing for hash
   * and fake where there is no key, whatever the value.
   */
  mask(kind: MaskKind, value: string, hint: MaskHint): string | null;
  /** Throws MaskKeyMissing where `kind` needs a key that is not there: for callers that refuse before anything runs. */
  require(kind: MaskKind): void;
}

export interface MaskerOptions {
  /** Of one target and no other, ≥ 16 bytes; null where the deployment has none. */
  readonly key: Uint8Array | null;
  readonly crypto: Pick<Crypto, 'hmacSha256'>;
}

/** `hash` or `fake` without a key: the action is refused with `mask_key_missing`, never answered with something weaker. */
export class MaskKeyMissing extends Error {
  override readonly name = 'MaskKeyMissing';
  readonly code = 'mask_key_missing';
}

export function createMaskers({ key, crypto }: MaskerOptions): Maskers {
  if (key !== null && key.length < 16) throw new RangeError('mask key shorter than 16 bytes');
  // Keys of their own, so that a fake tells nothing of a hash.
  const derived = (use: string): Uint8Array | null =>
    key === null ? null : crypto.hmacSha256(key, utf8(`postern mask ${use} v1`));
  const hashKey = derived('hash');
  const fakeKey = derived('fake');
  const digest = hashKey === null ? null : createDigest(hashKey);
  const streams = fakeKey === null ? null : createKeystreams(fakeKey);

  function needed<T>(tool: T | null, kind: MaskKind): T {
    if (tool === null) throw new MaskKeyMissing(`${kind} needs a key`);
    return tool;
  }

  return {
    mask(kind, value, { type, detector }) {
      switch (kind) {
        case 'null':
          return null;
        case 'redact':
          return neutral(type);
        case 'partial':
          // A part of a number or a date is no number or date.
          return type.kind === 'text' ? partial(value, detector) : neutral(type);
        case 'hash':
          return hashed(value, type, needed(digest, kind));
        case 'fake':
          return faked(value, type, detector, needed(streams, kind));
        default:
          throw new Error(`unknown mask kind ${String(kind satisfies never)}`);
      }
    },
    require(kind) {
      if (kind === 'hash') needed(digest, kind);
      if (kind === 'fake') needed(streams, kind);
    },
  };
}
