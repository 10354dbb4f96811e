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
  /** The message, and the newest event that it shows. */
  readonly slack?: SlackReference & { readonly version: number };
  /** Slack asked not to be called about this before then, in milliseconds since the epoch; a newer event waits as well. */
  readonly slackNotBefore?: number;
  /** By event, for events that not everybody has: the webhooks that have taken it. */
  readonly taken?: Readonly<Record<string, readonly string[]>>;
  /** By webhook: the events it has not taken, oldest first; it gets the next one only after them. */
  readonly owed?: Readonly<Record<string, readonly string[]>>;
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
const NOT_YET: Part = { ok: false, retryAfterSeconds: null };

/**
 * Call it with the events of one approval in order, and again for those that were not taken; a destination that fails holds
 * up nobody but itself. The Slack message shows the newest event it was given, whatever became of older ones.
 */
export async function deliver(
  env: Env,
  notify: PolicyNotify,
  event: ApprovalEvent,
  previous: NotifyReference | null,
): Promise<Delivery> {
  const [slack, webhooks] = await Promise.all([
    toSlack(env, notify.slack, event, previous),
    toWebhooks(env, notify, event, previous),
  ]);
  const failing = [slack.part, ...webhooks.parts].filter(({ ok }) => !ok);
  const { [event.id]: _, ...otherEvents } = previous?.taken ?? {};
  const reference: NotifyReference = {
    ...(slack.reference === undefined ? {} : { slack: slack.reference }),
    ...(slack.notBefore === undefined ? {} : { slackNotBefore: slack.notBefore }),
    // Once everybody has it, nobody is asked about it again.
    taken: failing.length === 0 ? otherEvents : { ...otherEvents, [event.id]: webhooks.taken },
    owed: webhooks.owed,
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
  state: NotifyReference | null,
): Promise<{ part: Part; reference: NotifyReference['slack']; notBefore?: number }> {
  const previous = state?.slack;
  if (policy === null) return { part: DONE, reference: previous };
  // Shown already, or overtaken by what is shown.
  if (previous !== undefined && previous.version >= event.version) {
    return { part: DONE, reference: previous };
  }
  const now = Date.now();
  const notBefore = state?.slackNotBefore ?? 0;
  if (now < notBefore) {
    const retryAfterSeconds = Math.ceil((notBefore - now) / 1000);
    return { part: { ok: false, retryAfterSeconds }, reference: previous, notBefore };
  }
  const slack = createSlack(env, policy);
  const message = slackMessage(event);
  let outcome =
    previous === undefined ? await slack.post(message) : await slack.update(previous, message);
  if (previous !== undefined && !outcome.ok && LOST_MESSAGE.includes(outcome.code)) {
    report('slack', outcome.code, event);
    outcome = await slack.post(message);
  }
  if (outcome.ok) {
    return { part: DONE, reference: { ...outcome.value, version: event.version } };
  }
  report('slack', outcome.code, event);
  const { retryAfterSeconds } = outcome;
  return {
    part: { ok: false, retryAfterSeconds },
    reference: previous,
    ...(retryAfterSeconds === null ? {} : { notBefore: now + retryAfterSeconds * 1000 }),
  };
}

async function toWebhooks(
  env: Env,
  { webhooks }: PolicyNotify,
  event: ApprovalEvent,
  previous: NotifyReference | null,
): Promise<{
  parts: readonly Part[];
  taken: readonly string[];
  owed: Readonly<Record<string, readonly string[]>>;
}> {
  const before = previous?.taken?.[event.id] ?? [];
  const sent = await Promise.all(
    webhooks.map(async (webhook) => {
      const name = webhookName(webhook);
      const owed = previous?.owed?.[name] ?? [];
      if (before.includes(name)) return { name, part: DONE, owed };
      const later = owed.includes(event.id) ? owed : [...owed, event.id];
      if (later[0] !== event.id) return { name, part: NOT_YET, owed: later };
      const outcome = await sendWebhook(env, webhook, event);
      if (outcome.ok) return { name, part: DONE, owed: later.slice(1) };
      report(name, outcome.code, event);
      const part = { ok: false, retryAfterSeconds: outcome.retryAfterSeconds };
      return { name, part, owed: later };
    }),
  );
  return {
    parts: sent.map(({ part }) => part),
    taken: sent.flatMap(({ name, part }) => (part.ok ? [name] : [])),
    // A webhook that the policy no longer names is owed nothing.
    owed: Object.fromEntries(
      sent.flatMap(({ name, owed }) => (owed.length === 0 ? [] : [[name, owed]])),
    ),
  };
}

/** For the operator: which destination, and a code. Never a body, a header or a secret. */
function report(destination: string, code: string, event: ApprovalEvent): void {
  console.warn(
    JSON.stringify({ event: 'notify_failed', destination, code, approval: event.approval.id }),
  );
}
