// What every function that looks at one cell answers. Numbers, since this is asked for every cell of every row.
import type { ByteSink } from '../masking/byte-sink.ts';

/** Nothing is to be changed. */
export const SAME = 0;
export const NULL = 1;
/** The new cell stands in the sink behind where its `length` was. */
export const WRITTEN = 2;

/** Looks at bytes[start, end), appends to the sink only when it answers WRITTEN. */
export interface CellMask {
  (bytes: Uint8Array, start: number, end: number, sink: ByteSink): number;
  /**
   * Called for NULL too, as for no bytes: whether something computed from a masked value is NULL can tell of the value
   * (NULLIF, a pattern that does not match). Others are never called for NULL.
   */
  readonly hidesNull?: true;
}
