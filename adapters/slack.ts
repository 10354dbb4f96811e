// Slack's Web API as notify.ts needs it: post, update in place, answer one person. Errors become values with Slack's own
// code; a token never stands in one. Retrying is not done here: the Approval object owns the outbox.
// docs.slack.dev/reference/methods/chat.postMessage, chat.update, chat.postEphemeral; /apis/web-api/rate-limits.
import { SlackAPIClient, SlackAPIConnectionError } from 'slack-web-api-client';
import type { PolicySlack } from '../core/policy/notify.ts';
import { isLoopback, webAddress } from '../core/policy/web-address.ts';
import { withinMs } from './deadline.ts';
import { isDevelopment, secret, type Env } from './env.ts';
import { retryAfter } from './retry-after.ts';
import type { SlackMessage } from './slack-message.ts';

/** Slack usually answers within a second; an approver's click must not wait for it, and the outbox tries again. */
const SLACK_TIMEOUT_MS = 10_000;

/** A message that stands in a channel. */
export interface SlackReference {
  readonly channel: string;
  /** Slack's id of a message in its channel: seconds and microseconds. */
  readonly ts: string;
}

export type SlackOutcome =
  | { readonly ok: true; readonly value: SlackReference }
  | {
      readonly ok: false;
      /** Slack's error code, or `http_503`, `no_answer`, `unreadable`, `token_missing`. Fit for a log. */
      readonly code: string;
      /** What Slack asked for; null when it did not. */
      readonly retryAfterSeconds: number | null;
    };

export interface Slack {
  /** Never rejects, like all of these. */
  post(message: SlackMessage): Promise<SlackOutcome>;
  update(at: SlackReference, message: SlackMessage): Promise<SlackOutcome>;
  /** Text that one person sees, in the channel where they pressed a button. */
  whisper(channel: string, user: string, text: string): Promise<SlackOutcome>;
}

export function createSlack(
  env: Env,
  slack: PolicySlack,
  options: { readonly timeoutMs?: number } = {},
): Slack {
  const token = secret(env, slack.token);
  const timeoutMs = options.timeoutMs ?? SLACK_TIMEOUT_MS;

  const call = async (
    work: (client: SlackAPIClient) => Promise<Answer>,
    reference: (answer: Answer) => SlackReference | null,
  ): Promise<SlackOutcome> => {
    if (token === null) return failed('token_missing');
    const client = new SlackAPIClient(token, {
      baseUrl: baseUrl(env),
      throwSlackAPIError: false,
      // The client's own handler would sleep inside this call; the outbox sleeps better.
      retryHandlers: [],
    });
    try {
      // The client takes no signal: a late answer is dropped, and the message may then come twice.
      return outcome(await withinMs(timeoutMs, () => work(client)), reference);
    } catch (error) {
      if (error instanceof SyntaxError) return failed('unreadable');
      if (!(error instanceof SlackAPIConnectionError) || error.status < 0)
        return failed('no_answer');
      const wait = retryAfter(error.headers ?? new Headers());
      return failed(error.status === 429 ? 'ratelimited' : `http_${error.status}`, wait);
    }
  };

  // The channel in Slack's answer is the one to update later: chat.update takes no names, only IDs.
  const posted = (answer: Answer): SlackReference | null =>
    typeof answer.channel === 'string' && typeof answer.ts === 'string'
      ? { channel: answer.channel, ts: answer.ts }
      : null;

  return {
    post: (message) =>
      call(
        (client) =>
          client.chat.postMessage({
            channel: slack.channel,
            text: message.text,
            blocks: message.blocks,
            parse: 'none',
            link_names: false,
            // Slack's crawler has no business on an approval page.
            unfurl_links: false,
            unfurl_media: false,
          }),
        posted,
      ),
    update: ({ channel, ts }, message) =>
      call(
        (client) =>
          client.chat.update({
            channel,
            ts,
            text: message.text,
            blocks: message.blocks,
            parse: 'none',
            link_names: false,
          }),
        posted,
      ),
    whisper: (channel, user, text) =>
      call(
        (client) =>
          client.chat.postEphemeral({ channel, user, text, parse: 'none', link_names: false }),
        // An ephemeral message cannot be updated: there is nothing to keep.
        () => ({ channel, ts: '' }),
      ),
  };
}

/** Slack's, unless development points it at a stand-in on this machine. */
function baseUrl(env: Env): string {
  const override = isDevelopment(env) ? secret(env, 'SLACK_API_URL') : null;
  const address = override === null ? null : webAddress(override);
  return override !== null && address !== null && isLoopback(address.host)
    ? override
    : 'https://slack.com/api/';
}

/** What is used of Slack's answers, as unsure as it comes. */
interface Answer {
  readonly ok?: unknown;
  readonly error?: unknown;
  readonly headers?: unknown;
  readonly channel?: unknown;
  readonly ts?: unknown;
}

function outcome(
  answer: Answer,
  reference: (answer: Answer) => SlackReference | null,
): SlackOutcome {
  if (answer.ok !== true) {
    // Codes are words; anything else would be somebody else's text in our log.
    const code = typeof answer.error === 'string' ? answer.error : '';
    const headers = answer.headers instanceof Headers ? answer.headers : new Headers();
    return failed(/^[a-z0-9_]{1,64}$/.test(code) ? code : 'unreadable', retryAfter(headers));
  }
  const value = reference(answer);
  return value === null ? failed('unreadable') : { ok: true, value };
}

function failed(code: string, retryAfterSeconds: number | null = null): SlackOutcome {
  return { ok: false, code, retryAfterSeconds };
}
