// An HTTP request in a Slack message: what it is in a few fields, and, where it fits whole, everything that would be sent.
import {
  byteCount,
  graphqlDocuments,
  graphqlWords,
  headerLine,
  parameterPairs,
  readPath,
  requestTarget,
  shownBody,
  shownHeaders,
} from '../core/approval/http-message.ts';
import { visibleLine } from '../core/approval/message.ts';
import type { HttpContent } from '../core/approval/request.ts';
import {
  code,
  fence,
  fenced,
  field,
  MAX_PARTS,
  MAX_PARTS_CHARS,
  mrkdwn,
  section,
  type Shown,
} from './slack-text.ts';

export function httpFields(content: HttpContent): (string | null)[] {
  const { method, path, facts: known } = content;
  const { graphql, opaque } = known;
  return [
    field('Action', `${code(method)}${content.webSocket ? ', a WebSocket' : ''}`),
    field('Host', code(known.host)),
    field('Path', code(path)),
    ...(graphql === null ? [] : [field('GraphQL', code(graphqlWords(graphql)))]),
    ...(opaque.length === 0 ? [] : [field('Cannot be known', opaque.map(code).join(' '))]),
  ];
}

export function httpBlocks(content: HttpContent): Shown {
  const { method, path, facts } = content;
  const body = shownBody(content, content.facts.contentType);
  const text = body.kind === 'text' ? (body.laidOut ?? body.raw) : '';
  const headers = shownHeaders(content.headers).effective;
  const read = readPath(path);
  const values = [...parameterPairs(facts.query), ...parameterPairs(facts.form)];
  const reads = values.map(([name, value]) => `${visibleLine(name)} = ${visibleLine(value)}`);
  // As it is sent first, then as it reads: nobody has to decode an escape in their head.
  const parts = [
    fenced([`${method} ${requestTarget(content)}`, ...headers.map(headerLine)].join('\n')),
    ...(text === '' ? [] : [fenced(text)]),
    ...(read === null ? [] : [fence(`The path reads\n${visibleLine(read)}`)]),
    ...(reads.length === 0 ? [] : [fence(['The values read', ...reads].join('\n'))]),
    ...graphqlDocuments(facts).map((document) => fenced(document, 'GraphQL document\n')),
  ];
  const fitting = parts.filter((part): part is string => part !== null);
  const whole =
    (body.kind === 'none' || body.kind === 'text') &&
    // A key's value is not for a chat, and an approver who cannot see all must not have buttons.
    headers.every(({ value }) => value !== null) &&
    fitting.length === parts.length &&
    parts.length <= MAX_PARTS &&
    fitting.join('').length <= MAX_PARTS_CHARS;
  const size =
    body.kind === 'text' || body.kind === 'binary' ? `a body of ${byteCount(body.bytes)}` : '';
  if (!whole) {
    const and = `${headers.length} headers${size === '' ? '' : ` and ${size}`}`;
    return {
      blocks: [section(`The request has ${and}: read it on the page.`)],
      whole: false,
    };
  }
  return {
    blocks: [
      ...fitting.map((part) => ({ ...section(part), expand: true })),
      ...(size === '' ? [] : [{ type: 'context' as const, elements: [mrkdwn(`With ${size}.`)] }]),
    ],
    whole: true,
  };
}
