// The agent of the tour: runs the command line as any caller would, with a token and nothing else, and remembers every
// byte it was shown. It knows no credential, so whatever it sees, a caller can see.
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { ROOT } from '../bundle.ts';
import { childEnvironment } from '../environment.ts';

/** A command that takes longer than this hangs. A statement that waits for a human may take three minutes. */
const COMMAND_TIMEOUT_MS = 240_000;

export interface Answer {
  /** stdout and stderr as they came. */
  readonly output: string;
  readonly code: number;
}

export class Caller {
  readonly #env: NodeJS.ProcessEnv;
  #seen = '';

  constructor(env: Readonly<Record<string, string>>) {
    const inherited = childEnvironment();
    // `npx` puts our own commands first; so does the tour, which runs without it.
    const path = `${join(ROOT, 'node_modules/.bin')}${delimiter}${inherited['PATH'] ?? ''}`;
    this.#env = { ...inherited, ...env, PATH: path, PAGER: 'cat', PGCONNECT_TIMEOUT: '20' };
  }

  /** Everything any command of this caller printed. */
  get seen(): string {
    return this.#seen;
  }

  /** A `postern` command, as `npx postern …` runs it. */
  postern(...args: readonly string[]): Promise<Answer> {
    return this.#run(process.execPath, [join(ROOT, 'cli/main.ts'), ...args]);
  }

  /** The gateway's own answer to a GET, for what a step must know and a human would read off the screen. */
  async get(path: string): Promise<unknown> {
    const response = await fetch(`${this.#env['POSTERN_GATEWAY']}${path}`, {
      headers: { authorization: `Bearer ${this.#env['POSTERN_TOKEN']}` },
    });
    const text = await response.text();
    this.#seen += text;
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  /** A request to the gateway, with the caller's token: its status and its body. */
  async request(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.#env['POSTERN_GATEWAY']}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#env['POSTERN_TOKEN']}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const output = `${response.status} ${await response.text()}`;
    this.#seen += output;
    return { output, code: response.ok ? 0 : 1 };
  }

  async #run(program: string, args: readonly string[]): Promise<Answer> {
    const child = spawn(program, args, {
      cwd: ROOT,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: COMMAND_TIMEOUT_MS,
    });
    let output = '';
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? 1));
    });
    this.#seen += output;
    return { output, code };
  }
}
