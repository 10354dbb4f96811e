// Caps of the HTTP door: unit, and the attack or accident each stops.

/** A path after normalisation, characters. Cloudflare takes URLs of 16 KiB. */
export const MAX_PATH_CHARS = 8 * 1024;
/** A query string, characters. */
export const MAX_QUERY_CHARS = 16 * 1024;
/** Parameters of a query or form, and fields of a multipart body. Rules walk over all of them. */
export const MAX_PARAMETERS = 1_000;
/** Names and values of all headers together, characters: Cloudflare's own limit is 128 KB. */
export const MAX_HEADERS_CHARS = 64 * 1024;
/** Headers of one message. */
export const MAX_HEADERS = 200;
/** A body that facts are taken of. Facts are journalled and held while people decide; a larger body is opaque. */
export const MAX_FACTS_BODY_BYTES = 256 * 1024;
/** Nesting of JSON in facts. Rules and the journal walk it recursively. */
export const MAX_JSON_DEPTH = 64;
/** Lexical tokens of a GraphQL document: its syntax tree takes some 500 bytes for each. */
export const MAX_GRAPHQL_TOKENS = 10_000;
/** Nesting of a GraphQL document; its parser is recursive. */
export const MAX_GRAPHQL_DEPTH = 100;
/** Fields visited with fragments written out: a few lines of fragments can stand for billions of fields. */
export const MAX_GRAPHQL_FIELDS = 5_000;
/** Paths of all fields of a request together, characters: a long name with many fields below is repeated by each of them. */
export const MAX_GRAPHQL_CHARS = 128 * 1024;
/** Operations of one GraphQL batch. */
export const MAX_GRAPHQL_BATCH = 50;
