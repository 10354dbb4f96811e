// What a rule can know of an HTTP request as `http.…`, before a byte of it is sent. Everything here is computed from exactly
// what will be sent: the normalised path, the query to the letter, the headers that passed their table, the body's bytes.
// What cannot be known for sure is left out and named in `opaque`; a rule that allows by facts has to ask for
// `http.opaque == []`, or name the doubts it can live with. docs/http.md lists them.
import { decodeUtf8 } from '../bytes.ts';
import { isJson, isUtf8, parseContentType, type ContentType } from './content-type.ts';
import {
  decidesGraphql,
  graphqlBody,
  graphqlParameters,
  looksLikeGraphql,
} from './graphql-request.ts';
import { readGraphql, type GraphqlDoubt, type ReadGraphql } from './graphql.ts';
import { valuesOf, type HeaderList } from './header-list.ts';
import type { HttpFacts, Json, Parameters } from '../facts.ts';
import { readJson, type JsonDoubt } from './json-body.ts';
import { MAX_FACTS_BODY_BYTES } from '../limits.ts';
import { multipartFields } from './multipart-body.ts';
import { readParameters } from './query.ts';

export type HttpDoubt =
  | JsonDoubt
  | GraphqlDoubt
  | 'body_too_large' // larger than facts are taken of, or streamed
  | 'body_encoded' // compressed, or in another charset
  | 'body_type' // a type that is not read, or none
  | 'body_unexpected' // with a method that has none
  | 'form_unparsable'
  | 'multipart_unparsable'
  | 'method_override' // a field that makes some servers run another method
  | 'upgrade'; // what follows on the WebSocket is not seen

export interface FactsRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: Parameters;
  /** As requestHeaders() let them through. */
  readonly headers: HeaderList;
  /** null: none. `unread`: there is one, larger than MAX_FACTS_BODY_BYTES or streamed. */
  readonly body: Uint8Array | 'unread' | null;
  readonly webSocket: boolean;
  /** Paths of the target at which everything is GraphQL; those with a segment `graphql` or `gql` are, whatever stands here. */
  readonly graphqlPaths: readonly string[];
}

interface BodyFacts {
  readonly json: Json;
  readonly form: Parameters;
  readonly fields: readonly string[];
  readonly doubts: readonly HttpDoubt[];
}

const NOTHING: BodyFacts = { json: null, form: {}, fields: [], doubts: [] };
/** fetch sends none with GET and HEAD; with the others no server is bound to look. */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const GATEWAY_HEADERS: ReadonlySet<string> = new Set(['accept-encoding', 'via']);
/** Rails, Laravel and Symfony take `_method`; Google's services the other ones. */
const OVERRIDE_FIELD = /^(?:_method|_http_method|\$?httpmethod|x-http-method(?:-override)?)$/i;

export function httpFacts(request: FactsRequest): HttpFacts {
  const { method, host, path, query, headers, body, webSocket } = request;
  const declared = valuesOf(headers, 'content-type');
  const [first = ''] = declared;
  const type = declared.length === 1 ? parseContentType(first) : null;
  const read = body === null ? NOTHING : bodyFacts(request, body, type);
  const doubts = new Set<HttpDoubt>(read.doubts);
  const names = [...Object.keys(query), ...read.fields, ...topLevelKeys(read.json)];
  if (names.some((name) => OVERRIDE_FIELD.test(name))) doubts.add('method_override');
  if (webSocket) doubts.add('upgrade');
  const graphql = graphqlOf(request, type, read);
  if (graphql?.ok === false) doubts.add(graphql.doubt);
  return {
    method,
    host,
    path,
    query,
    headers: [...new Set(headers.map(([name]) => name))]
      .filter((name) => !GATEWAY_HEADERS.has(name))
      .sort(),
    contentType: type?.essence ?? '',
    json: read.json,
    form: read.form,
    fields: read.fields,
    graphql: graphql?.ok === true ? graphql.facts : null,
    webSocket,
    opaque: [...doubts].sort(),
  };
}

