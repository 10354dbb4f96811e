// libpg_query (Postgres 18's own parser as WASM) behind core's ParseSql. It knows no runtime: sql-parser.ts brings the
// module in the Worker, test/support/sql-parser.ts on Node. Memory layout of the results: pg_query.h.
import { MAX_SQL_BYTES, MAX_SQL_TOKENS } from '../core/limits.ts';
import { tokenEstimate } from '../core/sql/size.ts';
import type { ParsedStatement, ParseFailure, ParseResult, ParseSql } from '../core/sql/parse.ts';

/** Emscripten's module object, as far as it is used. Pointers are offsets into its memory. */
export interface LibPgQuery {
  readonly HEAPU8: Uint8Array;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
  _wasm_parse_query_raw(text: number): number;
  /** A string that is the instance's: JSON of tokens, or a complaint. */
  _wasm_scan(text: number): number;
  _wasm_free_parse_result(result: number): void;
  getValue(pointer: number, type: 'i32'): number;
  UTF8ToString(pointer: number): string;
  stringToUTF8(text: string, pointer: number, maxBytes: number): void;
  lengthBytesUTF8(text: string): number;
}

export interface LibPgQueryOptions {
  instantiateWasm(imports: object, done: (instance: unknown) => void): object;
  print(line: string): void;
  printErr(line: string): void;
}

export type LibPgQueryFactory = (options: LibPgQueryOptions) => Promise<LibPgQuery>;

/** Instantiates the compiled module with these imports, synchronously. */
export type Instantiate = (imports: object) => unknown;

export interface SqlParser {
  readonly parse: ParseSql;
  /** Resolves when a crashed instance has been replaced; texts parsed before that are unclassifiable. */
  ready(): Promise<void>;
}

export async function createSqlParser(
  factory: LibPgQueryFactory,
  instantiate: Instantiate,
): Promise<SqlParser> {
  let library: LibPgQuery | null = await start(factory, instantiate);
  let replacing: Promise<void> | null = null;
  // WASM memory never shrinks, and an isolate has 128 MB: an instance that had to grow is replaced.
  const initialBytes = library.HEAPU8.length;

  function replace(): void {
    library = null;
    replacing = start(factory, instantiate).then(
      (fresh) => {
        library = fresh;
        replacing = null;
      },
      () => {
        // Stays without a parser: every text is unclassifiable, and denied, until the next attempt.
        replacing = null;
      },
    );
  }

  function parse(sql: string): ParseResult {
    // Cheap bound first: a character is at least one byte.
    if (sql.length > MAX_SQL_BYTES) return failed({ kind: 'too_large' });
    // The parser stops at NUL and would judge less than the server runs.
    if (sql.includes('\0') || !sql.isWellFormed()) return failed({ kind: 'encoding' });
    // A text cannot have more tokens than characters.
    if (sql.length > MAX_SQL_TOKENS && tokenEstimate(sql) > MAX_SQL_TOKENS) {
      return failed({ kind: 'too_large' });
    }
    if (library === null) {
      if (replacing === null) replace();
      return failed({ kind: 'unclassifiable' });
    }
    let result: ParseResult;
    try {
      result = run(library, sql);
    } catch {
      // A trap, a stack overflow or a failed assertion: its memory cannot be trusted any more.
      replace();
      return failed({ kind: 'unclassifiable' });
    }
    if (library.HEAPU8.length > initialBytes) replace();
    return result;
  }

  return { parse, ready: async () => void (await replacing) };
}

/** core/globals.d.ts declares no more of it than core uses. */
const encoder = new TextEncoder() as unknown as {
  encodeInto(text: string, into: Uint8Array): { readonly written: number };
};
const decoder = new TextDecoder();

/** A C string. The glue's own function looks for its end byte by byte, which takes longer than the parser. */
function stringAt({ HEAPU8 }: LibPgQuery, pointer: number): string {
  return decoder.decode(HEAPU8.subarray(pointer, HEAPU8.indexOf(0, pointer)));
}

function run(library: LibPgQuery, sql: string): ParseResult {
  // Three bytes a character are enough for any text in UTF-8, and one more ends it.
  const room = sql.length * 3 + 1;
  const text = library._malloc(room);
  if (text === 0) throw new Error('out of memory');
  const { written } = encoder.encodeInto(sql, library.HEAPU8.subarray(text, text + room));
  if (written > MAX_SQL_BYTES) {
    library._free(text);
    return failed({ kind: 'too_large' });
  }
  library.HEAPU8[text + written] = 0;
  const result = library._wasm_parse_query_raw(text);
  library._free(text);
  if (result === 0) throw new Error('out of memory');
  // struct { char *parse_tree; char *stderr_buffer; PgQueryError *error; }
  const error = library.getValue(result + 8, 'i32');
  const tree = library.getValue(result, 'i32');
  const parsed =
    error === 0
      ? tree === 0
        ? null
        : stringAt(library, tree)
      : failed(syntaxError(library, error));
  library._wasm_free_parse_result(result);
  if (parsed === null) throw new Error('no tree');
  return typeof parsed === 'string' ? succeeded(parsed) : parsed;
}

/** struct { char *message; char *funcname; char *filename; int lineno; int cursorpos; char *context; } */
function syntaxError(library: LibPgQuery, error: number): ParseFailure {
  const message = stringAt(library, library.getValue(error, 'i32'));
  return { kind: 'syntax', message, cursor: library.getValue(error + 16, 'i32') };
}

interface RawTree {
  readonly stmts?: readonly {
    readonly stmt?: ParsedStatement['node'];
    readonly stmt_location?: number;
    readonly stmt_len?: number;
  }[];
}

function succeeded(json: string): ParseResult {
  const tree = JSON.parse(json) as RawTree;
  const statements: ParsedStatement[] = [];
  for (const { stmt, stmt_location: location = 0, stmt_len: length = 0 } of tree.stmts ?? []) {
    if (stmt === undefined) throw new Error('statement without a node');
    statements.push({ node: stmt, location, length });
  }
  return { ok: true, statements };
}

function failed(failure: ParseFailure): ParseResult {
  return { ok: false, failure };
}

/** An instance of one's own, for what is not parsing (sql-scanner.ts). */
export { start as startLibPgQuery };

/** The glue looks at its surroundings while it starts, and takes a Worker with node:process for Node. */
async function start(factory: LibPgQueryFactory, instantiate: Instantiate): Promise<LibPgQuery> {
  const restore = ['__filename', '__dirname'].map((name) => {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value: '/', configurable: true, writable: true });
    return () => {
      if (before === undefined) Reflect.deleteProperty(globalThis, name);
      else Object.defineProperty(globalThis, name, before);
    };
  });
  try {
    return await factory({
      instantiateWasm(imports, done) {
        done(instantiate(imports));
        return {};
      },
      // Its complaints come as exceptions too; nothing of a statement may reach a log.
      print: () => undefined,
      printErr: () => undefined,
    });
  } finally {
    for (const each of restore) each();
  }
}
