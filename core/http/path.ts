// The path below `/http/{target}`, brought into its one spelling: what is judged is what is sent, to the letter. Two
// spellings that every server reads alike become one; a spelling that servers read differently is refused, with a code that
// says why. Nothing is resolved, collapsed or repaired: where a proxy and a server disagree about such repairs, rules are
// walked around. The query is query.ts's, the address the target's. @see RFC 3986 sections 3.3 and 6.2.2
import { decodeUtf8 } from '../bytes.ts';
import { MAX_PATH_CHARS } from '../limits.ts';
import { triplet } from './percent.ts';

export const PATH_CODES = [
  'path_absolute_form', // `https://elsewhere/`: the address is the policy's
  'path_not_rooted',
  'path_too_long',
  'path_control', // control characters, written or encoded
  'path_character', // what no path may hold, such as spaces, quotes and brackets
  'path_non_ascii', // written, not encoded
  'path_fragment',
  'path_query',
  'path_backslash', // written or encoded: some servers read it as a slash
  'path_parameter', // `;` and what follows it: some servers cut it off
  'path_percent', // a `%` without two hex digits
  'path_encoded_dot',
  'path_encoded_delimiter', // an encoded slash, question mark or number sign
  'path_double_encoded', // would change its meaning when decoded twice
  'path_utf8', // overlong forms, surrogates, bytes that are no UTF-8
  'path_confusable', // characters that some servers turn into slashes, dots and the like
  'path_dot_segment',
  'path_empty_segment',
] as const;
export type PathCode = (typeof PATH_CODES)[number];

export type NormalisedPath =
  | { readonly ok: true; readonly path: string }
  | { readonly ok: false; readonly code: PathCode };

export interface PathOptions {
  /**
   * Targets whose names hold `%2F`, `%3F` or `%23` (GitLab's projects, labels). They stay encoded, and what stands between
   * them must be as clean as a segment: a server that decodes too early finds no dots to climb with.
   */
  readonly encodedDelimiters?: boolean;
}

/**
 * Unreserved characters and delimiters that mean themselves in a segment: their triplets are decoded, so that `/a%3Ab` and
 * `/a:b` are one path. `+` is left as it is written, since some servers read a bare one as a space.
 */
