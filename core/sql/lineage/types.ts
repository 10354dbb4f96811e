// Casts: to the column's own type they change nothing, to a text they cannot fail, to a type with code of somebody's own
// they run it.
import { nameParts, type TypeName } from '../parse.ts';
import { isScalarType } from './arrays.ts';
import { isUserType } from './scope.ts';
import { TOTAL_TYPES } from './total-functions.ts';
import { computed, type Value } from './values.ts';
import type { Walk } from './walk.ts';

/** int2, int4, int8, numeric, float4, float8 (pg_type.dat). */
const NUMBERS: ReadonlySet<number> = new Set([21, 23, 20, 1700, 700, 701]);
const WIDE: ReadonlySet<string> = new Set(['numeric', 'float8']);

/** Notes what using the type may run. False: it is not built in. */
export function useType(walk: Walk, parts: readonly string[]): boolean {
  const { findings, names } = walk;
  if (parts[0] === 'pg_catalog' && parts.length === 2) return true;
  if (names.isChanged(parts)) {
    findings.doubt(`the type ${parts.join('.')}, which this transaction may have changed`);
    return false;
  }
  const type = names.type(parts);
  if (type === undefined) {
    if (!names.pending.hasType(parts.at(-1) ?? '')) {
      findings.doubt(`the type ${parts.join('.')}, which is not known`);
    }
    return false;
  }
  if (type.code) findings.untrusted.add(`${type.schema}.${type.name}`);
  return !isUserType(type.oid);
}

export function cast(walk: Walk, value: Value, type: TypeName | undefined): Value {
  const parts = nameParts(type?.names);
  if (type === undefined || parts.length === 0 || type.pct_type === true)
    return computed(value.columns, true);
  const builtin = useType(walk, parts);
  const name = parts.at(-1) ?? '';
  const isArray = type.arrayBounds !== undefined;
  if (value.columns.size === 0) {
    if (builtin && name !== 'record')
      return value.kind === 'computed' ? computed(value.columns, value.rowish) : value;
    return { ...value, rowish: true };
  }
  const plain = !isArray && type.typmods === undefined;
  if (value.direct && plain && walk.names.type(parts)?.oid === value.type) return value;
  const total =
    builtin &&
    !isArray &&
    (TOTAL_TYPES.has(name) || (plain && WIDE.has(name) && NUMBERS.has(value.type)));
  if (!total) walk.findings.use(value.columns, 'other', 'SELECT', 'a cast');
  const scalar = !isArray && isScalarType(walk, walk.names.type(parts)?.oid ?? 0);
  return { ...computed(value.columns, value.rowish || !builtin), scalar };
}
