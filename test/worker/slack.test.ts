import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Env } from '../../adapters/env.ts';
import { deliver, type NotifyReference } from '../../adapters/notify.ts';
import { createSlack } from '../../adapters/slack.ts';
import { slackMessage } from '../../adapters/slack-message.ts';
import type { PolicyNotify, PolicySlack } from '../../core/policy/notify.ts';
import { approvalEvent, AT_MS } from '../support/approval-event.ts';
import { slackWorkspace, webhookPlace, type SlackWorkspace } from '../support/slack-workspace.ts';

const POLICY: PolicySlack = {
  channel: 'C0APPROVALS',
  token: 'SLACK_TOKEN',
  signingSecret: 'SLACK_SIGNING_SECRET',
  team: null,
  users: {},
};
const NOTIFY: PolicyNotify = { slack: POLICY, webhooks: [] };
const HOOK_SECRET = `whsec_${btoa('0123456789abcdef01234567')}`;
const MESSAGE = slackMessage(approvalEvent());

function gateway(workspace: SlackWorkspace, more: Record<string, unknown> = {}): Env {
  return {
    ...env,
    POSTERN_ENV: 'development',
    SLACK_API_URL: workspace.apiUrl,
    SLACK_TOKEN: workspace.token,
    HOOK_SECRET,
    ...more,
  } as unknown as Env;
}

const logged = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
afterEach(() => {
  vi.unstubAllGlobals();
  logged.mockClear();
});

describe('the API', () => {
  it('posts, then updates the same message', async () => {
    const workspace = slackWorkspace();
    const slack = createSlack(gateway(workspace), POLICY);
    const posted = await slack.post(MESSAGE);
    if (!posted.ok) throw new Error(posted.code);
    const decided = slackMessage(approvalEvent({ approval: { state: 'expired' } }));
    expect(await slack.update(posted.value, decided)).toEqual({ ok: true, value: posted.value });
    const { messages, calls } = await workspace.state();
    expect(calls).toEqual([
      { method: 'chat.postMessage', error: null },
      { method: 'chat.update', error: null },
    ]);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatchObject({ channel: 'C0APPROVALS', updates: 1 });
    expect(JSON.stringify(messages[0]?.blocks)).toContain('expired');
  });

  it('whispers to one person', async () => {
    const workspace = slackWorkspace();
    const slack = createSlack(gateway(workspace), POLICY);
    expect((await slack.whisper('C0APPROVALS', 'U0ANN', 'no')).ok).toBe(true);
    expect((await workspace.state()).whispers).toEqual([
      { channel: 'C0APPROVALS', user: 'U0ANN', text: 'no' },
    ]);
  });

  it.each([
    [
      { kind: 'ratelimit', seconds: 30 },
      { code: 'ratelimited', retryAfterSeconds: 30 },
    ],
    [
      { kind: 'ratelimit', seconds: 999_999 },
      { code: 'ratelimited', retryAfterSeconds: 3600 },
    ],
    [
      { kind: 'error', code: 'channel_not_found' },
      { code: 'channel_not_found', retryAfterSeconds: null },
    ],
    [
      { kind: 'error', code: 'Not a code\n{}' },
      { code: 'unreadable', retryAfterSeconds: null },
    ],
    [
      { kind: 'status', status: 503 },
      { code: 'http_503', retryAfterSeconds: null },
    ],
    [{ kind: 'garbage' }, { code: 'unreadable', retryAfterSeconds: null }],
    [{ kind: 'cut' }, { code: 'no_answer', retryAfterSeconds: null }],
    [
      { kind: 'hang', ms: 2_000 },
      { code: 'no_answer', retryAfterSeconds: null },
    ],
  ] as const)('answers with a code for %j', async (mishap, outcome) => {
    const workspace = slackWorkspace();
    await workspace.next(mishap);
    const slack = createSlack(gateway(workspace), POLICY, { timeoutMs: 500 });
    expect(await slack.post(MESSAGE)).toEqual({ ok: false, ...outcome });
    expect((await workspace.state()).messages).toEqual([]);
  });

  it.each([
    ['missing', undefined, 'token_missing'],
    ['empty', '', 'token_missing'],
    ['not one that Slack knows', 'xoxb-other', 'invalid_auth'],
  ])('says so when the token is %s', async (_name, token, code) => {
    const workspace = slackWorkspace();
    const slack = createSlack(gateway(workspace, { SLACK_TOKEN: token }), POLICY);
    expect(await slack.post(MESSAGE)).toMatchObject({ ok: false, code });
  });

  it.each([
    ['in production, whatever is bound', 'production', 'loopback'],
    ['in development, unless it is on this machine', 'development', 'http://slack.example/api/'],
    ['in development, unless it is an address', 'development', 'file:///etc/'],
  ])('goes to Slack %s', async (_name, POSTERN_ENV, url) => {
    const workspace = slackWorkspace();
    const hosts: string[] = [];
    vi.stubGlobal('fetch', async (request: Request) => {
      hosts.push(new URL(request.url).origin);
      return Response.json({ ok: true, channel: 'C1', ts: '1.2' });
    });
    const SLACK_API_URL = url === 'loopback' ? workspace.apiUrl : url;
    const slack = createSlack(gateway(workspace, { POSTERN_ENV, SLACK_API_URL }), POLICY);
    expect(await slack.post(MESSAGE)).toEqual({ ok: true, value: { channel: 'C1', ts: '1.2' } });
    expect(hosts).toEqual(['https://slack.com']);
  });
});

