// Tells people about an approval: one Slack message, kept up to date in place, and every webhook of the policy. Called by
// the Approval object, which keeps the events that are not delivered yet and the reference, and calls again; nothing here
// sleeps, remembers or throws. What one destination took is not sent to it again because another one failed.
import type { ApprovalEvent } from '../core/approval/event.ts';
import type { PolicyNotify, PolicySlack } from '../core/policy/notify.ts';
import type { Env } from './env.ts';
import { createSlack, type SlackReference } from './slack.ts';
import { slackMessage } from './slack-message.ts';
import { sendWebhook, webhookName } from './webhooks.ts';

/** How far the deliveries of one approval have come. Plain data: keep the last one and hand it in next time. */
export interface NotifyReference {
  /** The message, and the time of the newest event that it shows. */
  readonly slack?: SlackReference & { readonly atMs?: number };
  /** Webhooks that have taken the event `event`, while others have not. */
  readonly webhooks?: { readonly event: string; readonly taken: readonly string[] };
}

export type Delivery =
  | { readonly ok: true; readonly reference?: NotifyReference }
  | {
      readonly ok: false;
      /** The longest wait that a destination asked for; null when none did. */
      readonly retryAfterSeconds: number | null;
      /** What did arrive; keep it as for a success. */
      readonly reference?: NotifyReference;
    };

interface Part {
  readonly ok: boolean;
  readonly retryAfterSeconds: number | null;
}

const DONE: Part = { ok: true, retryAfterSeconds: null };

/** Events of one approval come in order; an older one than the message already shows is not shown again. */
export async function deliver(
  env: Env,
  notify: PolicyNotify,
  event: ApprovalEvent,
  previous: NotifyReference | null,
): Promise<Delivery> {
  const [slack, webhooks] = await Promise.all([
    toSlack(env, notify.slack, event, previous?.slack),
    toWebhooks(env, notify, event, previous?.webhooks),
  ]);
  const parts = [slack.part, ...webhooks.parts];
  const failing = parts.filter(({ ok }) => !ok);
  const reference: NotifyReference = {
    ...(slack.reference === undefined ? {} : { slack: slack.reference }),
    // Once everybody has it, the next event starts afresh.
    ...(failing.length === 0 || webhooks.taken.length === 0
      ? {}
      : { webhooks: { event: event.id, taken: webhooks.taken } }),
  };
  if (failing.length === 0) return { ok: true, reference };
  const waits = failing.flatMap(({ retryAfterSeconds }) => retryAfterSeconds ?? []);
  return {
    ok: false,
    retryAfterSeconds: waits.length === 0 ? null : Math.max(...waits),
    reference,
  };
}

/** chat.update says these of a message that cannot be brought up to date any more: a new one takes its place. */
const LOST_MESSAGE: readonly string[] = [
  'message_not_found',
  'cant_update_message',
  'edit_window_closed',
  'channel_not_found',
];

async function toSlack(
  env: Env,
  policy: PolicySlack | null,
  event: ApprovalEvent,
  previous: NotifyReference['slack'],
): Promise<{ part: Part; reference: NotifyReference['slack'] }> {
  if (policy === null) return { part: DONE, reference: previous };
  if (previous?.atMs !== undefined && previous.atMs > event.atMs) {
    return { part: DONE, reference: previous };
  }
  const slack = createSlack(env, policy);
  const message = slackMessage(event);
  let outcome =
    previous === undefined ? await slack.post(message) : await slack.update(previous, message);
  if (previous !== undefined && !outcome.ok && LOST_MESSAGE.includes(outcome.code)) {
    report('slack', outcome.code, event);
    outcome = await slack.post(message);
  }
  if (outcome.ok) return { part: DONE, reference: { ...outcome.value, atMs: event.atMs } };
  report('slack', outcome.code, event);
  return {
    part: { ok: false, retryAfterSeconds: outcome.retryAfterSeconds },
    reference: previous,
  };
}

async function toWebhooks(
  env: Env,
  { webhooks }: PolicyNotify,
  event: ApprovalEvent,
  previous: NotifyReference['webhooks'],
): Promise<{ parts: readonly Part[]; taken: readonly string[] }> {
  const before = previous?.event === event.id ? previous.taken : [];
  const sent = await Promise.all(
    webhooks.map(async (webhook) => {
      const name = webhookName(webhook);
      if (before.includes(name)) return { name, part: DONE };
      const outcome = await sendWebhook(env, webhook, event);
      if (outcome.ok) return { name, part: DONE };
      report(name, outcome.code, event);
      return { name, part: { ok: false, retryAfterSeconds: outcome.retryAfterSeconds } };
    }),
  );
  return {
    parts: sent.map(({ part }) => part),
    taken: sent.flatMap(({ name, part }) => (part.ok ? [name] : [])),
  };
}

/** For the operator: which destination, and a code. Never a body, a header or a secret. */
function report(destination: string, code: string, event: ApprovalEvent): void {
  console.warn(
    JSON.stringify({ event: 'notify_failed', destination, code, approval: event.approval.id }),
  );
}
