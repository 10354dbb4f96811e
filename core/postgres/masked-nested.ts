// Texts of arrays and records, walked leaf by leaf (manual: "Array Input and Output Syntax", "Composite Type Input and
// Output Syntax"). What no leaf changes stays byte for byte as it was.

/** Undefined: as it is. Null: NULL. */
export type LeafMask = (leaf: string) => string | null | undefined;

/** Null: this is no such text. The very text where nothing changed. Arrays of any number of dimensions. */
export function maskArrayText(text: string, mask: LeafMask): string | null {
  // `[0:1]={…}` where a lower bound is not 1.
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  return walk(text, start, '{', '}', 'NULL', mask);
}

export function maskRecordText(text: string, mask: LeafMask): string | null {
  return walk(text, 0, '(', ')', '', mask);
}

function walk(
  text: string,
  start: number,
  open: string,
  close: string,
  nothing: string,
  mask: LeafMask,
): string | null {
  if (text[start] !== open || !text.endsWith(close)) return null;
  let masked = '';
  let copied = 0;
  let depth = 0;
  let at = start;
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === open && nothing !== '') depth += 1;
    else if (character === open && depth === 0) depth = 1;
    else if (character === close) {
      depth -= 1;
      if (depth === 0 && at !== text.length - 1) return null;
    } else if (character !== ',') {
      const end = leafEnd(text, at, close);
      if (end === -1) return null;
      const raw = text.slice(at, end);
      const isNull = nothing !== '' && raw.toUpperCase() === nothing;
      const value = isNull ? undefined : mask(unquoted(raw));
      if (value !== undefined && value !== unquoted(raw)) {
        masked += text.slice(copied, at) + (value === null ? nothing : quoted(value));
        copied = end;
      }
      at = end - 1;
    }
    at += 1;
  }
  if (depth !== 0) return null;
  return copied === 0 ? text : masked + text.slice(copied);
}

/** Position behind a leaf; -1 where a quote is not closed. Parts of a leaf may be quoted. */
function leafEnd(text: string, start: number, close: string): number {
  let inside = false;
  for (let at = start; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\\') at += 1;
    else if (character === '"') inside = !inside;
    else if (!inside && (character === ',' || character === close)) return at;
  }
  return -1;
}

function unquoted(raw: string): string {
  if (!raw.includes('"') && !raw.includes('\\')) return raw;
  let value = '';
  let inside = false;
  for (let at = 0; at < raw.length; at += 1) {
    const character = raw.charAt(at);
    if (character === '\\') {
      at += 1;
      value += raw.charAt(at);
    } else if (character !== '"') value += character;
    else if (inside && raw[at + 1] === '"') {
      at += 1;
      value += '"';
    } else inside = !inside;
  }
  return value;
}

/** Both kinds of text read backslashes inside quotes. */
function quoted(value: string): string {
  return `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}
