// Binary cells ↔ the texts that maskers speak (core/masking/maskers/value-type.ts). Only what masks need: the types of
// masked-types.ts. The layouts are those of the types' send functions (src/backend/utils/adt).
import { toHex, utf8 } from '../bytes.ts';
import { decodeText } from '../masking/byte-text.ts';
import { JSONB, type PgType } from './masked-types.ts';

const DAY_MICROSECONDS = 86_400_000_000n;
/** Days from 1970-01-01 to 2000-01-01, where Postgres counts from. */
const EPOCH_DAYS = 10_957;

/** Null: not a value of the type as this version of Postgres sends it. The view is over a buffer of any offset. */
export function fromBinary(
  { oid, value }: PgType,
  bytes: Uint8Array,
  start: number,
  end: number,
): string | null {
  const length = end - start;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, length);
  switch (value.kind) {
    case 'text':
      return decodeText(bytes, start, end);
    case 'integer':
      if (length * 8 !== value.bits) return null;
      if (value.bits === 16) return String(view.getInt16(0));
      if (value.bits === 64) return view.getBigInt64(0).toString();
      return String(oid === 26 ? view.getUint32(0) : view.getInt32(0));
    case 'float':
      if (length === 4) return shortestFloat(view.getFloat32(0));
      return length === 8 ? String(view.getFloat64(0)) : null;
    case 'decimal':
      return numericText(view);
    case 'uuid': {
      if (length !== 16) return null;
      const hex = toHex(bytes.subarray(start, end));
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
    }
    case 'bytes':
      return toHex(bytes.subarray(start, end));
    case 'date':
      return length === 4 ? dayText(view.getInt32(0)) : null;
    case 'time':
      if (length !== (value.zone ? 12 : 8)) return null;
      return clockText(view.getBigInt64(0)) + (value.zone ? zoneText(view.getInt32(8)) : '');
    case 'timestamp': {
      if (length !== 8) return null;
      const moment = view.getBigInt64(0);
      const clock = ((moment % DAY_MICROSECONDS) + DAY_MICROSECONDS) % DAY_MICROSECONDS;
      const days = Number((moment - clock) / DAY_MICROSECONDS);
      return `${dayText(days)} ${clockText(clock)}${value.zone ? '+00' : ''}`;
    }
    case 'boolean':
      return length === 1 ? (bytes[start] === 0 ? 'false' : 'true') : null;
    case 'json':
      return decodeText(bytes, oid === JSONB ? start + 1 : start, end);
    case 'other':
      return null;
    default:
      return value satisfies never;
  }
}

/** Null: the type has no such value. */
export function toBinary({ oid, value }: PgType, text: string): Uint8Array | null {
  switch (value.kind) {
    case 'text':
      return utf8(text);
    case 'integer':
      return fixed(value.bits / 8, (view) => {
        if (value.bits === 16) view.setInt16(0, Number(text));
        else if (value.bits === 64) view.setBigInt64(0, BigInt(text));
        else view.setInt32(0, Number(text));
      });
    case 'float':
      return oid === 700
        ? fixed(4, (view) => view.setFloat32(0, Number(text)))
        : fixed(8, (view) => view.setFloat64(0, Number(text)));
    case 'decimal':
      return numericBytes(text);
    case 'uuid':
      return hexBytes(text.replaceAll('-', ''));
    case 'bytes':
      return hexBytes(text);
    case 'date':
      return fixed(4, (view) => view.setInt32(0, dayNumber(text)));
    case 'time':
      return fixed(value.zone ? 12 : 8, (view) => view.setBigInt64(0, clockNumber(text)));
    case 'timestamp':
      return fixed(8, (view) =>
        view.setBigInt64(
          0,
          BigInt(dayNumber(text)) * DAY_MICROSECONDS + clockNumber(text.slice(11)),
        ),
      );
    case 'boolean':
      return Uint8Array.of(text === 'true' ? 1 : 0);
    case 'json': {
      const body = utf8(text);
      if (oid !== JSONB) return body;
      // jsonb_send puts a version in front.
      const versioned = new Uint8Array(body.length + 1);
      versioned[0] = 1;
      versioned.set(body, 1);
      return versioned;
    }
    case 'other':
      return null;
    default:
      return value satisfies never;
  }
}

