// MCP servers behind the gateway: the SDK's own client through it, and raw messages of callers and servers that mean no good.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { changePolicy, decide } from '../support/held-statement.ts';
import { startMcpTargets, type McpTargets } from '../support/mcp-target.ts';
import { startStack, type TestStack } from '../support/stack.ts';

const KEY = 'canary-key-7c1e9b2d4f60';
let stack: TestStack;
let targets: McpTargets;
let agent: string;
let other: string;
let dana: string;

beforeAll(async () => {
  targets = await startMcpTargets();
  const secrets = join(mkdtempSync(join(tmpdir(), 'postern-secrets-')), 'secrets.json');
  writeFileSync(secrets, JSON.stringify({ TEST_MCP_KEY: KEY }), { mode: 0o600 });
  stack = await startStack({ args: ['--secrets', secrets] });
  const at = `http://127.0.0.1:${targets.port}`;
  const entry = (id: string, path: string, tools: string, more = '') => `
  - id: ${id}
    kind: mcp
    address: ${at}${path}
    credential: { bearer: TEST_MCP_KEY }
    mcp: { tools: [${tools}]${more} }
    labels: { env: test }
`;
  const wrong = 'a'.repeat(64);
  const named = `echo, refund, leak_email, { name: shifty, definition: ${wrong} }`;
  const added =
    entry('desk', '/mcp', named, ', resources: true') +
    entry('desk-events', '/events', named) +
    entry('masked', '/events', 'leak_email, echo') +
    entry('raw', '/raw', 'any') +
    entry('loop', '/raw-loop', `{ name: any, definition: ${wrong} }`);
  await changePolicy(stack, (document) =>
    document
      .replace(/^targets:\n/m, `targets:${added}`)
      .replace(
        /^rules:\n/m,
        `rules:
  - id: tool-use
    who: '"tools" in principal.groups'
    on: [desk, desk-events, masked, raw, loop]
    when: mcp.tool in ["echo", "leak_email", "shifty", "any", "hidden"] || mcp.resource.startsWith("note://")
    then: allow
  - id: small-refunds
    who: '"tools" in principal.groups'
    on: [desk, desk-events]
    when: mcp.tool == "refund" && mcp.arguments.amount <= 100
    then: allow
  - id: large-refunds
    who: '"tools" in principal.groups'
    on: [desk, desk-events]
    when: mcp.tool == "refund" && mcp.arguments.amount > 100 && mcp.arguments.amount < 1000
    then: approve
    approval: { by: [dba], expires: 15m, wait: 40s }
`,
      )
      .replace(
        /^masks:\n/m,
        `masks:
  - id: mcp-fields
    on: [masked]
    fields: ['$.structuredContent.email']
    detect: [credit_card]
    as: redact
`,
      ),
  );
  agent = await stack.token('tool-agent', ['tools']);
  other = await stack.token('other-agent', ['tools']);
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
}, 180_000);

afterAll(async () => {
  await stack.stop();
  await targets.close();
});

async function connected(target: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(
    new StreamableHTTPClientTransport(new URL(`${stack.gateway}/mcp/${target}`), {
      requestInit: { headers: { authorization: `Bearer ${agent}` } },
    }),
  );
  return client;
}

function send(
  target: string,
  body: string,
  headers: Record<string, string> = {},
  token = agent,
): Promise<Response> {
  return fetch(`${stack.gateway}/mcp/${target}`, {
    method: 'POST',
    body,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
  });
}

const rpc = (method: string, params: object = {}, id: unknown = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', id, method, params });
const call = (name: string, args: unknown = {}): string =>
  rpc('tools/call', { name, arguments: args });
const INITIALIZE = rpc('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: { sampling: {}, roots: {} },
  clientInfo: { name: 'raw', version: '1' },
});

describe.each(['desk', 'desk-events'])('the SDK’s client at %s', (target) => {
  it('sees the tools that the policy means, and calls one', async () => {
    const client = await connected(target);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name).sort()).toEqual(['echo', 'leak_email', 'refund']);
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hé' } });
    expect(content).toEqual([{ type: 'text', text: 'hé' }]);
    await client.close();
  });
});

