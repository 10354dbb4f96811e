// Cells through a model, behind whatever detectors have done to them: every text that stands in a cell is handed to it, the
// strings of a JSON value and the elements of arrays and records one by one. Where a finding stands in something that could
// not be put together again, the cell is NULL. Numbers, dates and the like hold nothing that a model looks for.
import { decodeUtf8 } from '../bytes.ts';
import { ByteSink } from '../masking/byte-sink.ts';
import { decodeText } from '../masking/byte-text.ts';
import type { ModelTexts } from '../masking/detect/model-findings.ts';
import { NULL, SAME, WRITTEN, type CellMask } from './masked-cell.ts';
import { maskArray, maskRecord, withoutHeaders } from './masked-containers.ts';
import { maskArrayText, maskRecordText } from './masked-nested.ts';
import { JSONB, pgType, type PgType } from './masked-types.ts';

/** A text as the model leaves it; null: NULL in its place. */
type TextMask = (text: string) => string | null;

/** `first`: what detectors do, null where there are none. `type: null`: nobody has said it. Null: cells pass. */
export function modelCell(
  first: CellMask | null,
  type: PgType | null,
  binary: boolean,
  name: string,
  model: ModelTexts,
): CellMask | null {
  const part = (text: string): string => model.part(text, name);
  const second = type === null ? untyped(binary, part) : typed(type, binary, part);
  if (first === null || second === null) return first ?? second;
  const between = new ByteSink(0);
  return (bytes, start, end, sink) => {
    const base = sink.length;
    const outcome = first(bytes, start, end, sink);
    if (outcome === NULL) return NULL;
    if (outcome === SAME) {
      sink.length = base;
      return second(bytes, start, end, sink);
    }
    between.clear();
    between.append(sink.bytes, base, sink.length);
    sink.length = base;
    const again = second(between.bytes, 0, between.length, sink);
    if (again !== SAME) return again;
    sink.length = base;
    sink.append(between.bytes, 0, between.length);
    return WRITTEN;
  };
}

function typed(type: PgType, binary: boolean, part: (text: string) => string): CellMask | null {
  const json = (text: string) => maskJsonStrings(text, part);
  switch (type.form) {
    case 'text':
      return written(part);
    case 'json':
      // jsonb has its version in front of the text.
      return written(json, type.oid === JSONB && binary ? 1 : 0);
    case 'array':
      return binary
        ? inContainers(part)
        : written((text) => maskArrayText(text, part) ?? part(text));
    case 'record':
      return binary
        ? inContainers(part)
        : written((text) => maskRecordText(text, part) ?? part(text));
    case 'created':
      return binary ? inContainers(part) : written((text) => maskNested(text, part));
    case 'bytes':
      return foundInBytes(binary, part);
    case 'opaque':
      return foundIn(part);
    case 'number':
    case 'fixed':
      return null;
    default:
      return type.form satisfies never;
  }
}

function written(mask: TextMask, header = 0): CellMask {
  return (bytes, start, end, sink) => {
    if (end - start <= header) return SAME;
    const text = decodeText(bytes, start + header, end);
    const shown = mask(text);
    if (shown === null) return NULL;
    if (shown === text) return SAME;
    sink.append(bytes, start, start + header);
    sink.text(shown);
    return WRITTEN;
  };
}

/**
 * The string literals of RFC 8259, keys too; what stands between them are brackets, numbers and words. Null: it is no JSON. No
 * regular expression: a literal of megabytes would be more than its stack holds.
 */
function maskJsonStrings(text: string, part: (text: string) => string): string | null {
  let masked = '';
  let copied = 0;
  for (let start = text.indexOf('"'); start !== -1;) {
    let end = start + 1;
    while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
    end += 1;
    const value = stringOf(text.slice(start, end));
    if (value === null) return null;
    const shown = part(value);
    if (shown !== value) {
      masked += text.slice(copied, start) + JSON.stringify(shown);
      copied = end;
    }
    start = text.indexOf('"', end);
  }
  return copied === 0 ? text : masked + text.slice(copied);
}

