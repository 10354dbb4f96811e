// A lock between processes, so that two commands never spend the same refresh token: issuers that rotate them end the whole
// login when one is used twice (RFC 9700 section 4.14.2). The lock is a file that only one process can create.
import { closeSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, EXIT } from './failure.ts';

const RETRY_MS = 50;
/** A refresh takes seconds at most; a lock older than this was left by a process that was killed. */
const STALE_MS = 60_000;
const WAIT_MS = 75_000;

/** @throws CliError failed, when another process holds the lock for over a minute */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const giveUpAt = Date.now() + WAIT_MS;
  while (!acquire(file)) {
    if (Date.now() > giveUpAt) {
      throw new CliError(EXIT.failed, `Another postern command holds ${file}.`);
    }
    await sleep(RETRY_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function acquire(file: string): boolean {
  try {
    closeSync(openSync(file, 'wx', 0o600));
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  }
  const age = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (age !== undefined && Date.now() - age > STALE_MS) rmSync(file, { force: true });
  return false;
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
