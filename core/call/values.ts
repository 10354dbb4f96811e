// Values of a result as JSON. Numbers that a JSON number cannot carry exactly (int8, numeric) are strings, bytes are
// base64, instants ISO 8601. What cannot be read as its type, such as the text a mask left in its place, stays the text it
// is: nothing is guessed, nothing is lost. @see datatype, and protocol-overview "Formats and Format Codes"
import { encodeBase64 } from '../base64.ts';
import { parseArray, type ArrayValue } from './array-text.ts';
import { elementOid, typeName } from './types.ts';

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** `text`: the value in Postgres' text format; `oid`: its column's type. */
export function jsonValue(oid: number, text: string | null): JsonValue {
  if (text === null) return null;
  const element = elementOid(oid);
  if (element === null) return scalarValue(oid, text);
  const items = parseArray(text);
  return items === null ? text : items.map((item) => elementValue(element, item));
}

function elementValue(oid: number, item: ArrayValue): JsonValue {
  if (item === null) return null;
  if (typeof item === 'string') return scalarValue(oid, item);
  return item.map((inner) => elementValue(oid, inner));
}

function scalarValue(oid: number, text: string): JsonValue {
  switch (typeName(oid)) {
    case 'bool':
      return text === 't' ? true : text === 'f' ? false : text;
    case 'int2':
    case 'int4':
    case 'oid':
      return /^-?\d{1,10}$/.test(text) ? Number(text) : text;
    case 'float4':
    case 'float8':
      return floatValue(text);
    case 'bytea':
      return base64Of(text);
    case 'json':
    case 'jsonb':
      return jsonText(text);
    case 'timestamp':
      return timestamp(text, '');
    case 'timestamptz':
    case 'timetz':
      return zoned(text);
    default:
      return text;
  }
}

/** NaN and the infinities have no JSON number. */
function floatValue(text: string): JsonValue {
  if (!/^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text)) return text;
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

function jsonText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    // Not JSON, although the type says so: a mask's placeholder. It is shown as it is.
    return text;
  }
}

function timestamp(text: string, zone: string): string {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)$/.exec(text);
  return parts === null ? text : `${parts[1]}T${parts[2]}${zone}`;
}

/** Postgres writes +02, ISO 8601's extended format +02:00. Offsets with seconds (before 1900) have no such form. */
function zoned(text: string): string {
  const parts = /^(.*\d)([+-])(\d\d)(?::(\d\d))?$/.exec(text);
  if (parts === null) return text;
  const [, local = '', sign = '', hours = '', minutes = '00'] = parts;
  const zone = hours === '00' && minutes === '00' ? 'Z' : `${sign}${hours}:${minutes}`;
  if (!local.includes(' '))
    return /^\d\d:\d\d:\d\d(?:\.\d+)?$/.test(local) ? `${local}${zone}` : text;
  const shown = timestamp(local, zone);
  return shown === local ? text : shown;
}

/** Both of Postgres' forms: \x0a1b, and the older one with \012 for bytes that are not printable. @see datatype-binary */
function base64Of(text: string): string {
  const hex = /^\\x((?:[0-9a-f]{2})*)$/i.exec(text)?.[1];
  if (hex !== undefined)
    return encodeBase64(
      Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)),
    );
  if (!/^(?:[\x20-\x5b\x5d-\x7e]|\\\\|\\[0-3][0-7]{2})*$/.test(text)) return text;
  const bytes = [...text.matchAll(/\\\\|\\([0-7]{3})|[^\\]/g)].map(([whole, octal]) =>
    octal === undefined ? whole.charCodeAt(0) : Number.parseInt(octal, 8),
  );
  return encodeBase64(Uint8Array.from(bytes));
}