function fixed(length: number, write: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  write(view);
  return new Uint8Array(view.buffer);
}

function hexBytes(hex: string): Uint8Array {
  const bytes = new Uint8Array(hex.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = Number.parseInt(hex.slice(at * 2, at * 2 + 2), 16);
  }
  return bytes;
}

/** The shortest decimal that is this 4-byte float, as Postgres writes it. */
function shortestFloat(number: number): string {
  for (let digits = 6; digits < 9; digits += 1) {
    const text = String(Number(number.toPrecision(digits)));
    if (Math.fround(Number(text)) === number) return text;
  }
  return String(number);
}

function dayText(days: number): string {
  const date = new Date((days + EPOCH_DAYS) * 86_400_000);
  // Infinity and days that ISO 8601 does not write: as good as any text for what is derived from it.
  return Number.isNaN(date.getTime()) ? `day ${days}` : date.toISOString().slice(0, -14);
}

function dayNumber(text: string): number {
  return Date.parse(`${text.slice(0, 10)}T00:00:00Z`) / 86_400_000 - EPOCH_DAYS;
}

function clockText(microseconds: bigint): string {
  const seconds = Number(microseconds / 1_000_000n);
  const fraction = Number(microseconds % 1_000_000n);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = parts.map((part) => String(part).padStart(2, '0')).join(':');
  return fraction === 0
    ? clock
    : `${clock}.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
}

function clockNumber(text: string): bigint {
  const [hours = 0, minutes = 0, seconds = 0] = text.slice(0, 8).split(':').map(Number);
  return BigInt(hours * 3600 + minutes * 60 + seconds) * 1_000_000n;
}

/** Seconds west of Greenwich, as timetz has them. */
function zoneText(west: number): string {
  const minutes = Math.abs(west) / 60;
  const hours = String(Math.floor(minutes / 60)).padStart(2, '0');
  const rest = minutes % 60 === 0 ? '' : `:${String(minutes % 60).padStart(2, '0')}`;
  return `${west > 0 ? '-' : '+'}${hours}${rest}`;
}

const NEGATIVE = 0x4000;

/** numeric_send: groups of four decimal digits, the weight of the first, sign, digits behind the point. */
function numericText(view: DataView): string | null {
  if (view.byteLength < 8) return null;
  const groups = view.getInt16(0);
  const weight = view.getInt16(2);
  const sign = view.getUint16(4);
  const scale = view.getInt16(6);
  if (sign !== 0 && sign !== NEGATIVE) return 'NaN';
  if (groups < 0 || view.byteLength !== 8 + groups * 2) return null;
  const group = (at: number): string =>
    at >= 0 && at < groups ? String(view.getInt16(8 + at * 2)).padStart(4, '0') : '0000';
  let whole = '';
  for (let at = 0; at <= weight; at += 1) whole += group(at);
  let fraction = '';
  for (let at = weight + 1; fraction.length < scale; at += 1) fraction += group(at);
  const text = whole.replace(/^0+(?=\d)/, '') || '0';
  return `${sign === NEGATIVE ? '-' : ''}${text}${scale > 0 ? `.${fraction.slice(0, scale)}` : ''}`;
}

function numericBytes(text: string): Uint8Array {
  const negative = text.startsWith('-');
  const [whole = '', fraction = ''] = text.replace('-', '').split('.');
  const left = whole.padStart(Math.ceil(whole.length / 4) * 4, '0');
  const right = fraction.padEnd(Math.ceil(fraction.length / 4) * 4, '0');
  const groups = (left + right).match(/\d{4}/g) ?? [];
  let weight = left.length / 4 - 1;
  while (groups[0] === '0000') {
    groups.shift();
    weight -= 1;
  }
  while (groups.at(-1) === '0000') groups.pop();
  return fixed(8 + groups.length * 2, (view) => {
    view.setInt16(0, groups.length);
    view.setInt16(2, groups.length === 0 ? 0 : weight);
    view.setUint16(4, negative && groups.length > 0 ? NEGATIVE : 0);
    view.setInt16(6, fraction.length);
    for (const [at, group] of groups.entries()) view.setInt16(8 + at * 2, Number(group));
  });
}
