// A click in Slack, from Slack's signed request to the vote in the Approval object, and everything that must not count.
import {
  createExecutionContext,
  runInDurableObject,
  waitOnExecutionContext,
} from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../adapters/env.ts';
import { approvalName } from '../../core/approval/view.ts';
import type { ApprovalRequest } from '../../core/approval/request.ts';
import worker from '../../worker/index.ts';
import { demand } from '../core/approval/fixtures.ts';
import { clickPayload, signedInteraction, type Click } from '../support/slack-click.ts';
import { slackWorkspace, type SlackWorkspace } from '../support/slack-workspace.ts';
import {
  asking,
  eventually,
  gateway,
  migrated,
  objectOf,
  POLICY,
  someSql,
  viewOf,
} from './approval-support.ts';

const SIGNING_SECRET = 'the-signing-secret-of-the-app';
const CHANNEL = 'C0APPROVALS';
const SLACK_POLICY = `${POLICY}notify:
  slack:
    channel: ${CHANNEL}
    token: SLACK_TOKEN
    team: T0ACME
    users:
      U0ANN: { principal: "okta:ann", groups: [dba, sre] }
      U0ANNTWICE: { principal: "okta:ann", groups: [dba] }
      U0BO: { principal: "okta:bo", groups: [dba] }
      U0EVE: { principal: "okta:eve", groups: [finance] }
`;
const HASH = createHash('sha256').update(SLACK_POLICY).digest('hex');

let workspace: SlackWorkspace;
let bound: Env;

beforeAll(async () => {
  await migrated();
  await env.DB.prepare(
    'INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by) VALUES (2, ?1, ?2, 0, ?3)',
  )
    .bind(HASH, SLACK_POLICY, 'test')
    .run();
});

beforeEach(() => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  workspace = slackWorkspace();
  bound = {
    ...gateway,
    POSTERN_ENV: 'development',
    SLACK_API_URL: workspace.apiUrl,
    SLACK_TOKEN: workspace.token,
    SLACK_SIGNING_SECRET: SIGNING_SECRET,
  } as Env;
});

async function ask(change: Partial<ApprovalRequest> = {}): Promise<ApprovalRequest> {
  const demands = [{ ...demand, slackButtons: true }];
  const asked = await asking({ policyHash: HASH, demands, ...change });
  await objectOf(asked.digest).request(asked, Date.now());
  return asked;
}

function clickOn(asked: ApprovalRequest, change: Partial<Click> = {}): Click {
  return {
    team: 'T0ACME',
    user: 'U0ANN',
    channel: CHANNEL,
    ts: '1795528800.000100',
    action: 'postern_approve',
    value: JSON.stringify({ approval: `${approvalName(asked.digest)}-1`, digest: asked.digest }),
    ...change,
  };
}

interface Sent {
  readonly body: string;
  readonly headers: Record<string, string>;
}

async function signed(click: Click, atMs = Date.now(), secret = SIGNING_SECRET): Promise<Sent> {
  return signedInteraction(secret, clickPayload(click), atMs);
}

async function send({ body, headers }: Sent, to: Env = bound): Promise<Response> {
  const ctx = createExecutionContext();
  const request = new Request('https://gate.example/slack/interactions', {
    method: 'POST',
    headers,
    body,
  });
  const response = await worker.fetch(request, to, ctx);
  await waitOnExecutionContext(ctx);
  return response;
}

async function whispers(): Promise<string[]> {
  return (await workspace.state()).whispers.map(({ text }) => text);
}

