import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LAUNCHER, MAIN, newHome, postern } from './run.ts';

vi.setConfig({ testTimeout: 120_000 });

const REPOSITORY = resolve(import.meta.dirname, '../..');
/** A Node that cannot run TypeScript, as many systems have one; null where there is none. */
const SYSTEM_NODE = oldNode('/usr/bin/node');

function oldNode(file: string): string | null {
  const version = existsSync(file)
    ? spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout
    : '';
  return /^v(1[0-9]|2[01])\./.test(version) ? file : null;
}

/** The launcher asks process.versions; a real old Node is tried below where the machine has one. */
const pretend = (version: string): string[] => {
  const file = join(newHome('postern-old-node-'), 'pretend.cjs');
  writeFileSync(
    file,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
  );
  return ['--require', file];
};

/** The launcher alone in a directory, with this Node installed beside it or not. */
function copied(withNode: boolean): string {
  const root = newHome('postern with space #1-');
  mkdirSync(join(root, 'cli'));
  copyFileSync(LAUNCHER, join(root, 'cli/postern.cjs'));
  chmodSync(join(root, 'cli/postern.cjs'), 0o755);
  writeFileSync(
    join(root, 'cli/main.ts'),
    "const answer: string = 'main'; console.log(answer, ...process.argv.slice(2)); process.exitCode = 5;",
  );
  if (withNode) {
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    symlinkSync(process.execPath, join(root, 'node_modules/.bin/node'));
  }
  return join(root, 'cli/postern.cjs');
}

function run(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, XDG_CACHE_HOME: 'none' },
  });
}

describe('the launcher', () => {
  it('runs main.ts without a warning', async () => {
    const finished = await postern(['--version'], {}, { script: LAUNCHER }).finished;
    expect(finished).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
    expect((await postern(['--version'], {}, { script: MAIN }).finished).stderr).toBe('');
  });

  it.each(['22.18.0', '23.6.0', '24.0.0', '30.1.2'])(
    'runs main.ts on Node %s itself',
    (version) => {
      const { status, stdout } = run([...pretend(version), copied(false), 'a', '--b']);
      expect([status, stdout]).toEqual([5, 'main a --b\n']);
    },
  );

  it.each(['8.17.0', '18.20.0', '20.20.2', '22.17.9', '23.5.0'])(
    'does not try on Node %s, and says what to do',
    (version) => {
      const { status, stdout, stderr } = run([...pretend(version), copied(false)]);
      expect([status, stdout]).toEqual([1, '']);
      expect(stderr).toContain(`this is Node ${version}; postern needs Node 22.18 or newer.`);
      expect(stderr).toContain('npm ci');
    },
  );

  it.runIf(SYSTEM_NODE !== null)('replaces an old Node by the installed one', async () => {
    const script = copied(true);
    const running = postern(['a', '--b'], {}, { program: String(SYSTEM_NODE), script });
    expect(await running.finished).toMatchObject({ code: 5, stdout: 'main a --b\n', stderr: '' });
  });

  it('does not replace a Node by itself for ever', () => {
    const { status, stderr } = run([...pretend('20.0.0'), copied(true)]);
    expect(status).toBe(1);
    expect(stderr).toContain('postern needs Node 22.18 or newer');
  });

  it.runIf(SYSTEM_NODE !== null)('passes signals on to the Node it started', async () => {
    const script = copied(true);
    writeFileSync(
      join(script, '../main.ts'),
      "process.on('SIGTERM', () => process.exit(9)); console.log('up'); setInterval(() => {}, 1000);",
    );
    const running = postern([], {}, { program: String(SYSTEM_NODE), script });
    await running.seen(/up/);
    running.child.kill('SIGTERM');
    expect((await running.finished).code).toBe(9);
  });

  it('keeps compiled code in the user’s own cache, and nowhere that others may write', async () => {
    const cache = newHome('postern-cache-');
    const env = { XDG_CACHE_HOME: cache };
    expect((await postern(['--version'], env, { script: LAUNCHER }).finished).code).toBe(0);
    expect(readdirSync(join(cache, 'postern'))).toHaveLength(1);
    expect(statSync(join(cache, 'postern')).mode & 0o777).toBe(0o700);
    const open = newHome('postern-cache-');
    mkdirSync(join(open, 'postern'));
    chmodSync(join(open, 'postern'), 0o777);
    const running = postern(['--version'], { XDG_CACHE_HOME: open }, { script: LAUNCHER });
    expect((await running.finished).code).toBe(0);
    expect(readdirSync(join(open, 'postern'))).toEqual([]);
  });

  it('is what npx runs after an installation, without the network and without a home', () => {
    const root = join(copied(false), '../..');
    copyFileSync(join(REPOSITORY, 'cli/link.cjs'), join(root, 'cli/link.cjs'));
    copyFileSync(join(REPOSITORY, 'package.json'), join(root, 'package.json'));
    for (const time of ['first', 'second']) {
      expect([time, run([join(root, 'cli/link.cjs')])]).toMatchObject([
        time,
        { status: 0, stderr: '' },
      ]);
    }
    const { status, stdout } = spawnSync('npx', ['postern', 'a', '--b'], {
      cwd: join(root, 'cli'),
      encoding: 'utf8',
      env: { ...process.env, HOME: '/nowhere', XDG_CACHE_HOME: 'none', npm_config_offline: 'true' },
    });
    expect([status, stdout]).toEqual([5, 'main a --b\n']);
  });

  it('is announced as missing where the link cannot be made, without failing the installation', () => {
    const root = join(copied(false), '../..');
    copyFileSync(join(REPOSITORY, 'cli/link.cjs'), join(root, 'cli/link.cjs'));
    writeFileSync(join(root, 'node_modules'), 'in the way');
    const { status, stderr } = run([join(root, 'cli/link.cjs')]);
    expect(status).toBe(0);
    expect(stderr).toContain('`npx postern` will not work');
  });
});

describe('the command line', () => {
  it.each([
    [['--help'], 0],
    [['help', 'connect'], 0],
    [[], 2],
    [['nonsense'], 2],
    [['token', '--nonsense'], 2],
    [['token', 'one-too-many'], 2],
    [['token'], 2], // no gateway is set
    [['--gateway', 'ftp://x', 'token'], 2],
    [['--gateway', 'https://user:pw@gate.example', 'token'], 2],
    [['--gateway', 'https://gate.example', 'token'], 3],
    [['token', '--gateway', 'https://gate.example'], 3],
  ])('ends %j with %i', async (args, code) => {
    const home = newHome('postern-cli-home-');
    expect((await postern(args, { XDG_CONFIG_HOME: home }).finished).code).toBe(code);
  });

  it('is content with a reader that has seen enough', async () => {
    const env = { ...process.env, POSTERN_TOKEN: 'x', POSTERN_GATEWAY: 'https://gate.example' };
    const command = `'${process.execPath}' '${MAIN}' --help | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('/bin/bash', ['-c', command], { env, encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['0\n', '']);
  });
});
