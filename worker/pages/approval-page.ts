// The page a link in a NOTICE or in Slack opens: what will run, who asks, why you are asked, and the decision. Everything
// the approval is bound to is on it, whole. Reads an ApprovalView and what this reader may do; decides nothing.
import { html } from 'hono/html';
import { cautions } from '../../core/approval/cautions.ts';
import { rowBound } from '../../core/approval/envelope.ts';
import { duration, estimate } from '../../core/approval/message.ts';
import type { ApprovalRequest, ConnectContent, SqlContent } from '../../core/approval/request.ts';
import { MAX_REASON_CHARS, type ApprovalView, type VoteRecord } from '../../core/approval/view.ts';
import { unreachable } from '../../core/failure.ts';
import { bindList } from './binds.ts';
import type { Markup } from './layout.ts';
import { names, oddities, shown, type Oddities } from './shown-text.ts';
import { statement } from './statement.ts';
import { closesIn, headline, instant, statePill } from './wording.ts';

export interface Reader {
  /** Null: may look, not decide. */
  readonly form: { readonly csrf: string } | null;
  /** Why not; null when there is a form. */
  readonly why: string | null;
  /** The policy in force is the one that asked. */
  readonly current: boolean;
  /** A sentence about what the reader has just done or tried. */
  readonly notice: { readonly tone: 'good' | 'bad'; readonly text: string } | null;
  /** The reason typed in a form that was refused. */
  readonly typed: string;
  readonly nowMs: number;
}

export async function approvalPage(view: ApprovalView, reader: Reader): Promise<Markup> {
  const { request } = view;
  return html` ${reader.notice === null ? '' : html`<p class="note ${reader.notice.tone}" role="status">${reader.notice.text}</p>`}
    ${outcome(view, reader)}
    <h1>${shown(headline(request))}</h1>
    ${lede(request)} ${warnings(request)} ${await action(request)} ${whyAsked(view)}
    ${surroundings(request)} ${requester(request)} ${votes(view)} ${decision(view, reader)}
    ${binding(view)}`;
}

function outcome(view: ApprovalView, reader: Reader): Markup {
  const { state, decidedBy, reason, usedBy } = view;
  const people = decidedBy.map((id, index) => html`${index === 0 ? '' : ', '}${shown(id)}`);
  const by = decidedBy.length === 0 ? '' : html` by ${people}`;
  const line = (): Markup | string => {
    switch (state) {
      case 'pending':
        return html`<span class="soft"
          >closes in ${closesIn(view.expiresAtMs, reader.nowMs)}, ${instant(view.expiresAtMs)}</span
        >`;
      case 'approved':
        return html`<span class="soft"
          >approved${by}; to be used until ${instant(view.expiresAtMs)}</span
        >`;
      case 'consumed':
        return html`<span class="soft"
          >approved${by}, used ${usedBy === null ? '' : instant(usedBy.atMs)}</span
        >`;
      case 'denied':
        return html`<span class="soft">denied${by}</span>`;
      case 'expired':
        return html`<span class="soft"
          >closed ${instant(view.expiresAtMs)}; the caller may ask again</span
        >`;
      case 'cancelled':
        return html`<span class="soft">withdrawn; the caller may ask again</span>`;
      default:
        return unreachable(state);
    }
  };
  const why =
    reason === ''
      ? ''
      : html`<p class="note ${state === 'denied' ? 'bad' : 'plain'}">${shown(reason)}</p>`;
  return html`<div class="status">${statePill(state)} ${line()}</div>
    ${why}`;
}

function lede(request: ApprovalRequest): Markup {
  const { principal, target } = request;
  const rows = estimate(request);
  const bound = rowBound(request.demands);
  const parts = [
    html`in <b>${shown(target.id)}</b>`,
    ...(rows === '' ? [] : [html`${rows} by the planner’s estimate`]),
    ...(bound === null
      ? []
      : [html`at most <b>${bound.toLocaleString('en-US')}</b>, or it is rolled back`]),
    html`asked by <b>${shown(principal.id)}</b>`,
  ];
  return html`<p class="lede">
    ${parts.map((part, index) => html`${index === 0 ? '' : ' · '}${part}`)}
  </p>`;
}

function warnings(request: ApprovalRequest): Markup | string {
  const found = [...cautions(request), ...oddityWarnings(request)];
  if (found.length === 0) return '';
  return html`<div class="note">
    <ul>
      ${found.map((sentence) => html`<li>${shown(sentence)}</li>`)}
    </ul>
  </div>`;
}

