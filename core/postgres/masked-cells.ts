// One function per column, made once per result: what is done with a cell. Masked columns: a constant or a masker. Scanned
// ones: the detectors' byte filter on the cell as it came, and only what passes it is decoded and searched. A cell that
// cannot be read as its type says becomes NULL.
import { decodeUtf8 } from '../bytes.ts';
import type { ByteSink } from '../masking/byte-sink.ts';
import { decodeText, hasByte } from '../masking/byte-text.ts';
import { JsonFailure, maskJsonText } from '../masking/json-stream.ts';
import type { ModelTexts } from '../masking/detect/model-findings.ts';
import type { ColumnPlan, DetectorMask, MaskKind } from '../masking/mask.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { appendPartial } from '../masking/maskers/partial-bytes.ts';
import { neutral } from '../masking/maskers/placeholder.ts';
import { TEXT } from '../masking/maskers/value-type.ts';
import { createScanner, SHORTEST_FINDING, type Scanner } from '../masking/scan.ts';
import { fromBinary, toBinary } from './masked-binary.ts';
import { NULL, SAME, WRITTEN, type CellMask } from './masked-cell.ts';
import { emptyArray, maskArray, maskRecord, withoutHeaders } from './masked-containers.ts';
import { modelCell } from './masked-model.ts';
import { maskArrayText, maskRecordText } from './masked-nested.ts';
import { fromPgText, toPgText } from './masked-text.ts';
import { BPCHAR, JSONB, pgType, type PgType } from './masked-types.ts';

export interface MaskTools {
  readonly maskers: Maskers;
  readonly detect: readonly DetectorMask[];
  /** What is left by detectors goes through it; left out where no model is asked. */
  readonly model?: ModelTexts;
}

const toNull: CellMask = () => NULL;
/** `[8-digit]` numbers and more are too common to be worth a search. */
export const LONG_INTEGER = 13;

/** Null: cells of this column pass. */
export function cellMask(
  plan: ColumnPlan,
  typeOid: number,
  binary: boolean,
  tools: MaskTools,
): CellMask | null {
  const type = pgType(typeOid);
  switch (plan.treatment) {
    case 'pass':
      return null;
    case 'scan': {
      const cell = tools.detect.length === 0 ? null : scannedFor(plan.name, type, binary, tools);
      return tools.model === undefined
        ? cell
        : modelCell(cell, type, binary, plan.name, tools.model);
    }
    case 'redact': {
      // The same for every value and for none. A text of a type made on the target has no value that fits them all.
      const cell = type.form === 'created' ? toNull : fixedCell('redact', type, binary, tools);
      return Object.assign<CellMask, { readonly hidesNull: true }>(
        (bytes, start, end, sink) => cell(bytes, start, end, sink),
        { hidesNull: true },
      );
    }
    case 'mask':
      // A plan without a kind is a bug of ours: the strictest stands for it.
      return masked(plan.kind ?? 'null', type, binary, tools);
    default:
      throw new Error(`unknown treatment ${String(plan.treatment satisfies never)}`);
  }
}

function masked(kind: MaskKind, type: PgType, binary: boolean, tools: MaskTools): CellMask {
  const { maskers } = tools;
  maskers.require(kind);
  if (kind === 'null' || kind === 'redact') return fixedCell(kind, type, binary, tools);
  if (type.form === 'array') {
    const element = pgType(type.element);
    if (element.value.kind === 'other') return fixedCell('redact', type, binary, tools);
    return inArray(
      binary,
      () => masked(kind, element, binary, tools),
      (leaf) => maskedText(kind, element, leaf, maskers),
    );
  }
  // Enums and what else was created here is text as text, and a secret of its type in binary.
  if (type.form === 'created' && !binary)
    return masked(kind, { ...type, form: 'text', value: TEXT }, false, tools);
  if (kind === 'partial' && type.value.kind !== 'text')
    return fixedCell('redact', type, binary, tools);
  if (type.value.kind === 'other') return toNull;
  // Texts are the same bytes in both formats. Blanks behind character(n) are no part of it.
  const onBytes = kind === 'partial' && type.oid !== BPCHAR;
  return (bytes, start, end, sink) => {
    if (onBytes && appendPartial(bytes, start, end, sink)) return WRITTEN;
    if (!binary) {
      const text = maskedText(kind, type, decodeText(bytes, start, end), maskers);
      if (text === null) return NULL;
      sink.text(text);
      return WRITTEN;
    }
    const value = fromBinary(type, bytes, start, end);
    if (value === null) return NULL;
    const shown = maskers.mask(kind, comparable(type, value), { type: type.value, detector: null });
    const cell = shown === null ? null : toBinary(type, shown);
    if (cell === null) return NULL;
    sink.append(cell);
    return WRITTEN;
  };
}

