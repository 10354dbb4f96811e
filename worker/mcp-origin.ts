// Which web pages may speak MCP: none but the gateway's own. Programs send no Origin. A page elsewhere that has rebound its
// name to this address is told apart by that name, wherever the gateway's own is not a matter of the request.
// @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning
import { gatewayOrigin, type Env } from '../adapters/env.ts';

export function originAllowed(env: Env, url: string, origin: string | undefined): boolean {
  if (origin === undefined) return true;
  if (origin !== gatewayOrigin(env, url)) return false;
  if (env.POSTERN_URL !== undefined) return true;
  // The name is the request's own: nobody has a certificate for one that is not theirs, nor can rebind these.
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
