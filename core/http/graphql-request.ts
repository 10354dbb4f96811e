// Finds the GraphQL documents of a request: in the query string, in a JSON body or a batch of them, in a form, or bare.
// What names no document but could still run one (persisted queries), or names two, is a doubt.
// @see https://graphql.github.io/graphql-over-http/draft/
import type { GraphqlFacts, Json, Parameters } from '../facts.ts';
import { batchedGraphql, readGraphql, type GraphqlDoubt, type ReadGraphql } from './graphql.ts';
import { MAX_GRAPHQL_BATCH, MAX_GRAPHQL_CHARS } from '../limits.ts';

/** The members of a request that decide what runs. */
const DECIDING = ['query', 'operationName', 'extensions'] as const;
/** Other names for documents that are kept at the target (Apollo, Relay, Facebook, Hasura). */
const PERSISTED = [
  'id',
  'documentId',
  'document_id',
  'doc_id',
  'queryId',
  'query_id',
  'hash',
  'sha256Hash',
];

/** From a query string or a form: JSON texts stand in place of JSON values. */
export function graphqlParameters(parameters: Parameters): ReadGraphql {
  const names = [...DECIDING, ...PERSISTED];
  if (names.some((name) => (parameters[name]?.length ?? 0) > 1)) return doubt('graphql_request');
  const extensions = parameters['extensions']?.[0];
  if (extensions !== undefined && /persisted/i.test(extensions)) return doubt('graphql_persisted');
  // Escapes in the JSON of `extensions` could spell the word, and nothing else of it is needed here.
  if (extensions?.includes('\\') === true) return doubt('graphql_request');
  const document = parameters['query']?.[0];
  if (PERSISTED.some((name) => parameters[name] !== undefined) || document === undefined) {
    return doubt(document === undefined ? 'graphql_persisted' : 'graphql_request');
  }
  return readGraphql(document, parameters['operationName']?.[0] ?? null);
}

/** From a JSON body: one request, or a list of them. */
export function graphqlBody(body: Json): ReadGraphql {
  if (!isList(body)) return graphqlMember(body);
  if (body.length === 0) return doubt('graphql_request');
  if (body.length > MAX_GRAPHQL_BATCH) return doubt('graphql_too_large');
  const all: GraphqlFacts[] = [];
  for (const member of body) {
    const read = graphqlMember(member);
    if (!read.ok) return read;
    all.push(read.facts);
  }
  const chars = all.flatMap(({ fields }) => fields).reduce((sum, path) => sum + path.length, 0);
  if (chars > MAX_GRAPHQL_CHARS) return doubt('graphql_too_large');
  return { ok: true, facts: batchedGraphql(all) };
}

/**
 * Whether a body or query is a GraphQL request although nothing else says so: a `query` that may be a document, each of which
 * has a brace.
 */
export function looksLikeGraphql(body: Json): boolean {
  const members = isList(body) ? body : [body];
  return members.some((member) => {
    const document = isObject(member) ? member['query'] : undefined;
    const [text] = Array.isArray(document) ? document : [document];
    return typeof text === 'string' && text.includes('{');
  });
}

function graphqlMember(body: Json): ReadGraphql {
  if (!isObject(body)) return doubt('graphql_request');
  const { query, operationName = null, extensions = null } = body;
  if (extensions !== null && !isObject(extensions)) return doubt('graphql_request');
  if (extensions !== null && Object.keys(extensions).some((key) => /persisted/i.test(key))) {
    return doubt('graphql_persisted');
  }
  if (query === undefined || query === null) return doubt('graphql_persisted');
  if (PERSISTED.some((name) => Object.hasOwn(body, name))) return doubt('graphql_request');
  if (typeof query !== 'string') return doubt('graphql_request');
  if (operationName !== null && typeof operationName !== 'string') return doubt('graphql_request');
  // Servers differ in whether an empty name is one.
  return readGraphql(query, operationName === '' ? null : operationName);
}

/** Whether a query string says what a body would say too: servers differ in which of them counts. */
export function decidesGraphql(parameters: Parameters): boolean {
  return [...DECIDING, ...PERSISTED].some((name) => parameters[name] !== undefined);
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !isList(value);
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function doubt(word: GraphqlDoubt): ReadGraphql {
  return { ok: false, doubt: word };
}