function maskedText(kind: MaskKind, type: PgType, text: string, maskers: Maskers): string | null {
  const value = fromPgText(type, text);
  if (value === null) return null;
  const shown = maskers.mask(kind, comparable(type, value), { type: type.value, detector: null });
  return shown === null ? null : toPgText(type, shown);
}

/** character(n) is padded with blanks that mean nothing: the same value in text has none. */
function comparable({ oid }: PgType, value: string): string {
  return oid === BPCHAR ? value.replace(/ +$/, '') : value;
}

/** The same for every value: NULL, or the type's neutral value. */
function fixedCell(
  kind: 'null' | 'redact',
  type: PgType,
  binary: boolean,
  { maskers }: MaskTools,
): CellMask {
  if (kind === 'null') return toNull;
  if (type.form === 'array') {
    const empty = emptyArray(type.element, binary);
    return constant(empty);
  }
  if (type.form === 'created') {
    if (binary) return toNull;
    // The text of an enum, of citext, of a record or an array of these, and nothing says which.
    return (bytes, start, _end, sink) => {
      if (bytes[start] === 0x28) return NULL;
      sink.text(bytes[start] === 0x7b ? '{}' : (neutral(TEXT) ?? ''));
      return WRITTEN;
    };
  }
  const value = maskers.mask('redact', '', { type: type.value, detector: null });
  if (value === null) return toNull;
  if (binary) {
    const cell = toBinary(type, value);
    return cell === null ? toNull : constant(cell);
  }
  return constant(new TextEncoder().encode(toPgText(type, value)));
}

function constant(cell: Uint8Array): CellMask {
  return (_bytes, _start, _end, sink) => {
    sink.append(cell);
    return WRITTEN;
  };
}

// --- scanned ---------------------------------------------------------------------------------------------------------

function scannedFor(
  name: string,
  type: PgType,
  binary: boolean,
  tools: MaskTools,
): CellMask | null {
  return scanned(type, binary, createScanner(tools.detect, tools.maskers, name), name, tools);
}

function scanned(
  type: PgType,
  binary: boolean,
  scanner: Scanner,
  name: string,
  tools: MaskTools,
): CellMask | null {
  switch (type.form) {
    case 'text':
      return scannedText(scanner);
    case 'number':
      return scannedNumber(type, binary, scanner);
    case 'json':
      return scannedJson(type.oid === JSONB && binary, name, tools);
    case 'bytes':
      return scannedBytes(type, binary, scanner);
    case 'array':
      return inArray(
        binary,
        (oid) => scanned(pgType(oid), true, scanner, name, tools),
        (leaf) => scannedLeaf(pgType(type.element), leaf, scanner),
      );
    case 'record':
      if (!binary) return scannedCreatedText(scanner);
      return (bytes, start, end, sink) =>
        maskRecord(bytes, start, end, sink, (oid) =>
          scanned(pgType(oid), true, scanner, name, tools),
        ) ?? NULL;
    case 'created':
      return binary ? scannedCreated(scanner, name, tools) : scannedCreatedText(scanner);
    case 'opaque':
      return scannedOpaque(scanner);
    case 'fixed':
      return null;
    default:
      return type.form satisfies never;
  }
}

function scannedText(scanner: Scanner): CellMask {
  return (bytes, start, end, sink) => {
    if (!scanner.suspicious(bytes, start, end)) return SAME;
    return written(decodeText(bytes, start, end), (text) => scanner.text(text), sink);
  };
}

function written(text: string, mask: (text: string) => string | null, sink: ByteSink): number {
  const shown = mask(text);
  if (shown === null) return NULL;
  if (shown === text) return SAME;
  sink.text(shown);
  return WRITTEN;
}

function scannedNumber(type: PgType, binary: boolean, scanner: Scanner): CellMask | null {
  const { value } = type;
  // The others hold at most ten digits.
  if (value.kind === 'integer' && value.bits !== 64) return null;
  const least = value.kind === 'integer' ? LONG_INTEGER : SHORTEST_FINDING;
  return (bytes, start, end, sink) => {
    if (!binary && end - start < least) return SAME;
    const text = binary ? fromBinary(type, bytes, start, end) : decodeText(bytes, start, end);
    if (text === null) return NULL;
    if (text.length < least) return SAME;
    const shown = scanner.whole(text, value);
    if (shown === undefined) return SAME;
    if (shown === null) return NULL;
    if (!binary) sink.text(shown);
    else {
      const cell = toBinary(type, shown);
      if (cell === null) return NULL;
      sink.append(cell);
    }
    return WRITTEN;
  };
}

function scannedJson(versioned: boolean, name: string, { maskers, detect }: MaskTools): CellMask {
  const mask = maskJsonText({ maskers, detect, paths: [], context: name });
  return (bytes, start, end, sink) => {
    if (end - start < SHORTEST_FINDING) return SAME;
    const from = versioned ? start + 1 : start;
    try {
      const shown = mask(bytes, from, end);
      if (shown === null) return SAME;
      if (versioned) sink.append(bytes, start, from);
      sink.append(shown);
      return WRITTEN;
    } catch (error) {
      if (error instanceof JsonFailure) return NULL;
      throw error;
    }
  };
}

