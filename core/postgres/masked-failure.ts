// Why a result cannot be masked. The engine catches them where it masks, refuses the rest of the result and ends it.

/** The target sent something else than was planned for: deny code `mask_mismatch`. */
export class MaskMismatch extends Error {
  override readonly name = 'MaskMismatch';
  readonly code = 'mask_mismatch';
}

/** A row of COPY data that would have to be held and is over MAX_MASKED_ROW_BYTES: deny code `limit_exceeded`. */
export class RowTooLarge extends Error {
  override readonly name = 'RowTooLarge';
  readonly code = 'limit_exceeded';
}
