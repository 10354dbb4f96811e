// The gateway's own question to the session: the resolved search path, and the settings everything depends on. Asked in the
// extended protocol under names of its own, because a simple query would drop the client's unnamed statement and portal and
// end an implicit transaction. The client sees nothing of it. @see functions-info, current_schemas
import { concatBytes, decodeUtf8 } from '../bytes.ts';
import {
  FLUSH,
  SYNC,
  encodeBind,
  encodeClose,
  encodeExecute,
  encodeParse,
} from './client-messages.ts';
import type { EntryKind } from './pipeline.ts';

/** Everything is qualified: the question must not depend on its own answer. */
const QUESTION =
  'SELECT pg_catalog.current_schemas(true)::pg_catalog.text' +
  ", pg_catalog.current_setting('standard_conforming_strings')" +
  ", pg_catalog.current_setting('client_encoding')" +
  ", pg_catalog.current_setting('default_transaction_read_only')" +
  ", pg_catalog.current_setting('transaction_read_only')" +
  // A keyword, not a function that a schema could shadow.
  ', current_user::pg_catalog.text';

const SETTINGS = [
  'standard_conforming_strings',
  'client_encoding',
  'default_transaction_read_only',
  'transaction_read_only',
] as const;

/** The messages of one question, without the one that makes the server answer. */
export const PROBE_ENTRIES: readonly EntryKind[] = ['parse', 'bind', 'execute', 'close', 'close'];

export interface ProbeAnswer {
  readonly path: readonly string[];
  readonly role: string;
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** `name`: of the statement and the portal. `flush`: inside a segment of the client's, which goes on afterwards. `sync`: between two of them. */
export function encodeProbe(name: string, end: 'flush' | 'sync'): Uint8Array {
  return concatBytes([
    encodeParse(name, QUESTION),
    encodeBind({ portal: name, statement: name, formats: [], values: [], resultFormats: [] }),
    encodeExecute({ portal: name, maxRows: 0 }),
    encodeClose({ of: 'portal', name }),
    encodeClose({ of: 'statement', name }),
    end === 'sync' ? SYNC : FLUSH,
  ]);
}

/** Null when the row is not an answer to the question. */
export function readProbe(row: readonly (Uint8Array | null)[]): ProbeAnswer | null {
  const texts = row.map((value) => (value === null ? null : decodeUtf8(value)));
  const role = texts.pop();
  const [schemas, ...values] = texts;
  if (schemas === null || schemas === undefined || values.length !== SETTINGS.length) return null;
  if (role === null || role === undefined) return null;
  const path = parseNameArray(schemas);
  if (path === null) return null;
  const settings: (readonly [string, string])[] = [];
  for (const [at, name] of SETTINGS.entries()) {
    const value = values[at];
    if (value === null || value === undefined) return null;
    settings.push([name, value]);
  }
  return { path, role, settings };
}

/** A one-dimensional array of names as Postgres writes it; null when it is not one. @see arrays-io */
export function parseNameArray(text: string): string[] | null {
  if (!text.startsWith('{') || !text.endsWith('}')) return null;
  const inner = text.slice(1, -1);
  if (inner === '') return [];
  const names: string[] = [];
  const element = /(?:"((?:[^"\\]|\\.)*)"|([^",{}\\\s]+))(,|$)/suy;
  for (let more = true; more;) {
    const match = element.exec(inner);
    if (match === null) return null;
    const [, quoted, plain, comma] = match;
    // Unquoted NULL is the null value; no schema of that name looks so.
    if (plain !== undefined && plain.toUpperCase() === 'NULL') return null;
    names.push(plain ?? (quoted ?? '').replace(/\\(.)/gsu, '$1'));
    more = comma === ',';
  }
  return element.lastIndex === 0 || element.lastIndex === inner.length ? names : null;
}
