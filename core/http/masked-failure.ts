// Why a body, or a part of one, does not go on while masks are in force. Messages say what was wrong in general, never a value.
import type { Maskers } from '../masking/maskers/maskers.ts';
import { MaskKeyMissing } from '../masking/maskers/maskers.ts';
import type { DetectorMask, FieldMask } from '../masking/mask.ts';
import type { Result } from '../failure.ts';

/** What is masked in bodies: places by JSONPath, and what detectors find anywhere. */
export interface BodyMasks {
  readonly fields: readonly FieldMask[];
  readonly detect: readonly DetectorMask[];
}

/** Settled before a byte of the body was read. */
export type BodyRefusalCode =
  | 'mask_body_type' // a type that cannot be looked through, or none
  | 'mask_body_charset'
  | 'mask_body_fields' // a text without fields, and masks that name fields
  | 'mask_body_encoding' // still compressed
  | 'mask_body_partial' // a range: where it begins in the document is not known
  | 'mask_key_missing';

/** Found while it was read. */
export type BodyFailureCode =
  | 'mask_body_malformed' // not what its type says, or in a spelling in which parsers disagree
  | 'mask_body_too_large' // one value, line or event that is too long to be held
  | 'mask_body_hidden'; // a value in a spelling that cannot be masked in place

export interface BodyRefusal {
  readonly code: BodyRefusalCode;
  /** A sentence for whoever asked. */
  readonly reason: string;
}

/** Nothing that was not given out yet may go on: the answer ends here. */
export class BodyMaskFailure extends Error {
  override readonly name = 'BodyMaskFailure';
  readonly code: BodyFailureCode;
  constructor(code: BodyFailureCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface BodyMasker {
  /** What may go on, valid until the next call. Throws BodyMaskFailure. */
  push(chunk: Uint8Array): Uint8Array;
  /** Nothing follows. Throws BodyMaskFailure where the body is not complete. */
  end(): Uint8Array;
}

export function refusedBody(
  code: BodyRefusalCode,
  reason: string,
): Result<never, BodyRefusal> & { readonly ok: false } {
  return { ok: false, error: { code, reason } };
}

export function malformed(what: string): BodyMaskFailure {
  return new BodyMaskFailure('mask_body_malformed', what);
}

export function tooLarge(what: string): BodyMaskFailure {
  return new BodyMaskFailure('mask_body_too_large', what);
}

/** Whether every kind has what it needs. Asked before anything is read. */
export function hasKeys(masks: BodyMasks, maskers: Maskers): boolean {
  try {
    for (const { kind } of [...masks.fields, ...masks.detect]) maskers.require(kind);
    return true;
  } catch (error) {
    if (error instanceof MaskKeyMissing) return false;
    throw error;
  }
}