describe('the message of a request', () => {
  // All objects of a test file share one set of bindings, so this comes before the approvals that nobody is told about.
  let shared: Record<string, unknown> = {};
  afterEach(() => {
    delete shared['SLACK_TOKEN'];
    shared['POSTERN_ENV'] = gateway.POSTERN_ENV;
  });

  /** Asks at an object that has the bindings of this test. */
  async function askInSlack(change: Partial<ApprovalRequest> = {}): Promise<ApprovalRequest> {
    const demands = [{ ...demand, slackButtons: true }];
    const asked = await asking({ policyHash: HASH, demands, ...change });
    await runInDurableObject(objectOf(asked.digest), (object) => {
      const { POSTERN_ENV, SLACK_API_URL, SLACK_TOKEN } = bound as unknown as Record<
        string,
        string
      >;
      shared = (object as unknown as { env: Record<string, unknown> }).env;
      Object.assign(shared, { POSTERN_ENV, SLACK_API_URL, SLACK_TOKEN });
    });
    await objectOf(asked.digest).request(asked, Date.now());
    return asked;
  }

  const messages = async () => (await workspace.state()).messages;
  const shown = async () => JSON.stringify((await messages()).map(({ blocks }) => blocks));

  it('stands there with its buttons, and is brought up to date by the click', async () => {
    const asked = await askInSlack();
    await eventually(async () => expect(await messages()).toHaveLength(1), 10_000);
    const [message] = await messages();
    const buttons = message?.blocks.find(({ type }) => type === 'actions')?.['elements'];
    const [approve] = buttons as { action_id: string; value: string }[];
    const click = {
      team: 'T0ACME',
      user: 'U0ANN',
      channel: message?.channel ?? '',
      ts: message?.ts ?? '',
      action: approve?.action_id ?? '',
      value: approve?.value ?? '',
    };
    expect((await send(await signed(click))).status).toBe(200);
    expect(await viewOf(asked)).toMatchObject({ state: 'approved' });
    await eventually(async () => expect(await shown()).toContain('approved by okta:ann'), 10_000);
    expect(await messages()).toHaveLength(1);
    expect(await shown()).not.toContain('postern_approve');
  }, 30_000);

  it('comes late and once when Slack is down, rate-limits and answers nonsense', async () => {
    await workspace.next(
      { kind: 'status', status: 503 },
      { kind: 'ratelimit', seconds: 2 },
      { kind: 'garbage' },
    );
    await askInSlack();
    await eventually(async () => expect(await messages()).toHaveLength(1), 12_000);
    const { calls } = await workspace.state();
    expect(calls.map(({ error }) => error)).toEqual(['http_503', 'ratelimited', 'garbage', null]);
  }, 20_000);
});

describe('a click that counts', () => {
  it('approves, as the person the policy names, with what was shown', async () => {
    const asked = await ask();
    const response = await send(await signed(clickOn(asked)));
    expect([response.status, await response.text()]).toEqual([200, '']);
    const view = await viewOf(asked);
    expect(view).toMatchObject({ state: 'approved', decidedBy: ['okta:ann'] });
    expect(view?.votes).toMatchObject([
      {
        by: 'okta:ann',
        vote: 'approve',
        via: 'slack',
        digest: asked.digest,
        groups: ['dba', 'sre'],
        address: 'slack:T0ACME/U0ANN',
      },
    ]);
    expect(await whispers()).toEqual([]);
  });

  it('denies, with a reason that says that there is none', async () => {
    const asked = await ask();
    await send(await signed(clickOn(asked, { action: 'postern_deny' })));
    expect(await viewOf(asked)).toMatchObject({
      state: 'denied',
      reason: 'Denied in Slack, without a reason.',
    });
  });

  it('is one of two where two are asked', async () => {
    const asked = await ask({ demands: [{ ...demand, quorum: 2, slackButtons: true }] });
    await send(await signed(clickOn(asked)));
    expect(await viewOf(asked)).toMatchObject({ state: 'pending' });
    await send(await signed(clickOn(asked, { user: 'U0BO' })));
    expect(await viewOf(asked)).toMatchObject({
      state: 'approved',
      decidedBy: ['okta:ann', 'okta:bo'],
    });
  });
});

