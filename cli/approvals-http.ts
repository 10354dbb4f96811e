// An HTTP request as text for a terminal: whole, with everything invisible made visible. What is laid out differs from what
// is sent in JSON's white space alone (core/approval/json-layout.ts).
import {
  byteCount,
  graphqlDocuments,
  graphqlWords,
  headerLine,
  hexDump,
  parameterPairs,
  readPath,
  requestTarget,
  shownBody,
} from '../core/approval/http-message.ts';
import { visible, visibleLine } from '../core/approval/message.ts';
import { unreachable } from '../core/failure.ts';
import type { Approval, Content } from './approvals-gateway.ts';

const HEX_COLUMNS = 16;

type Facts = Approval['facts'];

/** Label and value of one line each; not made visible yet. */
export function requestFacts(
  content: Content<'http'>,
  facts: Facts,
): (readonly [string, string])[] {
  const read = readPath(content.path);
  const pairs = (
    label: string,
    parameters: Parameters<typeof parameterPairs>[0],
  ): (readonly [string, string])[] =>
    parameterPairs(parameters).map(([name, value]) => [label, `${name} = ${value}`]);
  return [
    ['request', `${content.method} ${requestTarget(content)}`],
    ['host', facts?.host ?? '(not known)'],
    ...(content.webSocket ? [['', 'OPENS A WEBSOCKET'] as const] : []),
    ...(read === null ? [] : [['path reads', read] as const]),
    ...pairs('query', facts?.query ?? {}),
    ...pairs('form', facts?.form ?? {}),
    ...(facts?.graphql ? [['runs', graphqlWords(facts.graphql)] as const] : []),
    ...content.headers.map((header) => ['header', headerLine(header)] as const),
  ];
}

/** The body, and what GraphQL in it reads like. */
export function requestLines(content: Content<'http'>, facts: Facts): string[] {
  const documents = graphqlDocuments({
    graphql: facts?.graphql ?? null,
    json: facts?.json ?? null,
    form: facts?.form ?? {},
    query: facts?.query ?? {},
  });
  return [
    ...bodyLines(content, facts?.contentType ?? ''),
    ...documents.flatMap((document) => ['', 'GraphQL document:', shown(document)]),
  ];
}

function bodyLines(content: Content<'http'>, contentType: string): string[] {
  const body = shownBody(content, contentType);
  const type = contentType === '' ? 'of no certain type' : visibleLine(contentType);
  switch (body.kind) {
    case 'none':
      return ['', 'Without a body.'];
    case 'missing':
      return ['', 'THERE IS A BODY, AND IT CANNOT BE SHOWN.'];
    case 'text':
      return ['', `Body, ${byteCount(body.bytes)}, ${type}:`, shown(body.laidOut ?? body.raw)];
    case 'binary':
      return [
        '',
        `Body, ${byteCount(body.bytes)}, ${type}, not text:`,
        hexDump(body.content, HEX_COLUMNS),
      ];
    default:
      return unreachable(body);
  }
}

function shown(text: string): string {
  return visible(text.replaceAll('\r\n', '\n'));
}
