import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FakeGateway, type Refusal, startFakeGateway, toPort } from './fake-gateway.ts';
import { PSQL, type RealPostgres, hasPostgres, hasPsql, startPostgres } from './real-postgres.ts';
import { type Finished, MAIN, type Running, newHome, postern } from './run.ts';

// A test is several processes, on a machine that others use too.
vi.setConfig({ testTimeout: 120_000 });

let gateway: FakeGateway;
let started: Running[] = [];
beforeEach(async () => {
  gateway = await startFakeGateway();
});
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  started = [];
  await gateway.close();
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const running = postern(args, {
    XDG_CONFIG_HOME: newHome(),
    POSTERN_GATEWAY: gateway.url,
    POSTERN_TOKEN: 'a-token',
    ...env,
  });
  started.push(running);
  return running;
}

async function connected(...args: string[]): Promise<Running & { port: number }> {
  const running = run(['connect', 'shop-db', '--port', '0', ...args]);
  const [, port] = await running.seen(/^shop-db on 127\.0\.0\.1:(\d+) /m);
  return { ...running, port: Number(port) };
}

async function pgError(port: number, ssl = false): Promise<{ code: string; message: string }> {
  const client = new Client({ host: '127.0.0.1', port, user: 'me', database: 'x', ssl });
  client.on('error', () => {});
  return client.connect().then(
    () => {
      throw new Error('connected');
    },
    (error: { code: string; message: string }) => error,
  );
}

async function psql(port: number, sslmode: string, ...args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    const uri = `host=127.0.0.1 port=${port} user=postern dbname=shop sslmode=${sslmode}`;
    execFile(PSQL, ['-X', '-At', uri, ...args], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, signal: null, stdout, stderr });
    });
  });
}

const problem = (status: number, detail: string, code: string): Refusal => ({
  status,
  problem: { title: 'No', detail, code },
});

function residentMegabytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
}

const REFUSALS = [
  [problem(401, 'The token was not accepted.', 'signature_invalid'), '28000'],
  [problem(403, 'Only humans may connect here.', 'rule'), '28000'],
  [problem(404, 'There is no target of that name.', 'target_unknown'), '28000'],
  [problem(503, 'The target did not answer.', 'target_unreachable'), '57P03'],
  [problem(503, 'The policy cannot be read.', 'policy_unreadable'), 'XX000'],
] as const;

/** Only upgrades are refused: the command itself must come up. */
function refuseTunnels(refusal: Refusal): void {
  gateway.refuse = (request) => (request.headers.upgrade === undefined ? null : refusal);
}

describe('postern connect, refused', () => {
  it.each(REFUSALS)('tells a pg client %o', async (refusal, code) => {
    refuseTunnels(refusal);
    const running = await connected();
    const error = await pgError(running.port);
    expect(error).toMatchObject({ code, message: refusal.problem!['detail'] });
    await running.seen(new RegExp(`^shop-db: ${refusal.problem!['detail']}`, 'm'));
  });

  it.runIf(hasPsql).each(['disable', 'prefer'])(
    'is printed by psql with sslmode=%s',
    async (mode) => {
      refuseTunnels(problem(403, 'Only humans may connect here.', 'rule'));
      const { port } = await connected();
      const { code, stderr } = await psql(port, mode, '-c', 'select 1');
      expect(stderr).toContain('FATAL:  Only humans may connect here.');
      expect(code).toBe(2);
    },
  );

  it('tells a pg client when the gateway is gone', async () => {
    const { port } = await connected();
    await gateway.close();
    expect(await pgError(port)).toMatchObject({
      code: '08001',
      message: expect.stringMatching(/^The gateway http:.* cannot be reached: .*ECONNREFUSED/),
    });
    gateway = await startFakeGateway();
  });

  it('tells a pg client when the address is no gateway', async () => {
    refuseTunnels({ status: 200, problem: {} });
    const { port } = await connected();
    expect(await pgError(port)).toMatchObject({
      message: 'The gateway answered with HTTP status 200.',
    });
  });

  it.each([
    [4001, 'rule', '28000', 'The gateway refused the session (rule).'],
    [4003, 'The token has ended.', '28000', 'The token has ended.'],
    [4010, '', '57P03', 'The gateway cannot reach the target.'],
    [4030, 'killed', '57P01', 'The gateway ended the session (killed).'],
    [4500, '', 'XX000', 'The gateway failed.'],
  ])('tells a pg client of close code %i', async (closeCode, reason, code, message) => {
    gateway.onTunnel = (tunnel) => tunnel.close(closeCode, reason);
    const { port } = await connected();
    expect(await pgError(port)).toMatchObject({ code, message });
  });

  it('keeps listening after a refusal, and asks for each connection anew', async () => {
    refuseTunnels(problem(403, 'Not yet.', 'rule'));
    const running = await connected();
    await pgError(running.port);
    gateway.refuse = null;
    gateway.onTunnel = (tunnel) => tunnel.close(4001, 'Now otherwise.');
    expect(await pgError(running.port)).toMatchObject({ message: 'Now otherwise.' });
    expect(running.child.exitCode).toBeNull();
  });
});

