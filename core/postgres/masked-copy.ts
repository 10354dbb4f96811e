// COPY … TO STDOUT through masks, cut anywhere: text, CSV and binary. Rows are held until they are whole, and no longer;
// what nothing changes goes on byte for byte. The field count of every row must be the plan's.
// @see manual page COPY, "File Formats"
import { utf8 } from '../bytes.ts';
import { ProtocolViolation } from '../failure.ts';
import { MAX_MASKED_ROW_BYTES } from '../limits.ts';
import { ByteSink } from '../masking/byte-sink.ts';
import type { ColumnPlan, CopyOutFormat } from '../masking/mask.ts';
import { NULL, SAME, type CellMask } from './masked-cell.ts';
import { cellMask, type MaskTools } from './masked-cells.ts';
import { createFieldFormat, createLineCutter } from './masked-copy-lines.ts';
import { MaskMismatch, RowTooLarge } from './masked-failure.ts';
import type { CopyMasker } from './masking.ts';
import { rowMaskerOf } from './masked-rows.ts';
import { untypedCell } from './masked-untyped.ts';

/** What a format knows of rows. */
interface Rows {
  /** End of the row that starts at `start`; -1: not there yet. Asked with growing `end` for the same row. */
  cut(bytes: Uint8Array, start: number, end: number): number;
  /**
   * Masks the row bytes[start, end) that was cut. What changes is appended to the sink, and all of bytes from `pending` on
   * in front of it; answers from where on nothing was appended yet: `pending` itself where nothing changes.
   */
  mask(bytes: Uint8Array, start: number, end: number, pending: number, sink: ByteSink): number;
  /** Whether the data may end after what was cut. */
  complete(): boolean;
}

/** `typeOids`: of the columns, where more is known than the plans say; what has no type is masked by how its values look. */
export function createCopyMasker(
  columns: readonly ColumnPlan[],
  format: CopyOutFormat,
  tools: MaskTools,
  typeOids: readonly (number | null)[] = [],
): CopyMasker {
  const binary = format.format === 'binary';
  const cells = columns.map((plan, index) => {
    const oid = typeOids[index] ?? plan.typeOid ?? null;
    // What is derived is NULL: a NULL among fixed values would tell of the value it was computed from.
    return oid === null || plan.treatment === 'redact'
      ? untypedCell(plan, binary, tools)
      : cellMask(plan, oid, binary, tools);
  });
  const rows = binary ? binaryRows(cells) : lineRows(cells, format);
  const held = new ByteSink(0);
  const out = new ByteSink();

  /** Appends what of bytes[start, end) is whole, masked; answers where the rest begins. */
  function whole(bytes: Uint8Array, start: number, end: number, sink: ByteSink): number {
    let at = start;
    let pending = start;
    for (let stop = rows.cut(bytes, at, end); stop !== -1; stop = rows.cut(bytes, at, end)) {
      pending = rows.mask(bytes, at, stop, pending, sink);
      at = stop;
      if (at === end) break;
    }
    if (end - at > MAX_MASKED_ROW_BYTES) {
      throw new RowTooLarge(`a row of more than ${MAX_MASKED_ROW_BYTES} bytes cannot be masked`);
    }
    sink.append(bytes, pending, at);
    return at;
  }

  function append(bytes: Uint8Array, start: number, end: number, sink: ByteSink): void {
    if (held.length === 0) {
      const rest = whole(bytes, start, end, sink);
      if (rest < end) held.append(bytes, rest, end);
      return;
    }
    held.append(bytes, start, end);
    const rest = whole(held.bytes, 0, held.length, sink);
    held.bytes.copyWithin(0, rest, held.length);
    held.length -= rest;
  }

  return {
    append,
    push(chunk) {
      out.clear();
      append(chunk, 0, chunk.length, out);
      return out.view();
    },
    end() {
      if (held.length > 0 || !rows.complete()) {
        throw new ProtocolViolation('COPY data that ends inside of a row');
      }
      return new Uint8Array(0);
    },
  };
}

