// A message to an MCP server in a Slack message: what it is in a few fields, and, where they fit whole, its parameters.
import { shownParams } from '../core/approval/mcp-message.ts';
import type { McpContent } from '../core/approval/request.ts';
import { code, fenced, field, MAX_PARTS_CHARS, section, type Shown } from './slack-text.ts';

export function mcpFields({ method, facts, definition }: McpContent): (string | null)[] {
  const { tool, prompt, resource, opaque } = facts;
  return [
    field('Action', code(method)),
    ...(tool === '' ? [] : [field('Tool', code(tool))]),
    ...(prompt === '' ? [] : [field('Prompt', code(prompt))]),
    ...(resource === '' ? [] : [field('Resource', code(resource))]),
    ...(definition === null ? [] : [field('Definition', code(definition.slice(0, 12)))]),
    ...(opaque.length === 0 ? [] : [field('Cannot be known', opaque.map(code).join(' '))]),
  ];
}

export function mcpBlocks(content: McpContent): Shown {
  const params = fenced(shownParams(content));
  if (params === null || params.length > MAX_PARTS_CHARS) {
    const size = content.params.length.toLocaleString('en-US');
    return {
      blocks: [section(`Its parameters have ${size} characters: read them on the page.`)],
      whole: false,
    };
  }
  return { blocks: [{ ...section(params), expand: true }], whole: true };
}
