// `postern connect` as a process for e2e tests: a local port that any Postgres client uses, and a psql that uses it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const READY = / on 127\.0\.0\.1:(\d+)/;

export interface Tunnel {
  readonly port: number;
  readonly process: ChildProcess;
  /** What the command printed on stderr so far: one line a refused or failed connection. */
  stderr(): string;
  close(): Promise<void>;
}

export async function openTunnel(gateway: string, target: string, token: string): Promise<Tunnel> {
  const child = spawn(
    process.execPath,
    [join(ROOT, 'cli/main.ts'), 'connect', target, '--port', '0'],
    {
      cwd: ROOT,
      env: { ...process.env, POSTERN_GATEWAY: gateway, POSTERN_TOKEN: token, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let printed = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const found = READY.exec(printed)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('exit', (code) => reject(new Error(`connect ended with ${code}: ${errors}`)));
  });
  return {
    port,
    process: child,
    stderr: () => errors,
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

export interface PsqlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Real psql on a tunnel's port; every argument string is one `-c`. */
export async function psql(
  port: number,
  commands: readonly string[],
  options: {
    readonly input?: string;
    readonly args?: readonly string[];
    readonly database?: string;
    readonly password?: string;
    readonly user?: string;
  } = {},
): Promise<PsqlResult> {
  const child = spawn(
    'psql',
    [
      `host=127.0.0.1 port=${port} user=${options.user ?? 'agent'} dbname=${options.database ?? 'shop'} sslmode=disable connect_timeout=20`,
      '-X',
      '-v',
      'VERBOSITY=verbose',
      ...(options.args ?? []),
      ...commands.flatMap((command) => ['-c', command]),
    ],
    {
      env: {
        ...process.env,
        ...(options.password === undefined ? {} : { PGPASSWORD: options.password }),
        PAGER: 'cat',
        PSQLRC: '/dev/null',
        LC_ALL: 'C.UTF-8',
      },
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.end(options.input ?? '');
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? 1, stdout, stderr };
}
