// POST /mcp: the Model Context Protocol over Streamable HTTP, without sessions: every request brings its token and gets one
// JSON answer. The SDK speaks the protocol; who may ask, how much, and in which form is checked before it sees anything.
// @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
import {
  type CallToolResult,
  createMcpHandler,
  isLegacyRequest,
  McpServer,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { Hono, type Context } from 'hono';
import { gatewayOrigin } from '../../adapters/env.ts';
import { INSTRUCTIONS, MAX_MESSAGE_BYTES, TOOLS, type ToolName } from '../../core/mcp/tools.ts';
import { authenticateOptional } from '../authenticate.ts';
import type { DoorEnv } from '../door-env.ts';
import { originAllowed } from '../mcp-origin.ts';
import { failed, tools } from '../mcp-tools.ts';
import { HttpFailure, problem } from '../render-failure.ts';
import { boundedText } from '../request-body.ts';

/** Revisions with a handshake that are still spoken; 2026-07-28, which has none, is the SDK's own to name. */
const HANDSHAKE_REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26'];
const METADATA_PATH = '/.well-known/oauth-protected-resource';
const VERSION = '0.1.0';

export const mcpRoutes = new Hono<DoorEnv>();

mcpRoutes.all('/mcp', async (c) => {
  // No stream to listen on and no session to end: 405 says so to clients that try.
  if (c.req.method !== 'POST') return rpcError(405, -32_000, 'Only POST.', { allow: 'POST' });
  if (!originAllowed(c.env, c.req.url, c.req.header('origin'))) {
    return problem(c, 'forbidden', { detail: 'Web pages may not speak MCP with this gateway.' });
  }
  const principal = await authenticateOptional(c);
  if (principal === null) return challenged(c, problem(c, 'token_missing'));
  if (!principal.ok) {
    console.warn(JSON.stringify({ event: 'token_refused', ...principal.error }));
    return challenged(c, problem(c, principal.error.code));
  }
  c.set('principal', principal.value);
  const answer = await served(c);
  const headers = new Headers(answer.headers);
  headers.set('cache-control', 'no-store');
  return new Response(answer.body, { status: answer.status, headers });
});

async function served(c: Context<DoorEnv>): Promise<Response> {
  const request = c.req.raw;
  if (!/^application\/json\s*(;|$)/i.test(c.req.header('content-type') ?? '')) {
    return rpcError(415, -32_000, 'Content-Type must be application/json.');
  }
  let message: unknown;
  try {
    message = JSON.parse(await boundedText(c, MAX_MESSAGE_BYTES));
  } catch (error) {
    if (error instanceof HttpFailure && error.code === 'request_too_large') {
      return rpcError(413, -32_000, `The message is over ${MAX_MESSAGE_BYTES} bytes.`);
    }
    // RangeError: nested deeper than can be read.
    if (
      error instanceof HttpFailure ||
      error instanceof SyntaxError ||
      error instanceof RangeError
    ) {
      return rpcError(400, -32_700, 'The body is not JSON in UTF-8.');
    }
    throw error;
  }
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    return rpcError(400, -32_600, 'Send one JSON-RPC message, no batch.');
  }
  // It would be a stream that says nothing: the tools of this server do not change.
  if ('method' in message && message.method === 'subscriptions/listen') {
    const id =
      'id' in message && ['string', 'number'].includes(typeof message.id) ? message.id : null;
    return rpcError(404, -32_601, 'Method not found', {}, id);
  }
  if (await isLegacyRequest(request, message)) {
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
    await server(c, HANDSHAKE_REVISIONS).connect(transport);
    return transport.handleRequest(request, { parsedBody: message });
  }
  const modern = createMcpHandler(() => server(c), { legacy: 'reject', onerror: reported });
  return modern.fetch(request, { parsedBody: message });
}

/** One server for one request: it knows who asks. */
function server(c: Context<DoorEnv>, supportedProtocolVersions?: string[]): McpServer {
  const name = { name: 'postern', title: 'Postern', version: VERSION };
  const created = new McpServer(name, {
    instructions: INSTRUCTIONS,
    capabilities: { tools: { listChanged: false } },
    ...(supportedProtocolVersions === undefined ? {} : { supportedProtocolVersions }),
  });
  for (const tool of Object.keys(TOOLS) as ToolName[]) register(created, c, tool);
  return created;
}

function register(to: McpServer, c: Context<DoorEnv>, name: ToolName): void {
  const { title, description, input, output, annotations } = TOOLS[name];
  const run = tools[name] as (c: Context<DoorEnv>, input: unknown) => Promise<CallToolResult>;
  to.registerTool(
    name,
    { title, description, inputSchema: input, outputSchema: output, annotations },
    // The SDK has checked `args` against `input`.
    async (args: unknown) => run(c, args).catch(failed),
  );
}

/** Messages quote requests: the log gets the kind alone. */
function reported(error: unknown): void {
  console.error(
    JSON.stringify({
      event: 'mcp_refused',
      error: error instanceof Error ? error.name : 'unknown',
    }),
  );
}

/** RFC 9728 section 5.1: where a client learns which issuers give tokens for this. */
function challenged(c: Context<DoorEnv>, response: Response): Response {
  const challenge = response.headers.get('www-authenticate');
  if (response.status !== 401 || challenge === null) return response;
  const metadata = `resource_metadata="${gatewayOrigin(c.env, c.req.url)}${METADATA_PATH}"`;
  const separator = challenge === 'Bearer' ? ' ' : ', ';
  response.headers.set('www-authenticate', `${challenge}${separator}${metadata}`);
  return response;
}

function rpcError(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
  id: unknown = null,
): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id }, { status, headers });
}
