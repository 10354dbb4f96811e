// The SQL parser of the Worker: wrangler bundles the .wasm file as a compiled module. Loading takes a few milliseconds and
// 17 MB, so an isolate does it once, when the first session needs it.
import factory from 'libpg-query/wasm/libpg-query.js';
import compiled from 'libpg-query/wasm/libpg-query.wasm';
import type { ParseSql } from '../core/sql/parse.ts';
import { createSqlParser } from './libpg-query.ts';

let loaded: ParseSql | null = null;

/** The isolate's parser. The value is shared, never the promise: requests must not wait for each other's. */
export async function loadSqlParser(): Promise<ParseSql> {
  if (loaded !== null) return loaded;
  const parser = await createSqlParser(
    factory,
    (imports) => new WebAssembly.Instance(compiled, imports as WebAssembly.Imports),
  );
  loaded ??= parser.parse;
  return loaded;
}
