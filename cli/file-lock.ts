// A lock between processes, so that two commands never spend the same refresh token: issuers that rotate them end the whole
// login when one is used twice (RFC 9700 section 4.14.2). The lock is a file that only one process can create.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CliError, EXIT, reasonOf } from './failure.ts';

const RETRY_MS = 50;
/** A refresh takes half a minute at most (issuer.ts); a lock older than this was left behind, wherever its process ran. */
const STALE_MS = 60_000;
const WAIT_MS = 75_000;

/** @throws CliError failed, when another process holds the lock for over a minute, or no file can be made there */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const mine = `${process.pid} ${hostname()} ${randomUUID()}`;
  const giveUpAt = Date.now() + WAIT_MS;
  while (!acquire(file, mine)) {
    if (isStale(file)) breakLock(file);
    if (Date.now() > giveUpAt) {
      throw new CliError(
        EXIT.failed,
        `Another postern command holds ${file}.`,
        'If there is none, remove that file.',
      );
    }
    await sleep(RETRY_MS);
  }
  try {
    return await work();
  } finally {
    // Held for too long, the lock may be another's by now.
    if (readIfThere(file) === mine) rmSync(file, { force: true });
  }
}

function acquire(file: string, mine: string): boolean {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, mine, { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw new CliError(EXIT.failed, `The login cannot be kept: ${reasonOf(error)}.`);
  }
}

function isStale(file: string): boolean {
  const since = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (since === undefined) return false;
  return Date.now() - since > STALE_MS || isOfDeadProcess(readIfThere(file) ?? '');
}

/** Only this machine's processes can be asked about; a home may be shared by several machines. */
function isOfDeadProcess(owner: string): boolean {
  const [pid, host] = owner.split(' ');
  if (host !== hostname() || pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return hasCode(error, 'ESRCH');
  }
}

/** One process at a time, looking again: or the second to see a stale lock would remove the first one's new one. */
function breakLock(file: string): void {
  const breaking = `${file}.break`;
  if (!acquire(breaking, '')) return;
  try {
    if (isStale(file)) rmSync(file, { force: true });
  } finally {
    rmSync(breaking, { force: true });
  }
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
