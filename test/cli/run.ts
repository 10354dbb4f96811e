// Runs the command line as its users do: as a process of its own, with an environment of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll } from 'vitest';

const REPOSITORY = resolve(import.meta.dirname, '../..');
export const MAIN = join(REPOSITORY, 'cli/main.ts');
export const LAUNCHER = join(REPOSITORY, 'cli/postern.cjs');

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  /** Resolves with the match once stdout or stderr holds it. */
  seen(pattern: RegExp): Promise<RegExpExecArray>;
}

const folders: string[] = [];

/** A new, empty folder that is removed after the tests of the file. */
export function newHome(prefix = 'postern-cli-home-'): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** `env` is the whole environment but for PATH: nothing of the machine running the tests leaks in. */
export function postern(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  { program = process.execPath, script = MAIN } = {},
): Running {
  const child = spawn(program, [script, ...args], {
    // A relative cache is none: tests leave nothing behind in a home. What the launcher does about caches is its own test.
    env: {
      PATH: process.env['PATH'],
      XDG_CACHE_HOME: 'none',
      ...(script === MAIN ? { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] } : {}),
      ...env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  const watchers = new Set<() => void>();
  const changed = (): void => {
    for (const watch of watchers) watch();
  };
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
    changed();
  });
  child.stderr.on('data', (chunk) => {
    stderr += String(chunk);
    changed();
  });
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
      changed();
    });
  });
  return {
    child,
    finished,
    seen: (pattern) =>
      new Promise((resolve, reject) => {
        const watch = (): void => {
          const match = pattern.exec(stdout) ?? pattern.exec(stderr);
          if (match) resolve(match);
          else if (child.exitCode !== null) reject(new Error(`ended: ${stdout}${stderr}`));
          else return;
          watchers.delete(watch);
        };
        watchers.add(watch);
        watch();
      }),
  };
}
