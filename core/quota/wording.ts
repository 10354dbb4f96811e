// Refusals by a limit, in words for the caller: which limit, what it allows, when to try again.
import type { Denial } from '../decision.ts';
import type { LimitInForce, LimitKind, QuotaRefusal } from './quota.ts';

/** A place among the sessions may be free at any moment; this is when to look again. */
const SESSION_RETRY_SECONDS = 5;

export function limitDenial(
  { limit, most, againMs }: QuotaRefusal,
  name: LimitInForce['name'],
): Denial {
  const by = name === null ? 'A limit of the policy' : `The limit ${name}`;
  const denial = { kind: 'deny', code: 'limit_exceeded', rule: null } as const;
  const message = `${by} allows you ${allowed(limit, most)}.`;
  if (againMs === null) {
    return { ...denial, message, hint: 'Send it in parts: as it is, it never fits.' };
  }
  const seconds =
    limit === 'sessions' ? SESSION_RETRY_SECONDS : Math.max(1, Math.ceil(againMs / 1000));
  const hint =
    limit === 'sessions'
      ? `Close one that is no longer needed, or try again in ${seconds} seconds.`
      : `Try again in ${spoken(seconds)}.`;
  return { ...denial, message, hint, retryAfterSeconds: seconds };
}

/** A doubt about the count denies. */
export const LIMIT_UNAVAILABLE: Denial = {
  kind: 'deny',
  code: 'limit_unavailable',
  rule: null,
  message: 'A limit of the policy is in force and its count cannot be asked, so nothing runs.',
  hint: 'Try again in a few seconds.',
  retryAfterSeconds: 5,
};

/** What is left of an entry lies in batches of other sessions. */
export const LIMIT_OUT: Denial = {
  kind: 'deny',
  code: 'limit_exceeded',
  rule: null,
  message: 'What a limit of the policy leaves is in use by your other sessions.',
  hint: 'Try again in a few seconds.',
  retryAfterSeconds: 5,
};

function allowed(limit: LimitKind, most: number): string {
  const number = most.toLocaleString('en-US');
  switch (limit) {
    case 'sessions':
      return most === 1 ? 'one session at a time' : `${number} sessions at a time`;
    case 'actionsPerMinute':
      return most === 1 ? 'one action a minute' : `${number} actions a minute`;
    case 'rowsPerHour':
    default:
      return most === 1 ? 'one row an hour' : `${number} rows an hour`;
  }
}

function spoken(seconds: number): string {
  if (seconds === 1) return 'a second';
  return seconds <= 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}
