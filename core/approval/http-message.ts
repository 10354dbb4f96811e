// An HTTP request in words and lines, for whoever decides about it: Slack, terminals and the page lay it out and escape it
// for themselves. Nothing is left out here but values that may be somebody's key, and those are said to be left out.
import { decodeBase64 } from '../base64.ts';
import type { GraphqlFacts, HttpFacts, Json, Parameters } from '../facts.ts';
import { effectiveHeaders } from '../http/canonical.ts';
import { isJson } from '../http/content-type.ts';
import type { HeaderList } from '../http/header-list.ts';
import { KEY_REQUEST_HEADERS, nameMatcher } from '../http/header-tables.ts';
import { laidOutJson } from './json-layout.ts';
import type { HttpContent } from './request.ts';

const MAX_NAMES = 4;
/** Of a path in a headline; the page has all of it below. Characters. */
const MAX_PATH_CHARS = 72;
const PATH_HEAD_CHARS = 40;
const PATH_TAIL_CHARS = 20;

/** "POST /v1/refunds", "GraphQL mutation refund by POST /graphql", "Open a WebSocket at /stream". */
export function requestHeadline(content: HttpContent): string {
  const { method, path, webSocket, facts } = content;
  const where = shortPath(path);
  if (webSocket) return `Open a WebSocket at ${where}`;
  if (facts.graphql === null) return `${method} ${where}`;
  return `${graphqlWords(facts.graphql)} by ${method} ${where}`;
}

/** "GraphQL mutation refund, notify": what runs, by the names that the server knows it by. */
export function graphqlWords({ operation, roots }: GraphqlFacts): string {
  const shown = roots.slice(0, MAX_NAMES).join(', ');
  const more = roots.length > MAX_NAMES ? ` and ${roots.length - MAX_NAMES} more` : '';
  return `GraphQL ${operation} ${shown}${more}`.trimEnd();
}

function shortPath(path: string): string {
  if (path.length <= MAX_PATH_CHARS) return path;
  return `${path.slice(0, PATH_HEAD_CHARS)}…${path.slice(-PATH_TAIL_CHARS)} (${path.length} characters)`;
}

/** Path and query, to the letter. */
export function requestTarget({ path, query }: Pick<HttpContent, 'path' | 'query'>): string {
  return query === null ? path : `${path}?${query}`;
}

/** Segments of a path as servers read them; null where they read what is written. */
export function readPath(path: string): string | null {
  if (!path.includes('%')) return null;
  try {
    return decodeURIComponent(path);
  } catch {
    // Bytes that are no UTF-8: as it is written is all there is to say.
    return null;
  }
}

/** Name and value of every parameter, decoded, repeats in their order. */
export function parameterPairs(parameters: Parameters): (readonly [string, string])[] {
  return Object.entries(parameters).flatMap(([name, values]) =>
    values.map((value) => [name, value] as const),
  );
}

export interface ShownHeader {
  readonly name: string;
  /** Null: it may be a key of the caller's. */
  readonly value: string | null;
  /** Characters of the value. */
  readonly length: number;
}

const holdsKey = nameMatcher([...KEY_REQUEST_HEADERS, 'cookie', 'cookie2', 'authorization']);
/** By its end alone: whoever asks chooses the names of headers, and must not be able to hide one by calling it so. */
const ENDS_LIKE_KEY = /(?:^|[-_.])(?:authorization|token|secret|password|api-?key)$/;

/** `effective`: those that the approval is bound to. `other`: those that are known to change nothing. */
export function shownHeaders(headers: HeaderList): {
  readonly effective: readonly ShownHeader[];
  readonly other: readonly ShownHeader[];
} {
  const effective = effectiveHeaders(headers);
  const bound = new Set(effective.map(([name]) => name));
  const other = headers.filter(([name]) => !bound.has(name.toLowerCase()));
  return { effective: effective.map(shownHeader), other: other.map(shownHeader) };
}

function shownHeader([name, value]: readonly [string, string]): ShownHeader {
  const secret = holdsKey(name) || ENDS_LIKE_KEY.test(name.toLowerCase());
  return { name, value: secret ? null : value, length: value.length };
}

/** "x-api-key: (12 characters, not shown: it may be a key)". */
export function headerLine({ name, value, length }: ShownHeader): string {
  return `${name}: ${value ?? `(${length} characters, not shown: it may be a key)`}`;
}

export type ShownBody =
  | { readonly kind: 'none' }
  /** There is one, and the request does not carry it. */
  | { readonly kind: 'missing' }
  /** `raw` is what is sent; `laidOut` differs in white space between JSON's tokens alone, and is null where nothing may differ. */
  | {
      readonly kind: 'text';
      readonly raw: string;
      readonly laidOut: string | null;
      readonly bytes: number;
    }
  | { readonly kind: 'binary'; readonly content: Uint8Array; readonly bytes: number };

/** `contentType` as the facts have it. */
export function shownBody(
  { body, bodyDigest }: Pick<HttpContent, 'body' | 'bodyDigest'>,
  contentType: string,
): ShownBody {
  if (body === null) return { kind: bodyDigest === null ? 'none' : 'missing' };
  if ('base64' in body) {
    const content = decodeBase64(body.base64);
    if (content === null) return { kind: 'missing' };
    return { kind: 'binary', content, bytes: content.length };
  }
  return {
    kind: 'text',
    raw: body.text,
    laidOut: isJson({ essence: contentType, parameters: {} }) ? laidOutJson(body.text) : null,
    bytes: utf8Length(body.text),
  };
}

/** "1 byte", "2,048 bytes". */
export function byteCount(bytes: number): string {
  return bytes === 1 ? '1 byte' : `${bytes.toLocaleString('en-US')} bytes`;
}

/** Offset, hex and what of it is ASCII, `columns` bytes a line. */
export function hexDump(bytes: Uint8Array, columns: number): string {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += columns) {
    const row = [...bytes.subarray(at, at + columns)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const ascii = row.map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : '.'));
    const offset = at.toString(16).padStart(6, '0');
    lines.push(`${offset}  ${hex.padEnd(columns * 3 - 1)}  ${ascii.join('')}`);
  }
  return lines.join('\n');
}

/** Documents of a GraphQL request as they read, without the escapes of JSON and of forms around them. */
export function graphqlDocuments({
  graphql,
  json,
  form,
  query,
}: Pick<HttpFacts, 'graphql' | 'json' | 'form' | 'query'>): readonly string[] {
  if (graphql === null) return [];
  const batch: readonly Json[] = isList(json) ? json : [json];
  const found = batch.flatMap((one) => {
    const document = isList(one) || typeof one !== 'object' || one === null ? null : one['query'];
    return typeof document === 'string' ? [document] : [];
  });
  return found.length > 0 ? found : [...(form['query'] ?? []), ...(query['query'] ?? [])];
}

/** Array.isArray does not know readonly lists. */
function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json);
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}
