// ANY /http/{target}/{path}: hands a request to the session that its token has at the target. Nothing of it is read here but
// the token and the target's name; what it may do is judged where it is journalled.
import { Hono, type Context } from 'hono';
import { gatewayOrigin } from '../../adapters/env.ts';
import { sendRequest, ticketFor } from '../../adapters/http-sessions.ts';
import { doorUrl } from '../../core/http/door.ts';
import { authenticateOptional } from '../authenticate.ts';
import type { DoorEnv } from '../door-env.ts';
import { problem } from '../render-failure.ts';
import { clientOf } from './postgres.ts';

export const httpRoutes = new Hono<DoorEnv>();

httpRoutes.all('/http/*', async (c) => {
  const url = doorUrl(c.req.url, '/http');
  if (url === null) return problem(c, 'target_unknown');
  const principal = await authenticateOptional(c);
  if (principal === null) return problem(c, 'token_missing');
  if (!principal.ok) {
    console.warn(JSON.stringify({ event: 'token_refused', ...principal.error }));
    return problem(c, principal.error.code);
  }
  c.set('principal', principal.value);
  return requestAt(c, url.target, c.req.raw);
});

/** One request of `principal` at a target; `request` has its URL at this door. */
export async function requestAt(
  c: Context<DoorEnv>,
  target: string,
  request: Request,
): Promise<Response> {
  const principal = c.get('principal');
  const draft = {
    protocol: 'http' as const,
    target,
    principal,
    origin: gatewayOrigin(c.env, c.req.url),
    client: clientOf(c),
    credited: false,
  };
  // A body can be handed over once; without one, a session that has just ended costs the caller nothing.
  const tries = request.body === null ? 2 : 1;
  for (let left = tries; left > 0; left--) {
    const ticket = { ...ticketFor(draft, Date.now()), principal };
    const { response, unread } = await sendRequest(c.env, ticket, request);
    if (!unread) return response;
  }
  return problem(c, 'interrupted', { detail: 'The session has just ended. Send it again.' });
}
