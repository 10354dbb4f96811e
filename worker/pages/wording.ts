// Short words that several pages share: times and states.
import { html } from 'hono/html';
import { duration } from '../../core/approval/message.ts';
import type { ApprovalState } from '../../core/approval/request.ts';
import type { Markup } from './layout.ts';

/** In UTC, which is the same for everybody who reads it. */
export function instant(ms: number): Markup {
  const iso = new Date(ms).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC</time>`;
}

export function closesIn(ms: number, nowMs: number): string {
  return duration((ms - nowMs) / 1000);
}

const STATES: Readonly<Record<ApprovalState, string>> = {
  pending: 'Waiting for approval',
  approved: 'Approved',
  denied: 'Denied',
  expired: 'Expired',
  cancelled: 'Withdrawn',
  consumed: 'Approved and used',
};

export function statePill(state: ApprovalState): Markup {
  return html`<span class="pill ${state}">${STATES[state]}</span>`;
}
