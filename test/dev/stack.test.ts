// The stack as a process: it says when it is ready, shares its database with wrangler, follows its policy file, lives
// beside another one, and leaves nothing behind however it is ended.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type TestStack, startStack } from '../support/stack.ts';

const ROOT = join(import.meta.dirname, '../..');
const TIMEOUT_MS = 120_000;
vi.setConfig({ testTimeout: TIMEOUT_MS, hookTimeout: TIMEOUT_MS });

/** Pids of everything a process has started, at any depth. */
function descendants(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8')
      .split(' ')
      .filter(Boolean)
      .map(Number),
  );
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** A zombie has ended; somebody merely has not asked yet. */
function lives(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function gone(pids: readonly number[]): Promise<number[]> {
  const deadline = Date.now() + 10_000;
  let left = pids.filter(lives);
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(50);
    left = left.filter(lives);
  }
  return left;
}

async function outputWith(stack: TestStack, text: string): Promise<void> {
  await vi.waitFor(() => expect(stack.output()).toContain(text), { timeout: 60_000 });
}

/** Runs wrangler as `postern apply` does, and answers with its rows. */
async function wrangler(stack: TestStack, sql: string): Promise<unknown> {
  const args = ['d1', 'execute', 'DB', '--local', '--persist-to', stack.state];
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      join(ROOT, 'node_modules/wrangler/bin/wrangler.js'),
      ...args,
      '--json',
      '--yes',
      '--command',
      sql,
    ],
    { cwd: ROOT, env: { ...process.env, WRANGLER_SEND_METRICS: 'false' } },
  );
  const [first] = JSON.parse(stdout.slice(stdout.search(/^\[/m))) as { results: unknown }[];
  return first?.results;
}

describe('a stack without the demo', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startStack({ args: ['--no-demo'] });
  });
  afterAll(async () => {
    await stack.stop({ remove: true });
  });

  it('says where it is when everything answers', async () => {
    const ready = JSON.parse(readFileSync(join(stack.state, 'ready.json'), 'utf8')) as unknown;
    expect(ready).toEqual({ gateway: stack.gateway, issuer: stack.issuer, pid: stack.process.pid });
    expect((await fetch(`${stack.gateway}/readyz`)).status).toBe(200);
    for (const issuer of [stack.issuer, `${stack.issuer}/people`]) {
      const response = await fetch(`${issuer}/.well-known/openid-configuration`);
      expect(await response.json()).toMatchObject({ issuer });
    }
  });

  it('accepts its own tokens and no others', async () => {
    const ask = async (token: string): Promise<number> =>
      (
        await fetch(`${stack.gateway}/v1/targets`, {
          headers: { authorization: `Bearer ${token}` },
        })
      ).status;
    expect(await ask(await stack.token('a', ['agents']))).toBe(200);
    expect(await ask(await stack.token('dana', ['dba'], { issuer: 'human' }))).toBe(200);
    expect(await ask(await stack.token('a', [], { audience: 'https://elsewhere.example' }))).toBe(
      401,
    );
    expect(await ask('')).toBe(401);
  });

  it('shares its database with wrangler while it runs', async () => {
    expect(await wrangler(stack, 'SELECT revision, note FROM policy_revisions')).toEqual([
      { revision: 1, note: 'npm run dev' },
    ]);
    expect(await wrangler(stack, 'SELECT count(*) AS n FROM d1_migrations')).toEqual([
      { n: readdirSync(join(ROOT, 'migrations')).filter((name) => name.endsWith('.sql')).length },
    ]);
    // A revision that cannot be read, written from outside: the running gateway must see it, and deny.
    await wrangler(
      stack,
      "INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by) VALUES (2, 'x', 'y', 0, 'test')",
    );
    await vi.waitFor(
      async () => expect((await fetch(`${stack.gateway}/readyz`)).status).toBe(503),
      { timeout: 60_000, interval: 250 },
    );
  });

  it('follows its policy file, and keeps what is in force when the file is wrong', async () => {
    const file = join(stack.state, 'postern.yaml');
    const policy = readFileSync(file, 'utf8');
    writeFileSync(file, `${policy}# changed\n`);
    await outputWith(stack, 'policy revision 3 is in force');
    writeFileSync(file, policy.replace('kind: human', 'kind: robot'));
    await outputWith(stack, 'the active revision stays');
    expect(stack.output()).toMatch(/postern\.yaml:\d+:\d+: issuers\.1\.kind/);
    await vi.waitFor(
      async () => expect((await fetch(`${stack.gateway}/readyz`)).status).toBe(200),
      { timeout: 60_000, interval: 250 },
    );
  });

  it('is not started twice on one folder', async () => {
    await expect(startStack({ args: ['--no-demo'], state: stack.state })).rejects.toThrow(
      `in use by process ${stack.process.pid}`,
    );
    expect(existsSync(join(stack.state, 'ready.json'))).toBe(true);
  });

  it('lives beside another one', async () => {
    const other = await startStack({ args: ['--no-demo'] });
    try {
      expect(other.gateway).not.toBe(stack.gateway);
      const token = await other.token('a', ['agents']);
      const headers = { authorization: `Bearer ${token}` };
      expect((await fetch(`${other.gateway}/v1/targets`, { headers })).status).toBe(200);
      // The other stack's issuer is nobody here.
      expect((await fetch(`${stack.gateway}/v1/targets`, { headers })).status).toBe(401);
    } finally {
      expect(await other.stop()).toBe(0);
    }
  });

  it('says so when its port is taken', async () => {
    const port = new URL(stack.gateway).port;
    await expect(startStack({ args: ['--no-demo', '--port', port] })).rejects.toThrow(
      `port ${port} is taken`,
    );
  });

  it('comes back after its runtime was killed', async () => {
    const runtime = descendants(stack.process.pid!).find((pid) =>
      readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('workerd'),
    );
    process.kill(runtime!, 'SIGKILL');
    await outputWith(stack, 'was started again');
    await vi.waitFor(
      async () => expect((await fetch(`${stack.gateway}/healthz`)).status).toBe(200),
      { timeout: 60_000, interval: 100 },
    );
  });
});