describe('delivery', () => {
  const later = approvalEvent({
    kind: 'approved',
    id: 'ev_2',
    atMs: AT_MS + 5_000,
    approval: { state: 'approved', decidedBy: ['okta:ann'] },
  });

  it('does nothing where nobody is named', async () => {
    const workspace = slackWorkspace();
    const nobody = { slack: null, webhooks: [] };
    expect(await deliver(gateway(workspace), nobody, later, null)).toEqual({
      ok: true,
      reference: {},
    });
  });

  it('keeps one message an approval, and brings it up to date', async () => {
    const workspace = slackWorkspace();
    const first = await deliver(gateway(workspace), NOTIFY, approvalEvent(), null);
    expect(first).toMatchObject({ ok: true, reference: { slack: { channel: 'C0APPROVALS' } } });
    await deliver(gateway(workspace), NOTIFY, later, first.reference ?? null);
    const { messages } = await workspace.state();
    expect(messages).toHaveLength(1);
    expect(JSON.stringify(messages[0]?.blocks)).toContain('approved by okta:ann');
    expect(JSON.stringify(messages[0]?.blocks)).not.toContain('postern_approve');
  });

  it('posts what it could not post before, as it is by then', async () => {
    const workspace = slackWorkspace();
    await workspace.next({ kind: 'ratelimit', seconds: 7 });
    const first = await deliver(gateway(workspace), NOTIFY, approvalEvent(), null);
    expect(first).toEqual({ ok: false, retryAfterSeconds: 7, reference: {} });
    expect((await deliver(gateway(workspace), NOTIFY, later, first.reference ?? null)).ok).toBe(
      true,
    );
    expect((await workspace.state()).messages).toHaveLength(1);
  });

  it('keeps the reference when an update fails, and does not post again', async () => {
    const workspace = slackWorkspace();
    const first = await deliver(gateway(workspace), NOTIFY, approvalEvent(), null);
    await workspace.next({ kind: 'status', status: 500 });
    const failed = await deliver(gateway(workspace), NOTIFY, later, first.reference ?? null);
    expect(failed).toEqual({ ok: false, retryAfterSeconds: null, reference: first.reference });
    await deliver(gateway(workspace), NOTIFY, later, failed.reference ?? null);
    expect((await workspace.state()).messages).toMatchObject([{ updates: 1 }]);
  });

  it('never brings buttons back with an older event', async () => {
    const workspace = slackWorkspace();
    const decided = await deliver(gateway(workspace), NOTIFY, later, null);
    await deliver(gateway(workspace), NOTIFY, approvalEvent(), decided.reference ?? null);
    const { messages } = await workspace.state();
    expect(JSON.stringify(messages)).toContain('approved by okta:ann');
    expect(messages).toMatchObject([{ updates: 0 }]);
  });

  it.each(['message_not_found', 'cant_update_message', 'edit_window_closed'])(
    'posts anew when the message is lost: %s',
    async (code) => {
      const workspace = slackWorkspace();
      const first = await deliver(gateway(workspace), NOTIFY, approvalEvent(), null);
      await workspace.next({ kind: 'error', code });
      const second = await deliver(gateway(workspace), NOTIFY, later, first.reference ?? null);
      expect(second.ok).toBe(true);
      expect(second.reference?.slack?.ts).not.toBe(first.reference?.slack?.ts);
      expect((await workspace.state()).messages).toHaveLength(2);
    },
  );

  it('sends nobody twice what another one did not take', async () => {
    const workspace = slackWorkspace();
    const [taking, failing] = [webhookPlace(), webhookPlace()];
    await failing.answer({ status: 503, headers: { 'retry-after': '12' } });
    const address = (url: string) => ({ kind: 'url', url }) as const;
    const notify: PolicyNotify = {
      slack: POLICY,
      webhooks: [taking, failing].map(({ url }) => ({
        address: address(url),
        secret: 'HOOK_SECRET',
        format: 'standard',
      })),
    };
    const first = await deliver(gateway(workspace), notify, approvalEvent(), null);
    expect(first).toMatchObject({ ok: false, retryAfterSeconds: 12 });
    // What the Approval object keeps is JSON.
    const kept = JSON.parse(JSON.stringify(first.reference)) as NotifyReference;
    const second = await deliver(gateway(workspace), notify, approvalEvent(), kept);
    expect(second.ok).toBe(true);
    expect(second.reference).not.toHaveProperty('webhooks');
    expect(await taking.received()).toHaveLength(1);
    expect(await failing.received()).toHaveLength(2);
    expect((await workspace.state()).messages).toHaveLength(1);
    await deliver(gateway(workspace), notify, later, second.reference ?? null);
    expect(await taking.received()).toHaveLength(2);
    expect(await failing.received()).toHaveLength(3);
  });

  it('names destination and code in the log, and no secret, statement or claim', async () => {
    const workspace = slackWorkspace();
    await workspace.next({ kind: 'error', code: 'not_in_channel' });
    const webhooks: PolicyNotify['webhooks'] = [
      { address: { kind: 'secret', name: 'TEAMS_URL' }, secret: 'HOOK_SECRET', format: 'teams' },
    ];
    const vars = { TEAMS_URL: 'http://127.0.0.1:9/?sig=url-canary' };
    await deliver(gateway(workspace, vars), { slack: POLICY, webhooks }, approvalEvent(), null);
    const lines = logged.mock.calls.map(([line]) => JSON.parse(String(line)) as unknown);
    const failed = { event: 'notify_failed', approval: 'apr_1' };
    expect(lines).toHaveLength(2);
    expect(lines).toContainEqual({ ...failed, destination: 'slack', code: 'not_in_channel' });
    expect(lines).toContainEqual({
      ...failed,
      destination: 'secret:TEAMS_URL',
      code: 'unreachable',
    });
    const text = JSON.stringify(logged.mock.calls);
    for (const canary of [workspace.token, HOOK_SECRET, 'url-canary', 'DELETE', 'claim-canary']) {
      expect(text).not.toContain(canary);
    }
  });
});
