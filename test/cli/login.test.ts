import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readLogin } from '../../cli/login-store.ts';
import { type FakeGateway, startFakeGateway } from './fake-gateway.ts';
import { type FakeIssuer, browse, startFakeIssuer } from './fake-issuer.ts';
import { type Finished, type Running, newHome, postern } from './run.ts';

// A test is several processes, on a machine that others use too.
vi.setConfig({ testTimeout: 120_000 });

let gateway: FakeGateway;
let issuer: FakeIssuer;
let home: string;
let started: Running[] = [];
beforeEach(async () => {
  gateway = await startFakeGateway();
  issuer = await startFakeIssuer();
  issuer.audiences.push(gateway.url);
  home = newHome();
  offer({});
});
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  started = [];
  await gateway.close();
  await issuer.close();
});

/** What the gateway's discovery says, with something changed. */
function offer(change: Readonly<Record<string, unknown>>): void {
  const people = {
    id: 'people',
    issuer: issuer.url,
    clientId: 'postern-cli',
    scopes: ['openid', 'offline_access'],
    audience: gateway.url,
    ...change,
  };
  gateway.answers.set('/.well-known/postern', { gateway: gateway.url, issuers: [people] });
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const running = postern(args, { XDG_CONFIG_HOME: home, POSTERN_GATEWAY: gateway.url, ...env });
  started.push(running);
  return running;
}

async function logIn(...args: string[]): Promise<Finished & { page: string }> {
  const running = run(['login', '--browser', '--no-open', ...args]);
  const [, url = ''] = await running.seen(/^ {2}(http:\S+)$/m);
  const { text } = await browse(url);
  return { ...(await running.finished), page: text };
}

const store = (): string => join(home, 'postern/logins.json');
const stored = (): Record<string, { token: string; refreshToken: string | null }> =>
  JSON.parse(readFileSync(store(), 'utf8')) as ReturnType<typeof stored>;
/** A login as an earlier command left it, good for ten minutes. */
function keepLogin(): void {
  const payload = JSON.stringify({ sub: 'ann', aud: gateway.url, exp: Date.now() / 1000 + 600 });
  const login = {
    issuerId: 'people',
    issuer: issuer.url,
    clientId: 'postern-cli',
    scopes: ['openid'],
    audience: gateway.url,
    token: `e30.${Buffer.from(payload).toString('base64url')}.x`,
    refreshToken: null,
  };
  mkdirSync(join(home, 'postern'), { recursive: true, mode: 0o700 });
  writeFileSync(store(), JSON.stringify({ [gateway.url]: login }), { mode: 0o600 });
}

const claims = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;

describe('postern login', () => {
  it('logs in with a browser and keeps the login to its owner', async () => {
    const { stdout, code, page } = await logIn();
    expect(stdout).toBe(`Logged in to ${gateway.url} as ann.\n`);
    expect(page).toBe('You are logged in. You may close this window.\n');
    expect(code).toBe(0);
    expect(statSync(store()).mode & 0o777).toBe(0o600);
    expect(statSync(join(home, 'postern')).mode & 0o777).toBe(0o700);
    // No draft and no lock is left behind.
    expect(readdirSync(join(home, 'postern')).sort()).toEqual(['config.json', 'logins.json']);
    const token = (await run(['token']).finished).stdout.trim();
    expect(claims(token)).toMatchObject({ iss: issuer.url, sub: 'ann', aud: gateway.url });
  });

  it('logs in on another device', async () => {
    const running = run(['login', '--device']);
    const [, url = ''] = await running.seen(/^ {2}(http:\S+)$/m);
    const [, code = ''] = await running.seen(/shows the code {2}(\S+)/);
    expect(url).toContain(code);
    await browse(url);
    expect(await running.finished).toMatchObject({ code: 0 });
    expect(issuer.grants).toEqual(['urn:ietf:params:oauth:grant-type:device_code']);
    expect(claims(stored()[gateway.url]?.token ?? '')).toMatchObject({ aud: gateway.url });
  });

  it('takes the device by itself where there is no display', async () => {
    await run(['login']).seen(/shows the code/);
  });

  it('remembers the gateway for later commands', async () => {
    await logIn();
    const { stdout } = await run(['token'], { POSTERN_GATEWAY: '' }).finished;
    expect(claims(stdout)['sub']).toBe('ann');
  });

  it('uses the ID token where the audience is the client itself', async () => {
    issuer.jwt = false;
    offer({ audience: 'postern-cli' });
    expect(await logIn()).toMatchObject({ code: 0 });
    expect(claims(stored()[gateway.url]?.token ?? '')).toMatchObject({
      aud: 'postern-cli',
      sub: 'ann',
    });
  });

  it('says so when the issuer gives no token for the gateway', async () => {
    issuer.jwt = false;
    const { code, stderr } = await logIn();
    expect(stderr).toContain(`The issuer gave no token for the audience ${gateway.url}`);
    expect(code).toBe(1);
  });

  it('shows the issuer’s own words when it refuses', async () => {
    issuer.audiences.length = 0;
    const { code, stderr, page } = await logIn();
    expect(stderr).toMatch(/^postern: The login failed: resource indicator is missing/m);
    expect(page).toBe('The login failed. The terminal says why.\n');
    expect(code).toBe(3);
  });

  it('is not ended by somebody else’s request to its port', async () => {
    const running = run(['login', '--browser', '--no-open']);
    const [, url = ''] = await running.seen(/^ {2}(http:\S+)$/m);
    const callback = new URL(url).searchParams.get('redirect_uri') ?? '';
    for (const query of ['', '?code=stolen&state=guessed', '?error=access_denied']) {
      expect((await fetch(callback + query)).status).toBe(404);
    }
    expect((await fetch(new URL('/favicon.ico', callback))).status).toBe(404);
    await browse(url);
    expect((await running.finished).code).toBe(0);
  });

  it.each([
    [['--issuer', 'nobody'], 2, 'has no issuer «nobody»'],
    [['--device', '--browser'], 2, 'cannot be used with option'],
  ])('refuses %j', async (args, code, words) => {
    const finished = await run(['login', ...args]).finished;
    expect(finished.stderr).toContain(words);
    expect(finished.code).toBe(code);
  });

  it.each([
    ['an issuer in clear text over a network', { issuer: 'http://issuer.example' }, 1],
    ['an answer that is no gateway’s', { issuer: 'not a URL' }, 1],
  ])('refuses %s', async (_, change, code) => {
    offer(change);
    expect((await run(['login']).finished).code).toBe(code);
  });

  it('refuses a gateway in clear text over a network before anything is sent', async () => {
    const { code, stderr } = await run(['login'], { POSTERN_GATEWAY: 'http://gate.example' })
      .finished;
    expect(stderr).toContain('The gateway must be an https:// URL');
    expect(code).toBe(2);
  });
});

