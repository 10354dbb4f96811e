// DataRow in, DataRow out, with what the plan says done to each column. Knows one result: its columns' plans, types and
// formats. Whether a RowDescription is the planned one is for the engine to check first. @see protocol-message-formats DataRow
import { ProtocolViolation } from '../failure.ts';
import { ByteSink } from '../masking/byte-sink.ts';
import type { ColumnPlan } from '../masking/mask.ts';
import { NULL, SAME, type CellMask } from './masked-cell.ts';
import { cellMask, type MaskTools } from './masked-cells.ts';
import { MaskMismatch } from './masked-failure.ts';
import { SERVER } from './tags.ts';

export interface ResultField {
  readonly typeOid: number;
  /** 0 text, 1 binary. After Describe of a statement it is unknown: use what Bind asked for. */
  readonly format: number;
}

export interface RowMasker {
  /** No column is masked or scanned: rows may pass unseen. */
  readonly idle: boolean;
  /**
   * `row`: the body of a DataRow. The very view when nothing changed, else a view that is valid until the next call.
   * Throws MaskMismatch when it has another number of columns, ProtocolViolation when it is malformed.
   */
  mask(row: Uint8Array): Uint8Array;
  /** Appends the whole message, header included, for the body bytes[start, end). True when something changed. */
  append(bytes: Uint8Array, start: number, end: number, sink: ByteSink): boolean;
  /** The body alone; false and nothing appended when nothing changed. */
  rewrite(bytes: Uint8Array, start: number, end: number, sink: ByteSink): boolean;
}

/** Throws MaskMismatch when the result has another number of columns than were planned. */
export function createRowMasker(
  columns: readonly ColumnPlan[],
  fields: readonly ResultField[],
  tools: MaskTools,
): RowMasker {
  if (columns.length !== fields.length) {
    throw new MaskMismatch(`${fields.length} columns came, ${columns.length} were planned`);
  }
  const cells = columns.map((plan, index): CellMask | null => {
    const field = fields[index];
    if (field === undefined) throw new MaskMismatch('a column without a field');
    if (field.format !== 0 && field.format !== 1) throw new MaskMismatch('unknown format');
    return cellMask(plan, field.typeOid, field.format === 1, tools);
  });
  return rowMaskerOf(cells);
}

export function rowMaskerOf(cells: readonly (CellMask | null)[]): RowMasker {
  const own = new ByteSink();
  const count = cells.length;

  function rewrite(bytes: Uint8Array, start: number, end: number, sink: ByteSink): boolean {
    if (end - start < 2) throw new ProtocolViolation('row without a count');
    const came = ((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0);
    if (came !== count) throw new MaskMismatch(`a row of ${came} columns, ${count} were planned`);
    /** Where what has not been copied yet begins. */
    let pending = start;
    let at = start + 2;
    for (let index = 0; index < count; index += 1) {
      if (end - at < 4) throw new ProtocolViolation('row shorter than its columns');
      const size =
        ((bytes[at] ?? 0) << 24) |
        ((bytes[at + 1] ?? 0) << 16) |
        ((bytes[at + 2] ?? 0) << 8) |
        (bytes[at + 3] ?? 0);
      const content = at + 4;
      if (size > end - content || size < -1) throw new ProtocolViolation('cell out of its row');
      const cell = cells[index];
      if (size === -1 && cell?.hidesNull !== true) {
        at = content;
        continue;
      }
      const stop = content + Math.max(size, 0);
      if (cell !== null && cell !== undefined) {
        const base = sink.length;
        // The cell is written behind the room for what is pending and for its length: most cells do not change.
        const behind = base + (at - pending) + 4;
        sink.reserve(behind - base);
        sink.length = behind;
        const outcome = cell(bytes, content, stop, sink);
        if (outcome === SAME) sink.length = base;
        else {
          const written = outcome === NULL ? behind : sink.length;
          sink.length = base;
          sink.append(bytes, pending, at);
          sink.putInt32(sink.length, outcome === NULL ? -1 : written - behind);
          sink.length = written;
          pending = stop;
        }
      }
      at = stop;
    }
    if (at !== end) throw new ProtocolViolation('bytes left over in a row');
    if (pending === start) return false;
    sink.append(bytes, pending, end);
    return true;
  }

  return {
    idle: cells.every((cell) => cell === null),
    rewrite,
    mask(row) {
      own.clear();
      return rewrite(row, 0, row.length, own) ? own.view() : row;
    },
    append(bytes, start, end, sink) {
      const base = sink.length;
      sink.reserve(5);
      sink.bytes[base] = SERVER.dataRow;
      sink.length = base + 5;
      const changed = rewrite(bytes, start, end, sink);
      if (!changed) sink.append(bytes, start, end);
      sink.putInt32(base + 1, sink.length - base - 1);
      return changed;
    },
  };
}
