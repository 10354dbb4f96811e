// The query string: sent to the letter, and read into names and values for the rules. What cannot be read, or what servers
// split differently, is refused. @see https://url.spec.whatwg.org/#urlencoded-parsing
import type { Parameters } from '../facts.ts';
import { MAX_PARAMETERS, MAX_QUERY_CHARS } from '../limits.ts';
import { percentDecoded } from './percent.ts';

export const QUERY_CODES = [
  'query_too_long',
  'query_character', // control characters, spaces, `#`, and what is not ASCII
  'query_separator', // a bare `;`: some servers split at it
  'query_undecodable', // broken triplets, or bytes that are no UTF-8
  'query_nul',
] as const;
export type QueryCode = (typeof QUERY_CODES)[number];

export type ReadQuery =
  | { readonly ok: true; readonly parameters: Parameters }
  | { readonly ok: false; readonly code: QueryCode };

/** `raw` is what stands behind `?`. The text that is sent is `raw` itself. */
export function readQuery(raw: string): ReadQuery {
  if (raw.length > MAX_QUERY_CHARS) return { ok: false, code: 'query_too_long' };
  if (/[^!-~]|#/.test(raw)) return { ok: false, code: 'query_character' };
  if (raw.includes(';')) return { ok: false, code: 'query_separator' };
  return readParameters(raw);
}

/** The parser of application/x-www-form-urlencoded, made strict. */
export function readParameters(text: string): ReadQuery {
  const found = new Map<string, string[]>();
  let count = 0;
  for (const piece of text.split('&')) {
    if (piece === '') continue;
    if (++count > MAX_PARAMETERS) return { ok: false, code: 'query_too_long' };
    const equals = piece.indexOf('=');
    const name = decoded(equals === -1 ? piece : piece.slice(0, equals));
    const value = decoded(equals === -1 ? '' : piece.slice(equals + 1));
    if (name === null || value === null) return { ok: false, code: 'query_undecodable' };
    if (name.includes('\0') || value.includes('\0')) return { ok: false, code: 'query_nul' };
    const known = found.get(name);
    if (known === undefined) found.set(name, [value]);
    else known.push(value);
  }
  // fromEntries defines own members: a parameter called __proto__ is one like any other.
  return { ok: true, parameters: Object.fromEntries(found) };
}

function decoded(text: string): string | null {
  return percentDecoded(text.replaceAll('+', ' '));
}