function lineRows(cells: readonly (CellMask | null)[], format: CopyOutFormat): Rows {
  const cutter = createLineCutter(format);
  const fields = createFieldFormat(format);
  const nothing = utf8(format.null);
  const quote = format.format === 'csv' ? format.quote.charCodeAt(0) : -1;
  const content = new ByteSink();
  const masked = new ByteSink();
  let first = true;

  /** What the cell makes of a field, as if it stood at the end of the sink. */
  function outcomeOf(
    cell: CellMask,
    bytes: Uint8Array,
    from: number,
    to: number,
    sink: ByteSink,
  ): number {
    if (!cutter.marked) return cell(bytes, from, to, sink);
    content.length = 0;
    return fields.read(bytes, from, to, content)
      ? cell(content.bytes, 0, content.length, sink)
      : cell(bytes, from, to, sink);
  }

  return {
    cut: (bytes, start, end) => cutter.cut(bytes, start, end),
    complete: () => true,
    mask(bytes, start, _end, before, sink) {
      const { count, ends } = cutter;
      // A table without columns has rows without fields.
      const empty = cells.length === 0 && count === 1 && ends[0] === 0;
      if (count !== cells.length && !empty) {
        throw new MaskMismatch(`a row of ${count} fields, ${cells.length} were planned`);
      }
      if (first) {
        first = false;
        if (format.header) return before;
      }
      let pending = before;
      let from = start;
      for (let index = 0; index < cells.length; index += 1) {
        const to = start + (ends[index] ?? 0);
        const cell = cells[index];
        if (cell !== null && cell !== undefined && !isNothing(bytes, from, to, nothing)) {
          const base = sink.length;
          // The cell writes behind the room for what is pending: most of them can be left there.
          const behind = base + (from - pending);
          sink.reserve(behind - base);
          sink.length = behind;
          const outcome = outcomeOf(cell, bytes, from, to, sink);
          const written = sink.length;
          sink.length = base;
          if (outcome !== SAME) {
            sink.append(bytes, pending, from);
            pending = to;
            const wasQuoted = bytes[from] === quote;
            if (outcome === NULL) sink.append(nothing);
            else if (fields.plain(sink.bytes, behind, written, wasQuoted)) sink.length = written;
            else {
              masked.length = 0;
              masked.append(sink.bytes, behind, written);
              fields.write(masked.bytes, masked.length, sink);
            }
          }
        }
        from = to + 1;
      }
      return pending;
    },
  };
}

function isNothing(bytes: Uint8Array, start: number, end: number, nothing: Uint8Array): boolean {
  if (end - start !== nothing.length) return false;
  for (let at = 0; at < nothing.length; at += 1)
    if (bytes[start + at] !== nothing[at]) return false;
  return true;
}

const SIGNATURE = new Uint8Array([80, 71, 67, 79, 80, 89, 10, 255, 13, 10, 0]);
/** Signature, flags, length of an extension nobody has defined yet. */
const HEADER = SIGNATURE.length + 8;

function binaryRows(cells: readonly (CellMask | null)[]): Rows {
  const masker = rowMaskerOf(cells);
  const row = new ByteSink();
  let state: 'header' | 'tuples' | 'ended' = 'header';
  let isTuple = false;
  /** How far into the row its fields were walked, and how many are left. */
  let walked = 0;
  let left = 0;

  function header(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < HEADER) return -1;
    for (const [at, byte] of SIGNATURE.entries()) {
      if (bytes[start + at] !== byte)
        throw new ProtocolViolation('COPY data without its signature');
    }
    const extension = int32(bytes, start + HEADER - 4);
    if (extension < 0) throw new ProtocolViolation('a header of a negative length');
    if (extension > end - start - HEADER) return -1;
    state = 'tuples';
    return start + HEADER + extension;
  }

  function tuple(bytes: Uint8Array, start: number, end: number): number {
    if (walked === 0) {
      if (end - start < 2) return -1;
      const count = (((bytes[start] ?? 0) << 24) >> 16) | (bytes[start + 1] ?? 0);
      if (count === -1) {
        state = 'ended';
        return start + 2;
      }
      if (count !== cells.length) {
        throw new MaskMismatch(`a row of ${count} fields, ${cells.length} were planned`);
      }
      walked = 2;
      left = count;
    }
    while (left > 0) {
      const at = start + walked;
      if (end - at < 4) return -1;
      const size = int32(bytes, at);
      if (size < -1) throw new ProtocolViolation('a field of a negative length');
      // Refused as soon as it is announced.
      if (walked + size > MAX_MASKED_ROW_BYTES) throw new RowTooLarge('a row that cannot be held');
      if (size > end - at - 4) return -1;
      walked += 4 + Math.max(size, 0);
      left -= 1;
    }
    const stop = start + walked;
    walked = 0;
    return stop;
  }

  return {
    cut(bytes, start, end) {
      isTuple = false;
      if (state === 'header') return header(bytes, start, end);
      if (state === 'ended') {
        if (end > start) throw new ProtocolViolation('COPY data behind its end');
        return -1;
      }
      const stop = tuple(bytes, start, end);
      isTuple = stop !== -1 && (state as string) !== 'ended';
      return stop;
    },
    mask(bytes, start, end, pending, sink) {
      if (!isTuple) return pending;
      row.length = 0;
      if (!masker.rewrite(bytes, start, end, row)) return pending;
      sink.append(bytes, pending, start);
      sink.append(row.bytes, 0, row.length);
      return end;
    },
    complete: () => state === 'ended',
  };
}

function int32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)
  );
}