function oddityWarnings({ content }: ApprovalRequest): string[] {
  if (content.kind !== 'sql') return [];
  const texts = [
    content.text,
    ...content.stands.map(({ text }) => text),
    ...(content.binds ?? []).flatMap((bind) => bind ?? []),
  ];
  const total = texts.map(oddities).reduce<Oddities>(
    (sum, next) => ({
      invisible: sum.invisible + next.invisible,
      lookalike: sum.lookalike + next.lookalike,
    }),
    { invisible: 0, lookalike: 0 },
  );
  return [
    ...(total.invisible === 0
      ? []
      : [`It holds characters that cannot be seen (${total.invisible}); they are written out.`]),
    ...(total.lookalike === 0
      ? []
      : [`It holds letters that look like others (${total.lookalike}); they are marked.`]),
  ];
}

async function action({ content }: ApprovalRequest): Promise<Markup> {
  switch (content.kind) {
    case 'sql':
      return sqlAction(content);
    case 'connect':
      return connectAction(content);
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

function whyAsked({ request, questions }: ApprovalView): Markup {
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

function surroundings({ content, facts }: ApprovalRequest): Markup | string {
  if (content.kind !== 'sql') return '';
  const settings = Object.entries(content.settings).map(([name, value]) => `${name} = ${value}`);
  return html`<section class="card">
    <h2>What it touches, and where it runs</h2>
    <dl>
      ${facts === null ? '' : touched(facts)}
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

function touched(facts: NonNullable<ApprovalRequest['facts']>): Markup {
  const row = (label: string, list: readonly string[]): Markup | string =>
    list.length === 0
      ? ''
      : html`<dt>${label}</dt>
          <dd>${names(list)}</dd>`;
  return html`${row('Writes', facts.writes)}${row('Reads', facts.reads)}${row('Calls', facts.functions)}${row('Changes settings', facts.settings)}`;
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

function requester({ principal, claimed, session }: ApprovalRequest): Markup {
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

function votes({ votes: cast, questions, state }: ApprovalView): Markup | string {
  const open = state === 'pending' ? questions : [];
  if (cast.length === 0 && open.every(({ quorum }) => quorum === 1)) return '';
  return html`<section class="card">
    <h2>Votes</h2>
    ${open.map(({ by, quorum, filledBy }) => html`<p class="small soft">${filledBy.length} of ${quorum} from ${shown(by.join(', '))}</p>`)}
    ${cast.map(castVote)}
  </section>`;
}

function castVote({ by, vote, reason, atMs, via, country }: VoteRecord): Markup {
  const where = [via === 'page' ? '' : `via ${via}`, country]
    .filter((part) => part !== '')
    .join(', ');
  return html`<div class="vote">
    <p>
      <b>${shown(by)}</b> ${vote === 'approve' ? 'approved' : 'denied'}
      <span class="soft small"
        >${instant(atMs)}${where === '' ? '' : html` · ${shown(where)}`}</span
      >
    </p>
    ${reason === '' ? '' : html`<p>${shown(reason)}</p>`}
  </div>`;
}

function decision(view: ApprovalView, reader: Reader): Markup | string {
  if (view.state !== 'pending') return '';
  if (!reader.current) {
    return html`<p class="note">
      The policy has changed since this was asked. An approval could not be used any more; the
      caller has to ask again.
    </p>`;
  }
  if (reader.form === null)
    return html`<p class="note plain">${reader.why ?? 'You cannot decide about this.'}</p>`;
  return html`<section class="card">
    <form class="decide" method="post" action="/approvals/${view.id}">
      <input type="hidden" name="csrf" value="${reader.form.csrf}" />
      <input type="hidden" name="digest" value="${view.request.digest}" />
      <label for="reason">Reason</label>
      <textarea
        id="reason"
        name="reason"
        maxlength="${MAX_REASON_CHARS}"
        autocomplete="off"
        aria-describedby="reason-note"
        required
      >
${reader.typed}</textarea>
      <p class="soft small" id="reason-note">The caller reads it. Needed to deny.</p>
      <div class="actions">
        <button class="deny" name="vote" value="deny">Deny</button>
        <button class="approve" name="vote" value="approve" formnovalidate>Approve</button>
      </div>
      <p class="soft small">
        ${view.request.content.kind === 'sql' ? 'Exactly what is shown runs, once.' : 'Your name and reason are kept.'}
      </p>
    </form>
  </section>`;
}

function binding({ id, request }: ApprovalView): Markup {
  const digest = request.digest.match(/.{1,8}/g)?.join(' ') ?? '';
  return html`<section class="card small">
    <h2>What the approval is bound to</h2>
    <dl>
      <dt>Digest</dt>
      <dd class="mono digest">${digest}</dd>
      <dt>Approval</dt>
      <dd class="mono digest">${id}</dd>
      <dt>Policy</dt>
      <dd>
        revision ${request.revision}
        <span class="mono digest">${request.policyHash.slice(0, 16)}…</span>
      </dd>
    </dl>
    <p class="soft">
      The digest covers who asks, the target, the statement with its parameters and everything it
      depends on. Any change of these needs another approval.
    </p>
  </section>`;
}