describe('the end of a stack', () => {
  it.each([['SIGTERM'], ['SIGINT']] as const)('is complete after %s', async (signal) => {
    const stack = await startStack({ args: ['--no-demo'] });
    const children = descendants(stack.process.pid!);
    expect(children.length).toBeGreaterThanOrEqual(2);
    stack.process.kill(signal);
    const [code] = (await once(stack.process, 'exit')) as [number];
    expect(code).toBe(0);
    expect(children.filter(lives)).toEqual([]);
    expect(existsSync(join(stack.state, 'ready.json'))).toBe(false);
    expect(existsSync(join(stack.state, 'lock'))).toBe(false);
    await stack.stop({ remove: true });
  });

  it('leaves no orphan when it is killed, its database included', async () => {
    const stack = await startStack();
    const children = descendants(stack.process.pid!);
    const names = children.map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
    expect(names).toEqual(expect.arrayContaining(['workerd', 'postgres']));
    stack.process.kill('SIGKILL');
    expect(await gone(children)).toEqual([]);
    // What the dead one left is taken over: the same data, the same keys, the same ports where they are free.
    const token = await stack.token('a', ['agents']).catch(() => null);
    expect(token).toBeNull();
    const again = await startStack({ state: stack.state });
    expect(again.secret('app')).toBe(stack.secret('app'));
    expect(await again.stop()).toBe(0);
    rmSync(stack.state, { recursive: true, force: true });
  });

  it('is an error, and complete, when the policy of --config is wrong', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
    const file = join(folder, 'mine.yaml');
    writeFileSync(file, 'version: 1\nissuers: []\n');
    await expect(
      startStack({ args: ['--no-demo', '--config', file], state: join(folder, 'state') }),
    ).rejects.toThrow(/mine\.yaml:\d+:\d+.*lets nobody in/);
    expect(existsSync(join(folder, 'state/lock'))).toBe(false);
    rmSync(folder, { recursive: true, force: true });
  });
});

describe('a stack with a policy of one’s own', () => {
  it('uses its issuers’ audiences, targets and secrets', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-config-'));
    const config = join(folder, 'mine.yaml');
    const secrets = join(folder, 'mine.env');
    const probe = await startStack({ args: ['--no-demo'], state: join(folder, 'state') });
    await probe.stop();
    writeFileSync(
      config,
      `version: 1
issuers:
  - { id: mine, issuer: '${probe.issuer}', audience: my-gateway, kind: workload, groupsFrom: claims.groups }
targets:
  - { id: my-db, kind: postgres, address: '127.0.0.1:1', database: d, credential: { user: u, password: MY_PASSWORD } }
rules:
  - { id: all, then: allow, when: sql.effect == "read" }
`,
    );
    writeFileSync(secrets, 'MY_PASSWORD=hunter2\n');
    const stack = await startStack({
      args: ['--no-demo', '--config', config, '--secrets', secrets],
      state: join(folder, 'state'),
    });
    try {
      // The ports of a state folder stay, so that a policy can name the issuer.
      expect(stack.issuer).toBe(probe.issuer);
      const headers = { authorization: `Bearer ${await stack.token('a', [])}` };
      const response = await fetch(`${stack.gateway}/v1/targets`, { headers });
      expect(await response.json()).toMatchObject({ targets: [{ id: 'my-db' }] });
      expect(stack.output()).not.toContain('hunter2');
    } finally {
      await stack.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
