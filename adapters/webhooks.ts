// Approval events for whoever listens: one POST each, signed as Standard Webhooks has it (github.com/standard-webhooks/
// standard-webhooks, spec/standard-webhooks.md), the same id on every retry. Where to send comes from the policy alone;
// redirects are not followed and answers are not read. docs/notifications.md shows the body and how to verify it.
import { Webhook } from 'standardwebhooks';
import type { ApprovalEvent } from '../core/approval/event.ts';
import type { PolicyWebhook } from '../core/policy/notify.ts';
import { isLoopback } from '../core/policy/web-address.ts';
import { isDevelopment, secret, type Env } from './env.ts';
import { retryAfter } from './retry-after.ts';
import { standardBody, teamsBody } from './webhook-body.ts';

/** The specification asks for 15 to 30 s. */
const WEBHOOK_TIMEOUT_MS = 15_000;

/** The specification's bounds for symmetric secrets. */
const MIN_SECRET_BYTES = 24;
const MAX_SECRET_BYTES = 64;

export type WebhookOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** `http_503`, `timeout`, `unreachable`, `redirected`, `url_refused`, `secret_missing`, `secret_refused`. */
      readonly code: string;
      readonly retryAfterSeconds: number | null;
    };

/** Which webhook this is, in a log and in what is remembered: a URL of the policy file or a secret's name. */
export function webhookName({ address }: PolicyWebhook): string {
  return address.kind === 'url' ? address.url : `secret:${address.name}`;
}

/** Never rejects. */
export async function sendWebhook(
  env: Env,
  webhook: PolicyWebhook,
  event: ApprovalEvent,
  options: { readonly nowMs?: number; readonly timeoutMs?: number } = {},
): Promise<WebhookOutcome> {
  const url = destination(env, webhook);
  if (url === null) return failed('url_refused');
  const key = secret(env, webhook.secret);
  if (key === null) return failed('secret_missing');
  const body = JSON.stringify(webhook.format === 'teams' ? teamsBody(event) : standardBody(event));
  const signedAt = new Date(options.nowMs ?? Date.now());
  const signature = sign(key, event.id, signedAt, body);
  if (signature === null) return failed('secret_refused');
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'postern',
        'webhook-id': event.id,
        'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1000)),
        'webhook-signature': signature,
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(options.timeoutMs ?? WEBHOOK_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return answered(response);
  } catch (error) {
    const timedOut = error instanceof Error && error.name === 'TimeoutError';
    return failed(timedOut ? 'timeout' : 'unreachable');
  }
}

function answered({ ok, status, headers }: Response): WebhookOutcome {
  if (ok) return { ok: true };
  if (status >= 300 && status < 400) return failed('redirected');
  return failed(`http_${status}`, retryAfter(headers));
}

/** Null: not an address that events may go to. A URL that is a secret may have a query, and is checked here instead. */
function destination(env: Env, { address }: PolicyWebhook): URL | null {
  const text = address.kind === 'url' ? address.url : secret(env, address.name);
  const url = text === null ? null : URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '') return null;
  if (url.protocol === 'https:') return url;
  const local = isLoopback(url.hostname.replace(/^\[|\]$/g, ''));
  return url.protocol === 'http:' && local && isDevelopment(env) ? url : null;
}

/** Null for a secret that is not `whsec_` and base64 of 24 to 64 bytes. */
function sign(key: string, id: string, at: Date, body: string): string | null {
  const encoded = /^whsec_((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(
    key,
  )?.[1];
  if (encoded === undefined) return null;
  const bytes = Buffer.from(encoded, 'base64').length;
  if (bytes < MIN_SECRET_BYTES || bytes > MAX_SECRET_BYTES) return null;
  try {
    return new Webhook(key).sign(id, at, body);
  } catch {
    // Base64 that the library reads more strictly; its message could quote the secret.
    return null;
  }
}

function failed(code: string, retryAfterSeconds: number | null = null): WebhookOutcome {
  return { ok: false, code, retryAfterSeconds };
}
