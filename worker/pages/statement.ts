// A statement on a page: whole, in its own order, coloured by Postgres' own lexer where it is short enough.
import { raw } from 'hono/html';
import { scanSql, type SqlToken, type SqlTokenKind } from '../../adapters/sql-scanner.ts';
import { shownBlock, type Shown } from './shown-text.ts';

const CLASSES: Readonly<Record<SqlTokenKind, string | null>> = {
  keyword: 'kw',
  string: 'str',
  number: 'num',
  comment: 'com',
  parameter: 'par',
  other: null,
};

/** Lines after which the box scrolls in itself, so that the decision stays within reach; its length is said above it. */
const TALL_LINES = 40;
export const TALL_CHARS = 4_000;

/** Whether its box shows a part at a time. */
export function scrolls(sql: string): boolean {
  return sql.length > TALL_CHARS || sql.split('\n').length > TALL_LINES;
}

export async function statement(sql: string): Promise<Shown> {
  const tokens = await scanSql(sql);
  const content = tokens === null ? shownBlock(sql) : coloured(sql, tokens);
  // A box that scrolls must be reachable by keyboard. HTML drops a line break right after <pre>: this one, not the text's.
  return raw(`<pre class="sql${scrolls(sql) ? ' long" tabindex="0' : ''}">\n${content}</pre>`);
}

/** The text between tokens is shown too: every byte appears, in its place. */
export function coloured(sql: string, tokens: readonly SqlToken[]): string {
  const bytes = new TextEncoder().encode(sql);
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
  const part = (start: number, end: number): string =>
    shownBlock(utf8.decode(bytes.subarray(start, end)));
  let result = '';
  let at = 0;
  for (const { kind, start, end } of tokens) {
    // Tokens that go backwards would show something twice or not at all.
    if (start < at || end < start) return shownBlock(sql);
    result += part(at, start);
    const name = CLASSES[kind];
    const text = part(start, end);
    result += name === null ? text : `<span class="${name}">${text}</span>`;
    at = end;
  }
  return result + part(at, bytes.length);
}
