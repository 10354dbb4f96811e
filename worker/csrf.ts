// Forms that act carry a token bound to the session and to what they act on, and come from a page of this origin. The
// cookie alone is never enough: SameSite=Lax is the third line, not the first.
import type { Context } from 'hono';
import { nativeCrypto } from '../adapters/crypto.ts';
import type { DoorEnv } from './door-env.ts';
import { sessionKey, type HumanSession } from './human-session.ts';

/** `purpose` names the form: an approval's id, `logout`. Null without SESSION_KEY. */
export function csrfToken(
  c: Context<DoorEnv>,
  session: HumanSession,
  purpose: string,
): string | null {
  const key = sessionKey(c.env, 'form');
  if (key === null) return null;
  const bound = new TextEncoder().encode(JSON.stringify([session.sid, purpose]));
  return Buffer.from(nativeCrypto.hmacSha256(key, bound)).toString('base64url');
}

/** Whether this POST is one that our own page, shown to this session, has sent. */
export function isOwnForm(
  c: Context<DoorEnv>,
  session: HumanSession,
  purpose: string,
  token: unknown,
): boolean {
  if (!fromOwnPage(c)) return false;
  const expected = csrfToken(c, session, purpose);
  if (expected === null || typeof token !== 'string') return false;
  const utf8 = new TextEncoder();
  return nativeCrypto.equal(utf8.encode(token), utf8.encode(expected));
}

/**
 * Origin is sent with every POST of a current browser, and is `null` where it is hidden; Sec-Fetch-Site backs it up. A
 * request with neither comes from no browser that these pages are for.
 */
function fromOwnPage(c: Context<DoorEnv>): boolean {
  const origin = c.req.header('origin');
  const site = c.req.header('sec-fetch-site');
  if (site !== undefined && site !== 'same-origin') return false;
  if (origin !== undefined) return origin === new URL(c.req.url).origin;
  return site === 'same-origin';
}
