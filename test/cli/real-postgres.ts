// A throwaway Postgres cluster for the tests of one file: Debian's binaries, run as the user postgres when the tests are
// root (initdb refuses root), on a free port of loopback.
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import type { AddressInfo } from 'node:net';

const ROOT = '/usr/lib/postgresql';

function binaries(): string | null {
  const version = existsSync(ROOT) ? readdirSync(ROOT).sort().at(-1) : undefined;
  return version === undefined ? null : join(ROOT, version, 'bin');
}

export const hasPostgres = binaries() !== null;
export const PSQL = '/usr/bin/psql';
export const hasPsql = existsSync(PSQL);

export interface RealPostgres {
  readonly port: number;
  stop(): void;
}

export async function startPostgres(): Promise<RealPostgres> {
  const bin = binaries() ?? '';
  const directory = mkdtempSync(join(tmpdir(), 'postern-cli-pg-'));
  const data = join(directory, 'data');
  const options: { uid?: number; gid?: number } = {};
  if (process.getuid?.() === 0) {
    options.uid = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }));
    options.gid = Number(execFileSync('id', ['-g', 'postgres'], { encoding: 'utf8' }));
    chownSync(directory, options.uid, options.gid);
  }
  const run = (program: string, ...args: string[]): void => {
    execFileSync(join(bin, program), args, { ...options, cwd: directory, stdio: 'ignore' });
  };
  const port = await freePort();
  run('initdb', '-D', data, '-U', 'postern', '-A', 'trust', '--no-sync');
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`;
  run('pg_ctl', '-D', data, '-l', join(directory, 'log'), '-o', settings, '-w', 'start');
  run('createdb', '-h', '127.0.0.1', '-p', String(port), '-U', 'postern', 'shop');
  return {
    port,
    stop: () => {
      run('pg_ctl', '-D', data, '-m', 'immediate', '-w', 'stop');
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
