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
    version: 2,
    atMs: AT_MS + 5_000,
    approval: { state: 'approved', decidedBy: ['okta:ann'] },
  });

  it('does nothing where nobody is named', async () => {
    const workspace = slackWorkspace();
    const nobody = { slack: null, webhooks: [] };
    expect((await deliver(gateway(workspace), nobody, later, null)).ok).toBe(true);
    expect((await workspace.state()).calls).toEqual([]);
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
    await workspace.next({ kind: 'status', status: 503 });
    const first = await deliver(gateway(workspace), NOTIFY, approvalEvent(), null);
    expect(first).toMatchObject({ ok: false, retryAfterSeconds: null });
    expect((await deliver(gateway(workspace), NOTIFY, later, first.reference ?? null)).ok).toBe(
      true,
    );
    expect((await workspace.state()).messages).toHaveLength(1);
  });

  it('does not call before Slack wants to be called, not even with newer events', async () => {
    const workspace = slackWorkspace();
    await workspace.next({ kind: 'ratelimit', seconds: 7 });
    const first = await deliver(gateway(workspace), NOTIFY, approvalEvent(), null);
    expect(first).toMatchObject({ ok: false, retryAfterSeconds: 7 });
    const second = await deliver(gateway(workspace), NOTIFY, later, first.reference ?? null);
    expect(second).toMatchObject({ ok: false, retryAfterSeconds: 7 });
    expect((await workspace.state()).calls).toHaveLength(1);
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 7_001);
    const third = await deliver(gateway(workspace), NOTIFY, later, second.reference ?? null);
    clock.mockRestore();
    expect(third.ok).toBe(true);
    expect((await workspace.state()).messages).toHaveLength(1);
  });

  it('keeps the reference when an update fails, and does not post again', async () => {
    const workspace = slackWorkspace();
    const first = await deliver(gateway(workspace), NOTIFY, approvalEvent(), null);
    await workspace.next({ kind: 'status', status: 500 });
    const failed = await deliver(gateway(workspace), NOTIFY, later, first.reference ?? null);
    expect(failed).toMatchObject({
      ok: false,
      retryAfterSeconds: null,
      reference: { slack: first.reference?.slack },
    });
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

  describe('to several', () => {
    const voted = approvalEvent({ kind: 'voted', id: 'ev_2', version: 2 });
    const decided = { ...later, id: 'ev_3', version: 3 };

    function several() {
      const workspace = slackWorkspace();
      const [well, ill] = [webhookPlace(), webhookPlace()];
      const webhooks = [well, ill].map(({ url }) => ({
        address: { kind: 'url', url } as const,
        secret: 'HOOK_SECRET',
        format: 'standard' as const,
      }));
      let kept: NotifyReference | null = null;
      return {
        workspace,
        well,
        ill,
        /** As the Approval object does it: what it keeps is JSON. */
        async tell(event: typeof voted) {
          const delivery = await deliver(
            gateway(workspace),
            { slack: POLICY, webhooks },
            event,
            kept,
          );
          kept = JSON.parse(JSON.stringify(delivery.reference ?? kept)) as NotifyReference;
          return delivery;
        },
      };
    }

    const ids = async (place: ReturnType<typeof webhookPlace>) =>
      (await place.received()).map(({ headers }) => headers['webhook-id']);

    it('sends nobody twice what another one did not take', async () => {
      const { workspace, well, ill, tell } = several();
      await ill.answer({ status: 503, headers: { 'retry-after': '12' } });
      expect(await tell(approvalEvent())).toMatchObject({ ok: false, retryAfterSeconds: 12 });
      expect(await tell(approvalEvent())).toEqual({
        ok: true,
        reference: { slack: expect.anything() as object, taken: {}, owed: {} },
      });
      expect(await ids(well)).toEqual(['ev_1']);
      expect(await ids(ill)).toEqual(['ev_1', 'ev_1']);
      expect((await workspace.state()).calls).toHaveLength(1);
    });

    it('lets one that fails hold up nobody, and gives it everything in order', async () => {
      const { workspace, well, ill, tell } = several();
      await ill.answer({ status: 500 }, { status: 500 });
      expect((await tell(approvalEvent())).ok).toBe(false);
      expect((await tell(voted)).ok).toBe(false);
      expect((await tell(approvalEvent())).ok).toBe(false);
      expect(await ids(well)).toEqual(['ev_1', 'ev_2']);
      expect(await ids(ill)).toEqual(['ev_1', 'ev_1']);
      // It is well again, and the newest event is tried before the one in between.
      expect((await tell(approvalEvent())).ok).toBe(true);
      expect((await tell(decided)).ok).toBe(false);
      expect(JSON.stringify((await workspace.state()).messages)).toContain('approved by okta:ann');
      expect((await tell(voted)).ok).toBe(true);
      expect((await tell(decided)).ok).toBe(true);
      expect(await ids(ill)).toEqual(['ev_1', 'ev_1', 'ev_1', 'ev_2', 'ev_3']);
      expect(await ids(well)).toEqual(['ev_1', 'ev_2', 'ev_3']);
      const { calls, messages } = await workspace.state();
      expect(calls.map(({ method }) => method)).toEqual([
        'chat.postMessage',
        'chat.update',
        'chat.update',
      ]);
      expect(JSON.stringify(messages)).toContain('approved by okta:ann');
    });

    it('shows the newest in Slack even when the one before it comes last, in the same instant', async () => {
      const { workspace, tell } = several();
      await workspace.next({ kind: 'cut' });
      await tell({ ...approvalEvent(), atMs: decided.atMs });
      await tell(decided);
      await tell({ ...approvalEvent(), atMs: decided.atMs });
      expect(JSON.stringify((await workspace.state()).messages)).toContain('approved by okta:ann');
    });
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
