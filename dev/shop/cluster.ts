// One real Postgres on a loopback port: made with initdb on first use, SCRAM only, no Unix socket, durable enough for a
// demo and no more (fsync off). Runs in its own session, so that a terminal's Ctrl-C does not stop it before the gateway.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, openSync, closeSync, rmSync } from 'node:fs';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { Reaper } from '../reaper.ts';
import { hasCode } from '../state.ts';
import type { Installation } from './binaries.ts';

export interface Cluster {
  readonly port: number;
  /** A connection as the superuser, for loading the shop; the caller ends it. */
  connect(database: string): Promise<Client>;
  stop(): Promise<void>;
}

const SUPERUSER = 'postgres';
const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;

export async function startCluster(
  installation: Installation,
  port: number,
  password: string,
  reaper: Reaper,
): Promise<Cluster> {
  const { home, account } = installation;
  const data = join(home, 'data');
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o700);
  if (account !== null) chownSync(home, account.uid, account.gid);
  if (!existsSync(join(data, 'PG_VERSION'))) await initialise(installation, data, password);

  const server = run(installation, installation.postgres, [
    '-D',
    data,
    '-p',
    String(port),
    ...settings({
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      shared_buffers: '32MB',
      max_connections: '100',
    }),
  ]);
  if (server.pid !== undefined) reaper.watch(server.pid, 'QUIT');
  const connect = async (database: string): Promise<Client> => {
    const client = new Client({ host: '127.0.0.1', port, user: SUPERUSER, password, database });
    await client.connect();
    return client;
  };
  await untilReady(server, connect, join(home, 'server.log'));
  return { port, connect, stop: () => stop(server) };
}

function settings(values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function initialise(
  installation: Installation,
  data: string,
  password: string,
): Promise<void> {
  // A half-made cluster of an interrupted first run is worthless, and initdb refuses a folder that is not empty.
  rmSync(data, { recursive: true, force: true });
  const passwordFile = join(installation.home, 'password');
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  if (installation.account !== null) {
    chownSync(passwordFile, installation.account.uid, installation.account.gid);
  }
  const program = run(installation, installation.initdb, [
    `--pgdata=${data}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]);
  const [code] = (await once(program, 'exit')) as [number | null];
  rmSync(passwordFile, { force: true });
  if (code !== 0) {
    throw new Error(`initdb failed (${code}); see ${join(installation.home, 'server.log')}`);
  }
}

function run(installation: Installation, program: string, args: readonly string[]): ChildProcess {
  const log = openSync(join(installation.home, 'server.log'), 'a', 0o600);
  try {
    return spawn(program, args, {
      ...installation.account,
      // Our own folder may be closed to the lent account; the programs insist on a working directory they can name.
      cwd: installation.home,
      env: { PATH: process.env['PATH'] ?? '', TZ: 'UTC', LC_ALL: 'C' },
      stdio: ['ignore', log, log],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}

async function untilReady(
  server: ChildProcess,
  connect: (database: string) => Promise<Client>,
  log: string,
): Promise<void> {
  let failure: Error | null = null;
  server.once('error', (error) => {
    failure = error;
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (failure !== null || server.exitCode !== null || server.signalCode !== null) {
      throw new Error(`Postgres did not start; see ${log}`, { cause: failure });
    }
    try {
      const client = await connect('postgres');
      await client.end();
      return;
    } catch (error) {
      // 57P03: the server is up and still recovering.
      const starting = hasCode(error, 'ECONNREFUSED') || hasCode(error, '57P03');
      if (!starting || Date.now() > deadline) throw error;
    }
    await sleep(50);
  }
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'exit');
  // Fast shutdown: sessions are ended, the state on disk is clean.
  server.kill('SIGINT');
  const inTime = await Promise.race([
    ended.then(() => true),
    sleep(STOP_TIMEOUT_MS, false, { ref: false }),
  ]);
  if (!inTime) {
    server.kill('SIGQUIT');
    await ended;
  }
}
