import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { LAUNCHER, MAIN, postern } from './run.ts';

vi.setConfig({ testTimeout: 30_000 });

const REPOSITORY = resolve(import.meta.dirname, '../..');
const SYSTEM_NODE = '/usr/bin/node';

/** The launcher asks process.versions; a real old Node is tried below where the machine has one. */
const pretend = (version: string): string[] => {
  const file = join(mkdtempSync(join(tmpdir(), 'postern-old-node-')), 'pretend.cjs');
  writeFileSync(
    file,
    `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`,
  );
  return ['--require', file];
};

/** The launcher alone in a directory, with this Node installed beside it or not. */
function copied(withNode: boolean): string {
  const root = mkdtempSync(join(tmpdir(), 'postern with space #1-'));
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
  return spawnSync(process.execPath, args, { encoding: 'utf8' });
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

  it('replaces an old Node by the installed one', () => {
    const { status, stdout, stderr } = run([...pretend('20.20.2'), copied(true), 'a', '--b']);
    expect([status, stdout, stderr]).toEqual([5, 'main a --b\n', '']);
  });

  it.runIf(existsSync(SYSTEM_NODE))('works with the Node of the system', async () => {
    const running = postern(['--version'], {}, { program: SYSTEM_NODE, script: LAUNCHER });
    expect(await running.finished).toMatchObject({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it('passes signals on to the Node it started', async () => {
    const launcher = copied(true);
    writeFileSync(
      join(launcher, '../main.ts'),
      "process.on('SIGTERM', () => process.exit(9)); console.log('up'); setInterval(() => {}, 1000);",
    );
    const [require = '', file = ''] = pretend('20.0.0');
    const running = postern([file, launcher], {}, { script: require });
    await running.seen(/up/);
    await sleep(50);
    running.child.kill('SIGTERM');
    expect((await running.finished).code).toBe(9);
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
      env: { ...process.env, HOME: '/nowhere', npm_config_offline: 'true' },
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
    const home = mkdtempSync(join(tmpdir(), 'postern-cli-home-'));
    expect((await postern(args, { XDG_CONFIG_HOME: home }).finished).code).toBe(code);
  });

  it('is content with a reader that has seen enough', async () => {
    const env = { ...process.env, POSTERN_TOKEN: 'x', POSTERN_GATEWAY: 'https://gate.example' };
    const command = `'${process.execPath}' '${MAIN}' --help | true; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('/bin/bash', ['-c', command], { env, encoding: 'utf8' });
    expect([stdout, stderr]).toEqual(['0\n', '']);
  });
});
