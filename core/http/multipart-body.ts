// The names of a multipart form's fields (RFC 7578), and nothing else of it. Parsers of multipart disagree a great deal, so
// what is not plain is not read: the form that browsers, curl and fetch write is.
import { decodeUtf8 } from '../bytes.ts';
import { MAX_PARAMETERS } from '../limits.ts';

const CRLF = '\r\n';
/** RFC 2046 section 5.1.1. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=?]{1,70}$/;
const DISPOSITION = /^form-data; name="([^"\\\r\n]*)"(?:; filename="[^"\\\r\n]*")?$/i;
const HEADER = /^([A-Za-z-]+):[ \t]*(.*)$/;
const KNOWN: ReadonlySet<string> = new Set([
  'content-disposition',
  'content-type',
  'content-length',
]);

/** Sorted and distinct names; null where the body is anything but plain. */
export function multipartFields(bytes: Uint8Array, boundary: string): readonly string[] | null {
  if (!BOUNDARY.test(boundary)) return null;
  const delimiter = `--${boundary}`;
  // Latin-1, so that every byte is one character and file contents cannot break the reading.
  const text = latin1(bytes);
  if (!text.startsWith(delimiter + CRLF)) return null;
  const parts = text.slice(delimiter.length).split(`${CRLF}${delimiter}`);
  const end = parts.pop();
  if (end !== '--' && end !== `--${CRLF}`) return null;
  if (parts.length === 0 || parts.length > MAX_PARAMETERS) return null;
  // Some parsers take a delimiter behind a bare line feed, or in the middle of a file: there must be none but those found.
  if (text.split(delimiter).length !== parts.length + 2) return null;
  const names = new Set<string>();
  for (const part of parts) {
    const name = part.startsWith(CRLF) ? fieldName(part.slice(CRLF.length)) : null;
    if (name === null) return null;
    names.add(name);
  }
  return [...names].sort();
}

function fieldName(part: string): string | null {
  const blank = part.indexOf(CRLF + CRLF);
  if (blank === -1) return null;
  let name: string | null = null;
  for (const line of part.slice(0, blank).split(CRLF)) {
    const header = HEADER.exec(line)?.[1]?.toLowerCase();
    if (header === undefined || !KNOWN.has(header) || /[\r\n\0]/.test(line)) return null;
    if (header !== 'content-disposition') continue;
    const found = DISPOSITION.exec(line.slice(line.indexOf(':') + 1).trim())?.[1];
    if (found === undefined || name !== null) return null;
    name = found;
  }
  return name === null ? null : plainName(name);
}

/** Percent signs are how browsers escape quotes and line breaks in names, and servers differ in undoing it. */
function plainName(name: string): string | null {
  if (name.includes('%') || name.includes('\0')) return null;
  return decodeUtf8(Uint8Array.from(name, (char) => char.charCodeAt(0)));
}

function latin1(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += 8192) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  }
  return pieces.join('');
}