function stringOf(literal: string): string | null {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === 'string' ? value : null;
  } catch {
    // Not a string that JSON knows: its cell becomes NULL.
    return null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The text of an enum, of citext, hstore, a range, a record or an array of these, and nothing says which. */
function maskNested(text: string, part: (text: string) => string): string | null {
  switch (text.charAt(0)) {
    case '(':
      return maskRecordText(text, part) ?? part(text);
    case '{':
    case '[':
      if (isJson(text)) return maskJsonStrings(text, part);
      return maskArrayText(text, part) ?? part(text);
    case '"':
      return isJson(text) ? maskJsonStrings(text, part) : part(text);
    default:
      return part(text);
  }
}

/** Binary arrays and records, and what is created of them; a text where it is neither. */
function inContainers(part: (text: string) => string): CellMask {
  const text = written((value) => maskNested(value, part));
  const other = foundIn(part);
  const cellFor = (oid: number): CellMask | null => typed(pgType(oid), true, part);
  return (bytes, start, end, sink) => {
    const base = sink.length;
    for (const container of [maskArray, maskRecord]) {
      const outcome = container(bytes, start, end, sink, cellFor);
      if (outcome !== null) return outcome;
      sink.length = base;
    }
    const readable =
      !bytes.subarray(start, end).includes(0) && decodeUtf8(bytes.subarray(start, end)) !== null;
    return (readable ? text : other)(bytes, start, end, sink);
  };
}

/** Letters that stand together: what is left of a number or an address in binary is no text. */
const WORD = /\p{L}{2}/u;

/** NULL where anything is found: there is no way to write it back. */
function foundIn(part: (text: string) => string): CellMask {
  return (bytes, start, end) => {
    const plain = withoutHeaders(bytes, start, end);
    // Controls are lengths and flags: a space keeps the words around them apart.
    const text = decodeText(plain, 0, plain.length).replaceAll(/[\p{Cc}\uFFFD]/gu, ' ');
    return !WORD.test(text) || part(text) === text ? SAME : NULL;
  };
}

/** Text that was cast to bytea is still text; what is not UTF-8 is something else. */
function foundInBytes(binary: boolean, part: (text: string) => string): CellMask {
  return (bytes, start, end) => {
    const content = binary ? bytes.subarray(start, end) : bytesOf(decodeText(bytes, start, end));
    const text = decodeUtf8(content);
    return text === null || part(text) === text ? SAME : NULL;
  };
}

/** Hexadecimal, or (`bytea_output = escape`) the text itself. */
function bytesOf(text: string): Uint8Array {
  if (!/^\\x(?:[0-9a-f]{2})*$/.test(text)) return new TextEncoder().encode(text);
  const bytes = new Uint8Array(text.length / 2 - 1);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(text.slice(2 + at * 2, 4 + at * 2), 16);
  }
  return bytes;
}

/** COPY data names no types. In binary, what has the length of a number and reads like a name is NULL, not another text. */
function untyped(binary: boolean, part: (text: string) => string): CellMask {
  if (!binary) {
    const text = written((value) => maskNested(value, part));
    const raw = foundInBytes(false, part);
    return (bytes, start, end, sink) => {
      const hexadecimal = bytes[start] === 0x5c && bytes[start + 1] === 0x78;
      return (hexadecimal ? raw : text)(bytes, start, end, sink);
    };
  }
  const any = inContainers(part);
  const json = written((value) => maskJsonStrings(value, part), 1);
  return (bytes, start, end, sink) => {
    const size = end - start;
    // jsonb: its version, and a text.
    if (bytes[start] === 1 && isJson(decodeText(bytes, start + 1, end))) {
      return json(bytes, start, end, sink);
    }
    const outcome = any(bytes, start, end, sink);
    return outcome === WRITTEN && NUMBER_SIZES.has(size) ? NULL : outcome;
  };
}

/** Of integers, floats, dates, addresses, intervals and uuids. */
const NUMBER_SIZES: ReadonlySet<number> = new Set([1, 2, 4, 6, 8, 12, 16]);
