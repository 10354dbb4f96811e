// What waits for this person, what they asked for themselves, and what was decided lately. Rows come from the index, which
// may be a moment behind; each page behind a link is the truth.
import { html } from 'hono/html';
import type { ApprovalRow } from '../../adapters/schema.ts';
import type { Markup } from './layout.ts';
import { shown } from './shown-text.ts';
import { closesIn, instant, statePill } from './wording.ts';

export interface ApprovalLists {
  readonly waiting: readonly ApprovalRow[];
  readonly own: readonly ApprovalRow[];
  readonly recent: readonly ApprovalRow[];
}

export function approvalListPage({ waiting, own, recent }: ApprovalLists, nowMs: number): Markup {
  return html`<h1>Approvals</h1>
    ${
      waiting.length === 0
        ? html`<p class="lede">Nothing is waiting for you.</p>`
        : html`<p class="lede">
            ${waiting.length === 1 ? 'One request is' : `${waiting.length} requests are`} waiting
            for you.
          </p>`
    }
    ${waiting.map((row) => item(row, nowMs))} ${section('Asked by you', own, nowMs)}
    ${section('Decided lately', recent, nowMs)}`;
}

function section(title: string, rows: readonly ApprovalRow[], nowMs: number): Markup | string {
  if (rows.length === 0) return '';
  return html`<section class="list">
    <h2>${title}</h2>
    ${rows.map((row) => item(row, nowMs))}
  </section>`;
}

function item(row: ApprovalRow, nowMs: number): Markup {
  const when =
    row.state === 'pending'
      ? html`closes in ${closesIn(row.expiresAt, nowMs)}`
      : instant(row.decidedAt ?? row.expiresAt);
  return html`<a class="card item" href="/approvals/${row.id}">
    <div class="status">${statePill(row.state)} <span class="soft small">${when}</span></div>
    <h3>${shown(row.summary)}</h3>
    <p class="soft small">${shown(row.principalId)} · ${shown(row.rules.join(', '))}</p>
  </a>`;
}
