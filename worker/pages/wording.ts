// Short words that several pages share: a headline for a request, times, states.
import { html } from 'hono/html';
import { duration } from '../../core/approval/message.ts';
import type { ApprovalRequest, ApprovalState } from '../../core/approval/request.ts';
import { unreachable } from '../../core/failure.ts';
import type { Markup } from './layout.ts';

const MAX_NAMES = 4;

/** "DELETE on public.orders": what happens, in the words of the statement. Plain text. */
export function headline({ content, facts, target }: ApprovalRequest): string {
  switch (content.kind) {
    case 'connect':
      return content.seconds === null
        ? `Connect to ${target.id}`
        : `Access to ${target.id} for ${duration(content.seconds)}`;
    case 'sql': {
      if (facts === null || facts.verbs.length === 0)
        return 'A statement of which nothing is known';
      const objects = facts.writes.length > 0 ? facts.writes : facts.tables;
      return `${facts.verbs.join(', ')}${objects.length === 0 ? '' : ` on ${listed(objects)}`}`;
    }
    default:
      return unreachable(content);
  }
}

function listed(all: readonly string[]): string {
  const shown = all.slice(0, MAX_NAMES).join(', ');
  return all.length > MAX_NAMES ? `${shown} and ${all.length - MAX_NAMES} more` : shown;
}

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
