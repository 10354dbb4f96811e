// Binary arrays and records, rewritten element by element (array_send, record_send in src/backend/utils/adt).
import { utf8 } from '../bytes.ts';
import type { ByteSink } from '../masking/byte-sink.ts';
import { NULL, SAME, WRITTEN, type CellMask } from './masked-cell.ts';

export type CellMaskFor = (oid: number) => CellMask | null;

/** MAXDIM in src/include/utils/array.h. */
const MAX_DIMENSIONS = 6;
/** Nested records are walked by recursion. */
const MAX_DEPTH = 16;
let depth = 0;

export function emptyArray(element: number, binary: boolean): Uint8Array {
  if (!binary) return utf8('{}');
  const empty = new Uint8Array(12);
  new DataView(empty.buffer).setInt32(8, element);
  return empty;
}

/** SAME, WRITTEN or NULL; null where these bytes are no array. */
export function maskArray(
  bytes: Uint8Array,
  start: number,
  end: number,
  sink: ByteSink,
  cellFor: CellMaskFor,
): number | null {
  if (end - start < 12) return null;
  const dimensions = int32(bytes, start);
  const flags = int32(bytes, start + 4);
  const element = int32(bytes, start + 8) >>> 0;
  if (dimensions < 0 || dimensions > MAX_DIMENSIONS || flags < 0 || flags > 1) return null;
  if (dimensions === 0) return end - start === 12 ? SAME : null;
  let elements = 1;
  let at = start + 12;
  if (end - at < dimensions * 8) return null;
  for (let each = 0; each < dimensions; each += 1, at += 8) elements *= int32(bytes, at);
  const base = sink.length;
  sink.append(bytes, start, at);
  const cell = cellFor(element);
  return walked(
    bytes,
    at,
    end,
    sink,
    base,
    () => {
      elements -= 1;
      return elements < 0 ? undefined : { header: 0, cell };
    },
    (nulls) => {
      if (elements !== 0 && elements !== -1) return false;
      if (nulls) sink.putInt32(base + 4, 1);
      return true;
    },
  );
}

/** SAME, WRITTEN or NULL; null where these bytes are no record. */
export function maskRecord(
  bytes: Uint8Array,
  start: number,
  end: number,
  sink: ByteSink,
  cellFor: CellMaskFor,
): number | null {
  if (end - start < 4 || depth >= MAX_DEPTH) return null;
  let fields = int32(bytes, start);
  if (fields < 0 || fields > 1664) return null;
  const base = sink.length;
  sink.append(bytes, start, start + 4);
  depth += 1;
  try {
    return walked(
      bytes,
      start + 4,
      end,
      sink,
      base,
      (at) => {
        fields -= 1;
        if (fields < 0 || end - at < 8) return undefined;
        return { header: 4, cell: cellFor(int32(bytes, at) >>> 0) };
      },
      () => fields === 0 || fields === -1,
    );
  } finally {
    depth -= 1;
  }
}

interface Part {
  /** Bytes in front of the length. */
  readonly header: number;
  readonly cell: CellMask | null;
}

function walked(
  bytes: Uint8Array,
  from: number,
  end: number,
  sink: ByteSink,
  base: number,
  next: (at: number) => Part | undefined,
  complete: (nulls: boolean) => boolean,
): number | null {
  const malformed = (): null => {
    sink.length = base;
    return null;
  };
  let changed = false;
  let nulls = false;
  let at = from;
  while (at < end) {
    const part = next(at);
    if (part === undefined || end - at < part.header + 4) return malformed();
    const size = int32(bytes, at + part.header);
    const content = at + part.header + 4;
    if (size < -1 || size > end - content) return malformed();
    const stop = content + Math.max(size, 0);
    sink.append(bytes, at, content);
    const behind = sink.length;
    const outcome = size < 0 || part.cell === null ? SAME : part.cell(bytes, content, stop, sink);
    if (outcome === SAME) {
      sink.length = behind;
      sink.append(bytes, content, stop);
    } else if (outcome === NULL) {
      sink.length = behind;
      sink.putInt32(behind - 4, -1);
      nulls = true;
    } else sink.putInt32(behind - 4, sink.length - behind);
    changed ||= outcome !== SAME;
    at = stop;
  }
  if (!complete(nulls)) return malformed();
  if (changed) return WRITTEN;
  sink.length = base;
  return SAME;
}

/**
 * The bytes with everything blank that looks like a length in front of a text: its last byte could be a letter or digit that
 * hides the value behind it.
 */
export function withoutHeaders(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const plain = bytes.slice(start, end);
  for (let at = 0; at + 1 < plain.length; at += 1) {
    if (plain[at] !== 0 || plain[at + 1] !== 0) continue;
    plain.fill(0x20, at, Math.min(plain.length, at + 4));
    at += 3;
  }
  return plain;
}

function int32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}
