// `postern approvals` and `postern request` as processes, against a gateway that says what a test wants.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FakeGateway, startFakeGateway } from './fake-gateway.ts';
import { type Finished, type Running, newHome, postern } from './run.ts';

vi.setConfig({ testTimeout: 60_000 });

const ID = `${'a'.repeat(32)}-1`;
const DIGEST = 'a'.repeat(64);
const RLO = '\u202e';

let gateway: FakeGateway;
let requests: { method: string; url: string; body: string }[];
let started: Running[];

beforeEach(async () => {
  gateway = await startFakeGateway();
  requests = [];
  started = [];
  gateway.refuse = (request) => {
    const seen = { method: request.method ?? '', url: request.url ?? '', body: '' };
    requests.push(seen);
    request.on('data', (chunk) => (seen.body += String(chunk)));
    return null;
  };
  gateway.answers.set(`/v1/approvals/${ID}`, {
    approval: APPROVAL,
    mayDecide: true,
    hindrance: null,
  });
  gateway.answers.set(`/v1/approvals/${ID}/decision`, {
    standing: { id: ID, state: 'approved', reason: '' },
  });
});
afterEach(async () => {
  for (const { child } of started) child.kill('SIGKILL');
  await gateway.close();
});

const APPROVAL = {
  id: ID,
  url: `https://gate.example/approvals/${ID}`,
  state: 'pending',
  digest: DIGEST,
  summary: `DELETE on public.orders${RLO}`,
  cautions: ['It has no WHERE: it reaches every row.'],
  principal: { id: 'github:agent', kind: 'workload', groups: ['agents'], claims: {} },
  target: { id: 'shop-db', kind: 'postgres' },
  content: {
    kind: 'sql',
    text: `DELETE FROM orders\n-- \u001b[2J${RLO}hidden\n${'x'.repeat(5_000)} the end`,
    binds: ["it's", null],
    searchPath: ['public'],
    role: 'app',
    database: 'shop',
    transaction: 'active',
    settings: { TimeZone: 'UTC' },
    stands: [],
  },
  estimatedRows: 12,
  claimed: 'cleanup',
  demands: [{ rule: 'writes', message: 'Look twice.', by: ['dba'], quorum: 1, maxRows: 100 }],
  votes: [],
  revision: 7,
  requestedAt: '2026-11-24T14:00:00.000Z',
  expiresAt: '2126-11-24T14:15:00.000Z',
  decidedBy: [],
  reason: '',
};

function start(...args: string[]): Running {
  const running = postern(args, {
    XDG_CONFIG_HOME: newHome(),
    POSTERN_GATEWAY: gateway.url,
    POSTERN_TOKEN: TOKEN,
  });
  started.push(running);
  return running;
}

const run = async (...args: string[]): Promise<Finished> => start(...args).finished;

/** Unsigned: the stand-in checks nothing. */
const TOKEN = ['{"alg":"none"}', '{"sub":"ann","exp":4102444800}', 'x']
  .map((part) => Buffer.from(part).toString('base64url'))
  .join('.');

describe('approvals list', () => {
  it('shows what is pending, with nothing that could repaint the terminal', async () => {
    gateway.answers.set('/v1/approvals?state=pending&limit=50', {
      approvals: [
        {
          ...APPROVAL,
          kind: 'sql',
          principal: 'github:agent',
          target: 'shop-db',
          rules: ['writes'],
        },
      ],
      next: null,
    });
    const { code, stdout } = await run('approvals', 'list');
    expect(code).toBe(0);
    expect(stdout).toContain(ID);
    expect(stdout).toContain('⟦U+202E⟧');
    expect(stdout).not.toMatch(new RegExp(`[\\u001b${RLO}]`));
  });
});

describe('approvals show', () => {
  it('shows the whole statement and what it depends on, visibly', async () => {
    const { code, stdout } = await run('approvals', 'show', ID);
    expect(code).toBe(0);
    for (const piece of [
      'the end',
      '⟦U+001B⟧[2J⟦U+202E⟧hidden',
      "$1 = 'it''s'",
      '$2 = NULL',
      'INSIDE AN OPEN TRANSACTION',
      'TimeZone=UTC',
      'Look twice.',
      'every row',
      DIGEST,
      'not verified',
    ]) {
      expect(stdout).toContain(piece);
    }
    expect(stdout).not.toMatch(new RegExp(`[\\u001b${RLO}]`));
  });
});