describe('a click that does not count leaves the approval open and tells the person alone', () => {
  const cases: [string, (asked: ApprovalRequest) => Partial<Click>, string | null][] = [
    [
      'somebody the policy does not name',
      () => ({ user: 'U0MALLORY' }),
      'does not say who you are',
    ],
    ['somebody of another workspace', () => ({ team: 'T0OTHER' }), 'does not say who you are'],
    ['a named person of no asked group', () => ({ user: 'U0EVE' }), 'none of the groups'],
    [
      'a message in another channel',
      () => ({ channel: 'C0ELSEWHERE' }),
      'cannot be decided in Slack',
    ],
    [
      'a digest that was not shown',
      (asked) => ({
        value: JSON.stringify({
          approval: `${approvalName(asked.digest)}-1`,
          digest: 'f'.repeat(64),
        }),
      }),
      'did not count',
    ],
    [
      'a round that never was',
      (asked) => ({
        value: JSON.stringify({
          approval: `${approvalName(asked.digest)}-2`,
          digest: asked.digest,
        }),
      }),
      'nothing here',
    ],
  ];
  it.each(cases)('%s', async (_name, change, sentence) => {
    const asked = await ask();
    const response = await send(await signed(clickOn(asked, change(asked))));
    expect(response.status).toBe(200);
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [] });
    const said = (await whispers()).join();
    expect(said).toContain(sentence);
    expect(said).toMatch(/Open the request by the link in its message\.$/);
  });

  const closed: [string, Partial<ApprovalRequest>][] = [
    ['the rule does not opt in', { demands: [demand] }],
    [
      'one of two rules does not opt in',
      {
        demands: [
          { ...demand, slackButtons: true },
          { ...demand, rule: 'other' },
        ],
      },
    ],
    [
      'the statement is too long to be shown',
      {
        content: someSql({
          text: `SELECT '${'x'.repeat(2_500)}'`,
          binds: null,
          bindTypes: null,
          bindFormats: null,
        }),
      },
    ],
    ['a parameter is too long to be shown', { content: someSql({ binds: ['x'.repeat(2_500)] }) }],
  ];
  it.each(closed)('%s: no button was there to be pressed', async (_name, change) => {
    const asked = await ask(change);
    await send(await signed(clickOn(asked)));
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [] });
    expect((await whispers()).join()).toContain('cannot be decided in Slack');
  });

  it('the requester, under the name that Slack knows', async () => {
    const principal = {
      ...(await asking()).principal,
      id: 'okta:ann',
      issuer: 'okta',
      subject: 'ann',
      kind: 'human' as const,
    };
    const asked = await ask({ principal });
    await send(await signed(clickOn(asked)));
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [] });
    expect((await whispers()).join()).toContain('asked for themselves');
  });

  it('the same person from a second Slack account', async () => {
    const asked = await ask({ demands: [{ ...demand, quorum: 2, slackButtons: true }] });
    await send(await signed(clickOn(asked)));
    await send(await signed(clickOn(asked, { user: 'U0ANNTWICE' })));
    expect(await viewOf(asked)).toMatchObject({ state: 'pending' });
    expect((await whispers()).join()).toContain('You have voted on this before');
  });

  it('somebody who comes too late', async () => {
    const asked = await ask();
    await send(await signed(clickOn(asked, { action: 'postern_deny' })));
    await send(await signed(clickOn(asked, { user: 'U0BO' })));
    expect(await viewOf(asked)).toMatchObject({ state: 'denied' });
    expect((await whispers()).join()).toContain('closed, before your vote came in');
  });

  it('a request of a policy that is no longer in force', async () => {
    const asked = await ask({ policyHash: 'b'.repeat(64) });
    await send(await signed(clickOn(asked)));
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [] });
  });

  it('answers Slack in time even when the whisper does not arrive', async () => {
    const asked = await ask();
    await workspace.next({ kind: 'error', code: 'channel_not_found' });
    const response = await send(await signed(clickOn(asked, { user: 'U0MALLORY' })));
    expect(response.status).toBe(200);
  });
});

