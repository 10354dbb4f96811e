// The page a link in a NOTICE or in Slack opens: what will run, who asks, why you are asked, and the decision. Everything
// the approval is bound to is on it, whole. Reads an ApprovalView and what this reader may do; decides nothing.
import { html } from 'hono/html';
import { cautions } from '../../core/approval/cautions.ts';
import { rowBound } from '../../core/approval/envelope.ts';
import { headline } from '../../core/approval/headline.ts';
import { estimate } from '../../core/approval/message.ts';
import { shownParams } from '../../core/approval/mcp-message.ts';
import type { ApprovalRequest } from '../../core/approval/request.ts';
import { MAX_REASON_CHARS, type ApprovalView, type VoteRecord } from '../../core/approval/view.ts';
import { unreachable } from '../../core/failure.ts';
import { httpTexts } from './http-cards.ts';
import type { Markup } from './layout.ts';
import { action, binding, requester, surroundings, touched, whyAsked } from './request-cards.ts';
import { oddities, shown, type Oddities } from './shown-text.ts';
import { closesIn, instant, statePill } from './wording.ts';

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
    ${lede(request)} ${warnings(request)} ${await action(request)} ${touched(request)}
    ${whyAsked(view)} ${votes(view)} ${decision(view, reader)} ${requester(request)}
    ${surroundings(request)} ${binding(view)}`;
}

function outcome(view: ApprovalView, reader: Reader): Markup {
  const { state, decidedBy, reason, usedBy } = view;
  const people = decidedBy.map((id, index) => html`${index === 0 ? '' : ', '}${shown(id)}`);
  const by = decidedBy.length === 0 ? '' : html`by ${people}`;
  const line = (): Markup | string => {
    switch (state) {
      case 'pending':
        return html`<span class="soft"
          >closes in ${closesIn(view.expiresAtMs, reader.nowMs)}, ${instant(view.expiresAtMs)}</span
        >`;
      case 'approved':
        return html`<span class="soft">${by}; to be used until ${instant(view.expiresAtMs)}</span>`;
      case 'consumed':
        return html`<span class="soft"
          >${by}, used ${usedBy === null ? '' : instant(usedBy.atMs)}</span
        >`;
      case 'denied':
        return html`<span class="soft">${by}</span>`;
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
      : html`<p class="note ${state === 'denied' ? 'bad' : 'plain'}">“${shown(reason)}”</p>`;
  return html`<div class="status">${statePill(state)} ${line()}</div>
    ${why}`;
}

/** Where, how much, and who, on two lines: with the headline, what has to be understood first. */
function lede(request: ApprovalRequest): Markup {
  const { principal, target, demands, claimed } = request;
  const rows = estimate(request);
  const bound = rowBound(demands);
  const parts = [
    ...(request.content.kind === 'connect'
      ? []
      : [html`${request.content.kind === 'sql' ? 'in' : 'at'} <b>${shown(target.id)}</b>`]),
    ...(rows === '' ? [] : [html`${rows} expected`]),
    ...(bound === null
      ? []
      : [html`<b>at most ${bound.toLocaleString('en-US')}</b>, else rolled back`]),
  ];
  const facts = parts.map((part, index) => html`${index === 0 ? '' : ' · '}${part}`);
  return html`${facts.length === 0 ? '' : html`<p class="lede">${facts}</p>`}
    <p class="lede">
      asked by
      <b>${shown(principal.id)}</b>${claimed === '' ? '' : html`, which says: “${shown(claimed)}”`}
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

/** What the request consists of, as it reads. */
function textsOf(content: ApprovalRequest['content']): readonly string[] {
  switch (content.kind) {
    case 'connect':
      return [];
    case 'sql':
      return [
        content.text,
        ...content.stands.map(({ text }) => text),
        ...(content.binds ?? []).flatMap((bind) => bind ?? []),
      ];
    case 'http':
      return httpTexts(content);
    case 'mcp':
      return [shownParams(content)];
    default:
      return unreachable(content);
  }
}

function oddityWarnings({ content }: ApprovalRequest): string[] {
  const total = textsOf(content)
    .map(oddities)
    .reduce<Oddities>(
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

function promise(content: ApprovalRequest['content']): string {
  switch (content.kind) {
    case 'sql':
      return 'Exactly what is shown runs, once.';
    case 'http':
      return content.webSocket
        ? 'The connection is opened once. What goes over it afterwards is shown to nobody.'
        : 'Exactly what is shown is sent, once.';
    case 'mcp':
      return 'Exactly what is shown is sent, once.';
    case 'connect':
      return 'Your name and reason are kept.';
    default:
      return unreachable(content);
  }
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
      <p class="soft small">${promise(view.request.content)}</p>
    </form>
  </section>`;
}
