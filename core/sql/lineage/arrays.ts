// Which values are certainly no arrays. Arrays of different lengths, or one that is NULL beside others, cannot be put
// together (array_cat, array_agg, ARRAY[…]): where that fails tells the length of one, or whether a pattern was found.
import type { CatalogFunction } from '../catalog.ts';
import { isUserType } from './scope.ts';
import type { Value } from './values.ts';
import type { Walk } from './walk.ts';

/** anyelement, anynonarray, anyenum, anycompatible (pg_type.dat). */
const ELEMENTS: ReadonlySet<number> = new Set([2283, 2776, 3500, 5077]);
const POLYMORPHIC = /^any|^record$/;

/** Array types are named after their elements with a `_`; of what is not known everything is possible. */
export function isScalarType(walk: Walk, oid: number): boolean {
  const name = walk.names.catalog.typeName(oid);
  return name !== undefined && !name.startsWith('_') && !POLYMORPHIC.test(name);
}

/** No value that a column is in can be an array. */
export function noArrays(walk: Walk, values: readonly Value[]): boolean {
  return values.every((value) => value.columns.size === 0 || isScalar(walk, value));
}

function isScalar(walk: Walk, value: Value): boolean {
  if (value.fields !== null || value.scalar === true) return true;
  return value.direct && isScalarType(walk, value.type);
}

/** `value`, marked where nothing that it is made of is an array. */
export function scalarOf(walk: Walk, value: Value, operands: readonly Value[]): Value {
  const known = operands.every(
    (each) => each.kind === 'constant' || each.kind === 'parameter' || isScalar(walk, each),
  );
  return known ? { ...value, scalar: true } : value;
}

/** What a call gives, marked where every function that it may mean gives a scalar. */
export function resultOf(
  walk: Walk,
  overloads: readonly CatalogFunction[],
  args: readonly Value[],
  value: Value,
): Value {
  // upper(anyrange) and its kin give what they are given, or what a built-in range is made of.
  const plain = noArrays(walk, args) && !args.some((arg) => isUserType(arg.type));
  const known = overloads.every(
    ({ returnType }) => isScalarType(walk, returnType) || (plain && ELEMENTS.has(returnType)),
  );
  return known ? { ...value, scalar: true } : value;
}
