// Which headers reach the target, and which come back, by the tables of header-tables.ts. Where the two ends could read a
// message differently (lengths, transfer codings, expectations) the message is refused, never repaired.
// @see RFC 9110 section 7.6, RFC 9112 section 6
import { callerCookies, targetCookie } from './cookies.ts';
import {
  checkedHeaders,
  listMembers,
  valuesOf,
  type Header,
  type HeaderList,
  type HeaderShapeCode,
} from './header-list.ts';
import {
  BODY_RESPONSE_HEADERS,
  REQUEST_HEADERS,
  RESPONSE_HEADERS,
  foldedName,
  headerTable,
  nameMatcher,
} from './header-tables.ts';
import { rewriteLinks, rewriteReference, type Mount } from './location.ts';

export const HEADER_CODES = [
  'header_name',
  'header_value',
  'headers_too_large',
  'header_override', // would change the method or path that was judged
  'header_framing', // lengths or transfer codings that contradict each other
  'header_connection', // Connection takes away a header that belongs to the message
  'header_expectation',
  'header_repeated', // twice, where one value counts and servers pick differently
  'header_loop', // the request has been through this gateway before
] as const satisfies readonly (HeaderShapeCode | `header_${string}`)[];
export type HeaderCode = (typeof HEADER_CODES)[number];

export type FilteredHeaders =
  | { readonly ok: true; readonly headers: HeaderList }
  | { readonly ok: false; readonly code: HeaderCode; readonly name: string };

export interface RequestHeaderOptions {
  /** The caller's cookies pass, but for those of the gateway and of Cloudflare. */
  readonly allowCookies: boolean;
  /** Names of the table's `unless` rows that the policy lets through for this target. */
  readonly allow: readonly string[];
  /** Names the gateway sets for this target, the credential's among them: never the caller's. */
  readonly own: readonly string[];
  /** What the gateway can decode, for accept-encoding; `identity` where it has to see the body. */
  readonly acceptEncoding: string;
  /** A WebSocket that a rule allows: subprotocols pass. The handshake itself is fetch's. */
  readonly webSocket: boolean;
}

/** What the gateway calls itself in Via, and knows itself by. */
const PSEUDONYM = 'postern';
const requestTable = headerTable(REQUEST_HEADERS);
const responseTable = headerTable(RESPONSE_HEADERS);
const bodyHeader = nameMatcher(BODY_RESPONSE_HEADERS);
/** What Connection may not name: RFC 9110 section 7.6.1 forbids it for whatever is meant for the last recipient. */
const endToEnd = nameMatcher(['content-*', 'host', 'authorization', 'cookie', 'range', 'if-*']);
const FRAMING: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'content-type',
  'content-encoding',
]);
const SINGLE: ReadonlySet<string> = new Set([
  'content-type',
  'content-encoding',
  'content-length',
  'host',
  'range',
  'if-range',
  'idempotency-key',
]);

/** The headers to send, and their names sorted are the facts' `headers`. The credential is added later (credential.ts). */
export function requestHeaders(
  incoming: HeaderList,
  options: RequestHeaderOptions,
): FilteredHeaders {
  const checked = checkedHeaders(incoming);
  if (!checked.ok) return checked;
  const { headers } = checked;
  const refusal = framing(headers) ?? repeated(headers) ?? loop(headers);
  if (refusal !== null) return refusal;
  const connection = listMembers(valuesOf(headers, 'connection'));
  if (connection.some(endToEnd)) return refused('header_connection', 'connection');
  const named = nameMatcher(connection.map((name) => name.replaceAll('*', '')));
  const own = nameMatcher(options.own);
  const allowed = nameMatcher(options.allow);
  const passed: Header[] = [];
  for (const header of headers) {
    const [name] = header;
    const treatment = requestTable(name);
    if (treatment === 'refuse') return refused('header_override', name);
    if (treatment === 'drop' || named(name) || own(name)) continue;
    if (treatment === 'unless' && !allowed(name)) continue;
    passed.push(header);
  }
  passed.push(['accept-encoding', options.acceptEncoding], ['via', `1.1 ${PSEUDONYM}`]);
  if (options.allowCookies && !own('cookie')) {
    const cookies = callerCookies(valuesOf(headers, 'cookie'));
    if (cookies !== '') passed.push(['cookie', cookies]);
  }
  if (options.webSocket) {
    const protocols = subprotocols(headers);
    if (protocols !== '') passed.push(['sec-websocket-protocol', protocols]);
  }
  return { ok: true, headers: passed };
}

export interface ResponseHeaderOptions {
  readonly mount: Mount;
  /** The path that was sent, for references relative to it. */
  readonly requestPath: string;
  readonly allowCookies: boolean;
  readonly allowChallenges: boolean;
  readonly allow: readonly string[];
  /** The body was decoded or masked: what described the target's body does not describe it any more. */
  readonly bodyChanged: boolean;
  /** Secret values and their encodings: a header that holds one is left out (a target may echo what it was sent). */
  readonly secrets: readonly string[];
}

