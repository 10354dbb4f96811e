// wss /postgres/{target}: hands a WebSocket to a Session object. The token comes in the Authorization header, or later as
// the Postgres password, in which case the session itself verifies it. Nothing of the inner protocol is looked at here.
import { Hono, type Context } from 'hono';
import { gatewayOrigin } from '../../adapters/env.ts';
import { createTicket, enterSession } from '../../adapters/session-client.ts';
import type { SessionTicket } from '../../core/session-ticket.ts';
import { TUNNEL_PROTOCOL } from '../../core/tunnel.ts';
import { authenticateOptional } from '../authenticate.ts';
import type { DoorEnv } from '../door-env.ts';
import { problem } from '../render-failure.ts';

/** Longest target name a policy may use; anything longer is not looked up. */
export const TARGET_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const postgresRoutes = new Hono<DoorEnv>();

postgresRoutes.get('/postgres/:target', async (c) => {
  if (c.req.header('upgrade')?.toLowerCase() !== 'websocket') {
    return problem(c, 'upgrade_required');
  }
  const target = c.req.param('target');
  if (!TARGET_NAME.test(target)) return problem(c, 'target_unknown');
  const principal = await authenticateOptional(c);
  if (principal !== null && !principal.ok) return problem(c, principal.error.code);

  const ticket = createTicket({
    protocol: 'postgres',
    target,
    principal: principal?.value ?? null,
    origin: gatewayOrigin(c.env, c.req.url),
    client: clientOf(c),
    credited: offers(c.req.header('sec-websocket-protocol'), TUNNEL_PROTOCOL),
  });
  return enterSession(c.env, ticket);
});

/** Where a request comes from, for policy and journal. */
export function clientOf(c: Context<DoorEnv>): SessionTicket['client'] {
  return {
    address: c.req.header('cf-connecting-ip') ?? '',
    country: c.req.header('cf-ipcountry') ?? '',
    agent: (c.req.header('user-agent') ?? '').slice(0, 200),
  };
}

function offers(header: string | undefined, protocol: string): boolean {
  return (header ?? '').split(',').some((offer) => offer.trim() === protocol);
}
