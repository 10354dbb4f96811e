// Headers of MCP over HTTP. The caller's are checked against the message and then left behind: what the server gets is written
// from what was judged, so a server or a proxy that reads headers sees the same call as one that reads bodies (SEP-2243).
import { decodeBase64, encodeBase64 } from '../base64.ts';
import { decodeUtf8, utf8 } from '../bytes.ts';
import type { Json } from '../facts.ts';
import { valuesOf, type HeaderList } from '../http/header-list.ts';
import { isObject, type JsonObject, type Message } from './message.ts';
import { HEADER_REVISION, REVISIONS } from './methods.ts';

export type HeaderProblem =
  | 'mcp_header_repeated'
  | 'mcp_header_mismatch'
  | 'mcp_revision'
  | 'mcp_resumption'; // Last-Event-ID: what a stream said before is not kept

export type ReadHeaders =
  | {
      readonly ok: true;
      /** That the message is in; null where nobody says, as in the first one. */
      readonly revision: string | null;
      /** `Mcp-Session-Id` as the caller has it. */
      readonly session: string | null;
    }
  | { readonly ok: false; readonly code: HeaderProblem };

const SINGLE = ['mcp-session-id', 'mcp-protocol-version', 'mcp-method', 'mcp-name'] as const;
const KNOWN_REVISIONS: ReadonlySet<string> = new Set(REVISIONS);
const SENTINEL = /^=\?base64\?([A-Za-z0-9+/=]*)\?=$/i;

/** `message: null`: of a DELETE. */
export function readHeaders(headers: HeaderList, message: Message | null): ReadHeaders {
  const values = SINGLE.map((name) => valuesOf(headers, name));
  if (values.some(({ length }) => length > 1)) return { ok: false, code: 'mcp_header_repeated' };
  if (valuesOf(headers, 'last-event-id').length > 0) return { ok: false, code: 'mcp_resumption' };
  const [session = null, declared = null, method = null, name = null] = values.map(
    ([value = null]) => value,
  );
  if (message === null) {
    if (declared !== null && !KNOWN_REVISIONS.has(declared)) {
      return { ok: false, code: 'mcp_revision' };
    }
    return { ok: true, revision: declared, session };
  }
  const asked = message.method === 'initialize' ? message.params['protocolVersion'] : null;
  for (const revision of [declared, message.revision, asked]) {
    if (typeof revision === 'string' && !KNOWN_REVISIONS.has(revision)) {
      return { ok: false, code: 'mcp_revision' };
    }
  }
  const claimed = message.revision;
  const modern = declared === HEADER_REVISION || claimed === HEADER_REVISION;
  const mismatch =
    (claimed !== null && declared !== null && claimed !== declared) ||
    (method !== null && method !== message.method) ||
    (name !== null && decoded(name) !== nameOf(message)) ||
    // The revision that has these asks for them: one who leaves them out speaks another one than it says.
    (modern && message.id !== null && (method === null || declared === null || claimed === null));
  if (mismatch) return { ok: false, code: 'mcp_header_mismatch' };
  return { ok: true, revision: declared ?? claimed, session };
}

/** What `Mcp-Name` repeats; empty for methods without it. */
function nameOf({ facts }: Message): string {
  return facts.tool || facts.prompt || facts.resource;
}

function decoded(value: string): string | null {
  const match = SENTINEL.exec(value);
  if (match?.[1] === undefined) return value;
  const bytes = decodeBase64(match[1]);
  return bytes === null ? null : decodeUtf8(bytes);
}

/** Of what is sent. `schema`: the tool's, where it is known: its `x-mcp-header` members are repeated in headers. */
export function sentHeaders(
  message: Pick<Message, 'method' | 'facts' | 'params'>,
  { revision, session }: { readonly revision: string | null; readonly session: string | null },
  schema: Json | null,
): HeaderList {
  const name = message.facts.tool || message.facts.prompt || message.facts.resource;
  const modern = revision === HEADER_REVISION;
  const given = message.params['arguments'];
  return [
    ['accept', 'application/json, text/event-stream'],
    ['accept-encoding', 'identity'],
    ['content-type', 'application/json'],
    ...(modern ? [['mcp-method', message.method] as const] : []),
    ...(modern && name !== '' ? [['mcp-name', encoded(name)] as const] : []),
    ...(modern && isObject(schema) && isObject(given) ? parameterHeaders(schema, given) : []),
    ...(revision === null ? [] : [['mcp-protocol-version', revision] as const]),
    ...(session === null ? [] : [['mcp-session-id', session] as const]),
    ['user-agent', 'postern'],
  ];
}

function parameterHeaders(schema: JsonObject, given: JsonObject): HeaderList {
  const { properties } = schema;
  if (!isObject(properties)) return [];
  return Object.entries(properties).flatMap(([key, property]): HeaderList => {
    const value = Object.hasOwn(given, key) ? given[key] : undefined;
    if (!isObject(property) || value === undefined || value === null) return [];
    const header = property['x-mcp-header'];
    const named = typeof header === 'string' && /^[\w-]{1,64}$/.test(header);
    const below = isObject(value) ? parameterHeaders(property, value) : [];
    const plain =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    if (!named || !plain) return below;
    return [[`mcp-param-${header.toLowerCase()}`, encoded(String(value))]];
  });
}

/** Base64 where a header could not hold it as it is. */
function encoded(value: string): string {
  const plain = /^[!-~](?:[ -~]*[!-~])?$/.test(value) && !SENTINEL.test(value);
  return plain ? value : `=?base64?${encodeBase64(utf8(value))}?=`;
}
