// The anchor written in C: pgbouncer in session mode in front of the same database, where it is installed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../dev/ports.ts';
import type { Reaper } from '../dev/reaper.ts';
import { findPostgres } from '../dev/shop/binaries.ts';
import type { Shop } from '../dev/shop/shop.ts';
import type { State } from '../dev/state.ts';
import { tcpPipe } from './wire.ts';

export interface PgBouncer {
  readonly port: number;
  stop(): Promise<void>;
}

export const HOW_TO_INSTALL = 'pgbouncer is not installed (Debian: apt-get install pgbouncer)';

/** Debian keeps it in /usr/sbin, which is not on everybody's path. */
function findProgram(): string | null {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin'];
  const found = folders.map((folder) => join(folder, 'pgbouncer')).find((path) => existsSync(path));
  return found ?? null;
}

/** Null when it is not installed. @throws Error when it does not start */
export async function startPgBouncer(
  state: State,
  shop: Shop,
  reaper: Reaper,
): Promise<PgBouncer | null> {
  const program = findProgram();
  if (program === null) return null;
  const { home: cluster, account } = await findPostgres(state);
  const home = join(cluster, 'pgbouncer');
  const port = await freePort();
  mkdirSync(home, { mode: 0o700 });
  const ini = join(home, 'pgbouncer.ini');
  const users = join(home, 'users.txt');
  writeFileSync(users, `"${shop.user}" "${shop.password}"\n`, { mode: 0o600 });
  writeFileSync(
    ini,
    `[databases]
${shop.database} = host=127.0.0.1 port=${shop.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = session
log_connections = 0
log_disconnections = 0
`,
    { mode: 0o600 },
  );
  // It refuses to run as root, as Postgres does.
  if (account !== null)
    for (const path of [home, ini, users]) chownSync(path, account.uid, account.gid);
  const child = spawn(program, ['-q', ini], { ...account, cwd: home, stdio: 'ignore' });
  if (child.pid !== undefined) reaper.watch(child.pid, 'KILL');
  await answers(port);
  return {
    port,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

async function answers(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return (await tcpPipe(port)).close();
    } catch (error) {
      if (tries === 50) throw new Error('pgbouncer did not start', { cause: error });
    }
    await sleep(50);
  }
}
