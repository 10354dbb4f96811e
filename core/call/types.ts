// The types every Postgres has, by oid: their names, and the array type of each. Oids of built-in types never change
// (pg_type.dat); what a database adds itself has others, and is passed on as text.

/** name, oid, oid of its array type. */
const BUILT_IN: readonly (readonly [name: string, oid: number, array: number])[] = [
  ['bool', 16, 1000],
  ['bytea', 17, 1001],
  ['char', 18, 1002],
  ['name', 19, 1003],
  ['int8', 20, 1016],
  ['int2', 21, 1005],
  ['int4', 23, 1007],
  ['text', 25, 1009],
  ['oid', 26, 1028],
  ['json', 114, 199],
  ['xml', 142, 143],
  ['point', 600, 1017],
  ['cidr', 650, 651],
  ['float4', 700, 1021],
  ['float8', 701, 1022],
  ['money', 790, 791],
  ['macaddr', 829, 1040],
  ['inet', 869, 1041],
  ['bpchar', 1042, 1014],
  ['varchar', 1043, 1015],
  ['date', 1082, 1182],
  ['time', 1083, 1183],
  ['timestamp', 1114, 1115],
  ['timestamptz', 1184, 1185],
  ['interval', 1186, 1187],
  ['timetz', 1266, 1270],
  ['bit', 1560, 1561],
  ['varbit', 1562, 1563],
  ['numeric', 1700, 1231],
  ['uuid', 2950, 2951],
  ['tsvector', 3614, 3643],
  ['jsonb', 3802, 3807],
  ['int4range', 3904, 3905],
  ['numrange', 3906, 3907],
  ['tsrange', 3908, 3909],
  ['tstzrange', 3910, 3911],
  ['daterange', 3912, 3913],
  ['int8range', 3926, 3927],
];

/** What the SQL standard calls them. */
const ALIASES: Readonly<Record<string, string>> = {
  boolean: 'bool',
  smallint: 'int2',
  integer: 'int4',
  int: 'int4',
  bigint: 'int8',
  real: 'float4',
  'double precision': 'float8',
  decimal: 'numeric',
  'timestamp with time zone': 'timestamptz',
  'timestamp without time zone': 'timestamp',
};

const BY_NAME = new Map(
  BUILT_IN.flatMap(([name, oid, array]) => [[name, oid] as const, [`${name}[]`, array] as const]),
);
const NAMES = new Map([...BY_NAME].map(([name, oid]) => [oid, name]));
const ELEMENTS = new Map(BUILT_IN.map(([, oid, array]) => [array, oid]));

/** The oid of `int4`, `integer` or `int4[]`; null for what is not built in. */
export function typeOid(name: string): number | null {
  const array = name.endsWith('[]') ? '[]' : '';
  const base = array === '' ? name : name.slice(0, -2);
  const known = Object.hasOwn(ALIASES, base) ? ALIASES[base] : base;
  return BY_NAME.get(`${known}${array}`) ?? null;
}

/** `int4`, `text[]`; `oid:16412` for a type of the database's own. */
export function typeName(oid: number): string {
  return NAMES.get(oid) ?? `oid:${oid}`;
}

/** The type of an array's elements; null for what is not an array. */
export function elementOid(oid: number): number | null {
  return ELEMENTS.get(oid) ?? null;
}
