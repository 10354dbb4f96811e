// A whole Postern for tests, as a process of its own: `dev/main.ts` on free ports with a throw-away state folder. e2e files
// share one (sharedStack, started by stack-setup.ts); a test that needs its own policy or kills things starts another.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 30_000;

/** What a test needs to talk to a stack; plain data, so that vitest can hand it to every file. */
export interface StackAddress {
  readonly gateway: string;
  /** The issuer of workloads; people are at `${issuer}/people`. */
  readonly issuer: string;
  readonly state: string;
  readonly pid: number;
}

export interface TokenOptions {
  readonly issuer?: 'workload' | 'human';
  readonly ttlSeconds?: number;
  readonly audience?: string;
}

export interface TestStack extends StackAddress {
  /** A token of the development issuer. */
  token(subject: string, groups: readonly string[], options?: TokenOptions): Promise<string>;
  /** A value the stack keeps to itself: `app` is the shop database's password. */
  secret(name: string): string;
  /** What it printed so far. */
  output(): string;
  /** SIGTERM, then its exit code; the state folder stays unless `remove`. */
  stop(options?: { readonly remove?: boolean }): Promise<number | null>;
  readonly process: ChildProcess;
}

export interface StartOptions {
  /** More of dev/main.ts's command line, such as --no-demo or --config. */
  readonly args?: readonly string[];
  /** A folder to use (and keep); default: a new one. */
  readonly state?: string;
}

/** @throws Error with what the stack printed when it does not become ready. */
export async function startStack(options: StartOptions = {}): Promise<TestStack> {
  const state = options.state ?? mkdtempSync(join(tmpdir(), 'postern-test-'));
  const args = ['--port', '0', '--state', state, ...(options.args ?? [])];
  const child = spawn(process.execPath, [join(ROOT, 'dev/main.ts'), ...args], {
    cwd: ROOT,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);

  const readyFile = join(state, 'ready.json');
  const deadline = Date.now() + START_TIMEOUT_MS;
  let ready = readReady(readyFile, child.pid);
  while (ready === null) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
      child.kill('SIGKILL');
      if (options.state === undefined) rmSync(state, { recursive: true, force: true });
      throw new Error(`the stack did not become ready:\n${output}`);
    }
    await sleep(50);
    ready = readReady(readyFile, child.pid);
  }
  return {
    ...connected({ ...ready, state }),
    output: () => output,
    process: child,
    async stop({ remove = options.state === undefined } = {}) {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGTERM');
        const late = sleep(STOP_TIMEOUT_MS, null, { ref: false });
        if ((await Promise.race([ended, late])) === null) {
          child.kill('SIGKILL');
          throw new Error(`the stack did not stop:\n${output}`);
        }
      }
      if (remove) rmSync(state, { recursive: true, force: true });
      return child.exitCode;
    },
  };
}

/** ready.json of this very process; one of a killed predecessor may still lie there. */
function readReady(file: string, pid: number | undefined): Omit<StackAddress, 'state'> | null {
  if (!existsSync(file)) return null;
  const ready = JSON.parse(readFileSync(file, 'utf8')) as Omit<StackAddress, 'state'>;
  return ready.pid === pid ? ready : null;
}

/** The stack all e2e files share. It is not a test's to stop. */
export function sharedStack(): Omit<TestStack, 'stop' | 'output' | 'process'> {
  return connected(inject('stack'));
}

function connected(address: StackAddress) {
  const read = (file: string): Record<string, string> =>
    JSON.parse(readFileSync(join(address.state, file), 'utf8')) as Record<string, string>;
  return {
    ...address,
    secret(name: string): string {
      const value = read('secrets.json')[name];
      if (value === undefined) throw new Error(`the stack keeps no ${name}`);
      return value;
    },
    async token(
      subject: string,
      groups: readonly string[],
      { issuer = 'workload', ttlSeconds = 600, audience }: TokenOptions = {},
    ): Promise<string> {
      const mint = read('mint.json');
      const response = await fetch(`${mint[issuer]}/dev/mint`, {
        method: 'POST',
        headers: { authorization: `Bearer ${mint['key']}` },
        body: JSON.stringify({ subject, groups, ttlSeconds, audience }),
      });
      if (!response.ok) throw new Error(`the mint answered ${response.status}`);
      return (await response.text()).trim();
    },
  };
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly stack: StackAddress;
  }
}
