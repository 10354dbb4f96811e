// The stand-ins for Slack and for webhook receivers as a test inside workerd drives them: over HTTP, one workspace a token,
// one receiver a name.
import { inject } from 'vitest';
import type { Mishap, Workspace } from './slack-stand-in.ts';
import type { Answer, Received } from './webhook-receiver.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Set by stand-ins-setup.ts. */
    readonly standIns: { readonly slack: string; readonly webhooks: string };
  }
}

export interface SlackWorkspace {
  /** For the binding SLACK_API_URL. */
  readonly apiUrl: string;
  readonly token: string;
  /** Messages, whispers and calls so far. */
  state(): Promise<Workspace>;
  /** What goes wrong with the next calls, one each. */
  next(...mishaps: Mishap[]): Promise<void>;
}

export function slackWorkspace(): SlackWorkspace {
  const apiUrl = inject('standIns').slack;
  const token = `xoxb-stand-in-${crypto.randomUUID()}`;
  const control = async (method: string, body?: string): Promise<Workspace> => {
    const response = await fetch(new URL('/control', apiUrl), {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body }),
    });
    return (await response.json()) as Workspace;
  };
  return {
    apiUrl,
    token,
    state: () => control('GET'),
    next: async (...mishaps) => {
      await control('POST', JSON.stringify(mishaps));
    },
  };
}

export interface WebhookPlace {
  readonly url: string;
  received(): Promise<readonly Received[]>;
  /** How the next calls are answered, one each. */
  answer(...answers: Answer[]): Promise<void>;
}

export function webhookPlace(): WebhookPlace {
  const name = crypto.randomUUID();
  const base = inject('standIns').webhooks;
  const control = new URL(`/control/${name}`, base);
  return {
    url: `${base}${name}`,
    received: async () => {
      const response = await fetch(control);
      return ((await response.json()) as { received: Received[] }).received;
    },
    answer: async (...answers) => {
      await fetch(control, { method: 'POST', body: JSON.stringify(answers) });
    },
  };
}
