// The Slack stand-in as a test inside workerd drives it: over HTTP, one workspace a token.
import type { Mishap, Workspace } from './slack-stand-in.ts';

export interface SlackWorkspace {
  readonly token: string;
  /** Messages, whispers and calls so far. */
  state(): Promise<Workspace>;
  /** What goes wrong with the next calls, one each. */
  next(...mishaps: Mishap[]): Promise<void>;
}

export function slackWorkspace(apiUrl: string): SlackWorkspace {
  const token = `xoxb-stand-in-${crypto.randomUUID()}`;
  const control = async (method: string, body?: string): Promise<Workspace> => {
    const response = await fetch(new URL('/control', apiUrl), {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body }),
    });
    return response.json();
  };
  return {
    token,
    state: () => control('GET'),
    next: async (...mishaps) => {
      await control('POST', JSON.stringify(mishaps));
    },
  };
}
