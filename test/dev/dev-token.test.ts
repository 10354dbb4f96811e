// `postern dev token`: prints a token and nothing else, finds its stack by the state folder, and says what is missing.
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IssuerServer, startIssuers } from '../../dev/issuer/server.ts';
import { freePort } from '../../dev/ports.ts';
import { type State, announce, openState } from '../../dev/state.ts';

const MAIN = join(import.meta.dirname, '../../cli/main.ts');
const GATEWAY = 'http://127.0.0.1:8787';
const TIMEOUT_MS = 60_000;

let state: State;
let issuers: IssuerServer;

beforeAll(async () => {
  state = openState(mkdtempSync(join(tmpdir(), 'postern-token-')), false);
  issuers = await startIssuers(state, await freePort(), GATEWAY);
  announce(state, { gateway: GATEWAY, issuer: issuers.workloads, pid: process.pid });
}, TIMEOUT_MS);

afterAll(async () => {
  await issuers.close();
  state.release();
  rmSync(state.dir, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function token(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'dev', 'token', ...args], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe('postern dev token', () => {
  it(
    'prints a token of the workload issuer, and nothing else',
    { timeout: TIMEOUT_MS },
    async () => {
      const { code, stdout, stderr } = await token(
        '--state',
        state.dir,
        '--sub',
        'S',
        '--groups',
        'a, b',
        '--ttl',
        '90s',
      );
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
      const claims = decodeJwt(stdout.trim());
      expect(claims).toMatchObject({
        iss: issuers.workloads,
        sub: 'S',
        groups: ['a', 'b'],
        aud: GATEWAY,
      });
      expect(Number(claims.exp) - Number(claims.iat)).toBe(90);
    },
  );

  it('prints one of the human issuer when asked', { timeout: TIMEOUT_MS }, async () => {
    const { stdout } = await token('--state', state.dir, '--sub', 'dana', '--issuer', 'human');
    expect(decodeJwt(stdout.trim())).toMatchObject({ iss: issuers.people, groups: [] });
  });

  it.each([
    ['no stack in the folder', ['--state', '/nowhere', '--sub', 'S'], 2, 'No development stack'],
    ['no subject', [], 2, '--sub'],
    ['a life of two days', ['--sub', 'S', '--ttl', '2d'], 2, 'at most 24h'],
    ['a life without a unit', ['--sub', 'S', '--ttl', '10'], 2, '--ttl'],
    ['an issuer there is not', ['--sub', 'S', '--issuer', 'robot'], 2, 'workload, human'],
  ])('refuses %s with a sentence', { timeout: TIMEOUT_MS }, async (_what, args, exit, text) => {
    const { code, stdout, stderr } = await token(...args);
    expect([code, stdout]).toEqual([exit, '']);
    expect(stderr).toContain(text);
  });
});