describe('postern connect, started wrongly', () => {
  it.each([
    ['an unknown target', ['connect', 'nope'], 4, 'You can reach no target «nope».'],
    ['a target of another kind', ['connect', 'bastion'], 2, 'is of kind ssh, not postgres'],
    ['a port that is none', ['connect', 'shop-db', '--port', '70000'], 2, 'It is not a port.'],
    ['no target', ['connect'], 2, "missing required argument 'target'"],
  ])('refuses %s', async (_, args, code, words) => {
    const { code: exitCode, stderr } = await run(args).finished;
    expect(stderr).toContain(words);
    expect(exitCode).toBe(code);
  });

  it('refuses a port that is taken, and takes another when none was asked for', async () => {
    const first = await connected();
    const second = await run(['connect', 'shop-db', '--port', String(first.port)]).finished;
    expect(second).toMatchObject({ code: 1, stderr: expect.stringContaining('it is in use') });
    const usual = run(['connect', 'shop-db']);
    await usual.seen(
      /^shop-db on 127\.0\.0\.1:\d+ {2}— {2}psql "host=127\.0\.0\.1 port=\d+ dbname=shop sslmode=disable"$/m,
    );
    const other = run(['connect', 'shop-db']);
    await other.seen(/^shop-db on/m);
  });

  it('warns when it listens beyond loopback', async () => {
    const running = run(['connect', 'shop-db', '--port', '0', '--host', '0.0.0.0']);
    await running.seen(/Warning: whoever reaches 0\.0\.0\.0 on this port uses your identity/);
  });

  it('says 3 without a token and 6 without a gateway', async () => {
    expect((await run(['connect', 'shop-db'], { POSTERN_TOKEN: '' }).finished).code).toBe(3);
    const gone = await run(['targets'], { POSTERN_GATEWAY: 'http://127.0.0.1:24999' }).finished;
    expect(gone.code).toBe(6);
  });
});

describe('postern connect, stopped', () => {
  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('closes its tunnels at %s', async (signal) => {
    const running = await connected();
    const clients = [1, 2, 3].map(() => connect(running.port, '127.0.0.1'));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    while (gateway.tunnels.size < 3) await sleep(10);
    const hungUp = Promise.all(clients.map((client) => once(client, 'close')));
    for (const client of clients) client.on('error', () => {}).resume();
    running.child.kill(signal);
    expect(await running.finished).toMatchObject({ code: 0, signal: null });
    await hungUp;
    expect(gateway.closed).toEqual([1000, 1000, 1000]);
  });

  it.each(['connect', 'exec'])('ends %s when npx and its shell are killed', async (command) => {
    const wait = `process.on('SIGTERM', () => process.exit()); setInterval(() => {}, 9); console.log('up')`;
    const args = command === 'exec' ? `-- '${process.execPath}' -e "${wait}"` : '--port 0';
    const shell = spawn(
      '/bin/sh',
      ['-c', `'${process.execPath}' '${MAIN}' ${command} shop-db ${args}; true`],
      {
        env: {
          PATH: process.env['PATH'],
          XDG_CONFIG_HOME: newHome(),
          POSTERN_GATEWAY: gateway.url,
          POSTERN_TOKEN: 'a-token',
          npm_command: 'exec',
        },
      },
    );
    await once(shell.stdout, 'data');
    shell.kill('SIGTERM');
    // Its output ends when the last process that holds it has ended.
    await once(shell.stdout.resume(), 'close');
  });

  it('does not wait for a gateway that does not answer', async () => {
    // Upgrades are left without any answer.
    gateway.refuse = (request) =>
      request.headers.upgrade === undefined ? null : { status: 100, problem: {} };
    const running = await connected();
    const client = connect(running.port, '127.0.0.1');
    await once(client, 'connect');
    client.on('error', () => {});
    const since = Date.now();
    running.child.kill('SIGINT');
    expect((await running.finished).code).toBe(0);
    expect(Date.now() - since).toBeLessThan(12_000);
  });
});