describe('approvals approve and deny', () => {
  it('send the digest that was shown elsewhere', async () => {
    const { code, stderr } = await run(
      'approvals',
      'approve',
      ID,
      '--digest',
      DIGEST,
      '--reason',
      'ok',
    );
    expect([code, stderr]).toEqual([0, 'Approved.\n']);
    expect(JSON.parse(requests.at(-1)?.body ?? '')).toEqual({
      decision: 'approve',
      digest: DIGEST,
      reason: 'ok',
    });
  });

  it('decide nothing without a terminal and without a digest', async () => {
    const { code, stderr } = await run('approvals', 'approve', ID);
    expect(code).toBe(2);
    expect(stderr).toContain('no terminal');
    expect(requests.map(({ method }) => method)).toEqual(['GET']);
  });

  it('ask for the reason of a denial before anything else', async () => {
    const { code, stderr } = await run('approvals', 'deny', ID, '--digest', DIGEST);
    expect(code).toBe(2);
    expect(stderr).toContain('needs a reason');
    expect(requests).toEqual([]);
  });

  it('say it when more people are needed', async () => {
    gateway.answers.set(`/v1/approvals/${ID}/decision`, {
      standing: { id: ID, state: 'pending', reason: '' },
    });
    expect((await run('approvals', 'approve', ID, '--digest', DIGEST)).stderr).toContain(
      'more people are needed',
    );
  });

  it('fail with the gateway’s sentence', async () => {
    gateway.refuse = () => ({
      status: 403,
      problem: { code: 'workload_cannot_decide', detail: 'Only people decide.' },
    });
    const { code, stderr } = await run('approvals', 'approve', ID, '--digest', DIGEST);
    expect([code, stderr]).toEqual([4, 'postern: Only people decide.\n']);
  });
});

describe('request', () => {
  const grant = {
    id: ID,
    state: 'pending',
    target: 'shop-db',
    url: APPROVAL.url,
    askedOf: ['sre'],
    endsAt: null,
    decidedBy: [],
    reason: '',
  };
  const waitPath = `/v1/grants/${ID}?wait=25`;

  it('prints the link, waits, and says until when', async () => {
    gateway.answers.set('/v1/grants', { grant });
    gateway.answers.set(waitPath, {
      grant: { ...grant, state: 'active', endsAt: '2026-11-24T15:00:00.000Z' },
    });
    const { code, stderr } = await run('request', 'shop-db', '--for', '30m', '--reason', 'OPS-12');
    expect(code).toBe(0);
    expect(stderr).toContain(APPROVAL.url);
    expect(stderr).toContain('until 2026-11-24T15:00:00.000Z');
    expect(JSON.parse(requests[0]?.body ?? '')).toEqual({
      target: 'shop-db',
      forSeconds: 1800,
      reason: 'OPS-12',
    });
  });

  it('ends with the reason of a denial', async () => {
    gateway.answers.set('/v1/grants', { grant });
    gateway.answers.set(waitPath, { grant: { ...grant, state: 'denied', reason: 'Use staging.' } });
    const { code, stderr } = await run('request', 'shop-db', '--for', '30m', '--reason', 'x');
    expect(code).toBe(4);
    expect(stderr).toContain('The access was denied: Use staging.');
  });

  it('takes the request back when it is interrupted', async () => {
    gateway.answers.set('/v1/grants', { grant });
    const running = start('request', 'shop-db', '--for', '30m', '--reason', 'x');
    // The long poll is answered once, and then again and again with the same.
    gateway.answers.set(waitPath, { grant });
    gateway.answers.set(`/v1/grants/${ID}`, { grant: { ...grant, state: 'cancelled' } });
    await running.seen(/waiting for sre/);
    running.child.kill('SIGINT');
    expect((await running.finished).code).toBe(130);
    expect(requests.filter(({ method }) => method === 'DELETE').map(({ url }) => url)).toEqual([
      `/v1/grants/${ID}`,
    ]);
  });

  it.each([
    [['request', 'shop-db']],
    [['request', 'shop-db', '--for', '30m']],
    [['request', 'shop-db', '--for', '30m', '--reason', ' ']],
    [['request', 'shop-db', '--for', '30s', '--reason', 'x']],
    [['request', 'shop-db', '--for', 'soon', '--reason', 'x']],
  ])('refuses %j without asking anybody', async (args) => {
    expect((await run(...args)).code).toBe(2);
    expect(requests).toEqual([]);
  });

  it('gives access back', async () => {
    gateway.answers.set(`/v1/grants/${ID}`, { grant: { ...grant, state: 'returned' } });
    const { code, stderr } = await run('request', '--return', ID);
    expect([code, stderr]).toEqual([0, 'The access is returned.\n']);
    expect(requests).toMatchObject([{ method: 'DELETE' }]);
  });
});
