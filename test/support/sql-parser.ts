// The Worker's SQL parser on Node, for tests of core and for benches: the same glue, with the module read from disk.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import {
  createSqlParser,
  type LibPgQueryFactory,
  type SqlParser,
} from '../../adapters/libpg-query.ts';

const require = createRequire(import.meta.url);

interface Wasm {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => unknown;
}

/** Node has WebAssembly, its types do not. */
const wasm = (globalThis as unknown as { readonly WebAssembly: Wasm }).WebAssembly;

export async function loadSqlParser(): Promise<SqlParser> {
  const factory = require('libpg-query/wasm/libpg-query.js') as LibPgQueryFactory;
  const bytes = readFileSync(require.resolve('libpg-query/wasm/libpg-query.wasm'));
  const compiled = new wasm.Module(bytes);
  return createSqlParser(factory, (imports) => new wasm.Instance(compiled, imports));
}