describe.runIf(hasPostgres)('postern connect, in front of a real Postgres', () => {
  let postgres: RealPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);
  afterAll(() => postgres.stop());
  beforeEach(() => {
    gateway.onTunnel = toPort(postgres.port);
  });

  it('serves many clients at once, each in a tunnel of its own', async () => {
    const { port } = await connected();
    const pids = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = new Client({
          host: '127.0.0.1',
          port,
          user: 'postern',
          database: 'shop',
        });
        await client.connect();
        const { rows } = await client.query<{ pid: number; n: string }>(
          'select pg_backend_pid() as pid, count(*) as n from generate_series(1, $1::int)',
          [1000],
        );
        await client.end();
        return [rows[0]?.pid, rows[0]?.n] as const;
      }),
    );
    expect(new Set(pids.map(([pid]) => pid)).size).toBe(10);
    expect(pids.every(([, n]) => n === '1000')).toBe(true);
    while (gateway.closed.length < 10) await sleep(10);
    expect(gateway.closed).toEqual(Array.from({ length: 10 }, () => 1000));
  });

  it('does not end the others when one session dies', async () => {
    const { port } = await connected();
    const [one, two] = [1, 2].map(
      () => new Client({ host: '127.0.0.1', port, user: 'postern', database: 'shop' }),
    ) as [Client, Client];
    one.on('error', () => {});
    await one.connect();
    const [tunnel] = [...gateway.tunnels];
    await two.connect();
    const died = once(one, 'error') as Promise<[Error & { code: string }]>;
    tunnel?.close(4030, 'killed');
    const [error] = await died;
    expect(error).toMatchObject({
      code: '57P01',
      message: 'The gateway ended the session (killed).',
    });
    expect((await two.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await two.end();
  });

  it.runIf(hasPsql).each(['disable', 'prefer'])('serves psql with sslmode=%s', async (mode) => {
    const { port } = await connected();
    const { stdout, code } = await psql(port, mode, '-c', 'select current_database(), 6 * 7');
    expect([stdout, code]).toEqual(['shop|42\n', 0]);
  });

  it.runIf(hasPsql)('carries 20 MB out of and into the database', async () => {
    const { port } = await connected();
    const file = join(newHome(), 'copy.txt');
    const commands = [
      "create table t as select g, repeat('x', 200) as filler from generate_series(1, 100000) g",
      'create table u (like t)',
      `\\copy t to '${file}'`,
      `\\copy u from '${file}'`,
      'select count(*), sum(g) from u',
    ];
    const { stdout, stderr, code } = await psql(
      port,
      'disable',
      ...commands.flatMap((command) => ['-c', command]),
    );
    expect(stderr).toBe('');
    expect(stdout).toContain('100000|5000050000');
    expect(code).toBe(0);
  });

  it.runIf(hasPsql && process.platform === 'linux')(
    'does not grow while a client has stopped reading',
    async () => {
      const { port, child } = await connected();
      const uri = `host=127.0.0.1 port=${port} user=postern dbname=shop sslmode=disable`;
      const before = residentMegabytes(child.pid);
      // 100 MB, into a pipe that nobody reads.
      const copy = "copy (select repeat('x', 1000) from generate_series(1, 100000)) to stdout";
      const reader = spawn(PSQL, ['-X', uri, '-c', copy]);
      await sleep(3_000);
      expect(reader.exitCode).toBeNull();
      expect(residentMegabytes(child.pid) - before).toBeLessThan(40);
      let bytes = 0;
      reader.stdout.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
      });
      await once(reader, 'close');
      expect(bytes).toBe(100_000 * 1001);
    },
  );

  it.runIf(hasPsql)('carries a cancel request', async () => {
    const { port } = await connected();
    const uri = `host=127.0.0.1 port=${port} user=postern dbname=shop sslmode=disable`;
    const child = spawn(PSQL, ['-X', uri, '-c', 'select pg_sleep(30)']);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    const watcher = new Client({
      host: '127.0.0.1',
      port: postgres.port,
      user: 'postern',
      database: 'shop',
    });
    await watcher.connect();
    const running =
      "select 1 from pg_stat_activity where query like '%pg_sleep(30)' and state = 'active'";
    while ((await watcher.query(running)).rowCount === 0) await sleep(50);
    await watcher.end();
    child.kill('SIGINT');
    await once(child, 'close');
    expect(stderr).toContain('canceling statement due to user request');
  });

  it('ends a client whose target is not there, and says so', async () => {
    gateway.onTunnel = toPort(1);
    const { port } = await connected();
    expect(await pgError(port)).toMatchObject({
      code: '57P03',
      message: 'The gateway cannot reach the target (target_unreachable).',
    });
  });

  it('sends a fresh token with each connection', async () => {
    const running = await connected();
    await pgError(running.port).catch(() => {});
    await pgError(running.port).catch(() => {});
    // One for the list of targets at the start, one for each tunnel.
    expect(gateway.tokens).toEqual(['a-token', 'a-token', 'a-token']);
  });
});
