// How many tokens a text has, roughly, before it is parsed: a cap on the parser's memory and nothing else. Quoted text
// counts once whatever its length, so that a large document in a literal passes. scan.l is the real lexer.

const QUOTE = 39;
const DOUBLE_QUOTE = 34;
const DOLLAR = 36;

/** Tokens in `sql`; a text that is not closed properly counts as far as it goes. */
export function tokenEstimate(sql: string): number {
  let tokens = 0;
  let at = 0;
  while (at < sql.length) {
    const code = sql.charCodeAt(at);
    if (code <= 32) {
      at++;
    } else if (isWord(code)) {
      const start = at;
      while (at < sql.length && isWord(sql.charCodeAt(at))) at++;
      // E'…' escapes quotes with backslashes.
      const escaped = at - start === 1 && (code | 32) === 101;
      if (!(escaped && sql.charCodeAt(at) === QUOTE)) tokens++;
      else {
        at = afterEscapes(sql, at + 1);
        tokens++;
      }
    } else {
      at = afterOther(sql, at, code);
      tokens++;
    }
  }
  return tokens;
}

function afterOther(sql: string, at: number, code: number): number {
  if (code === QUOTE) return after(sql, "'", at + 1);
  if (code === DOUBLE_QUOTE) return after(sql, '"', at + 1);
  if (code === DOLLAR) {
    const tag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
    tag.lastIndex = at;
    const match = tag.exec(sql);
    return match === null ? at + 1 : after(sql, match[0], at + match[0].length);
  }
  if (sql.startsWith('--', at)) return after(sql, '\n', at + 2);
  if (sql.startsWith('/*', at)) return after(sql, '*/', at + 2);
  return at + 1;
}

function after(sql: string, end: string, from: number): number {
  const found = sql.indexOf(end, from);
  return found < 0 ? sql.length : found + end.length;
}

function afterEscapes(sql: string, from: number): number {
  for (let at = from; at < sql.length; at++) {
    const code = sql.charCodeAt(at);
    if (code === 92) at++;
    else if (code === QUOTE) return at + 1;
  }
  return sql.length;
}

/** Letters, digits, underscore and everything beyond ASCII. */
function isWord(code: number): boolean {
  return (
    (code >= 48 && code <= 57) ||
    (code >= 65 && code <= 90) ||
    (code >= 97 && code <= 122) ||
    code === 95 ||
    code >= 128
  );
}