async function readsLogin(): Promise<unknown> {
  vi.stubEnv('XDG_CONFIG_HOME', home);
  return (async () => readLogin(gateway.url))().finally(() => vi.unstubAllEnvs());
}

describe('a stored login', () => {
  it('is renewed without asking, once, however many commands need it', async () => {
    issuer.accessTokenSeconds = 30; // less than the 60 s before which a token is renewed
    await logIn();
    const before = stored()[gateway.url];
    issuer.accessTokenSeconds = 600;
    const all = await Promise.all(Array.from({ length: 8 }, () => run(['token']).finished));
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(all.map(() => [0, '']));
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
    expect(all[0]?.stdout.trim()).not.toBe(before?.token);
    expect(issuer.grants).toEqual(['authorization_code', 'refresh_token']);
    expect(stored()[gateway.url]?.refreshToken).not.toBe(before?.refreshToken);
    expect(statSync(store()).mode & 0o777).toBe(0o600);
  });

  it('says so when the issuer has ended it', async () => {
    issuer.accessTokenSeconds = 1;
    await logIn();
    await sleep(1100);
    const { refreshToken } = stored()[gateway.url] ?? {};
    writeFileSync(store(), readFileSync(store(), 'utf8').replace(String(refreshToken), 'revoked'));
    const { code, stderr } = await run(['token']).finished;
    expect(stderr).toBe(
      'postern: Your login has ended (invalid_grant).\n         Run `postern login`.\n',
    );
    expect(code).toBe(3);
  });

  it('is used to its end while the issuer is away', async () => {
    issuer.accessTokenSeconds = 30;
    await logIn();
    await issuer.close();
    expect((await run(['token']).finished).stdout.trim()).toBe(stored()[gateway.url]?.token ?? '');
    issuer = await startFakeIssuer();
  });

  it.each([0o640, 0o604, 0o666])('is not used when its file has mode %o', async (mode) => {
    keepLogin();
    chmodSync(store(), mode);
    await expect(readsLogin()).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringContaining('is open to other users'),
    });
  });

  it.each(['', '{', '[]', '{"x":{"token":1}}'])(
    'is not guessed from a damaged file: %j',
    async (text) => {
      keepLogin();
      writeFileSync(store(), text);
      await expect(readsLogin()).rejects.toMatchObject({
        exitCode: 3,
        message: expect.stringContaining('is damaged'),
      });
    },
  );

  it('is of one gateway only', async () => {
    keepLogin();
    expect((await run(['token']).finished).code).toBe(0);
    const other = await startFakeGateway();
    const { code, stdout } = await run(['token'], { POSTERN_GATEWAY: other.url }).finished;
    expect([code, stdout]).toEqual([3, '']);
    await other.close();
  });

  it('is renewed even if a killed command left its lock', async () => {
    issuer.accessTokenSeconds = 30;
    await logIn();
    const lock = `${store()}.lock`;
    writeFileSync(lock, '');
    const running = run(['token']);
    await sleep(700);
    expect(running.child.exitCode).toBeNull(); // it respects a lock that is fresh
    utimesSync(lock, 0, 0);
    expect((await running.finished).code).toBe(0);
    expect(existsSync(lock)).toBe(false);
  });

  it('is renewed at once if the command that held its lock is dead', async () => {
    issuer.accessTokenSeconds = 30;
    await logIn();
    const { child, finished } = run(['--version']);
    await finished;
    writeFileSync(`${store()}.lock`, `${child.pid} ${hostname()} x`);
    const since = Date.now();
    expect((await run(['token']).finished).code).toBe(0);
    expect(Date.now() - since).toBeLessThan(50_000);
  });
});

describe('postern logout', () => {
  it('forgets the login here and ends it at the issuer', async () => {
    issuer.accessTokenSeconds = 30;
    await logIn();
    const login = readFileSync(store(), 'utf8');
    const { stdout, stderr, code } = await run(['logout']).finished;
    expect([stdout, stderr, code]).toEqual([`Logged out of ${gateway.url}.\n`, '', 0]);
    expect((await run(['token']).finished).code).toBe(3);
    // Put back by a thief, the refresh token is worth nothing.
    writeFileSync(store(), login, { mode: 0o600 });
    await run(['token']).finished;
    expect(issuer.grants).toEqual(['authorization_code']);
    expect((await run(['logout']).finished).stdout).toBe(`Logged out of ${gateway.url}.\n`);
    expect((await run(['logout']).finished).stdout).toBe(
      `There was no login for ${gateway.url}.\n`,
    );
  });
});
