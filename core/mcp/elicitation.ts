// The link to where people decide, for a client that shows its user a page when a server asks for it (URL elicitation).
// Only that: the page knows who is logged in and lets nobody decide about what they asked for, so it does not matter who
// opens it, and what the client answers is no vote.
// @see https://modelcontextprotocol.io/specification/2026-07-28/client/elicitation

/** What every tool call that waits for people has. */
export interface Waiting {
  /** Handle of the call or of the access request. */
  readonly id: string;
  readonly target: string;
  readonly approval: string;
  readonly url: string;
  /** Whether the same call, sent again without a word about this one, is this one: it had an idempotency key. */
  readonly joins: boolean;
}

/** The one question of a call, within one request. */
export const ELICITATION_KEY = 'approval';

/** For the client's user, beside the link. Nothing in it was written by a caller or by a target. */
export function elicitationMessage({ target }: Waiting): string {
  return `Postern holds a call to "${target}" until people have agreed. This page shows what was asked and who may decide. Opening it approves nothing, and whoever asked cannot approve it; send it to someone who can.`;
}

/** For the model behind the client, in the error of 2025-11-25. */
export function elicitationError({ id, url }: Waiting): string {
  return `Nothing has run yet: people have to agree at ${url}. When they have, send the same call again, or use check_approval with call "${id}". Do not try to approve it.`;
}

/** What a client may send back as the state of a held call: the handle, which is worth nothing to anybody else. */
export function resumedHandle(state: unknown): string | null {
  return typeof state === 'string' && /^[0-9a-f]{32}(-\d{1,9})?$/.test(state) ? state : null;
}

/** Whether the client's user was willing to see the page: then it is worth waiting a little for the people there. */
export function wasOpened(responses: unknown): boolean {
  if (typeof responses !== 'object' || responses === null) return false;
  if (!Object.hasOwn(responses, ELICITATION_KEY)) return false;
  const answer = (responses as Readonly<Record<string, unknown>>)[ELICITATION_KEY];
  return (
    typeof answer === 'object' &&
    answer !== null &&
    'action' in answer &&
    answer.action === 'accept'
  );
}
