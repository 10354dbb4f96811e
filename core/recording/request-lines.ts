// One recorded HTTP request, told: what was asked for on the first line, then everything that was recorded of it. The body
// itself is not in a recording, only its digest and what the facts took from it.
import type { SessionEvent } from '../audit/event.ts';
import type { HttpFacts, Parameters } from '../facts.ts';
import { INDENT, shortened } from './story.ts';

type Request = Extract<SessionEvent, { kind: 'request' }>;

/** Characters of one value, or of a body's JSON, on the timeline; the recording has the whole. */
const MAX_VALUE_LENGTH = 200;
/** Of a path with its query. */
const MAX_TARGET_LENGTH = 2_000;
/** Lines of one kind; how many more there are is said. */
const MAX_LINES = 20;

/** "POST /v1/refunds?dry=true", then indented lines. @throws TypeError where the event is not what this version writes */
export function requestLines(event: Request): readonly [string, ...string[]] {
  const { method, path, query, headers, body, facts } = event;
  const target = query === null ? path : `${path}?${query}`;
  return [
    `${shortened(method, MAX_VALUE_LENGTH)} ${shortened(target, MAX_TARGET_LENGTH)}`,
    ...(facts === null ? [] : [`at ${facts.host}${facts.webSocket ? ', a WebSocket' : ''}`]),
    ...some(
      headers.map(
        ([name, value]) => `${name}: ${value === '' ? '(empty, or not recorded)' : value}`,
      ),
    ),
    ...(body === null ? [] : [`body: ${body.bytes} bytes, SHA-256 ${body.digest}`]),
    ...(facts === null ? [] : factLines(facts)),
  ].map((line, index) => (index === 0 ? line : INDENT + shortened(line, MAX_TARGET_LENGTH))) as [
    string,
    ...string[],
  ];
}

function factLines({ graphql, json, form, query, opaque }: HttpFacts): string[] {
  return [
    ...(graphql === null ? [] : [`GraphQL ${graphql.operation}: ${graphql.roots.join(', ')}`]),
    ...(json === null ? [] : [`JSON ${shortened(JSON.stringify(json), MAX_VALUE_LENGTH)}`]),
    ...parameterLines('form', form),
    ...(reads(query) ? parameterLines('query', query) : []),
    ...(opaque.length === 0 ? [] : [`not known: ${opaque.join(', ')}`]),
  ];
}

/** Whether decoding says more than the first line does. */
function reads(parameters: Parameters): boolean {
  return Object.entries(parameters).some(([name, values]) =>
    [name, ...values].some((text) => encodeURIComponent(text) !== text),
  );
}

function parameterLines(what: string, parameters: Parameters): string[] {
  return some(
    Object.entries(parameters).flatMap(([name, values]) =>
      values.map((value) => {
        const shown = [name, value].map((text) => shortened(text, MAX_VALUE_LENGTH));
        return `${what} ${shown.join(' = ')}`;
      }),
    ),
  );
}

function some(lines: readonly string[]): string[] {
  const more = lines.length - MAX_LINES;
  return [...lines.slice(0, MAX_LINES), ...(more > 0 ? [`… and ${more} more`] : [])];
}
