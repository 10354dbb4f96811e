// One recorded message to an MCP server, told: what was asked for on the first line, then its arguments.
import type { SessionEvent } from '../audit/event.ts';
import { INDENT, shortened } from './story.ts';

type Call = Extract<SessionEvent, { kind: 'call' }>;

/** Characters of a name, and of the arguments' JSON; the recording has the whole. */
const MAX_NAME_LENGTH = 200;
const MAX_ARGUMENTS_LENGTH = 2_000;

/** "tools/call refund", then indented lines. @throws TypeError where the event is not what this version writes */
export function callLines({ method, facts, definition }: Call): readonly [string, ...string[]] {
  if (facts === null) return [shortened(method, MAX_NAME_LENGTH)];
  const { tool, prompt, resource, opaque } = facts;
  const name = [tool, prompt, resource].find((text) => text !== '') ?? '';
  const details = [
    `arguments ${shortened(JSON.stringify(facts.arguments), MAX_ARGUMENTS_LENGTH)}`,
    ...(definition === null ? [] : [`definition ${definition}`]),
    ...(opaque.length === 0 ? [] : [`not known: ${opaque.join(', ')}`]),
  ];
  return [
    shortened(`${method} ${name}`.trimEnd(), MAX_NAME_LENGTH),
    ...details.map((line) => INDENT + shortened(line, MAX_ARGUMENTS_LENGTH + MAX_NAME_LENGTH)),
  ];
}
