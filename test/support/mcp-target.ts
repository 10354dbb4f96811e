// MCP servers to stand behind the gateway, for tests: one by the SDK with tools, resources and prompts, and on other paths raw
// ones that answer what no decent server would. `arrived` is what they got.
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { z } from 'zod';

export interface ArrivedMessage {
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface McpTargets {
  readonly port: number;
  readonly arrived: ArrivedMessage[];
  /** Of the tool `shifty`; to be changed by tests. */
  description: string;
  close(): Promise<void>;
}

function build(state: { description: string }): McpServer {
  const server = new McpServer({ name: 'behind', version: '1' });
  const text = (words: string) => ({ content: [{ type: 'text' as const, text: words }] });
  const says = z.object({ text: z.string() });
  server.registerTool('echo', { inputSchema: says }, ({ text: words }) => text(words));
  const refund = z.object({ charge: z.string(), amount: z.number() });
  server.registerTool('refund', { inputSchema: refund }, ({ amount }) =>
    text(`refunded ${amount}`),
  );
  server.registerTool('leak_email', { inputSchema: z.object({}) }, () => {
    const row = { id: 1, email: 'jane@example.com', card: '4111 1111 1111 1111' };
    return { ...text(JSON.stringify(row)), structuredContent: row };
  });
  server.registerTool('shifty', { description: state.description, inputSchema: says }, () =>
    text('shifted'),
  );
  server.registerTool('hidden', { inputSchema: says }, () => text('never seen'));
  server.registerResource('note', 'note://a', {}, (uri) => ({
    contents: [{ uri: uri.href, text: 'a note' }],
  }));
  return server;
}

/** With sessions, as most servers of today have them; `events`: answers as a stream. */
export async function startMcpTargets(): Promise<McpTargets> {
  const arrived: ArrivedMessage[] = [];
  const state = { description: 'moves things' };
  const sessions = new Map<string, WebStandardStreamableHTTPServerTransport>();
  const serve = async (request: IncomingMessage, body: string): Promise<Response> => {
    const url = `http://127.0.0.1${request.url ?? '/'}`;
    const headers = new Headers(
      Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
    );
    const made = new Request(url, {
      method: request.method ?? 'GET',
      headers,
      ...(body === '' ? {} : { body }),
    });
    const id = headers.get('mcp-session-id');
    const known = id === null ? undefined : sessions.get(id);
    if (known !== undefined) return known.handleRequest(made);
    if (id !== null) return new Response('no such session', { status: 404 });
    const transport = new WebStandardStreamableHTTPServerTransport({
      enableJsonResponse: !url.includes('events'),
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void sessions.set(session, transport),
    });
    await build(state).connect(transport);
    return transport.handleRequest(made);
  };
  const server: Server = createServer((request, response) => {
    void (async () => {
      let body = '';
      for await (const chunk of request) body += String(chunk);
      const { url: path = '', method = '', headers } = request;
      arrived.push({ path, method, headers, body });
      const answer = path.startsWith('/raw')
        ? raw(path, body, headers)
        : await serve(request, body);
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      for await (const chunk of answer.body ?? []) response.write(chunk);
      response.end();
    })().catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    arrived,
    get description() {
      return state.description;
    },
    set description(words) {
      state.description = words;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** `/raw`: a stream that asks the client for things, answers others, echoes the key, and is cut in the middle of a character. */
function raw(path: string, body: string, headers: IncomingMessage['headers']): Response {
  const { id, method } = JSON.parse(body) as { id: unknown; method: string };
  if (method === 'tools/list') {
    const tools = [{ name: 'any', inputSchema: { type: 'object' } }];
    // Round and round.
    const result = path.includes('loop') ? { tools, nextCursor: 'again' } : { tools };
    return Response.json({ jsonrpc: '2.0', id, result });
  }
  const messages = [
    { jsonrpc: '2.0', id: 'ask', method: 'sampling/createMessage', params: { messages: [] } },
    { jsonrpc: '2.0', id: 'other', result: { content: [{ type: 'text', text: 'not yours' }] } },
    { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 1, progress: 1 } },
    { jsonrpc: '2.0', method: 'notifications/unknown', params: {} },
    {
      jsonrpc: '2.0',
      id,
      result: { content: [{ type: 'text', text: `ü ${String(headers.authorization)}` }] },
    },
    { jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'twice' }] } },
  ];
  const bytes = Buffer.from(
    messages.map((message) => `id: 7\r\ndata: ${JSON.stringify(message)}\r\n\r\n`).join(''),
  );
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.subarray(at, at + 7));
      controller.close();
    },
  });
  return new Response(stream, { headers: { 'content-type': 'text/event-stream' } });
}
