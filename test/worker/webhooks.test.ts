import { env } from 'cloudflare:workers';
import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import type { Env } from '../../adapters/env.ts';
import { retryAfter } from '../../adapters/retry-after.ts';
import { standardBody, teamsBody } from '../../adapters/webhook-body.ts';
import { sendWebhook } from '../../adapters/webhooks.ts';
import type { PolicyWebhook } from '../../core/policy/notify.ts';
import { approvalEvent, approvalRequest, CONNECT, FACTS, SQL } from '../support/approval-event.ts';
import { webhookPlace } from '../support/slack-workspace.ts';

const KEY = Buffer.from('a key of twenty-four bytes');
const SECRET = `whsec_${KEY.toString('base64')}`;

function gateway(more: Record<string, unknown> = {}): Env {
  return { ...env, POSTERN_ENV: 'development', HOOK_SECRET: SECRET, ...more } as unknown as Env;
}

function to(url: string, more: Partial<PolicyWebhook> = {}): PolicyWebhook {
  return { address: { kind: 'url', url }, secret: 'HOOK_SECRET', format: 'standard', ...more };
}

describe('the signature', () => {
  it('is what the specification says, byte for byte', async () => {
    const place = webhookPlace();
    const nowMs = Date.parse('2026-11-24T14:00:01.999Z');
    expect(await sendWebhook(gateway(), to(place.url), approvalEvent(), { nowMs })).toEqual({
      ok: true,
    });
    const [{ headers, body } = { headers: {}, body: '' }] = await place.received();
    const mac = createHmac('sha256', KEY).update(`ev_1.1795528801.${body}`).digest('base64');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': 'ev_1',
      'webhook-timestamp': '1795528801',
      'webhook-signature': `v1,${mac}`,
    });
  });

  it('is one that the reference library takes, until a byte changes', async () => {
    const place = webhookPlace();
    await sendWebhook(gateway(), to(place.url), approvalEvent());
    const [{ headers, body } = { headers: {}, body: '' }] = await place.received();
    const webhook = new Webhook(SECRET);
    expect(webhook.verify(body, { ...headers })).toMatchObject({ type: 'approval.requested' });
    expect(() => webhook.verify(body.replace('pending', 'approved'), { ...headers })).toThrow();
  });

  it('keeps its id over retries, and is made anew', async () => {
    const place = webhookPlace();
    await sendWebhook(gateway(), to(place.url), approvalEvent(), { nowMs: 1_795_528_800_000 });
    await sendWebhook(gateway(), to(place.url), approvalEvent(), { nowMs: 1_795_528_900_000 });
    const [first, second] = await place.received();
    expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
    expect(second?.headers['webhook-signature']).not.toBe(first?.headers['webhook-signature']);
  });

  it.each([
    ['missing', undefined, 'secret_missing'],
    ['without its prefix', KEY.toString('base64'), 'secret_refused'],
    ['shorter than 24 bytes', `whsec_${btoa('x'.repeat(23))}`, 'secret_refused'],
    ['longer than 64 bytes', `whsec_${btoa('x'.repeat(65))}`, 'secret_refused'],
    ['not base64', `whsec_${'!'.repeat(40)}`, 'secret_refused'],
    ['base64 of a wrong length', `whsec_${'A'.repeat(41)}`, 'secret_refused'],
  ])('is not made with a secret that is %s', async (_name, secret, code) => {
    const place = webhookPlace();
    const outcome = await sendWebhook(
      gateway({ HOOK_SECRET: secret }),
      to(place.url),
      approvalEvent(),
    );
    expect(outcome).toEqual({ ok: false, code, retryAfterSeconds: null });
    expect(await place.received()).toEqual([]);
  });
});

describe('what the receiver answers', () => {
  it.each([
    [{ status: 200 }, { ok: true }],
    [{ status: 204 }, { ok: true }],
    [{ status: 400 }, { ok: false, code: 'http_400', retryAfterSeconds: null }],
    [{ status: 410 }, { ok: false, code: 'http_410', retryAfterSeconds: null }],
    [
      { status: 429, headers: { 'retry-after': '9' } },
      { ok: false, code: 'http_429', retryAfterSeconds: 9 },
    ],
    [{ status: 503 }, { ok: false, code: 'http_503', retryAfterSeconds: null }],
    [
      { status: 204, afterMs: 3_000 },
      { ok: false, code: 'timeout', retryAfterSeconds: null },
    ],
  ] as const)('%j', async (answer, outcome) => {
    const place = webhookPlace();
    await place.answer(answer);
    expect(
      await sendWebhook(gateway(), to(place.url), approvalEvent(), { timeoutMs: 500 }),
    ).toEqual(outcome);
  });

  it('is not followed elsewhere', async () => {
    const [place, inside] = [webhookPlace(), webhookPlace()];
    for (const status of [301, 302, 303, 307, 308]) {
      await place.answer({ status, headers: { location: inside.url } });
      expect(await sendWebhook(gateway(), to(place.url), approvalEvent())).toEqual({
        ok: false,
        code: 'redirected',
        retryAfterSeconds: null,
      });
    }
    expect(await inside.received()).toEqual([]);
  });
});

