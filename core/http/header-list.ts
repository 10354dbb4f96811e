// Headers as a list of pairs, in order and with repeats: what a message has, before any table is asked. Names and values
// are checked to the letter (RFC 9110 sections 5.1 and 5.5): a line break in one of them is a second message.
import { MAX_HEADERS, MAX_HEADERS_CHARS } from '../limits.ts';

/** Name and value. Names are in lower case once they have been through `checkedHeaders`. */
export type Header = readonly [name: string, value: string];
export type HeaderList = readonly Header[];

export type HeaderShapeCode = 'header_name' | 'header_value' | 'headers_too_large';

export type CheckedHeaders =
  | { readonly ok: true; readonly headers: HeaderList }
  | { readonly ok: false; readonly code: HeaderShapeCode; readonly name: string };

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Visible characters, blanks, tabs, and bytes above ASCII as fetch has them (one character a byte). */
const VALUE = /^[\t -~\u0080-\u00FF]*$/;

export function isHeaderName(name: string): boolean {
  return TOKEN.test(name);
}

export function isHeaderValue(value: string): boolean {
  return VALUE.test(value) && value === value.trim();
}

/** Lower-case names and trimmed values; refused where one is malformed. `name` is empty where it cannot be repeated. */
export function checkedHeaders(incoming: HeaderList): CheckedHeaders {
  if (incoming.length > MAX_HEADERS) return { ok: false, code: 'headers_too_large', name: '' };
  const headers: Header[] = [];
  let chars = 0;
  for (const [name, value] of incoming) {
    if (!isHeaderName(name)) return { ok: false, code: 'header_name', name: '' };
    const lower = name.toLowerCase();
    // Only blanks and tabs are trimmed: a line break must not disappear before it is seen.
    const trimmed = withoutBlanks(value);
    if (!isHeaderValue(trimmed)) return { ok: false, code: 'header_value', name: lower };
    chars += lower.length + trimmed.length;
    if (chars > MAX_HEADERS_CHARS) return { ok: false, code: 'headers_too_large', name: lower };
    headers.push([lower, trimmed]);
  }
  return { ok: true, headers };
}

/** By hand: a pattern anchored at the end takes quadratic time on a long run of blanks in the middle. */
function withoutBlanks(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charAt(start))) start++;
  while (end > start && isBlank(value.charAt(end - 1))) end--;
  return value.slice(start, end);
}

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t';
}

/** All values of a header, in order. `name` in lower case. */
export function valuesOf(headers: HeaderList, name: string): readonly string[] {
  return headers.filter(([own]) => own === name).map(([, value]) => value);
}

/** Members of a comma-separated list (RFC 9110 section 5.6.1), in lower case, empty ones left out. */
export function listMembers(values: readonly string[]): readonly string[] {
  return values
    .flatMap((value) => value.split(','))
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}
