// The parts of an approval's page that show the request itself, each whole: what will run, what it touches, why people are
// asked, where it runs, who asks, and what all of it is bound to.
import { html } from 'hono/html';
import { duration } from '../../core/approval/message.ts';
import type { ApprovalRequest, ConnectContent, SqlContent } from '../../core/approval/request.ts';
import type { ApprovalView } from '../../core/approval/view.ts';
import { unreachable } from '../../core/failure.ts';
import { bindList } from './binds.ts';
import { httpAction } from './http-cards.ts';
import { mcpAction } from './mcp-cards.ts';
import type { Markup } from './layout.ts';
import { names, shown } from './shown-text.ts';
import { scrolls, statement } from './statement.ts';

export async function action({ content }: ApprovalRequest): Promise<Markup> {
  switch (content.kind) {
    case 'sql':
      return sqlAction(content);
    case 'connect':
      return connectAction(content);
    case 'http':
      return httpAction(content);
    case 'mcp':
      return mcpAction(content);
    default:
      return unreachable(content);
  }
}

async function sqlAction(content: SqlContent): Promise<Markup> {
  const lines = content.text.split('\n').length;
  const size = `${content.text.length.toLocaleString('en-US')} characters, ${lines.toLocaleString('en-US')} ${lines === 1 ? 'line' : 'lines'}`;
  const stands = await Promise.all(
    content.stands.map(
      async ({ kind, name, text }) =>
        html`<section class="card">
          <h2>${kind === 'prepared' ? 'The prepared statement' : 'The cursor'} ${shown(name)}</h2>
          ${await statement(text)}
        </section>`,
    ),
  );
  return html`<section class="card">
      <h2>What will run · ${size}</h2>
      ${await statement(content.text)}
      ${scrolls(content.text) ? html`<p class="soft small">Scroll in the box: all of it is there.</p>` : ''}
    </section>
    ${stands} ${bindList(content)}`;
}

function connectAction({ protocol, seconds }: ConnectContent): Markup {
  const window =
    seconds === null
      ? html`<p>One connection.</p>`
      : html`<p>Access for <b>${duration(seconds)}</b> from the approval on.</p>`;
  return html`<section class="card">
    <h2>What is asked for</h2>
    ${window}
    <p class="soft small">
      Protocol: ${shown(protocol)}. What may be done on the connection is decided by the rules,
      statement by statement.
    </p>
  </section>`;
}

export function whyAsked({ request, questions }: ApprovalView): Markup {
  const rules = request.demands.map(
    ({ rule, message, by, quorum }) =>
      html`<div class="rule">
        <p>
          <span class="mono">${shown(rule)}</span>
          <span class="soft small">· asks ${quorum} of ${shown(by.join(', '))}</span>
        </p>
        ${message === '' ? '' : html`<p>${shown(message)}</p>`}
      </div>`,
  );
  const several =
    questions.length > 1
      ? html`<p class="soft small">
          Each of these needs people of its own: nobody fills two places.
        </p>`
      : '';
  return html`<section class="card">
    <h2>Why this needs approval</h2>
    ${rules}${several}
  </section>`;
}

export function surroundings({ content }: ApprovalRequest): Markup | string {
  if (content.kind !== 'sql') return '';
  const settings = Object.entries(content.settings).map(([name, value]) => `${name} = ${value}`);
  return html`<section class="card">
    <h2>Where it runs</h2>
    <dl>
      <dt>Database</dt>
      <dd>${shown(content.database)}</dd>
      <dt>Role</dt>
      <dd>${shown(content.role)}</dd>
      <dt>Search path</dt>
      <dd>${shown(content.searchPath.join(', '))}</dd>
      <dt>Transaction</dt>
      <dd>
        ${content.transaction === 'idle' ? 'none is open' : html`<b>inside an open transaction</b>`}
      </dd>
      ${
        settings.length === 0
          ? ''
          : html`<dt>Settings</dt>
              <dd>${names(settings)}</dd>`
      }
    </dl>
  </section>`;
}

/** What the names in the statement stand for. */
export function touched({ facts }: ApprovalRequest): Markup | string {
  if (facts === null) return '';
  const row = (label: string, list: readonly string[]): Markup | string =>
    list.length === 0
      ? ''
      : html`<dt>${label}</dt>
          <dd>${names(list)}</dd>`;
  const rows = [
    row('Writes', facts.writes),
    row('Reads', facts.reads),
    row('Calls', facts.functions),
    row('Changes settings', facts.settings),
  ].filter((part) => part !== '');
  if (rows.length === 0) return '';
  return html`<section class="card">
    <h2>What it touches</h2>
    <dl>${rows}</dl>
  </section>`;
}

/** What every token has, and says nothing about who asks. */
const TECHNICAL: ReadonlySet<string> = new Set([
  'jti',
  'iat',
  'nbf',
  'exp',
  'aud',
  'nonce',
  'at_hash',
  'c_hash',
  's_hash',
  'sid',
  'azp',
]);

export function requester({ principal, claimed, session }: ApprovalRequest): Markup {
  const claims = Object.entries(principal.claims).filter(([name]) => !TECHNICAL.has(name));
  return html`<section class="card">
    <h2>Who asks</h2>
    <dl>
      <dt>Identity</dt>
      <dd class="mono">${shown(principal.id)}</dd>
      <dt>Kind</dt>
      <dd>
        ${principal.kind === 'human' ? 'a person' : 'a workload: an agent, a job or a service'}
      </dd>
      ${
        principal.groups.length === 0
          ? ''
          : html`<dt>Groups</dt>
              <dd>${names(principal.groups)}</dd>`
      }
      ${
        claimed === ''
          ? ''
          : html`<dt>Says it is</dt>
              <dd>${shown(claimed)} <span class="soft small">(claimed, not verified)</span></dd>`
      }
      ${
        session === ''
          ? ''
          : html`<dt>Session</dt>
              <dd class="mono small">${shown(session)}</dd>`
      }
    </dl>
    <details>
      <summary>${claims.length} verified claims</summary>
      <dl>
        ${claims.map(
          ([name, value]) =>
            html`<dt class="mono">${shown(name)}</dt>
              <dd class="mono small">
                ${shown(typeof value === 'string' ? value : JSON.stringify(value))}
              </dd>`,
        )}
      </dl>
    </details>
  </section>`;
}

const COVERED: Readonly<Record<ApprovalRequest['content']['kind'], string>> = {
  sql: 'the statement with its parameters and everything it depends on',
  http: 'method, path and query to the letter, the headers that can change what it does, and the body',
  mcp: 'the method with all of its parameters, and the definition of the tool',
  connect: 'the protocol and for how long',
};

export function binding({ id, request }: ApprovalView): Markup {
  return html`<section class="card small">
    <h2>What the approval is bound to</h2>
    <dl>
      <dt>Digest</dt>
      <dd class="mono digest">${spaced(request.digest)}</dd>
      <dt>Approval</dt>
      <dd class="mono digest">${id}</dd>
      <dt>Policy</dt>
      <dd>
        revision ${request.revision}
        <span class="mono digest">${spaced(request.policyHash)}</span>
      </dd>
    </dl>
    <p class="soft">
      The digest covers who asks, the target, ${COVERED[request.content.kind]}. Any change of these
      needs another approval.
    </p>
  </section>`;
}

/** Hex in groups that can be compared by eye. */
function spaced(hex: string): string {
  return hex.match(/.{1,8}/g)?.join(' ') ?? '';
}
