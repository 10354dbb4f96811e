// What every function that looks at one cell answers. Numbers, since this is asked for every cell of every row.
import type { ByteSink } from '../masking/byte-sink.ts';

/** Nothing is to be changed. */
export const SAME = 0;
export const NULL = 1;
/** The new cell stands in the sink behind where its `length` was. */
export const WRITTEN = 2;

/** Never called for NULL. Looks at bytes[start, end), appends to the sink only when it answers WRITTEN. */
export type CellMask = (bytes: Uint8Array, start: number, end: number, sink: ByteSink) => number;
