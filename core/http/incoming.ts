// A request as it came, read for judgement: method, path, query and headers in the one form that is judged and sent. What
// could mean two things is refused here, before any rule is asked. The body is the session's to read.
import type { Parameters } from '../facts.ts';
import { withCredentialParameter } from './credential.ts';
import { requestHeaders } from './headers.ts';
import type { HeaderList } from './header-list.ts';
import type { DoorUrl } from './door.ts';
import { methodCode } from './method.ts';
import { normalisePath } from './path.ts';
import { readQuery } from './query.ts';
import type { RequestCode } from './refusal.ts';

/** What is known of the target before the request is. */
export interface IncomingOptions {
  readonly cookies: boolean;
  /** Names of the tables' `unless` rows that pass. */
  readonly headers: readonly string[];
  /** Headers of the gateway's own: the credential's. */
  readonly own: readonly string[];
  readonly encodedDelimiters: boolean;
  /** The query parameter of the credential; null where there is none. */
  readonly credentialParameter: string | null;
}

export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: string | null;
  readonly parameters: Parameters;
  readonly headers: HeaderList;
  readonly webSocket: boolean;
}

export type ReadIncoming =
  | { readonly ok: true; readonly value: Incoming }
  /** `header`: the one it is about; empty otherwise. */
  | { readonly ok: false; readonly code: RequestCode; readonly header: string };

export function readIncoming(
  method: string,
  { path, query }: Pick<DoorUrl, 'path' | 'query'>,
  incoming: HeaderList,
  options: IncomingOptions,
): ReadIncoming {
  const refused = methodCode(method);
  if (refused !== null) return failed(refused);
  // `/http/shop` is the root of the target, as `https://shop` is.
  const normal = normalisePath(path === '' ? '/' : path, {
    encodedDelimiters: options.encodedDelimiters,
  });
  if (!normal.ok) return failed(normal.code);
  const read = readQuery(query ?? '');
  if (!read.ok) return failed(read.code);
  if (options.credentialParameter !== null) {
    const parameter = { name: options.credentialParameter, value: '' };
    const free = withCredentialParameter(query, parameter);
    if (!free.ok) return failed(free.code);
  }
  const webSocket = incoming.some(
    ([name, value]) =>
      name.toLowerCase() === 'upgrade' && /(?:^|,)\s*websocket\s*(?:,|$)/i.test(value),
  );
  const filtered = requestHeaders(incoming, {
    allowCookies: options.cookies,
    allow: options.headers,
    own: options.own,
    // Masks and the search for echoed credentials have to see the body.
    acceptEncoding: 'identity',
    webSocket,
  });
  if (!filtered.ok) return failed(filtered.code, filtered.name);
  return {
    ok: true,
    value: {
      method,
      path: normal.path,
      query,
      parameters: read.parameters,
      headers: filtered.headers,
      webSocket,
    },
  };
}

function failed(code: RequestCode, header = ''): ReadIncoming {
  return { ok: false, code, header };
}
