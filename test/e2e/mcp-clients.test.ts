// Clients that others wrote, against the whole gateway: the SDK's of both generations, the client of the Tasks extension,
// the inspector's command line and the protocol's conformance suite. Each approval is a person's, made elsewhere.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import {
  createTaskSessionFromClient,
  resultFromTaskOutcome,
  type TaskEnabledSession,
} from '@modelcontextprotocol/ext-tasks/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { approvalOf, decide } from '../support/held-statement.ts';
import { sharedStack } from '../support/stack.ts';

const stack = sharedStack();
const MCP = new URL(`${stack.gateway}/mcp`);
const REFUND = 'UPDATE payments SET amount = amount WHERE id = $1 RETURNING id';
const PAGE = new RegExp(`^${stack.gateway}/approvals/([0-9a-f]{32}-\\d+)$`);

interface RpcError {
  readonly code: number;
  readonly message: string;
}

let dana: string;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
});
afterAll(async () => {
  for (const close of closing) await close();
});

const refund = (id: number) => ({
  name: 'query',
  arguments: { target: 'shop-db', sql: REFUND, params: [id] },
});

/** Sent again, it is the same call. */
const keyed = (id: number) => {
  const { name, arguments: args } = refund(id);
  return { name, arguments: { ...args, idempotencyKey: `refund-${id}` } };
};

/** The approval that a page is about. */
function approvalOn(url: unknown): string {
  const id = PAGE.exec(String(url))?.[1];
  if (id === undefined) throw new Error(`no approval's page: ${String(url)}`);
  return id;
}

async function approved(url: unknown): Promise<void> {
  const { status } = await decide(stack.gateway, approvalOn(url), dana, 'approve');
  expect(status).toBe(200);
}

/** As a client does that was told the page: the session that holds the call needs a moment to hear of a decision. */
async function sentAgain<T>(call: () => Promise<T>): Promise<T> {
  for (let left = 50; ; left -= 1) {
    try {
      return await call();
    } catch (error) {
      const { code } = error as { readonly code?: number };
      if (code !== -32_042 || left === 0) throw error;
      await sleep(200);
    }
  }
}

async function bearer(subject: string): Promise<{ headers: Record<string, string> }> {
  const token = await stack.token(subject, ['agents']);
  return { headers: { authorization: `Bearer ${token}` } };
}

type Options = NonNullable<ConstructorParameters<typeof Client>[1]>;

async function clientOf(subject: string, options: Options): Promise<Client> {
  const client = new Client({ name: 'e2e', version: '1' }, options);
  const requestInit = await bearer(subject);
  await client.connect(new StreamableHTTPClientTransport(MCP, { requestInit }));
  closing.push(() => client.close());
  return client;
}

const WITHOUT_HANDSHAKE = { versionNegotiation: { mode: 'auto' as const } };
const SHOWS_LINKS = { capabilities: { elicitation: { url: {} } } };

