// Parameters from JSON to what Postgres reads: its text format, with the type's oid where the caller names one. A caller
// sends a type as the answer shows it: bytea as base64, json as JSON.
import { decodeBase64 } from '../base64.ts';
import { toHex } from '../bytes.ts';
import { formatArray, type ArrayValue } from './array-text.ts';
import type { ParamValue } from './request.ts';
import { elementOid, typeName, typeOid } from './types.ts';

export interface BoundParams {
  /** Text format; null is NULL. */
  readonly values: readonly (string | null)[];
  /** 0: the target infers it. */
  readonly types: readonly number[];
}

/** Null when a value cannot be one of its type, with the number of the first such parameter from 1. */
export type Bound =
  | { readonly ok: true; readonly value: BoundParams }
  | { readonly ok: false; readonly param: number };

/** `types` as the schema has checked them: each null or known. */
export function bindParams(
  params: readonly ParamValue[],
  types: readonly (string | null)[],
): Bound {
  const values: (string | null)[] = [];
  const oids: number[] = [];
  for (const [index, param] of params.entries()) {
    const name = types[index] ?? null;
    const oid = name === null ? 0 : (typeOid(name) ?? 0);
    const value = textOf(param, oid);
    if (value === undefined) return { ok: false, param: index + 1 };
    values.push(value);
    oids.push(oid);
  }
  return { ok: true, value: { values, types: oids } };
}

function textOf(param: ParamValue, oid: number): string | null | undefined {
  if (param === null) return null;
  if (isJson(oid)) return typeof param === 'string' ? param : JSON.stringify(param);
  if (typeof param !== 'object') return scalarText(param, oid);
  const element = oid === 0 ? 0 : elementOid(oid);
  // An array for a type that is none: Postgres would say so less clearly.
  if (element === null) return undefined;
  const items = arrayOf(param, element);
  return items === undefined ? undefined : formatArray(items);
}

function arrayOf(param: readonly ParamValue[], element: number): readonly ArrayValue[] | undefined {
  const items: ArrayValue[] = [];
  for (const inner of param) {
    const item =
      typeof inner === 'object' && inner !== null && !isJson(element)
        ? arrayOf(inner, element)
        : textOf(inner, element);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return items;
}

function scalarText(param: string | number | boolean, oid: number): string | undefined {
  if (typeof param !== 'string' || typeName(oid) !== 'bytea') return String(param);
  const bytes = decodeBase64(param);
  return bytes === null ? undefined : `\\x${toHex(bytes)}`;
}

function isJson(oid: number): boolean {
  return typeName(oid) === 'json' || typeName(oid) === 'jsonb';
}
