import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CliError } from '../../cli/failure.ts';
import { accessToken } from '../../cli/gateway.ts';
import { currentToken } from '../../cli/token-source.ts';
import { hasAudience, isFresh, tokenOf, unverifiedClaims } from '../../cli/token.ts';
import { newHome, postern } from './run.ts';

vi.setConfig({ testTimeout: 120_000 });

// A port nobody listens on; fetch itself refuses the lowest ones.
const CLOSED = 'http://127.0.0.1:24999/';

let home: string;
beforeEach(() => {
  home = newHome();
  // The tests may run in a CI that has an identity of its own.
  for (const name of Object.keys(process.env)) {
    if (/^(POSTERN_|ACTIONS_|GITHUB_|GITLAB_)/.test(name)) vi.stubEnv(name, undefined);
  }
  vi.stubEnv('XDG_CONFIG_HOME', home);
  vi.stubEnv('POSTERN_GATEWAY', 'https://gate.example');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const jwt = (claims: object): string =>
  `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`;
const inSeconds = (seconds: number): number => Math.floor(Date.now() / 1000) + seconds;

async function failure(): Promise<CliError> {
  return accessToken().then(
    (token) => {
      throw new Error(`a token: ${token}`);
    },
    (error: unknown) => {
      expect(error).toBeInstanceOf(CliError);
      return error as CliError;
    },
  );
}

describe('the order of token sources', () => {
  it('prefers POSTERN_TOKEN to a file, and a file to everything else', async () => {
    const file = join(home, 'token');
    writeFileSync(file, 'from-file\n');
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', CLOSED);
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'x');
    vi.stubEnv('POSTERN_TOKEN_FILE', file);
    expect(await currentToken()).toMatchObject({ token: 'from-file', source: file });
    vi.stubEnv('POSTERN_TOKEN', 'from-env');
    expect(await currentToken()).toMatchObject({ token: 'from-env', source: 'POSTERN_TOKEN' });
  });

  it('never falls back from a source that fails', async () => {
    vi.stubEnv('POSTERN_TOKEN_FILE', join(home, 'missing'));
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', CLOSED);
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'x');
    expect(await failure()).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/^POSTERN_TOKEN_FILE cannot be read: ENOENT/),
    });
    vi.stubEnv('POSTERN_TOKEN_FILE', '');
    expect(await failure()).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/^GitHub Actions gave no token: .*ECONNREFUSED/),
    });
  });

  it.each([
    [{}, /postern login/],
    [{ GITLAB_CI: 'true' }, /id_tokens: \{ POSTERN_TOKEN:/],
    [{ GITHUB_ACTIONS: 'true' }, /id-token: write/],
  ])('says what to do without any, in %j', async (env, hint) => {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    expect(await failure()).toMatchObject({ exitCode: 3, hint: expect.stringMatching(hint) });
  });
});

describe('a given token', () => {
  it.each([
    ['two lines', 'one\ntwo'],
    ['a blank', 'one two'],
    ['a header’s end', 'x\r\nx-evil: 1'],
    ['a letter no token has', 'pässword'],
    ['17 KiB', 'x'.repeat(17 * 1024)],
  ])('is refused with %s, without being shown', async (_, text) => {
    vi.stubEnv('POSTERN_TOKEN', text);
    expect(await failure()).toMatchObject({
      exitCode: 3,
      message: 'What POSTERN_TOKEN gives is not a token.',
    });
  });

  it('is refused when it has ended', async () => {
    vi.stubEnv('POSTERN_TOKEN', jwt({ exp: 1_700_000_000 }));
    expect(await failure()).toMatchObject({
      exitCode: 3,
      message: 'The token of POSTERN_TOKEN ended at 2023-11-14T22:13:20.000Z.',
    });
  });

  it('is read from its file anew after a kubelet’s swap', async () => {
    // A projected volume: token -> ..data/token, ..data -> a directory that is replaced as a whole.
    for (const version of ['1', '2']) {
      mkdirSync(join(home, version));
      writeFileSync(join(home, version, 'token'), `token-${version}`);
    }
    symlinkSync('1', join(home, '..data'));
    symlinkSync('..data/token', join(home, 'token'));
    vi.stubEnv('POSTERN_TOKEN_FILE', join(home, 'token'));
    expect(await accessToken()).toBe('token-1');
    symlinkSync('2', join(home, '..tmp'));
    renameSync(join(home, '..tmp'), join(home, '..data'));
    expect(await accessToken()).toBe('token-2');
  });
});

