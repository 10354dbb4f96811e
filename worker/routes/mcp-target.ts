// POST and DELETE /mcp/{target}: MCP servers behind the gateway. Hands a message to the session that its token has at the
// target; what may pass is judged where it is journalled (durable-objects/mcp-exchange.ts).
import { Hono } from 'hono';
import { gatewayOrigin } from '../../adapters/env.ts';
import { sendRequest, ticketFor } from '../../adapters/http-sessions.ts';
import { doorUrl } from '../../core/http/door.ts';
import { MAX_FACTS_BODY_BYTES } from '../../core/limits.ts';
import { authenticateOptional } from '../authenticate.ts';
import type { DoorEnv } from '../door-env.ts';
import { challenged } from '../mcp-challenge.ts';
import { originAllowed } from '../mcp-origin.ts';
import { problem } from '../render-failure.ts';
import { boundedText } from '../request-body.ts';
import { clientOf } from './postgres.ts';

export const mcpTargetRoutes = new Hono<DoorEnv>();

mcpTargetRoutes.all('/mcp/*', async (c) => {
  const url = doorUrl(c.req.url, '/mcp');
  if (url === null) return problem(c, 'target_unknown');
  if (!originAllowed(c.env, c.req.url, c.req.header('origin'))) {
    return problem(c, 'forbidden', { detail: 'Web pages may not speak MCP with this gateway.' });
  }
  const principal = await authenticateOptional(c);
  if (principal === null) return challenged(c, problem(c, 'token_missing'));
  if (!principal.ok) {
    console.warn(JSON.stringify({ event: 'token_refused', ...principal.error }));
    return challenged(c, problem(c, principal.error.code));
  }
  const { method } = c.req;
  if (method !== 'POST' && method !== 'DELETE') {
    // There is no stream to listen on; clients that try one go on without.
    const error = { code: -32_000, message: 'Only POST, and DELETE for a session.' };
    const headers = { allow: 'POST, DELETE' };
    return Response.json({ jsonrpc: '2.0', id: null, error }, { status: 405, headers });
  }
  const draft = {
    protocol: 'mcp' as const,
    target: url.target,
    principal: principal.value,
    origin: gatewayOrigin(c.env, c.req.url),
    client: clientOf(c),
    credited: false,
  };
  // Messages are small: held, one can be handed to another session where the first has just ended.
  const body = method === 'POST' ? await boundedText(c, MAX_FACTS_BODY_BYTES) : null;
  for (let left = 2; left > 0; left--) {
    const ticket = { ...ticketFor(draft, Date.now()), principal: draft.principal };
    const request = new Request(c.req.url, { method, headers: c.req.raw.headers, body });
    const { response, unread } = await sendRequest(c.env, ticket, request);
    if (!unread) return response;
  }
  return problem(c, 'interrupted', { detail: 'The session has just ended. Send it again.' });
});
