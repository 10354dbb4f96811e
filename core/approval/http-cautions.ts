// What an approver of an HTTP request should stop at, gravest first: what the facts could not say, in plain sentences, and
// then what the request itself is. docs/http.md lists the words of `opaque`.
import type { HttpFacts } from '../facts.ts';
import { graphqlWords } from './http-message.ts';
import type { HttpContent } from './request.ts';

const NOT_READ = 'rules have not seen what is in it.';
const GRAPHQL = 'Its GraphQL cannot be read: what it runs is not known.';
const JSON_TWO_WAYS = 'Its JSON can be read in more than one way:';

/** In order of gravity. Several words may share a sentence, which is then said once. */
const DOUBTS: readonly (readonly [word: string, sentence: string])[] = [
  [
    'upgrade',
    'It opens a WebSocket: what is sent on it afterwards is not seen, and nobody is asked about it.',
  ],
  ['method_override', 'It holds a field by which some servers run another method than this one.'],
  [
    'graphql_persisted',
    'It runs a GraphQL document that only the server knows: what it does is not known here.',
  ],
  ['graphql_request', GRAPHQL],
  ['graphql_unparsable', GRAPHQL],
  ['graphql_operation', GRAPHQL],
  ['graphql_fragment', GRAPHQL],
  ['graphql_too_large', GRAPHQL],
  ['body_too_large', `Its body is larger than the gateway inspects: ${NOT_READ}`],
  ['body_encoded', `Its body is compressed, or in another charset: ${NOT_READ}`],
  ['body_type', `Its body is of a type that the gateway does not read: ${NOT_READ}`],
  [
    'body_unexpected',
    'It has a body with a method that has none: some servers read it all the same.',
  ],
  ['json_unparsable', `Its body claims to be JSON and is not: ${NOT_READ}`],
  ['json_duplicate_key', `${JSON_TWO_WAYS} a key comes twice in one object.`],
  ['json_key', `${JSON_TWO_WAYS} a key in it is __proto__.`],
  ['json_number', `${JSON_TWO_WAYS} it has numbers that are rounded by many servers.`],
  ['json_text', `${JSON_TWO_WAYS} it has characters that are dropped or replaced by many servers.`],
  ['json_too_deep', `Its JSON is nested deeper than the gateway inspects: ${NOT_READ}`],
  ['form_unparsable', `Its form can be read in more than one way: ${NOT_READ}`],
  ['multipart_unparsable', `Its form can be read in more than one way: ${NOT_READ}`],
];
const KNOWN = new Set(DOUBTS.map(([word]) => word));

/** No library writes letters and digits so; a backslash before the backslash makes it text. */
const HIDDEN_WORDS = /(?<!\\)(?:\\\\)*\\u00(?:3\d|[46][1-9a-f]|[57][0-9a])/i;

/** One sentence each, in plain text. */
export function requestCautions(content: HttpContent): readonly string[] {
  const { method, path, body, bodyDigest, facts } = content;
  const found = doubts(facts);
  if (body === null && bodyDigest !== null) found.push('It has a body that is not shown here.');
  if (facts.graphql?.operation === 'mutation') found.push(`${graphqlWords(facts.graphql)}.`);
  if (facts.graphql?.operation === 'subscription') {
    found.push(`${graphqlWords(facts.graphql)}: it goes on until somebody ends it.`);
  }
  if (method === 'DELETE') found.push('It deletes.');
  if (body !== null && 'base64' in body) {
    found.push('Its body is not text: it is shown byte by byte.');
  }
  if (body !== null && 'text' in body && facts.json !== null && HIDDEN_WORDS.test(body.text)) {
    found.push('Its JSON spells plain letters as escapes: read them as what they stand for.');
  }
  if (/%2f|%3f|%23/i.test(path)) {
    found.push('Its path holds encoded delimiters: servers differ in where its parts end.');
  }
  return [...new Set(found)];
}

function doubts({ opaque }: HttpFacts): string[] {
  const known = DOUBTS.filter(([word]) => opaque.includes(word)).map(([, sentence]) => sentence);
  const unknown = opaque.filter((word) => !KNOWN.has(word));
  if (unknown.length === 0) return known;
  // A word that this list has not learnt yet is as grave as any.
  return [`What it does cannot be wholly known (${unknown.join(', ')}).`, ...known];
}
