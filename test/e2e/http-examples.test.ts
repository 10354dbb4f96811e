// The examples of docs/examples.md, and the workflows of docs/api.md too: taken from the page and run as they stand there,
// against a whole gateway and through approvals. What GitHub gives a job (a URL for its token) is a stand-in.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decide } from '../support/held-statement.ts';
import { sharedStack } from '../support/stack.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;
const stack = sharedStack();
let folder: string;
let dana: string;

/** All blocks of a language, in the order of the page. */
function examples(page: string, language: string): readonly string[] {
  const text = readFileSync(join(DOCS, page), 'utf8');
  const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'));
  return [...blocks].map(([, code = '']) => code);
}

function example(language: string, index = 0): string {
  const code = examples('examples.md', language)[index];
  if (code === undefined) throw new Error(`no example ${index} in ${language}`);
  return code;
}

interface Ran {
  readonly output: string;
  readonly code: number | null;
}

/** Runs a program to its end, and decides about what it asks people for, once. */
async function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  decision: 'approve' | 'deny' = 'approve',
): Promise<Ran> {
  const all = { ...process.env, GATEWAY: stack.gateway, ...env };
  const child = spawn(command, args, { env: all, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const votes: Promise<Response>[] = [];
  const heard = (chunk: Buffer): void => {
    output += chunk.toString();
    const id = /approvals\/([0-9a-f]{32}-\d+)/.exec(output)?.[1];
    if (id !== undefined && votes.length === 0) {
      votes.push(decide(stack.gateway, id, dana, decision));
    }
  };
  child.stdout.on('data', heard);
  child.stderr.on('data', heard);
  const [code] = (await once(child, 'close')) as [number | null];
  await Promise.all(votes);
  return { output, code };
}

/** What the requests of a shell example answer with. */
function shell(index: number, token: string): Promise<Ran> {
  return run('sh', ['-c', example('sh', index)], { TOKEN: token });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'postern-examples-'));
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

describe('curl', () => {
  it('sends a statement', async () => {
    const { output, code } = await shell(0, await stack.token('curl-query', ['agents']));
    expect([code, JSON.parse(output)]).toMatchObject([0, { state: 'succeeded' }]);
  });

  it('reads from a service, whose fields are masked', async () => {
    const { output, code } = await shell(1, await stack.token('curl-read', ['agents']));
    expect(code).toBe(0);
    expect(output).toContain('Ben Ortiz');
    expect(output).not.toContain('ben.ortiz@');
  });

  it('waits for people, and its command sent again runs once', async () => {
    const token = await stack.token('curl-refund', ['agents']);
    // Nobody is there to decide until the answer has come: do not wait for them.
    const command = example('sh', 2).replace('X-Postern-Wait: 50', 'X-Postern-Wait: 0');
    expect(command).not.toBe(example('sh', 2));
    const first = await run('sh', ['-c', command], { TOKEN: token });
    expect(JSON.parse(first.output)).toMatchObject({ status: 'pending' });
    const second = await shell(2, token);
    expect(JSON.parse(second.output)).toMatchObject({ payment: 9, amount: 40 });
    const third = await run('sh', ['-c', command], { TOKEN: token });
    expect(JSON.parse(third.output)).toMatchObject({ status: 'pending' });
  });

  it('without a content type sends a form, which the rule does not let through', async () => {
    const token = await stack.token('curl-form', ['agents']);
    const command = example('sh', 2).replace(/-H 'Content-Type: [^']+'/, '');
    const { output, code } = await run('sh', ['-c', command], { TOKEN: token });
    expect(code).not.toBe(0);
    expect(output).toContain('curl: (22)');
  });
});

describe.each(['approve', 'deny'] as const)('an agent whose people %s', (decision) => {
  const amount = decision === 'approve' ? 41 : 42;

  function expectEnd({ output, code }: Ran): void {
    expect(output).toContain('waiting for a human: ');
    if (decision === 'approve') expect(output).toMatch(/answer 201 .*"payment":\s*9/);
    else expect([code, output]).toEqual([1, expect.stringContaining('the request was denied')]);
  }

  it('goes on in TypeScript', async () => {
    const file = join(folder, `${decision}.ts`);
    const call = `const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"payment":9,"amount":${amount}}' };
const answer = await call('/http/billing/v1/refunds', init, async () => process.env.TOKEN ?? '');
console.log('answer', answer.status, await answer.text());`;
    writeFileSync(file, `${example('ts')}\n${call}\n`);
    const token = await stack.token(`agent-ts-${decision}`, ['agents']);
    expectEnd(await run(process.execPath, [file], { TOKEN: token }, decision));
  });

  it.skipIf(!has('python3'))('goes on in Python', async () => {
    const file = join(folder, `${decision}.py`);
    const call = `status, body = call("POST", "/http/billing/v1/refunds", lambda: os.environ["TOKEN"], {"payment": 9, "amount": ${amount}}, "a test")
print("answer", status, body.decode(), flush=True)`;
    writeFileSync(file, `${example('python')}\n${call}\n`);
    const token = await stack.token(`agent-py-${decision}`, ['agents']);
    expectEnd(await run('python3', ['-u', file], { TOKEN: token }, decision));
  });
});

describe.skipIf(!has('jq'))('a workflow of GitHub Actions', () => {
  const REQUEST_TOKEN = 'the-job-itself';
  let github: Server;
  let asked: string[];

  beforeAll(async () => {
    const token = await stack.token('repo:acme/shop:ref:refs/heads/main', ['agents']);
    asked = [];
    github = createServer((request, response) => {
      const { searchParams } = new URL(request.url ?? '/', 'http://github');
      const known = request.headers.authorization === `Bearer ${REQUEST_TOKEN}`;
      asked.push(`${searchParams.get('api-version') ?? ''} ${searchParams.get('audience') ?? ''}`);
      response.statusCode = known ? 200 : 401;
      response.end(JSON.stringify(known ? { value: token } : {}));
    });
    github.listen(0, '127.0.0.1');
    await once(github, 'listening');
  });

  afterAll(() => {
    github.close();
  });

  it.each([
    ['api.md', /"state":"succeeded"/],
    ['examples.md', /Ben Ortiz/],
  ])('of docs/%s parses, and its script runs', async (page, answer) => {
    const [source = ''] = examples(page, 'yaml');
    const workflow = parse(source) as {
      permissions: Record<string, string>;
      jobs: Record<string, { 'runs-on': string; env: object; steps: { run: string }[] }>;
    };
    expect(workflow.permissions).toEqual({ 'id-token': 'write' });
    const [job] = Object.values(workflow.jobs);
    expect(Object.keys(job?.env ?? {})).toEqual(['GATEWAY']);
    const { port } = github.address() as AddressInfo;
    // As the runner does it: `bash -e` with the job's variables.
    const { output, code } = await run('bash', ['-e', '-c', job?.steps[0]?.run ?? 'exit 99'], {
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: REQUEST_TOKEN,
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      GITHUB_RUN_ID: '7',
      GITHUB_RUN_ATTEMPT: '1',
      GITHUB_RUN_NUMBER: '3',
      GITHUB_WORKFLOW: 'report',
    });
    expect([code, asked.at(-1)]).toEqual([0, `2.0 ${stack.gateway}`]);
    expect(output).toContain('::add-mask::');
    expect(output).toMatch(answer);
  });
});

describe('the configuration of', () => {
  it.each([
    ['Claude Code', 0, '${TOKEN}'],
    ['Cursor', 1, '${env:TOKEN}'],
  ])('%s leads to the tools', async (_, index, variable) => {
    const { mcpServers } = JSON.parse(example('json', index)) as {
      mcpServers: { postern: { url: string; headers: Record<string, string> } };
    };
    const { url, headers } = mcpServers.postern;
    expect(headers['Authorization']).toBe(`Bearer ${variable}`);
    const token = await stack.token('configured', ['agents']);
    const response = await fetch(url.replace('https://gate.acme.dev', stack.gateway), {
      method: 'POST',
      headers: {
        Authorization: headers['Authorization']?.replace(variable, token) ?? '',
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
    });
    expect([response.status, await response.text()]).toEqual([
      200,
      expect.stringContaining('"check_approval"'),
    ]);
  });
});