describe("the SDK's client", () => {
  it('in 2026-07-28 shows the page, and has its rows in the same call once people agreed', async () => {
    const client = await clientOf('shows-modern', { ...WITHOUT_HANDSHAKE, ...SHOWS_LINKS });
    const shown: unknown[] = [];
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      shown.push(params);
      await approved('url' in params ? params.url : '');
      return { action: 'accept' };
    });
    const { structuredContent, isError } = await client.callTool(refund(11));
    expect(isError).not.toBe(true);
    expect(structuredContent).toMatchObject({ state: 'succeeded', rowCount: 1 });
    expect(shown).toMatchObject([
      { mode: 'url', message: expect.stringContaining('Opening it approves nothing') },
    ]);
  });

  it('that refuses to show the page leaves the call waiting, and nothing approved', async () => {
    const client = await clientOf('shows-not', { ...WITHOUT_HANDSHAKE, ...SHOWS_LINKS });
    let page: unknown = '';
    client.setRequestHandler('elicitation/create', async ({ params }) => {
      page = 'url' in params ? params.url : '';
      return { action: 'decline' };
    });
    const { structuredContent } = await client.callTool(refund(12));
    expect(structuredContent).toMatchObject({ state: 'pending' });
    expect((await approvalOf(stack.gateway, approvalOn(page), dana))?.state).toBe('pending');
  });

  it('with the handshake is told the page in an error, and sends the call again', async () => {
    const client = await clientOf('shows-legacy', SHOWS_LINKS);
    const first: unknown = await client.callTool(keyed(13)).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: -32_042, data: { elicitations: [{ mode: 'url' }] } });
    const { data } = first as { readonly data: { readonly elicitations: { url: string }[] } };
    await approved(data.elicitations[0]?.url);
    const { structuredContent } = await sentAgain(() => client.callTool(keyed(13)));
    expect(structuredContent).toMatchObject({ state: 'succeeded', rowCount: 1 });
  });

  it('with the handshake gets the handle of a call that would not be the same when sent again', async () => {
    const client = await clientOf('shows-legacy-plain', SHOWS_LINKS);
    expect((await client.callTool(refund(19))).structuredContent).toMatchObject({
      state: 'pending',
      call: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  it('knows which Postern answers', async () => {
    const client = await clientOf('asks-version', WITHOUT_HANDSHAKE);
    expect(client.getServerVersion()).toMatchObject({ version: packageJson.version });
  });
});

describe("the SDK's client of before", () => {
  async function before(subject: string, capabilities: object): Promise<ClientV1> {
    const client = new ClientV1({ name: 'e2e', version: '1' }, { capabilities });
    const transport = new TransportV1(MCP, { requestInit: await bearer(subject) });
    // Its own declarations are not written for exactOptionalPropertyTypes.
    await client.connect(transport as Parameters<ClientV1['connect']>[0]);
    closing.push(async () => {
      // 405: there is no session to end, and the client takes that for an answer.
      await transport.terminateSession();
      await client.close();
    });
    return client;
  }

  it('lists the tools, reads, and holds its results against their schemas', async () => {
    const client = await before('v1', {});
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('request_access');
    const read = { target: 'shop-db', sql: 'SELECT count(*) FROM orders' };
    const { structuredContent } = await client.callTool({ name: 'query', arguments: read });
    expect(structuredContent).toMatchObject({ state: 'succeeded' });
  });

  it('that shows links is told the page, and sends the call again', async () => {
    const client = await before('v1-shows', SHOWS_LINKS.capabilities);
    const first: unknown = await client.callTool(keyed(14)).catch((error: unknown) => error);
    expect(first).toMatchObject({ code: -32_042 });
    const { elicitations } = first as { readonly elicitations: { readonly url: string }[] };
    await approved(elicitations[0]?.url);
    const again = await sentAgain(() => client.callTool(keyed(14)));
    expect(again.structuredContent).toMatchObject({
      state: 'succeeded',
    });
  });

  it('that does not show any gets the handle', async () => {
    const client = await before('v1-plain', {});
    expect((await client.callTool(refund(15))).structuredContent).toMatchObject({
      state: 'pending',
      call: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });
});

describe('the client of the Tasks extension', () => {
  async function session(subject: string): Promise<TaskEnabledSession> {
    const client = await clientOf(subject, WITHOUT_HANDSHAKE);
    const { headers } = await bearer(subject);
    const tasks = createTaskSessionFromClient(client, {
      endpointId: 'postern-e2e',
      rawDispatch: async (sent) => {
        const { method, params } = sent as {
          readonly method: string;
          readonly params: { readonly name?: string; readonly taskId?: string };
        };
        const response = await fetch(MCP, {
          method: 'POST',
          headers: {
            ...headers,
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            'mcp-protocol-version': '2026-07-28',
            'mcp-method': method,
            'mcp-name': params.taskId ?? params.name ?? '',
          },
          body: JSON.stringify({ jsonrpc: '2.0', id: 1, ...(sent as object) }),
        });
        const answer = (await response.json()) as {
          readonly result: {};
          readonly error?: RpcError;
        };
        return answer.error === undefined
          ? { kind: 'result', result: answer.result }
          : { kind: 'error', error: answer.error };
      },
      v2RequestFraming: {
        protocolVersion: '2026-07-28',
        clientInfo: { name: 'e2e', version: '1' },
        clientCapabilities: {},
      },
    });
    closing.push(() => tasks.close());
    return tasks;
  }

  it('waits with a task, and has the rows once people agreed', async () => {
    const tasks = await session('tasks-held');
    const execution = await tasks.callTool('query', refund(16).arguments);
    expect(execution.kind).toBe('task');
    const taskId = execution.handle?.taskId;
    if (taskId === undefined) throw new Error('no task');
    const { status, statusMessage } = await tasks.task(taskId).snapshot();
    expect(status).toBe('working');
    await approved(/decide at (\S+)\. /.exec(statusMessage ?? '')?.[1]);
    const { outcome } = await execution.settle();
    expect(resultFromTaskOutcome(outcome)).toMatchObject({
      structuredContent: { state: 'succeeded', rowCount: 1 },
    });
  });

  it('reads at once, without a task', async () => {
    const tasks = await session('tasks-read');
    const read = { target: 'shop-db', sql: 'SELECT count(*) FROM orders' };
    const execution = await tasks.callTool('query', read);
    expect(execution.kind).toBe('immediate');
  });

  it('that cancels ends the request for approval, and nobody else can', async () => {
    const [tasks, stranger] = [await session('tasks-cancel'), await session('tasks-stranger')];
    const execution = await tasks.callTool('query', refund(17).arguments);
    const taskId = execution.handle?.taskId;
    if (taskId === undefined) throw new Error('no task');
    const { statusMessage } = await tasks.task(taskId).snapshot();
    const approval = approvalOn(/decide at (\S+)\. /.exec(statusMessage ?? '')?.[1]);
    await expect(stranger.task(taskId).snapshot()).rejects.toMatchObject({ code: -32_602 });
    await expect(stranger.cancelTask(taskId)).rejects.toMatchObject({ code: -32_602 });
    expect((await approvalOf(stack.gateway, approval, dana))?.state).toBe('pending');

    await execution.cancel();
    expect((await execution.result()).status).toBe('cancelled');
    expect((await approvalOf(stack.gateway, approval, dana))?.state).toBe('cancelled');
    expect((await decide(stack.gateway, approval, dana, 'approve')).status).toBe(409);
  });

  it('that cancels while people approve has one end, and at most one effect', async () => {
    const tasks = await session('tasks-race');
    const execution = await tasks.callTool('query', refund(18).arguments);
    const taskId = execution.handle?.taskId;
    if (taskId === undefined) throw new Error('no task');
    const { statusMessage } = await tasks.task(taskId).snapshot();
    const approval = approvalOn(/decide at (\S+)\. /.exec(statusMessage ?? '')?.[1]);
    const [vote] = await Promise.all([
      decide(stack.gateway, approval, dana, 'approve'),
      tasks.task(taskId).cancel(),
    ]);
    const { status } = await execution.result();
    expect(['completed', 'cancelled']).toContain(status);
    if (vote.status !== 200) expect(status).toBe('cancelled');
    expect((await tasks.task(taskId).snapshot()).status).toBe(status);
    // What has ended stays as it ended.
    await tasks.task(taskId).cancel();
    expect((await tasks.task(taskId).snapshot()).status).toBe(status);
  });
});

interface Finished {
  readonly code: number | null;
  readonly output: string;
}

/** A program of node_modules, in a folder of its own. */
async function ran(program: string, args: readonly string[]): Promise<Finished> {
  const cwd = mkdtempSync(join(tmpdir(), 'postern-mcp-'));
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: cwd, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  rmSync(cwd, { recursive: true, force: true });
  return { code, output: code === 0 ? output : `${output}\n${errors}` };
}

/** By path: neither package exports its program. */
function fileOf(name: string, file: string): string {
  return join(import.meta.dirname, '../../node_modules', name, file);
}

describe("the inspector's command line", () => {
  const program = fileOf('@modelcontextprotocol/inspector', 'clients/launcher/build/index.js');

  async function inspected(method: string, more: readonly string[] = []): Promise<unknown> {
    const { headers } = await bearer('inspector');
    const { code, output } = await ran(program, [
      '--cli',
      MCP.href,
      '--transport',
      'http',
      '--header',
      `Authorization: ${headers['authorization']}`,
      '--method',
      method,
      ...more,
    ]);
    expect(code, output).toBe(0);
    return JSON.parse(output);
  }

  it('lists the tools, and finds nothing wrong with their schemas', async () => {
    expect(await inspected('tools/list', ['--strict'])).toMatchObject({
      tools: expect.arrayContaining([expect.objectContaining({ name: 'query' })]),
    });
  });

  it('calls a tool', async () => {
    const call = ['--tool-name', 'query', '--tool-arg', 'target=shop-db', 'sql=SELECT 1 AS one'];
    expect(await inspected('tools/call', call)).toMatchObject({
      structuredContent: { state: 'succeeded', rows: [[1]] },
    });
  });
});

describe('the conformance suite', () => {
  const program = fileOf('@modelcontextprotocol/conformance', 'dist/index.js');
  let proxy: Server;
  let url: string;

  /** The suite brings no token: one is put in on the way, and nothing else is changed. */
  beforeAll(async () => {
    const { headers } = await bearer('conformance');
    const gateway = new URL(stack.gateway);
    proxy = createServer((incoming, outgoing) => {
      const { method, url: path } = incoming;
      const onward = request(
        {
          host: gateway.hostname,
          port: gateway.port,
          method,
          path,
          headers: { ...incoming.headers, ...headers },
        },
        (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        },
      );
      onward.on('error', () => outgoing.destroy());
      incoming.pipe(onward);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    url = `http://localhost:${(proxy.address() as AddressInfo).port}/mcp`;
  });
  afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
  });

  it.each(['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection'])(
    'finds %s as it should be',
    async (scenario) => {
      const { code, output } = await ran(program, ['server', '--url', url, '--scenario', scenario]);
      expect(code, output).toBe(0);
      expect(output).toMatch(/Passed: ([1-9]\d*)\/\1, 0 failed/);
    },
  );
});
