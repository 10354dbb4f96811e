// What POST /v1/targets/{target}/query takes: the one schema that the door checks, the OpenAPI document shows and a call's
// fingerprint is made of. Unknown keys are refused: a misspelt `maxRows` must not look like one that was heard.
import { z } from 'zod';
import { typeOid } from './types.ts';

/** The largest body of a query. */
export const MAX_QUERY_BODY_BYTES = 1024 * 1024;
/** Rows of an answer: when the caller says nothing, and at the most. */
export const DEFAULT_ROWS = 1_000;
export const MAX_ROWS = 10_000;
/** Seconds a statement may run at the target. Waiting for people is not counted. */
export const DEFAULT_TIMEOUT_SECONDS = 30;
export const MAX_TIMEOUT_SECONDS = 300;
/** Postgres counts parameters in 16 bits; nobody writes so many by hand, and each costs bookkeeping. */
const MAX_PARAMS = 10_000;
/** MAXDIM of Postgres (c.h): arrays have no more dimensions. */
const MAX_DIMENSIONS = 6;

export type ParamValue = string | number | boolean | null | readonly ParamValue[];

/** Text that reaches the server as it was sent: UTF-8 cannot carry half a surrogate pair, nor Postgres a zero byte. */
const text = z
  .string()
  .refine(
    (value) => value.isWellFormed() && !value.includes('\0'),
    'is not text Postgres can take',
  );

const scalar = z.union([text, z.number(), z.boolean(), z.null()]);

export const param: z.ZodType<ParamValue> = z.lazy(() => z.union([scalar, z.array(param)]));

function depth(value: ParamValue): number {
  return Array.isArray(value) ? 1 + Math.max(0, ...(value as ParamValue[]).map(depth)) : 0;
}

export const queryBody = z
  .strictObject({
    sql: text.min(1).describe('One SQL statement, with $1, $2 … for its parameters.'),
    params: z
      .array(param.refine((value) => depth(value) <= MAX_DIMENSIONS, 'has too many dimensions'))
      .max(MAX_PARAMS)
      .default([])
      .describe(
        'Values of $1, $2 … in order. Arrays become Postgres arrays, or JSON where the type says so.',
      ),
    types: z
      .array(
        z
          .string()
          .max(64)
          .refine((name) => typeOid(name) !== null, 'is no type known here')
          .nullable(),
      )
      .max(MAX_PARAMS)
      .optional()
      .describe(
        'Types of the parameters, such as "int8" or "text[]"; null or absent: the target infers it.',
      ),
    maxRows: z.int().min(1).max(MAX_ROWS).default(DEFAULT_ROWS),
    timeoutSeconds: z.int().min(1).max(MAX_TIMEOUT_SECONDS).default(DEFAULT_TIMEOUT_SECONDS),
  })
  .refine(({ params, types }) => (types?.length ?? 0) <= params.length, {
    path: ['types'],
    error: 'names more types than there are parameters',
  });

export type QueryBody = z.infer<typeof queryBody>;

const KEY = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;

/**
 * The key of an `Idempotency-Key` header: a structured-field string ("…"), or the same without its quotes. One to 128
 * printable ASCII characters, no quotes, backslashes or spaces. Null for anything else.
 * @see draft-ietf-httpapi-idempotency-key-header-07, section 2.1
 */
export function idempotencyKey(header: string): string | null {
  const quoted = /^"(.*)"$/.exec(header);
  const key = quoted?.[1] ?? header;
  return KEY.test(key) ? key : null;
}
