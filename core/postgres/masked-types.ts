// What masking knows of Postgres' types, by the oids that no version changes (src/include/catalog/pg_type.dat). A domain
// is described by its base type on the wire; what somebody created here has an oid from 16384 on.
import { OTHER, TEXT, type ValueType } from '../masking/maskers/value-type.ts';

/** First oid of what is not in every database (access/transam.h, FirstNormalObjectId). */
const FIRST_NORMAL_OID = 16_384;

export interface PgType {
  readonly oid: number;
  readonly value: ValueType;
  /**
   * How a cell of it is read: `text` also in binary; `created` could be an enum, citext, a record or anything else; `fixed`
   * has a value to put in its place and is never scanned; `opaque` has neither.
   */
  readonly form:
    | 'text'
    | 'number'
    | 'json'
    | 'bytes'
    | 'array'
    | 'record'
    | 'fixed'
    | 'created'
    | 'opaque';
  /** Of an array. */
  readonly element: number;
}

function type(oid: number, form: PgType['form'], value: ValueType, element = 0): PgType {
  return { oid, form, value, element };
}

const integer = (bits: 16 | 32 | 64): ValueType => ({ kind: 'integer', bits });

const SCALARS: readonly PgType[] = [
  type(16, 'fixed', { kind: 'boolean' }),
  type(17, 'bytes', { kind: 'bytes' }),
  type(18, 'text', TEXT), // "char"
  type(19, 'text', TEXT), // name
  type(20, 'number', integer(64)),
  type(21, 'number', integer(16)),
  type(23, 'number', integer(32)),
  type(25, 'text', TEXT),
  type(26, 'number', integer(32)), // oid
  type(114, 'json', { kind: 'json' }),
  type(142, 'text', TEXT), // xml
  type(700, 'number', { kind: 'float' }),
  type(701, 'number', { kind: 'float' }),
  type(705, 'text', TEXT), // unknown
  type(1042, 'text', TEXT), // bpchar
  type(1043, 'text', TEXT), // varchar
  type(1082, 'fixed', { kind: 'date' }),
  type(1083, 'fixed', { kind: 'time', zone: false }),
  type(1114, 'fixed', { kind: 'timestamp', zone: false }),
  type(1184, 'fixed', { kind: 'timestamp', zone: true }),
  type(1266, 'fixed', { kind: 'time', zone: true }),
  type(1700, 'number', { kind: 'decimal' }),
  type(2275, 'text', TEXT), // cstring
  type(2950, 'fixed', { kind: 'uuid' }),
  type(3802, 'json', { kind: 'json' }),
];

export const BPCHAR = 1042;
export const JSONB = 3802;

/** Arrays, by the oid of their element. */
const ARRAYS: readonly (readonly [array: number, element: number])[] = [
  [143, 142],
  [199, 114],
  [651, 650],
  [1000, 16],
  [1001, 17],
  [1002, 18],
  [1003, 19],
  [1005, 21],
  [1007, 23],
  [1009, 25],
  [1014, 1042],
  [1015, 1043],
  [1016, 20],
  [1021, 700],
  [1022, 701],
  [1028, 26],
  [1041, 869],
  [1115, 1114],
  [1182, 1082],
  [1183, 1083],
  [1185, 1184],
  [1231, 1700],
  [1263, 2275],
  [1270, 1266],
  [2287, 2249],
  [2951, 2950],
  [3807, 3802],
];

const TYPES: ReadonlyMap<number, PgType> = new Map([
  ...SCALARS.map((each) => [each.oid, each] as const),
  ...ARRAYS.map(([array, element]) => [array, type(array, 'array', OTHER, element)] as const),
  [2249, type(2249, 'record', OTHER)],
]);

export function pgType(oid: number): PgType {
  return TYPES.get(oid) ?? type(oid, oid >= FIRST_NORMAL_OID ? 'created' : 'opaque', OTHER);
}
