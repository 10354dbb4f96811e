// Every cap in one place: its unit and the attack or accident it stops.

/** SQL text per message. The parser's memory grows with it and never shrinks; an isolate has 128 MB. */
export const MAX_SQL_BYTES = 2 * 1024 * 1024;
/** Tokens per SQL text: each takes about 300 bytes while it is parsed, so a long list of numbers could end an isolate. */
export const MAX_SQL_TOKENS = 100_000;
/** One protocol message that must be seen whole before it is judged (Query, Parse, Bind). Row data and COPY are streamed. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
/** Postgres itself refuses startup packets over 10,000 bytes; a token may need more than a password does. */
export const MAX_STARTUP_BYTES = 10_000;
/** JWTs with many groups reach some KiB; anything larger is an attack on the verifier. */
export const MAX_TOKEN_BYTES = 16 * 1024;
/** Client messages waiting behind a decision. A client that floods a held connection is cut off. */
export const MAX_HELD_BYTES = 24 * 1024 * 1024;
/** Messages forwarded and not yet answered by the target: bounds the bookkeeping of a pipelining client. */
export const MAX_PIPELINED_MESSAGES = 65_536;
/** Prepared statements and portals a session may hold open. */
export const MAX_NAMED_OBJECTS = 10_000;
/** Bytes sent to a client and not yet credited by it (subprotocol postern.v1) before the target is paused. */
export const CREDIT_WINDOW_BYTES = 1024 * 1024;
/** Bytes a client without credits may be behind; workerd buffers them, so past this the session closes. */
export const MAX_UNCREDITED_BYTES = 64 * 1024 * 1024;
/** cloudflared truncates larger WebSocket messages without saying so. */
export const MAX_TUNNEL_FRAME_BYTES = 16_384;
/** From the WebSocket's opening to a verified token and a logged-in target. */
export const LOGIN_TIMEOUT_MS = 30_000;
/** Opening a TCP or tunnel connection. */
export const DIAL_TIMEOUT_MS = 10_000;
/** A policy older than this is read again before the next action; promise 7 allows 10 s. */
export const POLICY_REFRESH_MS = 4_000;
/** With D1 away, the last policy read serves this long, then actions are refused. */
export const POLICY_MAX_STALE_MS = 60_000;
/** Inside the gateway's own transaction around an approved write: it must neither queue for locks nor hold them for long. */
export const GATE_LOCK_TIMEOUT_MS = 5_000;
export const GATE_STATEMENT_TIMEOUT_MS = 60_000;
/** A client that waits for an approval hears this often that it still does. */
export const HOLD_NOTICE_MS = 30_000;
/** Live sessions look at policy, token life and unwritten journal this often. */
export const SESSION_TICK_MS = 4_000;
/** A catalog older than this is read again before the next decision that needs one. */
export const CATALOG_MAX_AGE_MS = 60_000;
/** Journal bytes not yet copied to R2 and D1 before new actions are refused. */
export const MAX_UNSHIPPED_BYTES = 64 * 1024 * 1024;
/** One recording segment before it is written to R2. */
export const SEGMENT_BYTES = 4 * 1024 * 1024;
/** Unshipped events are offered to D1, and to R2 when a segment is due, this often. */
export const SHIP_INTERVAL_MS = 5_000;
/** Events wait this long for a full segment; each segment is one write that R2 charges for. */
export const SEGMENT_AGE_MS = 60_000;
/** One request for approval with its statement and bind values. Nobody can read more, and it must be kept and shown whole. */
export const MAX_APPROVAL_BYTES = 8 * 1024 * 1024;
/**
 * Requests of one principal at one target that wait for people at the same time. Approvers who are flooded stop reading, and
 * an agent in a loop fills Slack.
 */
export const MAX_PENDING_APPROVALS = 20;
/** After a denial, the same request is answered with it for this long, instead of asking people again. */
export const DENIAL_STANDS_MS = 5 * 60_000;
/** A window of access is looked up again after this; with the session's own tick the end of one is noticed in under 10 s. */
export const GRANT_REFRESH_MS = 4_000;
/** An ended approval's statement, bind values and votes stay in its object this long; the journal keeps its own record. */
export const APPROVAL_RETENTION_MS = 400 * 24 * 60 * 60_000;
/** One row of a result that is masked: it is needed whole. A larger one ends the session. */
export const MAX_MASKED_ROW_BYTES = 16 * 1024 * 1024;
/** Masked COPY data goes out in frames of at most so many bytes, whatever the target's were. */
export const MAX_COPY_CHUNK_BYTES = 64 * 1024;
/** The path of an HTTP request after normalisation, characters. Cloudflare takes URLs of 16 KiB. */
export const MAX_PATH_CHARS = 8 * 1024;
/** A query string, characters. Cloudflare takes URLs of 16 KiB. */
export const MAX_QUERY_CHARS = 16 * 1024;
/** Parameters of a query or form, and fields of a multipart body. Rules walk over all of them. */
export const MAX_PARAMETERS = 1_000;
/** Names and values of all headers together, characters: Cloudflare's own limit is 128 KB. */
export const MAX_HEADERS_CHARS = 64 * 1024;
/** Headers of one HTTP message: tables are asked for each. */
export const MAX_HEADERS = 200;
/** An HTTP body that facts are taken of. Facts are journalled and held while people decide; a larger body is opaque. */
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
/**
 * One question to a model: so many texts, UTF-16 code units of them, and bytes of rows that wait for the answer. The row that
 * reaches a bound is still part of it.
 */
export const MAX_ANALYZED_TEXTS = 256;
export const MAX_ANALYZED_LENGTH = 128 * 1024;
export const MAX_ANALYZED_WAITING_BYTES = 1024 * 1024;
/** From a question to a model until its whole answer: the caller waits for a row meanwhile. */
export const ANALYSIS_TIMEOUT_MS = 10_000;
/** The door sends requests of one token to the same session for so long after the last of them; then it opens another. */
export const HTTP_SESSION_REUSE_MS = 45_000;
/** Sessions of requests that a door remembers: callers who come back later get a new one. */
export const MAX_REMEMBERED_SESSIONS = 10_000;
/** The longest an HTTP request waits for people, where its caller asks for it. Most clients give up after a minute. */
export const MAX_HTTP_WAIT_SECONDS = 50;
/** From sending an HTTP request to the head of its answer. Cloudflare's proxy waits as long; streams may then take their time. */
export const HTTP_ANSWER_TIMEOUT_MS = 100_000;
/** An issuer's whole answer to a request for a token. The caller's request waits for it. */
export const OAUTH_TIMEOUT_MS = 10_000;
/** An issuer's answer, after decoding. Tokens of several KiB exist; the rest of the answer is small. */
export const MAX_OAUTH_ANSWER_BYTES = 64 * 1024;
/** A token is not used for the last of its life: clocks differ, and requests take time. */
export const OAUTH_MARGIN_MS = 60_000;
/** A token whose issuer does not say how long it lives. */
export const OAUTH_UNKNOWN_LIFE_MS = 60_000;
/** A target may have withdrawn an older token when it answers 401; younger ones are not asked for again, which spares the issuer. */
export const OAUTH_SETTLED_MS = 30_000;
/** Tokens kept in an isolate; the oldest goes first. */
export const MAX_OAUTH_TOKENS = 500;
