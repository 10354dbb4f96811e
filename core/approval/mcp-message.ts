// A message to an MCP server in words and lines, for whoever decides about it: Slack, terminals and the page lay it out and
// escape it for themselves. Nothing of its parameters is left out.
import { laidOutJson } from './json-layout.ts';
import type { McpContent } from './request.ts';

/** Of a name in a headline; the page has all of it below. Characters. */
const MAX_NAME_CHARS = 72;

/** "Call the tool refund", "Read file:///etc/hosts", "Get the prompt review". */
export function messageHeadline({ method, facts }: McpContent): string {
  const { tool, prompt, resource } = facts;
  if (method === 'tools/call') return `Call the tool ${short(tool)}`;
  if (method === 'resources/read') return `Read ${short(resource)}`;
  if (method === 'prompts/get') return `Get the prompt ${short(prompt)}`;
  return `${method} ${short(tool || prompt || resource)}`.trimEnd();
}

function short(name: string): string {
  return name.length <= MAX_NAME_CHARS
    ? name
    : `${name.slice(0, MAX_NAME_CHARS).replace(/[\uD800-\uDBFF]$/, '')}… (${name.length} characters)`;
}

/** What is sent, laid out: white space between JSON's tokens is all that differs. */
export function shownParams({ params }: Pick<McpContent, 'params'>): string {
  return laidOutJson(params) ?? params;
}

/** One sentence each, in plain text; gravest first. */
export function messageCautions({ facts, definition, method }: McpContent): readonly string[] {
  const found = facts.opaque.map((word) => DOUBTS[word] ?? `Not wholly known: ${word}.`);
  if (method === 'tools/call' && definition !== null) {
    found.push('What the tool does, the server that has it decides; its name promises nothing.');
  }
  return [...new Set(found)];
}

const DOUBTS: Readonly<Record<string, string>> = {
  definition_unknown:
    'The server does not list this tool, or could not be asked: its arguments were held to no schema.',
  schema_unreadable: 'The tool’s schema cannot be read: its arguments were held to none.',
};