describe('GitHub Actions', () => {
  it('gives a token for the gateway, asked for once while it is fresh', async () => {
    const asked: string[] = [];
    let life = 600;
    const server = createServer((request, response) => {
      asked.push(`${request.url ?? ''} ${request.headers.authorization ?? ''}`);
      const value = jwt({ exp: inSeconds(life), n: asked.length });
      response.end(JSON.stringify({ value }));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_URL', `http://127.0.0.1:${port}/token?api-version=2.0`);
    vi.stubEnv('ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'runner');
    life = 59; // too short to be kept
    const first = await Promise.all([accessToken(), accessToken()]);
    expect(first[0]).toBe(first[1]);
    life = 600;
    const second = await accessToken();
    expect(second).not.toBe(first[0]);
    expect(await accessToken()).toBe(second);
    const question = '/token?api-version=2.0&audience=https%3A%2F%2Fgate.example Bearer runner';
    expect(asked).toEqual([question, question]);
    server.close();
  });
});

describe('reading a token', () => {
  it.each([
    [jwt({ aud: 'a' }), 'a', true],
    [jwt({ aud: ['b', 'a'] }), 'a', true],
    [jwt({ aud: 'ab' }), 'a', false],
    [jwt({}), 'undefined', false],
    ['opaque', 'a', false],
  ])('finds in %s the audience %s: %s', (token, audience, expected) => {
    expect(hasAudience(token, audience)).toBe(expected);
  });

  it.each(['', 'a', 'a.b', 'a.b.c', 'a.W10.c', `a.${btoa('"x"')}.c`, 'a.e30.c.d'])(
    'takes %j for opaque',
    (token) => {
      expect(unverifiedClaims(token)).toBeNull();
      expect(tokenOf(token)).toEqual({ token, issuedAtMs: null, expiresAtMs: null });
    },
  );
});

describe('a token’s freshness', () => {
  const life = (iat: number | null, exp: number | null): Parameters<typeof isFresh>[0] => ({
    token: 'x',
    issuedAtMs: iat === null ? null : iat * 1000,
    expiresAtMs: exp === null ? null : exp * 1000,
  });

  it.each([
    ['no end', life(null, null), 1_000_000, true, true],
    ['a minute left', life(0, 600), 540, false, false],
    ['a second more than that', life(0, 600), 539, true, false],
    ['half of its life left', life(0, 600), 300, true, true],
    ['less than half', life(0, 600), 301, true, false],
    ['an unknown beginning', life(null, 600), 500, true, true],
    ['an end that is past', life(0, 600), 601, false, false],
    ['an end that is no number', life(0, Number.NaN), 1, false, false],
  ])('with %s', (_, token, now, request, session) => {
    expect(isFresh(token, 'request', now * 1000)).toBe(request);
    expect(isFresh(token, 'session', now * 1000)).toBe(session);
  });
});

describe('postern token and whoami', () => {
  const token = jwt({ iss: 'https://i.example', sub: 'ann\u001b[2J', exp: 4_000_000_000 });
  const env = { POSTERN_TOKEN: token, POSTERN_GATEWAY: 'https://gate.example' };

  it('prints the token alone, or with its end', async () => {
    expect(await postern(['token'], env).finished).toMatchObject({ stdout: `${token}\n`, code: 0 });
    const { stdout } = await postern(['token', '--json'], env).finished;
    expect(JSON.parse(stdout)).toEqual({ token, expiresAt: '2096-10-02T07:06:40.000Z' });
  });

  it('shows claims as unverified and without terminal codes', async () => {
    const { stdout, stderr } = await postern(['whoami'], env).finished;
    expect(stdout).toContain('issuer   https://i.example\nsubject  ann [2J\n');
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toContain('unverified');
  });
});
