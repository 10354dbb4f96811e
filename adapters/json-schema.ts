// JSON Schema for arguments of tools, by the validator that the MCP SDK brings along for Workers (no code generation). No
// reference is fetched; formats and patterns are its own. Schemas come from the target: one that cannot be used says nothing.
import { CfWorkerJsonSchemaValidator } from '@modelcontextprotocol/server/validators/cf-worker';
import type { Json } from '../core/facts.ts';

export type Checked =
  | { readonly kind: 'valid' }
  /** `why`: about the caller's own words. */
  | { readonly kind: 'invalid'; readonly why: string }
  /** The schema is none, or is in a dialect that is not read. */
  | { readonly kind: 'unreadable' };

const MAX_WHY_CHARS = 300;

export function checkArguments(schema: Json, given: Json): Checked {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) {
    return { kind: 'unreadable' };
  }
  try {
    const validate = new CfWorkerJsonSchemaValidator().getValidator<unknown>(schema as object);
    const result = validate(structuredClone(given));
    if (result.valid) return { kind: 'valid' };
    return { kind: 'invalid', why: result.errorMessage.slice(0, MAX_WHY_CHARS) };
  } catch {
    // A dialect that is not read, a reference to nowhere, or to itself: the library says all of it by throwing.
    return { kind: 'unreadable' };
  }
}