describe('where it goes', () => {
  const secretUrl: PolicyWebhook['address'] = { kind: 'secret', name: 'TEAMS_URL' };

  it('takes an address that is a secret, query and all', async () => {
    const place = webhookPlace();
    const TEAMS_URL = `${place.url}?api-version=1&sig=abc`;
    const outcome = await sendWebhook(
      gateway({ TEAMS_URL }),
      to('', { address: secretUrl, format: 'teams' }),
      approvalEvent(),
    );
    expect(outcome).toEqual({ ok: true });
    expect(await place.received()).toHaveLength(1);
  });

  it.each([
    ['not set', undefined, 'development'],
    ['plain http to another machine', 'http://hook.example/', 'development'],
    ['plain http to a name that begins like loopback', 'http://127.0.0.1.example/', 'development'],
    ['plain http to loopback in production', 'http://127.0.0.1:9/', 'production'],
    ['with a user in it', 'https://u:p@hook.example/', 'development'],
    ['with a fragment', 'https://hook.example/#x', 'development'],
    ['another scheme', 'ftp://hook.example/', 'development'],
    ['a file', 'file:///etc/passwd', 'development'],
    ['no address', 'hook.example', 'development'],
  ])('refuses one that is %s', async (_name, TEAMS_URL, POSTERN_ENV) => {
    expect(
      await sendWebhook(
        gateway({ TEAMS_URL, POSTERN_ENV }),
        to('', { address: secretUrl }),
        approvalEvent(),
      ),
    ).toEqual({ ok: false, code: 'url_refused', retryAfterSeconds: null });
  });
});

describe('the body', () => {
  it('says all that docs/notifications.md says', () => {
    const event = approvalEvent({
      kind: 'voted',
      approval: { votes: [{ by: 'okta:ann', vote: 'approve', reason: 'ok', atMs: 1_000 }] },
    });
    expect(standardBody(event)).toEqual({
      type: 'approval.voted',
      timestamp: '2026-11-24T14:00:00.000Z',
      data: {
        summary: 'ci:repo:acme/shop asks for DELETE on public.orders (write) at shop-db.',
        approval: {
          id: 'apr_1',
          url: 'https://gate.example/approvals/apr_1',
          state: 'pending',
          version: 1,
          digest: 'd1'.repeat(32),
          requestedAt: '2026-11-24T14:00:00.000Z',
          expiresAt: '2026-11-24T14:15:00.000Z',
          decidedBy: [],
          reason: '',
        },
        principal: {
          id: 'ci:repo:acme/shop',
          issuer: 'ci',
          kind: 'workload',
          groups: ['agents'],
        },
        target: { id: 'shop-db', kind: 'postgres', labels: { env: 'prod' } },
        action: {
          kind: 'sql',
          statement: SQL.text,
          statementLength: SQL.text.length,
          parameters: 0,
          verbs: ['DELETE'],
          effect: 'write',
          reads: ['public.orders'],
          writes: ['public.orders'],
          whereless: false,
          estimatedRows: 12_345,
        },
        cautions: [expect.stringContaining('more rows than the 100 that are allowed')],
        rules: [
          {
            id: 'writes-need-a-human',
            message: 'Say which ticket this is for.',
            by: ['dba'],
            quorum: 1,
            maxRows: 100,
            grantSeconds: null,
          },
        ],
        votes: [{ by: 'okta:ann', vote: 'approve', reason: 'ok', at: '1970-01-01T00:00:01.000Z' }],
        session: 'shop-db.1',
        policyRevision: 7,
      },
    });
  });

  it('holds a long statement not at all, and never claims or bind values', () => {
    const content = { ...SQL, text: 'x'.repeat(8_001), binds: ['bind-canary'], bindTypes: [25] };
    const body = standardBody(approvalEvent({ request: { content } }));
    expect(body).toMatchObject({
      data: { action: { statement: null, statementLength: 8_001, parameters: 1 } },
    });
    expect(JSON.stringify(body)).not.toMatch(/canary/);
  });

  it('says for how long a session is asked, and takes no facts for the gravest', () => {
    expect(
      standardBody(approvalEvent({ request: { content: CONNECT, facts: null } })),
    ).toMatchObject({ data: { action: { kind: 'connect', protocol: 'postgres', seconds: 3600 } } });
    expect(standardBody(approvalEvent({ request: { facts: null } }))).toMatchObject({
      data: { action: { effect: 'opaque', verbs: [] } },
    });
  });

  it('is a card with one link and no button for Teams', () => {
    const hostile = '[click](https://evil.example) <at>everyone</at> **x**\n# y';
    const card = teamsBody(
      approvalEvent({
        request: {
          principal: { ...approvalRequest().principal, id: hostile },
          facts: { ...FACTS, tables: [hostile] },
        },
      }),
    );
    expect(card).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          contentUrl: null,
          content: {
            type: 'AdaptiveCard',
            version: '1.4',
            actions: [
              {
                type: 'Action.OpenUrl',
                title: 'Open the request',
                url: 'https://gate.example/approvals/apr_1',
              },
            ],
          },
        },
      ],
    });
    const json = JSON.stringify(card);
    expect(json.match(/"type":"(?:TextBlock|FactSet|Action\.\w+)"/g)).toEqual([
      '"type":"Action.OpenUrl"',
    ]);
    expect(json).not.toContain('"msteams"');
  });
});

describe('Retry-After', () => {
  const NOW = Date.parse('2026-11-24T14:00:00Z');
  it.each([
    ['120', 120],
    ['0', 1],
    ['99999', 3600],
    ['Tue, 24 Nov 2026 14:00:30 GMT', 30],
    ['Tue, 24 Nov 2026 13:00:00 GMT', 1],
    ['-5', null],
    ['1e9', null],
    ['soon', null],
    ['', null],
  ])('%j', (value, seconds) => {
    expect(retryAfter(new Headers({ 'retry-after': value }), NOW)).toBe(seconds);
  });

  it('is nothing when it is missing', () => {
    expect(retryAfter(new Headers(), NOW)).toBeNull();
  });
});
