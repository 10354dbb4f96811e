// What the client of one MCP request declared, read from where its revision puts it.
import { CLIENT_CAPABILITIES_META_KEY, type ServerContext } from '@modelcontextprotocol/server';
import { abilitiesOf, carriedAbilities, type Abilities } from '../core/mcp/abilities.ts';

/** In 2026-07-28 each request has an envelope; in revisions with a handshake it has headers. */
export function declared(ctx: ServerContext): Abilities {
  const envelope: Readonly<Record<string, unknown>> | undefined = ctx.mcpReq.envelope;
  if (envelope !== undefined) return abilitiesOf(envelope[CLIENT_CAPABILITIES_META_KEY]);
  const header = (name: string): string | undefined =>
    ctx.http?.req?.headers.get(name) ?? undefined;
  return carriedAbilities(header('mcp-session-id'), header('mcp-protocol-version'));
}
