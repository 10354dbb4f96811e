// Postgres' own lexer (libpg_query as WASM), for showing a statement with colours that are true: what looks like a comment
// is one. A highlighter with a grammar of its own can be made to show code as comment, and an approver would skip it.
import factory from 'libpg-query/wasm/libpg-query.js';
import compiled from 'libpg-query/wasm/libpg-query.wasm';
import { startLibPgQuery } from './libpg-query.ts';

export type SqlTokenKind = 'keyword' | 'string' | 'number' | 'comment' | 'parameter' | 'other';

export interface SqlToken {
  readonly kind: SqlTokenKind;
  /** In bytes of the text's UTF-8 form. */
  readonly start: number;
  readonly end: number;
}

/** Longer texts are shown without colours: a token costs a hundred times its own length while it is scanned. */
export const MAX_SCANNED_CHARS = 64 * 1024;

/** Token numbers of Postgres 18's grammar (pg_query.proto): constants of all kinds but numbers. */
const STRING_TOKENS: ReadonlySet<number> = new Set([261, 262, 263, 264]);

/** Null when the text is too long or has no tokens that Postgres would accept: it is then shown plain. */
export async function scanSql(sql: string): Promise<readonly SqlToken[] | null> {
  if (sql.length > MAX_SCANNED_CHARS || sql.includes('\0') || !sql.isWellFormed()) return null;
  try {
    // An instance for each text: they are rare, and 17 MB are better given back than kept.
    const library = await startLibPgQuery(
      factory,
      (imports) => new WebAssembly.Instance(compiled, imports as WebAssembly.Imports),
    );
    const bytes = library.lengthBytesUTF8(sql) + 1;
    const text = library._malloc(bytes);
    if (text === 0) return null;
    library.stringToUTF8(sql, text, bytes);
    const result = library._wasm_scan(text);
    // A complaint comes as a sentence instead of JSON; either way the instance is done with.
    const json = library.UTF8ToString(result);
    return json.startsWith('{') ? tokensOf(JSON.parse(json) as ScanResult) : null;
  } catch {
    return null;
  }
}

interface ScanResult {
  readonly tokens?: readonly {
    readonly start: number;
    readonly end: number;
    readonly tokenName: string;
    readonly tokenType: number;
    readonly keywordKind: number;
  }[];
}

function tokensOf({ tokens = [] }: ScanResult): readonly SqlToken[] {
  return tokens.map(({ start, end, tokenName, tokenType, keywordKind }) => ({
    start,
    end,
    kind: kindOf(tokenName, tokenType, keywordKind),
  }));
}

function kindOf(name: string, type: number, keyword: number): SqlTokenKind {
  if (keyword > 0) return 'keyword';
  if (STRING_TOKENS.has(type)) return 'string';
  switch (name) {
    case 'SQL_COMMENT':
    case 'C_COMMENT':
      return 'comment';
    case 'ICONST':
    case 'FCONST':
      return 'number';
    case 'PARAM':
      return 'parameter';
    default:
      return 'other';
  }
}
