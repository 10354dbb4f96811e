// What an MCP client without a token is told, at the gateway's own endpoint and at those of servers behind it.
import type { Context } from 'hono';
import { gatewayOrigin } from '../adapters/env.ts';
import type { DoorEnv } from './door-env.ts';

const METADATA_PATH = '/.well-known/oauth-protected-resource';

/** RFC 9728 section 5.1: where a client learns which issuers give tokens for this. */
export function challenged(c: Context<DoorEnv>, response: Response): Response {
  const challenge = response.headers.get('www-authenticate');
  if (response.status !== 401 || challenge === null) return response;
  const metadata = `resource_metadata="${gatewayOrigin(c.env, c.req.url)}${METADATA_PATH}"`;
  const separator = challenge === 'Bearer' ? ' ' : ', ';
  response.headers.set('www-authenticate', `${challenge}${separator}${metadata}`);
  return response;
}