/** Text that was cast to bytea is still text. What is not UTF-8 is something else, where anything could be "found". */
function scannedBytes(type: PgType, binary: boolean, scanner: Scanner): CellMask {
  return (bytes, start, end) => {
    let content: Uint8Array = bytes.subarray(start, end);
    if (!binary) {
      const hex = fromPgText(type, decodeText(bytes, start, end));
      // bytea_output = escape: the text itself, with some bytes in octal.
      if (hex !== null) content = toBinary(type, hex) ?? content;
    }
    if (!scanner.suspicious(content, 0, content.length)) return SAME;
    const text = decodeUtf8(content);
    return text === null || scanner.part(text) === text ? SAME : NULL;
  };
}

/** Texts of enums, citext, hstore, ranges, records and arrays of these: their own quoting is kept. */
function scannedCreatedText(scanner: Scanner): CellMask {
  const leaf = (text: string): string | null => scanner.text(text);
  return (bytes, start, end, sink) => {
    if (end - start < SHORTEST_FINDING) return SAME;
    const first = bytes[start];
    // Quotes and backslashes of a nested text can stand inside a value.
    if (!scanner.suspicious(bytes, start, end) && !hasByte(bytes, 0x5c, start, end)) return SAME;
    const text = decodeText(bytes, start, end);
    const nested =
      first === 0x28
        ? maskRecordText(text, leaf)
        : first === 0x7b || first === 0x5b
          ? maskArrayText(text, leaf)
          : null;
    if (nested === null) return written(text, (plain) => scanner.text(plain), sink);
    // A value that spans leaves, or lies deeper than one level of quoting.
    const all = scanner.part(nested);
    if (nested === text && all === text) return SAME;
    if (
      all !== nested &&
      maskArrayText(all, () => undefined) === null &&
      maskRecordText(all, () => undefined) === null
    )
      return NULL;
    sink.text(all);
    return WRITTEN;
  };
}

function scannedLeaf(element: PgType, leaf: string, scanner: Scanner): string | null | undefined {
  switch (element.form) {
    case 'number':
      if (leaf.length < LONG_INTEGER) return undefined;
      return scanner.whole(leaf, element.value);
    case 'json': {
      const shown = scanner.part(leaf);
      return shown === leaf ? undefined : neutral({ kind: 'json' });
    }
    case 'fixed':
    case 'bytes':
      return undefined;
    case 'opaque':
      return scanner.part(leaf) === leaf ? undefined : null;
    case 'text':
    case 'array':
    case 'record':
    case 'created':
      return scanner.text(leaf);
    default:
      return element.form satisfies never;
  }
}

/** An enum or citext is its text; a record and an array are read as such; of what is neither, a finding makes NULL. */
function scannedCreated(scanner: Scanner, name: string, tools: MaskTools): CellMask {
  const text = scannedText(scanner);
  const cellFor = (oid: number): CellMask | null =>
    scanned(pgType(oid), true, scanner, name, tools);
  return (bytes, start, end, sink) => {
    if (end - start < SHORTEST_FINDING) return SAME;
    const base = sink.length;
    const array = maskArray(bytes, start, end, sink, cellFor);
    if (array !== null) return array;
    sink.length = base;
    const record = maskRecord(bytes, start, end, sink, cellFor);
    if (record !== null) return record;
    sink.length = base;
    if (bytes.subarray(start, end).includes(0) || decodeUtf8(bytes.subarray(start, end)) === null) {
      return foundIn(withoutHeaders(bytes, start, end), scanner);
    }
    return text(bytes, start, end, sink);
  };
}

/** Types of Postgres itself without a neutral value: inet, ranges, tsvector, interval. */
function scannedOpaque(scanner: Scanner): CellMask {
  return (bytes, start, end) =>
    end - start < SHORTEST_FINDING ? SAME : foundIn(withoutHeaders(bytes, start, end), scanner);
}

function foundIn(content: Uint8Array, scanner: Scanner): number {
  if (!scanner.suspicious(content, 0, content.length)) return SAME;
  const text = decodeText(content, 0, content.length);
  return scanner.part(text) === text ? SAME : NULL;
}

function inArray(
  binary: boolean,
  cellFor: (elementOid: number) => CellMask | null,
  leaf: (text: string) => string | null | undefined,
): CellMask {
  if (binary) {
    return (bytes, start, end, sink) => maskArray(bytes, start, end, sink, cellFor) ?? NULL;
  }
  return (bytes, start, end, sink) =>
    written(decodeText(bytes, start, end), (text) => maskArrayText(text, leaf), sink);
}
