// POST /mcp: the Model Context Protocol over Streamable HTTP, without sessions: every request brings its token and gets one
// JSON answer. The SDK speaks the protocol; who may ask, how much, and in which form is checked before it sees anything.
// @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
import {
  createMcpHandler,
  isLegacyRequest,
  McpServer,
  type ServerCapabilities,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { Hono, type Context } from 'hono';
import { nativeCrypto } from '../../adapters/crypto.ts';
import { toHex } from '../../core/bytes.ts';
import { declaresUrl, TASKS_EXTENSION, urlSession } from '../../core/mcp/abilities.ts';
import { INSTRUCTIONS, MAX_MESSAGE_BYTES, TOOLS, type ToolName } from '../../core/mcp/tools.ts';
import { version } from '../../package.json';
import { authenticateOptional } from '../authenticate.ts';
import type { DoorEnv } from '../door-env.ts';
import { serveCalls } from '../mcp-call.ts';
import { challenged } from '../mcp-challenge.ts';
import { originAllowed } from '../mcp-origin.ts';
import { serveTasks } from '../mcp-tasks.ts';
import { HttpFailure, problem } from '../render-failure.ts';
import { boundedText } from '../request-body.ts';

/** Revisions with a handshake that are still spoken; 2026-07-28, which has none, is the SDK's own to name. */
const HANDSHAKE_REVISIONS = ['2025-11-25', '2025-06-18', '2025-03-26'];

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
    const created = server({ tools: { listChanged: false } }, HANDSHAKE_REVISIONS);
    serveCalls(created, c);
    await created.connect(transport);
    return remembered(message, await transport.handleRequest(request, { parsedBody: message }));
  }
  const modern = createMcpHandler(
    () => {
      const extensions = { [TASKS_EXTENSION]: {} };
      const created = server({ tools: { listChanged: false }, extensions });
      serveCalls(created, c);
      serveTasks(created, c);
      return created;
    },
    { legacy: 'reject', onerror: reported },
  );
  return modern.fetch(request, { parsedBody: message });
}

/** One server for one request. Its tools are listed by the SDK and called by mcp-call.ts. */
function server(capabilities: ServerCapabilities, supportedProtocolVersions?: string[]): McpServer {
  const created = new McpServer(
    { name: 'postern', title: 'Postern', version },
    {
      instructions: INSTRUCTIONS,
      capabilities,
      ...(supportedProtocolVersions === undefined ? {} : { supportedProtocolVersions }),
    },
  );
  for (const name of Object.keys(TOOLS) as ToolName[]) {
    const { title, description, input, output, annotations } = TOOLS[name];
    const listed = { title, description, inputSchema: input, outputSchema: output, annotations };
    created.registerTool(name, listed, () => {
      throw new Error('tools are called by mcp-call.ts');
    });
  }
  return created;
}

/** A client that connects is asked to carry back that it shows links: nothing is kept of it here. */
async function remembered(message: object, answer: Response): Promise<Response> {
  if (!('method' in message) || message.method !== 'initialize' || !answer.ok) return answer;
  const body: unknown = await answer.clone().json();
  const result = typeof body === 'object' && body !== null && 'result' in body ? body.result : null;
  const spoken = result as { readonly protocolVersion?: unknown } | null;
  if (!declaresUrl(message, spoken?.protocolVersion)) return answer;
  const headers = new Headers(answer.headers);
  headers.set('mcp-session-id', urlSession(toHex(nativeCrypto.randomBytes(16))));
  return new Response(answer.body, { status: answer.status, headers });
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

function rpcError(
  status: number,
  code: number,
  message: string,
  headers: Record<string, string> = {},
  id: unknown = null,
): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id }, { status, headers });
}
