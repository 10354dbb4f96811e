import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { findTarget, listTargets } from '../../cli/targets.ts';
import { type FakeGateway, startFakeGateway } from './fake-gateway.ts';
import { newHome, postern } from './run.ts';

vi.setConfig({ testTimeout: 120_000 });

let gateway: FakeGateway;
beforeEach(async () => {
  gateway = await startFakeGateway();
  vi.stubEnv('POSTERN_GATEWAY', gateway.url);
  vi.stubEnv('POSTERN_TOKEN', 'a-token');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await gateway.close();
});

const answer = (...targets: readonly object[]): void => {
  gateway.answers.set('/v1/targets', { targets });
};

async function printed(...args: string[]): Promise<string> {
  const env = {
    XDG_CONFIG_HOME: newHome(),
    POSTERN_GATEWAY: gateway.url,
    POSTERN_TOKEN: 'a-token',
  };
  const { stdout, code } = await postern(['targets', ...args], env).finished;
  expect(code).toBe(0);
  return stdout;
}

describe('postern targets', () => {
  it('prints a table, or JSON', async () => {
    answer(
      {
        id: 'shop-db',
        kind: 'postgres',
        database: 'shop',
        labels: { env: 'prod' },
        access: 'read-only',
        connect: 'approve',
      },
      { id: 'bastion', kind: 'ssh', labels: {}, access: ['exec', 'sftp'] },
    );
    expect(await printed()).toBe(
      [
        'TARGET   KIND      DATABASE  ACCESS                     LABELS',
        'shop-db  postgres  shop      read-only, after approval  env=prod',
        'bastion  ssh       -         exec,sftp',
        '',
      ].join('\n'),
    );
    const [first] = JSON.parse(await printed('--json')) as object[];
    expect(first).toMatchObject({ id: 'shop-db', labels: { env: 'prod' } });
  });

  it('prints no terminal codes that a gateway sends', async () => {
    answer({ id: 'x\u001b]0;title\u0007', kind: 'ssh\u202e', labels: { a: '\u001b[2J' } });
    const text = await printed();
    for (const code of ['\u001b', '\u0007', '\u202e']) expect(text).not.toContain(code);
  });
});

describe('findTarget', () => {
  it.each([
    ['shop-db', 'postgres', null],
    ['bastion', 'postgres', 2],
    ['nope', 'postgres', 4],
    ['', 'postgres', 4],
  ])('looks for %j of kind %s: %j', async (id, kind, exitCode) => {
    const found = findTarget(id, kind);
    if (exitCode === null) expect(await found).toMatchObject({ id, kind });
    else await expect(found).rejects.toMatchObject({ exitCode });
  });

  it.each([null, [], {}, { targets: null }, { targets: [{ id: 1 }] }])(
    'does not make sense of %j',
    async (body) => {
      gateway.answers.set('/v1/targets', body);
      await expect(listTargets()).rejects.toMatchObject({ exitCode: 1 });
    },
  );

  it.each([
    [{ status: 401, problem: { detail: 'No.' } }, 3, 'No.'],
    [{ status: 401, problem: null }, 3, 'The gateway did not accept the token.'],
    [{ status: 403, problem: { detail: 'No\u001b[2J.' } }, 4, 'No [2J.'],
    [{ status: 429, problem: { title: 'Too many' } }, 4, 'Too many'],
    [
      { status: 404, problem: { code: 'target_unknown' } },
      4,
      'The gateway does not know this address.',
    ],
    [{ status: 503, problem: { code: 'target_unreachable', detail: 'Away.' } }, 5, 'Away.'],
    [{ status: 503, problem: { code: 'policy_unreadable', detail: 'Away.' } }, 1, 'Away.'],
    [{ status: 302, problem: null }, 1, /redirect/],
    [
      { status: 500, problem: { detail: 7 as never } },
      1,
      'The gateway answered with HTTP status 500.',
    ],
  ])('passes on a refusal: %j', async (refusal, exitCode, message) => {
    gateway.refuse = () => refusal;
    const failure = await listTargets().catch((error: unknown) => error as Error);
    expect(failure).toMatchObject({ exitCode });
    if (typeof message === 'string') expect((failure as Error).message).toBe(message);
    else expect((failure as Error).message).toMatch(message);
  });
});