describe('what Slack did not sign now is refused before anything is looked at', () => {
  const NOT: [string, (sent: Sent) => Sent | Promise<Sent>][] = [
    [
      'no signature',
      ({ body, headers }) => ({ body, headers: without(headers, 'x-slack-signature') }),
    ],
    [
      'no timestamp',
      ({ body, headers }) => ({ body, headers: without(headers, 'x-slack-request-timestamp') }),
    ],
    ['another body', ({ body, headers }) => ({ body: body.replace('U0ANN', 'U0BOO'), headers })],
    ['one byte more', ({ body, headers }) => ({ body: `${body}&`, headers })],
    [
      'another time',
      ({ body, headers }) => ({
        body,
        headers: {
          ...headers,
          'x-slack-request-timestamp': String(Math.floor(Date.now() / 1000) + 1),
        },
      }),
    ],
    [
      'a time that is no number',
      ({ body, headers }) => ({
        body,
        headers: { ...headers, 'x-slack-request-timestamp': 'NaN' },
      }),
    ],
    [
      'an empty signature',
      ({ body, headers }) => ({ body, headers: { ...headers, 'x-slack-signature': 'v0=' } }),
    ],
    [
      'another version',
      ({ body, headers }) => ({
        body,
        headers: {
          ...headers,
          'x-slack-signature': (headers['x-slack-signature'] ?? '').replace('v0', 'v1'),
        },
      }),
    ],
    [
      'a signature cut short',
      ({ body, headers }) => ({
        body,
        headers: {
          ...headers,
          'x-slack-signature': (headers['x-slack-signature'] ?? '').slice(0, -2),
        },
      }),
    ],
  ];
  it.each(NOT)('%s', async (_name, spoil) => {
    const asked = await ask();
    const response = await send(await spoil(await signed(clickOn(asked))));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'signature_refused' });
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [] });
    expect((await workspace.state()).calls).toEqual([]);
  });

  it.each([
    ['five minutes ago', -299, 200],
    ['longer ago', -302, 403],
    ['in five minutes', 298, 200],
    ['later than that', 302, 403],
  ])('signed %s', async (_name, seconds, status) => {
    const asked = await ask();
    const sent = await signed(clickOn(asked), Date.now() + seconds * 1000);
    expect((await send(sent)).status).toBe(status);
    expect((await viewOf(asked))?.state).toBe(status === 200 ? 'approved' : 'pending');
  });

  it('another secret', async () => {
    const asked = await ask();
    expect((await send(await signed(clickOn(asked), Date.now(), 'x'))).status).toBe(403);
  });

  it('has no such address where no signing secret is set', async () => {
    const asked = await ask();
    const to = { ...bound, SLACK_SIGNING_SECRET: '' } as Env;
    const response = await send(await signed(clickOn(asked), Date.now(), SIGNING_SECRET), to);
    expect(response.status).toBe(404);
  });
});

describe('a request counts once', () => {
  it('replayed, it changes nothing and says so', async () => {
    const asked = await ask({ demands: [{ ...demand, quorum: 2, slackButtons: true }] });
    const sent = await signed(clickOn(asked));
    await send(sent);
    await send(sent);
    expect((await viewOf(asked))?.votes).toHaveLength(1);
    expect((await whispers()).join()).toContain('This very request has come before');
  });

  it('not even once what it was refused for is gone', async () => {
    const asked = await ask();
    const sent = await signed(clickOn(asked));
    const ballot = {
      id: `${approvalName(asked.digest)}-1`,
      digest: asked.digest,
      policyHash: 'c'.repeat(64),
      vote: 'approve',
      reason: '',
      voter: {
        id: 'okta:ann',
        issuer: 'okta',
        subject: 'ann',
        kind: 'human',
        groups: ['dba'],
        claims: {},
      },
      via: 'slack',
      address: '',
      country: '',
      once: sent.headers['x-slack-signature'] ?? '',
    } as const;
    expect(await objectOf(asked.digest).vote(ballot)).toEqual({
      ok: false,
      code: 'policy_changed',
    });
    await send(sent);
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [] });
  });

  it('does not approve the next round of the same statement', async () => {
    const asked = await ask();
    const sent = await signed(clickOn(asked));
    await send(sent);
    expect(await objectOf(asked.digest).consume(asked.digest, { session: 's', action: 1 })).toBe(
      true,
    );
    const again = { ...asked, session: 'other', action: 9 };
    await objectOf(asked.digest).request(again, Date.now());
    await send(sent);
    await send(await signed(clickOn(asked), Date.now() + 1_000));
    expect(await viewOf(asked, 2)).toMatchObject({ state: 'pending', votes: [] });
  });
});