const DECODED = /^[A-Za-z0-9\-_~:@!$&'()*,=]$/;
const WRITTEN = /^[A-Za-z0-9\-._~:@!$&'()*,=+/]$/;
const PLAIN = /^[A-Za-z0-9\-._~:@!$&'()*,=+/]*$/;
const DELIMITERS: ReadonlySet<number> = new Set([0x2f, 0x3f, 0x23]);
const HEX_BYTE = /^[0-9a-f]{2}$/i;
/** What decoding again would find: `%25` before two hex digits, or before the `u` of `%u002e`. */
const DOUBLE = /%25(?:[0-9a-f]{2}|u)/i;
/** What compatibility mappings (NFKC; best fit on Windows) must not make of any character. */
const MAPPED = /[/\\.%;?#\p{Cc}]/u;
/** Slashes and dots for best-fit tables that NFKC leaves alone. */
const LOOKALIKES = /[\u2044\u2215\u2216\u29F5\u29F8\u3002]/u;
/** Blanks, and what some file systems and normalisations leave out of names. */
const IGNORED = /[\s\p{Default_Ignorable_Code_Point}]/gu;

/**
 * `raw` is exactly what follows `/http/{target}` up to `?`; an empty one is `/` (RFC 3986 section 6.2.3). The result is
 * ASCII, starts with `/`, has no dot segment and no empty one but the last, and is its own normal form.
 */
export function normalisePath(raw: string, options: PathOptions = {}): NormalisedPath {
  if (raw === '') return { ok: true, path: '/' };
  if (/^[a-z][a-z0-9+.-]*:/i.test(raw)) return refused('path_absolute_form');
  if (raw.length > MAX_PATH_CHARS) return refused('path_too_long');
  if (raw.startsWith('\\')) return refused('path_backslash');
  if (!raw.startsWith('/')) return refused('path_not_rooted');
  // Most paths need no reading.
  if (PLAIN.test(raw)) return checked(raw);
  let path = '';
  for (let at = 0; at < raw.length; at++) {
    const char = raw.charAt(at);
    if (char !== '%') {
      const code = writtenCode(char);
      if (code !== null) return refused(code);
      path += char;
      continue;
    }
    const run = triplets(raw, at);
    if (run === null) return refused('path_percent');
    const decoded = encodedRun(run, options.encodedDelimiters === true);
    if (!decoded.ok) return decoded;
    path += decoded.path;
    at += run.length * 3 - 1;
  }
  return DOUBLE.test(path) ? refused('path_double_encoded') : checked(path);
}

function checked(path: string): NormalisedPath {
  const code = segmentsCode(path);
  return code === null ? { ok: true, path } : refused(code);
}

/** The decoded path, for people to read; the normal form is what rules judge. */
export function readablePath(path: string): string {
  return path.replaceAll(/(?:%[0-9A-F]{2})+/g, (run) => {
    const bytes = triplets(run, 0) ?? [];
    return bytes.some((byte) => byte < 0x80) ? run : (decodeUtf8(Uint8Array.from(bytes)) ?? run);
  });
}

function writtenCode(char: string): PathCode | null {
  if (WRITTEN.test(char)) return null;
  if (char === '\\') return 'path_backslash';
  if (char === ';') return 'path_parameter';
  if (char === '?') return 'path_query';
  if (char === '#') return 'path_fragment';
  if (char < ' ' || char === '\u007F') return 'path_control';
  return char > '\u007F' ? 'path_non_ascii' : 'path_character';
}

/** The bytes of the unbroken run of triplets from `at` on: UTF-8 is read over a run as a whole. Null: the first is none. */
function triplets(raw: string, at: number): number[] | null {
  const bytes: number[] = [];
  for (; raw.charAt(at) === '%'; at += 3) {
    const digits = raw.slice(at + 1, at + 3);
    if (!HEX_BYTE.test(digits)) return bytes.length === 0 ? null : bytes;
    bytes.push(Number.parseInt(digits, 16));
  }
  return bytes;
}

function encodedRun(bytes: readonly number[], delimiters: boolean): NormalisedPath {
  const text = decodeUtf8(Uint8Array.from(bytes));
  if (text === null) return refused('path_utf8');
  let path = '';
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return refused('path_control');
    if (char === '\\') return refused('path_backslash');
    if (char === '.') return refused('path_encoded_dot');
    if (char === ';') return refused('path_parameter');
    if (DELIMITERS.has(point) && !delimiters) return refused('path_encoded_delimiter');
    if (point < 0x80) {
      path += DECODED.test(char) ? char : triplet(point);
      continue;
    }
    if (MAPPED.test(char.normalize('NFKC')) || LOOKALIKES.test(char)) {
      return refused('path_confusable');
    }
    path += encodeURIComponent(char);
  }
  return { ok: true, path };
}

function segmentsCode(path: string): PathCode | null {
  const segments = path.slice(1).split(/\/|%2F/);
  const last = segments.length - 1;
  for (const [index, segment] of segments.entries()) {
    // `...` and a padded `..` are dots too, where trailing dots, blanks or invisible characters are cut off a name.
    const name = segment.includes('%')
      ? decodeURIComponent(segment).replaceAll(IGNORED, '')
      : segment;
    if (/^\.+$/.test(name)) return 'path_dot_segment';
    if (name === '' && (segment !== '' || index !== last)) return 'path_empty_segment';
  }
  return path.endsWith('%2F') ? 'path_empty_segment' : null;
}

function refused(code: PathCode): { readonly ok: false; readonly code: PathCode } {
  return { ok: false, code };
}
