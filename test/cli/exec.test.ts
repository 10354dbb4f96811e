import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { childEnvironment } from '../../cli/exec.ts';
import { type FakeGateway, startFakeGateway, toPort } from './fake-gateway.ts';
import { PSQL, hasPostgres, hasPsql, startPostgres } from './real-postgres.ts';
import { type Running, newHome, postern } from './run.ts';

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

const jwt = (claims: object): string =>
  `${btoa('{"alg":"none"}')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;

function exec(command: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const running = postern(['exec', 'shop-db', '--', ...command], {
    XDG_CONFIG_HOME: newHome(),
    POSTERN_GATEWAY: gateway.url,
    POSTERN_TOKEN: 'a-token',
    ...env,
  });
  started.push(running);
  return running;
}

const node = (script: string): readonly string[] => [process.execPath, '-e', script];

describe('postern exec', () => {
  it('sets what libpq reads, and clears what would send it elsewhere', async () => {
    const { stdout, code } = await exec(node('console.log(JSON.stringify(process.env))'), {
      PGHOSTADDR: '10.0.0.1',
      PGSERVICE: 'prod',
      PGPASSWORD: 'old',
      PGSSLMODE: 'verify-full',
      PGAPPNAME: 'kept',
    }).finished;
    const env = JSON.parse(stdout) as Record<string, string>;
    const port = env['PGPORT'] ?? '';
    expect(code).toBe(0);
    expect(Number(port)).toBeGreaterThan(1023);
    expect(env).toMatchObject({
      PGHOST: '127.0.0.1',
      PGUSER: 'postern',
      PGDATABASE: 'shop',
      PGSSLMODE: 'disable',
      PGAPPNAME: 'kept',
      POSTERN_TARGET: 'shop-db',
      POSTERN_GATEWAY: gateway.url,
      POSTERN_DATABASE_URL: `postgresql://postern@127.0.0.1:${port}/shop?sslmode=disable`,
    });
    for (const name of ['PGHOSTADDR', 'PGSERVICE', 'PGPASSWORD'])
      expect(env).not.toHaveProperty(name);
  });

  it.each([
    [{ email: 'ann@acme.dev', sub: '00u1' }, 'ann@acme.dev'],
    [{ preferred_username: 'ann', email: 'ann@acme.dev' }, 'ann'],
    [{ sub: 'system:serviceaccount:shop:worker' }, 'system:serviceaccount:shop:worker'],
    [{ sub: 'auth0|1 2' }, 'postern'],
    [{ sub: 'x'.repeat(64) }, 'postern'],
    [{ sub: 7 }, 'postern'],
  ])('takes from %o the user name %s', (claims, user) => {
    const target = { id: 'shop-db', kind: 'postgres', labels: {} };
    const env = childEnvironment(target, { host: '127.0.0.1', port: 7 }, jwt(claims));
    expect(env['PGUSER']).toBe(user);
    expect(env['PGDATABASE']).toBe('shop-db');
    expect(decodeURIComponent(new URL(env['POSTERN_DATABASE_URL'] ?? '').username)).toBe(user);
  });

  it.each([
    ['0', node('process.exit(0)'), 0],
    ['7', node('process.exit(7)'), 7],
    ['a signal', node('process.kill(process.pid, "SIGKILL")'), 137],
    ['a command that is missing', ['/nowhere/at-all'], 127],
    ['a file that cannot be run', ['/etc/passwd'], 126],
  ])('ends as its command: %s', async (_, command, code) => {
    expect((await exec(command).finished).code).toBe(code);
  });

  it('keeps options of the command apart from its own', async () => {
    const { stdout } = await exec([
      ...node('console.log(process.argv.slice(1).join())'),
      '--',
      '--gateway',
      'x',
      '--help',
    ]).finished;
    expect(stdout).toBe('--gateway,x,--help\n');
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1'] as const)(
    'passes %s on and waits',
    async (signal) => {
      const running = exec(
        node(
          `process.on('${signal}', () => setTimeout(() => process.exit(42), 300)); console.log('up'); setInterval(() => {}, 1000)`,
        ),
      );
      await running.seen(/up/);
      running.child.kill(signal);
      expect(await running.finished).toMatchObject({ code: 42, signal: null });
    },
  );

  it('closes its port and tunnels when the command ends', async () => {
    const script = `const s = require('net').connect(process.env.PGPORT, process.env.PGHOST, () => {
      console.log(process.env.PGPORT); setTimeout(() => process.exit(0), 300); });`;
    const { stdout, code } = await exec(node(script)).finished;
    expect(code).toBe(0);
    expect(gateway.closed).toEqual([1000]);
    await expect(fetch(`http://127.0.0.1:${stdout.trim()}`)).rejects.toThrow('fetch failed');
  });

  it('runs nothing for a target that cannot be reached', async () => {
    gateway.answers.set('/v1/targets', { targets: [] });
    const { stdout, code } = await exec(node('console.log("ran")')).finished;
    expect([stdout, code]).toEqual(['', 4]);
  });

  it.runIf(hasPostgres && hasPsql)('lets psql work with no argument', async () => {
    const postgres = await startPostgres();
    try {
      gateway.onTunnel = toPort(postgres.port);
      const { stdout, code } = await exec([
        PSQL,
        '-XAtc',
        'select current_user, current_database()',
      ]).finished;
      expect([stdout, code]).toEqual(['postern|shop\n', 0]);
      const failing = await exec([PSQL, '-XAtc', 'select 1/0']).finished;
      expect(failing).toMatchObject({ code: 1, stderr: 'ERROR:  division by zero\n' });
    } finally {
      postgres.stop();
    }
  });
});