function bodyFacts(
  { method, headers }: FactsRequest,
  body: Uint8Array | 'unread',
  type: ContentType | null,
): BodyFacts {
  if (WITHOUT_BODY.has(method) && body.length > 0) return doubtful('body_unexpected');
  if (body === 'unread' || body.length > MAX_FACTS_BODY_BYTES) return doubtful('body_too_large');
  if (body.length === 0) return NOTHING;
  const encodings = valuesOf(headers, 'content-encoding');
  if (encodings.some((encoding) => encoding.toLowerCase() !== 'identity')) {
    return doubtful('body_encoded');
  }
  if (type === null) return doubtful('body_type');
  if (!isUtf8(type)) return doubtful('body_encoded');
  if (isJson(type)) {
    const read = readJson(body);
    return read.ok ? { ...NOTHING, json: read.value } : doubtful(read.doubt);
  }
  switch (type.essence) {
    case 'application/x-www-form-urlencoded':
      return formFacts(body);
    case 'multipart/form-data': {
      const fields = multipartFields(body, type.parameters['boundary'] ?? '');
      return fields === null ? doubtful('multipart_unparsable') : { ...NOTHING, fields };
    }
    case 'application/graphql':
      return NOTHING; // read with the request
    default:
      return doubtful('body_type');
  }
}

function formFacts(body: Uint8Array): BodyFacts {
  const text = decodeUtf8(body);
  // As in a query: no bare `;`, no line breaks. Characters beyond ASCII are read by servers in several ways.
  if (text === null || /[^!-~]|;/.test(text)) return doubtful('form_unparsable');
  const read = readParameters(text);
  if (!read.ok) return doubtful('form_unparsable');
  return { ...NOTHING, form: read.parameters, fields: Object.keys(read.parameters).sort() };
}

/** Null where the request is no GraphQL. */
function graphqlOf(
  request: FactsRequest,
  type: ContentType | null,
  read: BodyFacts,
): ReadGraphql | null {
  const { method, path, query, body, graphqlPaths } = request;
  const bare = type?.essence === 'application/graphql';
  const certain = bare || isGraphqlPath(path, graphqlPaths);
  const empty = body === null || body.length === 0;
  if (!certain) return guessedGraphql(query, read);
  if (method === 'OPTIONS') return null;
  if (empty) return graphqlParameters(query);
  // Its own doubts say that the body was not read; `graphql` must not be filled from elsewhere then.
  if (read.doubts.length > 0 || decidesGraphql(query)) {
    return { ok: false, doubt: 'graphql_request' };
  }
  if (bare && body !== 'unread') {
    const text = decodeUtf8(body);
    return text === null ? { ok: false, doubt: 'graphql_unparsable' } : readGraphql(text, null);
  }
  if (type?.essence === 'application/x-www-form-urlencoded') return graphqlParameters(read.form);
  // Multipart requests name their documents in a field's value, which is not read.
  if (type === null || !isJson(type)) return { ok: false, doubt: 'graphql_request' };
  return graphqlBody(read.json);
}

/** GraphQL where nothing says so. A `query` may be anything there, and one that is no document is no doubt. */
function guessedGraphql(query: Parameters, { json, form }: BodyFacts): ReadGraphql | null {
  const guesses = [
    ...(looksLikeGraphql(query) ? [graphqlParameters(query)] : []),
    ...(looksLikeGraphql(form) ? [graphqlParameters(form)] : []),
    ...(looksLikeGraphql(json) ? [graphqlBody(json)] : []),
  ].filter((found) => found.ok || found.doubt !== 'graphql_unparsable');
  return guesses.length > 1 ? { ok: false, doubt: 'graphql_request' } : (guesses[0] ?? null);
}

function isGraphqlPath(path: string, declared: readonly string[]): boolean {
  if (/\/(?:graphql|gql)(?:\.json)?(?:\/|$)/i.test(path)) return true;
  return declared.some((own) => path === own || path === `${own}/`);
}

function topLevelKeys(json: Json): readonly string[] {
  return typeof json === 'object' && json !== null && !Array.isArray(json) ? Object.keys(json) : [];
}

function doubtful(doubt: HttpDoubt): BodyFacts {
  return { ...NOTHING, doubts: [doubt] };
}