describe('a call', () => {
  it('is allowed, held and refused by its arguments', async () => {
    const client = await connected('desk');
    const refund = (amount: number) =>
      client.callTool({ name: 'refund', arguments: { charge: 'ch_1', amount } });
    expect((await refund(50)).isError).not.toBe(true);
    const held = await refund(500);
    expect(held.isError).toBe(true);
    const text = JSON.stringify(held.content);
    const id = /approvals\/([A-Za-z0-9_-]+)/.exec(text)?.[1] ?? '';
    expect(text).toContain('approval_pending');
    const before = targets.arrived.filter(({ body }) => body.includes('500')).length;
    expect(before).toBe(0);
    expect((await decide(stack.gateway, id, dana, 'approve')).status).toBe(200);
    const answered = await refund(500);
    expect(answered.content).toEqual([{ type: 'text', text: 'refunded 500' }]);
    // Once.
    expect(JSON.stringify(await refund(500))).toContain('approval_pending');
    expect(JSON.stringify(await refund(5_000))).toContain('no_rule');
    await client.close();
  });

  it.each([
    ['a tool that is not named', 'hidden', { text: 'x' }, 'mcp_tool_unlisted'],
    ['another case', 'Echo', { text: 'x' }, 'mcp_tool_unlisted'],
    ['a look-alike', 'еcho', { text: 'x' }, 'mcp_tool_unlisted'],
    ['a changed definition', 'shifty', { text: 'x' }, 'mcp_tool_changed'],
    ['arguments of another type', 'echo', { text: 5 }, 'mcp_arguments_invalid'],
    ['arguments in a string', 'echo', '{"text":"x"}', 'mcp_params'],
  ])('is refused: %s', async (_, name, args, code) => {
    const client = await connected('desk');
    const session = (client.transport as StreamableHTTPClientTransport).sessionId ?? '';
    const answer = await send('desk', call(name, args), { 'mcp-session-id': session });
    expect(await answer.text()).toContain(code);
    await client.close();
  });

  it('cannot be held to a definition that the server does not say', async () => {
    expect(await (await send('loop', call('any'))).text()).toContain('mcp_tool_unknown');
  });
});

describe('a message', () => {
  it.each([
    ['a batch', `[${call('echo')}]`, 'Batches'],
    ['two methods', '{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}', 'twice'],
    ['two cases', '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x"}', 'twice'],
    ['two ids', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 'twice'],
    ['an answer', '{"jsonrpc":"2.0","id":1,"result":{}}', 'no JSON-RPC'],
    ['an unknown method', rpc('tasks/get', { taskId: 'x' }), 'mcp_method'],
    ['a name that is no method here', rpc('session/end'), 'mcp_method'],
    ['a task', rpc('tools/call', { name: 'echo', task: {} }), 'mcp_params'],
    ['a cursor for tools', rpc('tools/list', { cursor: 'x' }), 'mcp_params'],
    ['prompts, where none are enabled', rpc('prompts/list'), 'mcp_prompts_disabled'],
    ['an id in an object', rpc('ping', {}, { id: 1 }), 'no JSON-RPC'],
  ])('is refused: %s', async (_, body, words) => {
    const before = targets.arrived.length;
    expect(await (await send('desk', body)).text()).toContain(words);
    expect(targets.arrived).toHaveLength(before);
  });

  it.each([
    ['mcp-method', 'tools/list'],
    ['mcp-name', 'refund'],
    ['mcp-protocol-version', '1999-01-01'],
    ['last-event-id', '7'],
    ['mcp-session-id', 'made-up'],
  ])('is refused with a header that disagrees: %s', async (name, value) => {
    const answer = await send('desk', call('echo', { text: 'x' }), { [name]: value });
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  it('finds no stream to listen on, and no target of another kind', async () => {
    const headers = { authorization: `Bearer ${agent}` };
    expect((await fetch(`${stack.gateway}/mcp/desk`, { headers })).status).toBe(405);
    expect((await fetch(`${stack.gateway}/http/desk/`, { headers })).status).toBe(403);
  });
});

describe('a session of the server', () => {
  it('is its caller’s, and leads no requests to the client', async () => {
    const answer = await send('desk', INITIALIZE);
    const id = answer.headers.get('mcp-session-id') ?? '';
    expect(id).toMatch(/^[0-9a-f]{64}\./);
    const got = targets.arrived.findLast(({ body }) => body.includes('"raw"'));
    expect(got?.body).toContain('"capabilities":{}');
    expect(got?.headers.authorization).toBe(`Bearer ${KEY}`);
    const headers = { 'mcp-session-id': id };
    expect((await send('desk', call('echo', { text: 'x' }), headers)).status).toBe(200);
    expect((await send('desk', call('echo', { text: 'x' }), headers, other)).status).toBe(404);
    expect((await send('desk-events', rpc('ping'), headers)).status).toBe(404);
    const end = (token: string) =>
      fetch(`${stack.gateway}/mcp/desk`, {
        method: 'DELETE',
        headers: { ...headers, authorization: `Bearer ${token}` },
      });
    expect((await end(other)).status).toBe(404);
    expect((await end(agent)).status).toBe(204);
  });
});

describe('an answer', () => {
  it('is masked in its structure, in the JSON of its texts, and by what detectors find', async () => {
    const client = await connected('masked');
    const answer = JSON.stringify(await client.callTool({ name: 'leak_email', arguments: {} }));
    expect(answer).not.toContain('jane@');
    expect(answer).not.toContain('4111');
    const plain = await client.callTool({ name: 'echo', arguments: { text: 'jane@example.com' } });
    expect(JSON.stringify(plain.content)).toContain('withheld');
    await client.close();
  });

  it('has no requests to the client, nothing for others, and no credential', async () => {
    const text = await (await send('raw', call('any', { a: 1 }))).text();
    expect(text).toContain('notifications/progress');
    expect(text).toContain('ü');
    for (const word of ['sampling', 'not yours', 'unknown', 'twice', KEY, 'id: 7']) {
      expect(text).not.toContain(word);
    }
  });
});
