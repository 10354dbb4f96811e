// The state folder of one stack: what outlives a run (databases, keys, the shop's passwords) and what says that a run is
// on (lock, ready.json). Two stacks never share one folder: workerd and Postgres would both own the same files.
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

export interface State {
  readonly dir: string;
  /** Miniflare's root, laid out as `wrangler … --persist-to <dir>` expects it. */
  readonly resources: string;
  path(...parts: readonly string[]): string;
  /** Ends this run's claim on the folder and takes ready.json away. */
  release(): void;
}

/** What tools read to find a running stack. */
export interface Ready {
  readonly gateway: string;
  readonly issuer: string;
  readonly pid: number;
}

/**
 * `fresh` removes what an earlier run left.
 * @throws Error with one sentence when another living process holds the folder.
 */
export function openState(folder: string, fresh: boolean): State {
  const dir = resolve(folder);
  mkdirSync(dir, { recursive: true });
  // Postgres may run as another user and must pass through; everything secret inside has its own, tighter mode.
  chmodSync(dir, 0o711);
  const lock = join(dir, 'lock');
  const ready = join(dir, 'ready.json');
  takeLock(lock, dir);
  const leftovers = fresh ? readdirSync(dir).filter((name) => name !== 'lock') : ['ready.json'];
  for (const name of leftovers) rmSync(join(dir, name), { recursive: true, force: true });
  const resources = join(dir, 'v3');
  mkdirSync(resources, { recursive: true, mode: 0o700 });
  return {
    dir,
    resources,
    path: (...parts) => join(dir, ...parts),
    release() {
      rmSync(ready, { force: true });
      rmSync(lock, { force: true });
    },
  };
}

function takeLock(lock: string, dir: string): void {
  for (;;) {
    try {
      writeFileSync(lock, `${process.pid}\n`, { flag: 'wx', mode: 0o600 });
      return;
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const holder = Number(readFileSync(lock, 'utf8').trim());
    if (isAlive(holder)) {
      throw new Error(
        `${dir} is in use by process ${holder}; give this stack its own --state, or remove ${lock} if that is wrong`,
      );
    }
    rmSync(lock, { force: true });
  }
}

export function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Readers see the whole file or none. */
export function writeWhole(file: string, text: string, mode = 0o600): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode });
  renameSync(draft, file);
}

export function announce(state: State, ready: Ready): void {
  writeWhole(state.path('ready.json'), `${JSON.stringify(ready)}\n`, 0o644);
}

/** A value made once per state folder and kept, such as the shop's database password. */
export function keptSecret(state: State, name: string): string {
  const file = state.path('secrets.json');
  const kept = readKept(file);
  const existing = kept[name];
  if (existing !== undefined) return existing;
  const made = randomBytes(24).toString('base64url');
  writeWhole(file, `${JSON.stringify({ ...kept, [name]: made }, null, 2)}\n`);
  return made;
}

function readKept(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
}