describe('signed by Slack, and still not a click of ours', () => {
  const payload =
    (change: (payload: Record<string, unknown>) => void) => async (asked: ApprovalRequest) => {
      const whole = clickPayload(clickOn(asked)) as Record<string, unknown>;
      change(whole);
      return signedInteraction(SIGNING_SECRET, whole, Date.now());
    };
  const action = (change: object) =>
    payload((whole) => {
      const [first] = whole['actions'] as object[];
      whole['actions'] = [{ ...first, ...change }];
    });
  const cases: [string, (asked: ApprovalRequest) => Promise<Sent>][] = [
    ['another type of payload', payload((p) => void (p['type'] = 'view_submission'))],
    ['no user', payload((p) => void delete p['user'])],
    [
      'a user of another team than the message',
      payload((p) => void (p['user'] = { id: 'U0ANN', team_id: 'T0OTHER' })),
    ],
    ['a user without a team', payload((p) => void (p['user'] = { id: 'U0ANN' }))],
    ['no channel', payload((p) => void delete p['channel'])],
    [
      'two actions',
      payload(
        (p) => void (p['actions'] = [...(p['actions'] as object[]), ...(p['actions'] as object[])]),
      ),
    ],
    ['no action', payload((p) => void (p['actions'] = []))],
    ['another action', action({ action_id: 'postern_approve_all' })],
    ['a menu', action({ type: 'static_select' })],
    ['a value that is not JSON', action({ value: '{' })],
    ['a value with more in it', action({ value: '{"approval":"a","digest":"b","x":1}' })],
    [
      'an approval that could be no id',
      action({ value: JSON.stringify({ approval: '../1', digest: 'f'.repeat(64) }) }),
    ],
  ];
  it.each(cases)('%s', async (_name, make) => {
    const asked = await ask();
    const response = await send(await make(asked));
    expect(response.status).toBe(400);
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [] });
  });

  it.each([
    ['nothing', ''],
    ['another field', 'payload=%7B%7D&x=1'],
    ['the payload twice', 'payload=%7B%7D&payload=%7B%7D'],
    ['no JSON', 'payload=x'],
    ['JSON that is no object', 'payload=null'],
  ])('%s', async (_name, body) => {
    const { headers } = await resigned(body);
    expect((await send({ body, headers })).status).toBe(400);
  });

  it('a body that is too large', async () => {
    const body = `payload=${'x'.repeat(256 * 1024)}`;
    const { headers } = await resigned(body);
    expect((await send({ body, headers })).status).toBe(413);
  });
});

/** The signature of any body. */
async function resigned(body: string): Promise<Sent> {
  const timestamp = String(Math.floor(Date.now() / 1000));
  const { createHmac } = await import('node:crypto');
  const mac = createHmac('sha256', SIGNING_SECRET).update(`v0:${timestamp}:${body}`).digest('hex');
  return {
    body,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': timestamp,
      'x-slack-signature': `v0=${mac}`,
    },
  };
}

function without(headers: Record<string, string>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}
