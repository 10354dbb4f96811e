// A message to an MCP server on an approval's page, whole: what is called, and every parameter of it.
import { html, raw } from 'hono/html';
import { shownParams } from '../../core/approval/mcp-message.ts';
import type { McpContent } from '../../core/approval/request.ts';
import type { Markup } from './layout.ts';
import { shown, shownBlock } from './shown-text.ts';
import { scrolls } from './statement.ts';

export function mcpAction(content: McpContent): Markup {
  const { method, definition, facts } = content;
  const params = shownParams(content);
  const rows = [
    ['Method', method],
    ['Tool', facts.tool],
    ['Prompt', facts.prompt],
    ['Resource', facts.resource],
    ['Definition', definition ?? ''],
  ].filter(([, value]) => value !== '');
  return html`<section class="card">
      <h2>What is called</h2>
      <dl>
        ${rows.map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd class="mono">${shown(value ?? '')}</dd>`,
        )}
      </dl>
    </section>
    <section class="card">
      <h2>Its parameters · ${content.params.length.toLocaleString('en-US')} characters</h2>
      ${raw(`<pre class="sql${scrolls(params) ? ' long" tabindex="0' : ''}">\n${shownBlock(params)}</pre>`)}
      ${scrolls(params) ? html`<p class="soft small">Scroll in the box: all of it is there.</p>` : ''}
    </section>`;
}
