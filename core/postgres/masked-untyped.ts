// Cells of COPY data whose type nobody said: CopyOutResponse names none. In text the type is taken from how the value looks,
// so that what stands in its place is a value of whatever it really is (0 is a number and a text, {} an array and a JSON
// object); in binary a masked cell is NULL, and one in which anything is found as well.
import type { ByteSink } from '../masking/byte-sink.ts';
import { decodeText } from '../masking/byte-text.ts';
import type { ColumnPlan } from '../masking/mask.ts';
import { SHORTEST_FINDING } from '../masking/scan.ts';
import { fromBinary } from './masked-binary.ts';
import { NULL, SAME, WRITTEN, type CellMask } from './masked-cell.ts';
import { cellMask, LONG_INTEGER, type MaskTools } from './masked-cells.ts';
import { modelCell } from './masked-model.ts';
import { pgType } from './masked-types.ts';

const TEXT_OID = 25;
const RECORD_OID = 2249;
/** An oid that nobody can know: the cell is read as an array, a record or a text, whatever it is. */
const CREATED_OID = 0xffff_ffff;

const SHAPES: readonly (readonly [shape: RegExp, oid: number])[] = [
  [/^-?\d{1,18}$/, 20],
  [/^-?\d{1,1000}(?:\.\d{1,1000})?$|^NaN$/, 1700],
  [/^-?\d(?:\.\d{1,20})?e[+-]\d{1,3}$/, 701],
  [/^[tf]$/, 16],
  [/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/, 2950],
  [/^\d{4,7}-\d\d-\d\d(?: BC)?$/, 1082],
  [/^\d{4,7}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?(?: BC)?$/, 1114],
  [/^\d{4,7}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?[+-][\d:]{2,8}(?: BC)?$/, 1184],
  [/^\d\d:\d\d:\d\d(?:\.\d{1,6})?$/, 1083],
  [/^\d\d:\d\d:\d\d(?:\.\d{1,6})?[+-][\d:]{2,8}$/, 1266],
  [/^\\x[0-9a-f]*$/, 17],
  [/^\{\s*"(?:[^"\\]|\\.)*"\s*:/, 3802],
  // A JSON array, or a range: nothing stands for both.
  [/^[([]/, RECORD_OID],
  [/^"/, 3802],
];

/** How much of a value is looked at. */
const LOOKED_AT = 2100;

function looksLike(bytes: Uint8Array, start: number, end: number): number {
  const text = decodeText(bytes, start, Math.min(end, start + LOOKED_AT));
  if (text.startsWith('{') && !/^\{\s*"(?:[^"\\]|\\.)*"\s*:/.test(text)) return 1009;
  return SHAPES.find(([shape]) => shape.test(text))?.[1] ?? TEXT_OID;
}

export function untypedCell(plan: ColumnPlan, binary: boolean, tools: MaskTools): CellMask | null {
  switch (plan.treatment) {
    case 'pass':
      return null;
    case 'scan': {
      // Detectors alone: what they know of types takes no model with it.
      const { model, ...detectors } = tools;
      let cell: CellMask | null = null;
      if (tools.detect.length > 0) {
        cell = binary ? scannedBinary(plan, detectors) : scannedText(plan, detectors);
      }
      return model === undefined ? cell : modelCell(cell, null, binary, plan.name, model);
    }
    case 'redact':
      // What it looks like is computed from masked values too: `translate` could make a number of any letter asked for.
      return () => NULL;
    case 'mask':
      return binary || plan.kind === 'redact' ? () => NULL : maskedText(plan, tools);
    default:
      throw new Error(`unknown treatment ${String(plan.treatment satisfies never)}`);
  }
}

function byOid(
  plan: ColumnPlan,
  binary: boolean,
  tools: MaskTools,
): (oid: number) => CellMask | null {
  const made = new Map<number, CellMask | null>();
  return (oid) => {
    let cell = made.get(oid);
    if (cell === undefined) {
      cell = cellMask(plan, oid, binary, tools);
      made.set(oid, cell);
    }
    return cell;
  };
}

function maskedText(plan: ColumnPlan, tools: MaskTools): CellMask {
  const cells = byOid(plan, false, tools);
  if (plan.kind !== null) tools.maskers.require(plan.kind);
  return (bytes, start, end, sink) => {
    const oid = looksLike(bytes, start, end);
    return cells(oid)?.(bytes, start, end, sink) ?? NULL;
  };
}

/** What is too short for any detector whatever its type, and short integers, of which every table has a column. */
function holdsNothing(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < SHORTEST_FINDING) return true;
  if (end - start >= LONG_INTEGER) return false;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x30 || byte > 0x39) return false;
  }
  return true;
}

function scannedText(plan: ColumnPlan, tools: MaskTools): CellMask {
  const cells = byOid(plan, false, tools);
  const plain = cells(CREATED_OID);
  return (bytes, start, end, sink) => {
    if (holdsNothing(bytes, start, end)) return SAME;
    const first = bytes[start] ?? 0;
    // A sign, a digit, a bracket, a brace, a quote or a backslash: everything else is text.
    if (first > 0x5c && first !== 0x7b) return plain?.(bytes, start, end, sink) ?? SAME;
    let oid = CREATED_OID;
    if (first === 0x2d || (first >= 0x30 && first <= 0x39)) {
      const like = looksLike(bytes, start, end);
      // A date or a time may be a phone number.
      oid = pgType(like).form === 'number' ? like : TEXT_OID;
    } else if (first === 0x5b || first === 0x7b || first === 0x22) {
      const json = cells(3802)?.(bytes, start, end, sink) ?? SAME;
      // NULL: it was no JSON, or all of it a value.
      if (json !== NULL) return json;
    } else if (first === 0x5c) oid = looksLike(bytes, start, end);
    return cells(oid)?.(bytes, start, end, sink) ?? SAME;
  };
}

function scannedBinary(plan: ColumnPlan, tools: MaskTools): CellMask {
  const cells = byOid(plan, true, tools);
  const found = (
    oid: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    sink: ByteSink,
  ): boolean => {
    const before = sink.length;
    const outcome = cells(oid)?.(bytes, start, end, sink) ?? SAME;
    sink.length = before;
    return outcome !== SAME;
  };
  return (bytes, start, end, sink) => {
    if (end - start === 8 && found(20, bytes, start, end, sink)) return NULL;
    const numeric = pgType(1700);
    if (
      end - start >= 10 &&
      fromBinary(numeric, bytes, start, end) !== null &&
      found(1700, bytes, start, end, sink)
    )
      return NULL;
    // jsonb has its version in front of a text.
    if (bytes[start] === 1 && found(TEXT_OID, bytes, start + 1, end, sink)) return NULL;
    const outcome = cells(CREATED_OID)?.(bytes, start, end, sink) ?? SAME;
    return outcome === WRITTEN ? WRITTEN : outcome;
  };
}