/**
 * The headers to answer with. Malformed ones are refused rather than left out: a target that can put line breaks into one
 * header was made to.
 */
export function responseHeaders(
  incoming: HeaderList,
  options: ResponseHeaderOptions,
): FilteredHeaders {
  // Characters beyond a byte would be cut to one on their way, which makes a line break of U+010A.
  const checked = checkedHeaders(incoming.filter(([, value]) => !/[^\0-\u00FF]/.test(value)));
  if (!checked.ok) return checked;
  const named = nameMatcher(
    listMembers(valuesOf(checked.headers, 'connection')).map((name) => name.replaceAll('*', '')),
  );
  const allowed = nameMatcher(options.allow);
  const passed: Header[] = [];
  for (const [name, value] of checked.headers) {
    const kept = keptValue(name, value, options);
    if (kept === null) continue;
    const treatment = responseTable(name);
    const granted = granting(name, options);
    if (named(name) || treatment === 'refuse' || (treatment === 'drop' && !granted)) continue;
    if (treatment === 'unless' && !allowed(name)) continue;
    if (options.bodyChanged && bodyHeader(name)) continue;
    if (options.secrets.some((secret) => secret !== '' && kept.includes(secret))) continue;
    passed.push([name, kept]);
  }
  // Pages of targets live on the gateway's own origin: without these, a script in one would act as whoever reads it.
  passed.push(['content-security-policy', 'sandbox'], ['x-content-type-options', 'nosniff']);
  return { ok: true, headers: passed };
}

/** The value that may be shown; null: left out. */
function keptValue(name: string, value: string, options: ResponseHeaderOptions): string | null {
  const { mount, requestPath } = options;
  switch (foldedName(name)) {
    case 'location':
    case 'content-location':
      return rewriteReference(value, mount, requestPath);
    case 'link':
      return rewriteLinks(value, mount, requestPath);
    case 'refresh':
      return null; // a Location that no standard describes
    case 'set-cookie':
      return targetCookie(value, mount);
    default:
      return value;
  }
}

function granting(name: string, options: ResponseHeaderOptions): boolean {
  switch (name) {
    case 'set-cookie':
      return options.allowCookies;
    case 'www-authenticate':
    case 'authentication-info':
      return options.allowChallenges;
    default:
      return false;
  }
}

function framing(headers: HeaderList): FilteredHeaders | null {
  const codings = listMembers(valuesOf(headers, 'transfer-encoding'));
  const lengths = valuesOf(headers, 'content-length');
  if (codings.some((coding) => coding !== 'chunked') || codings.length > 1) {
    return refused('header_framing', 'transfer-encoding');
  }
  // RFC 9112 section 6.1: both at once is how requests are smuggled.
  const both = codings.length > 0 && lengths.length > 0;
  if (both || lengths.some((length) => !/^\d{1,15}$/.test(length))) {
    return refused('header_framing', 'content-length');
  }
  // `content_length` and the like are the same variable to CGI, and reach it beside the true one.
  const twin = headers.find(([name]) => name !== foldedName(name) && FRAMING.has(foldedName(name)));
  if (twin !== undefined) return refused('header_framing', twin[0]);
  const expectations = listMembers(valuesOf(headers, 'expect'));
  return expectations.some((expectation) => expectation !== '100-continue')
    ? refused('header_expectation', 'expect')
    : null;
}

function repeated(headers: HeaderList): FilteredHeaders | null {
  const seen = new Set<string>();
  for (const [name, value] of headers) {
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return refused('header_repeated', name);
    seen.add(name);
    // Fetch joins repeats with a comma.
    if (name === 'content-type' && listed(value)) return refused('header_repeated', name);
  }
  return null;
}

function loop(headers: HeaderList): FilteredHeaders | null {
  const hops = listMembers(valuesOf(headers, 'via'));
  return hops.some((hop) => hop.split(/\s+/)[1] === PSEUDONYM)
    ? refused('header_loop', 'via')
    : null;
}

/** Whether a comma stands outside of quotes. One walk: a pattern would start anew at every quote that is not closed. */
function listed(value: string): boolean {
  let quoted = false;
  for (let at = 0; at < value.length; at++) {
    const char = value.charAt(at);
    if (char === '"') quoted = !quoted;
    else if (quoted && char === '\\') at++;
    else if (!quoted && char === ',') return true;
  }
  return false;
}

/** Subprotocols without those that carry tokens, ours or a Kubernetes bearer token's. */
function subprotocols(headers: HeaderList): string {
  return valuesOf(headers, 'sec-websocket-protocol')
    .flatMap((value) => value.split(','))
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== '' && !/^postern|bearer|auth|token/i.test(protocol))
    .join(', ');
}

function refused(code: HeaderCode, name: string): FilteredHeaders & { readonly ok: false } {
  return { ok: false, code, name };
}
