// /v1/approvals and /v1/grants, with real tokens: who sees what, who decides, and windows of access from asking to the end.
import { createExecutionContext, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { activeGrant, grantStub } from '../../adapters/grants.ts';
import type { ApprovalRequest, ApprovalStanding } from '../../core/approval/request.ts';
import { approvalName } from '../../core/approval/view.ts';
import { MAX_PENDING_APPROVALS } from '../../core/limits.ts';
import { Session } from '../../durable-objects/session.ts';
import worker from '../../worker/index.ts';
import { agent, demand } from '../core/approval/fixtures.ts';
import {
  KEYED,
  ORIGIN,
  standInIssuer,
  type Person,
  type StandInIssuer,
} from './approval-browser.ts';
import {
  asking,
  ballot,
  eventually,
  gateway,
  human,
  migrated,
  objectOf,
  viewOf,
} from './approval-support.ts';

const ANN: Person = { sub: 'ann', groups: ['dba', 'sre'], email: 'ann@acme.dev' };
const EVE: Person = { sub: 'eve', groups: ['staff'] };
const AGENT: Person = { sub: 'agent-7', groups: ['agents', 'dba', 'sre'] };
let issuer: StandInIssuer;

beforeAll(migrated);
beforeEach(async () => {
  issuer = await standInIssuer();
});
afterEach(() => vi.restoreAllMocks());

const person = (who: Person) => issuer.token(who);
const workload = (who: Person = AGENT) => issuer.token(who, ORIGIN, 'https://ci.example');

async function call(
  token: string | null,
  method: string,
  path: string,
  body?: unknown,
  headers = {},
) {
  const request = new Request(`${ORIGIN}${path}`, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const response = await worker.fetch(request as never, KEYED, createExecutionContext());
  const json = (await response.json()) as Record<string, never>;
  return { status: response.status, json, code: json['code'] as string | undefined };
}

async function ask(change: Partial<ApprovalRequest> = {}) {
  const asked = await asking(change);
  await objectOf(asked.digest).request(asked, Date.now());
  return { asked, id: `${approvalName(asked.digest)}-1` };
}

describe('GET /v1/approvals/{id}', () => {
  it('shows an approver the whole request', async () => {
    const { asked, id } = await ask();
    const { status, json } = await call(await person(ANN), 'GET', `/v1/approvals/${id}`);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      mayDecide: true,
      hindrance: null,
      approval: {
        id,
        url: `${ORIGIN}/approvals/${id}`,
        state: 'pending',
        digest: asked.digest,
        content: asked.content,
        principal: { id: agent.id, claims: agent.claims },
        demands: [{ rule: demand.rule, by: ['dba'], quorum: 1, maxRows: 100 }],
        questions: [{ by: ['dba'], quorum: 1, filledBy: [] }],
        votes: [],
      },
    });
  });

  it('shows the requester their own', async () => {
    const { id } = await ask({ principal: { ...agent, id: 'github:agent-7', subject: 'agent-7' } });
    const { status, json } = await call(await workload(), 'GET', `/v1/approvals/${id}`);
    expect(status).toBe(200);
    expect(json).toMatchObject({ mayDecide: false, hindrance: 'workload_cannot_decide' });
  });

  it.each<[string, () => Promise<string>]>([
    ['another workload, even in the group', () => workload({ sub: 'agent-8', groups: ['dba'] })],
    ['a person who is not asked', () => person(EVE)],
  ])('does not exist for %s', async (_who, token) => {
    const { id } = await ask();
    expect(await call(await token(), 'GET', `/v1/approvals/${id}`)).toMatchObject({
      status: 404,
      code: 'not_found',
    });
  });

  it.each(['x', `${'0'.repeat(32)}-1`, `${'0'.repeat(32)}-0`, `${'0'.repeat(64)}-1`, '%2e%2e'])(
    'does not exist: %s',
    async (id) => {
      expect(await call(await person(ANN), 'GET', `/v1/approvals/${id}`)).toMatchObject({
        status: 404,
      });
    },
  );

  it('needs a token', async () => {
    const { id } = await ask();
    expect((await call(null, 'GET', `/v1/approvals/${id}`)).status).toBe(401);
  });

  it('waits for the decision when asked to, and no longer', async () => {
    const { asked, id } = await ask();
    const started = Date.now();
    const waiting = call(await person(ANN), 'GET', `/v1/approvals/${id}?wait=20`);
    setTimeout(() => void objectOf(asked.digest).vote(ballot(asked, human('bo', ['dba']))), 200);
    expect((await waiting).json).toMatchObject({ approval: { state: 'approved' } });
    expect(Date.now() - started).toBeLessThan(10_000);
    const still = await ask();
    expect(
      (await call(await person(ANN), 'GET', `/v1/approvals/${still.id}?wait=1`)).json,
    ).toMatchObject({ approval: { state: 'pending' } });
    expect((await call(await person(ANN), 'GET', `/v1/approvals/${still.id}?wait=51`)).status).toBe(
      400,
    );
  }, 30_000);
});

describe('GET /v1/approvals', () => {
  it('lists what the caller asked for or is asked about, page by page', async () => {
    const mine: string[] = [];
    for (let i = 0; i < 3; i++) {
      mine.push((await ask({ demands: [{ ...demand, by: ['list-test'] }] })).id);
    }
    await ask({ demands: [{ ...demand, by: ['others'] }] });
    const lister = await person({ sub: 'lister', groups: ['list-test'] });
    const ids = (json: Record<string, never>) =>
      (json['approvals'] as unknown as { id: string }[]).map(({ id }) => id);
    await eventually(async () =>
      expect(ids((await call(lister, 'GET', '/v1/approvals')).json)).toHaveLength(3),
    );
    const first = await call(lister, 'GET', '/v1/approvals?limit=2&state=pending');
    const second = await call(
      lister,
      'GET',
      `/v1/approvals?limit=2&state=pending&cursor=${String(first.json['next'])}`,
    );
    expect([...ids(first.json), ...ids(second.json)].sort()).toEqual([...mine].sort());
    expect(second.json['next']).toBeNull();
    // A workload in that group is asked nothing.
    expect(
      ids(
        (await call(await workload({ sub: 'w', groups: ['list-test'] }), 'GET', '/v1/approvals'))
          .json,
      ),
    ).toEqual([]);
  });

  it.each(['state=open', 'limit=0', 'limit=1000', 'cursor=x', 'cursor=1.%27', 'foo=1', 'own=yes'])(
    'refuses %s',
    async (query) => {
      expect(await call(await person(ANN), 'GET', `/v1/approvals?${query}`)).toMatchObject({
        status: 400,
        code: 'request_invalid',
      });
    },
  );
});

describe('POST /v1/approvals/{id}/decision', () => {
  const decide = async (token: string, id: string, body: unknown, headers = {}) =>
    call(token, 'POST', `/v1/approvals/${id}/decision`, body, headers);

  it('approves for a person with their own token', async () => {
    const { asked, id } = await ask();
    const result = await decide(await person(ANN), id, {
      decision: 'approve',
      digest: asked.digest,
      reason: 'ok',
    });
    expect(result).toMatchObject({
      status: 200,
      json: { standing: { state: 'approved', decidedBy: ['okta:ann'] } },
    });
    expect((await viewOf(asked))?.votes).toMatchObject([{ via: 'api', reason: 'ok' }]);
  });

  it('refuses a workload, whatever its groups and whatever it asks about', async () => {
    const { asked, id } = await ask();
    const own = await ask({ principal: { ...agent, id: 'github:agent-7', subject: 'agent-7' } });
    for (const [digest, path] of [
      [asked.digest, id],
      [own.asked.digest, own.id],
      ['0'.repeat(64), 'nothing'],
    ] as const) {
      for (const decision of ['approve', 'deny']) {
        const result = await decide(await workload(), path, { decision, digest, reason: 'x' });
        expect(result).toMatchObject({ status: 403, code: 'workload_cannot_decide' });
      }
    }
    expect((await viewOf(asked))?.votes).toEqual([]);
  });

  it.each<[string, Person, (asked: ApprovalRequest) => unknown, number, string]>([
    [
      'somebody who is not asked',
      EVE,
      ({ digest }) => ({ decision: 'approve', digest }),
      404,
      'not_found',
    ],
    [
      'another digest',
      ANN,
      () => ({ decision: 'approve', digest: '0'.repeat(64) }),
      409,
      'digest_mismatch',
    ],
    ['no digest', ANN, () => ({ decision: 'approve' }), 400, 'request_invalid'],
    ['no decision', ANN, ({ digest }) => ({ digest }), 400, 'request_invalid'],
    [
      'another decision',
      ANN,
      ({ digest }) => ({ decision: 'maybe', digest }),
      400,
      'request_invalid',
    ],
    [
      'a field too many',
      ANN,
      ({ digest }) => ({ decision: 'approve', digest, voter: 'boss' }),
      400,
      'request_invalid',
    ],
    [
      'a denial without a reason',
      ANN,
      ({ digest }) => ({ decision: 'deny', digest }),
      400,
      'reason_invalid',
    ],
    ['what is no JSON', ANN, () => '{', 400, 'request_invalid'],
    [
      'what is too large',
      ANN,
      ({ digest }) => ({ decision: 'approve', digest, reason: 'x'.repeat(70_000) }),
      413,
      'request_too_large',
    ],
  ])('refuses %s', async (_what, who, body, status, code) => {
    const { asked, id } = await ask();
    expect(await decide(await person(who), id, body(asked))).toMatchObject({ status, code });
    expect((await viewOf(asked))?.state).toBe('pending');
  });

  it('refuses the requester', async () => {
    const { asked, id } = await ask({ principal: human('ann', ['dba']) });
    expect(
      await decide(await person(ANN), id, { decision: 'approve', digest: asked.digest }),
    ).toMatchObject({ status: 403, code: 'own_request' });
  });

  it('refuses what a form could send, and a cookie instead of a token', async () => {
    const { asked, id } = await ask();
    const body = JSON.stringify({ decision: 'approve', digest: asked.digest });
    expect(
      await decide(await person(ANN), id, body, { 'content-type': 'text/plain' }),
    ).toMatchObject({ status: 400 });
    const path = `/v1/approvals/${id}/decision`;
    expect(
      (
        await call(
          null,
          'POST',
          path,
          { decision: 'approve', digest: asked.digest },
          { cookie: '__Host-postern=x' },
        )
      ).status,
    ).toBe(401);
  });
});

describe('/v1/grants', () => {
  let agents = 0;
  /** Each test has an agent of its own, since windows are theirs. */
  function someAgent(): Person {
    agents += 1;
    return { sub: `grant-agent-${agents}`, groups: ['agents'] };
  }
  const want = { target: 'bastion', forSeconds: 600, reason: 'Rotate the logs.' };
  const grantOf = (result: { json: Record<string, never> }) =>
    result.json['grant'] as unknown as Record<string, string>;

  async function decideOn(id: string, vote: 'approve' | 'deny') {
    const { json } = await call(await person(ANN), 'GET', `/v1/approvals/${id}`);
    const { digest } = json['approval'] as unknown as { digest: string };
    return call(await person(ANN), 'POST', `/v1/approvals/${id}/decision`, {
      decision: vote,
      digest,
      reason: 'r',
    });
  }

  it('asks, opens once approved, covers connections, and is given back', async () => {
    const who = someAgent();
    const token = await workload(who);
    const principal = `github:${who.sub}`;
    const asked = await call(token, 'POST', '/v1/grants', want);
    expect(asked.status).toBe(202);
    const { id = '' } = grantOf(asked);
    expect(grantOf(asked)).toMatchObject({
      state: 'pending',
      target: 'bastion',
      forSeconds: 600,
      askedOf: ['sre'],
      url: `${ORIGIN}/approvals/${id}`,
    });
    expect(await activeGrant(gateway, principal, 'bastion', Date.now())).toBeNull();
    // Asked again, it is the same request.
    expect(
      grantOf(await call(token, 'POST', '/v1/grants', { ...want, reason: 'other words' }))['id'],
    ).toBe(id);

    expect((await decideOn(id, 'approve')).status).toBe(200);
    const opened = grantOf(await call(token, 'GET', `/v1/grants/${id}?wait=10`));
    expect(opened).toMatchObject({ state: 'active', decidedBy: ['okta:ann'] });
    const ends = Date.parse(opened['endsAt'] ?? '');
    expect(ends - Date.parse(opened['startsAt'] ?? '')).toBe(600_000);
    expect(await activeGrant(gateway, principal, 'bastion', Date.now())).toMatchObject({
      id,
      endsAtMs: ends,
    });
    expect(await activeGrant(gateway, principal, 'shop-db', Date.now())).toBeNull();
    expect(await activeGrant(gateway, 'github:other', 'bastion', Date.now())).toBeNull();
    expect(await activeGrant(gateway, principal, 'bastion', ends)).toBeNull();

    const returned = grantOf(await call(token, 'DELETE', `/v1/grants/${id}`));
    expect(returned).toMatchObject({ state: 'returned' });
    await eventually(async () =>
      expect(await activeGrant(gateway, principal, 'bastion', Date.now() + 4_001)).toBeNull(),
    );
    expect(await call(token, 'DELETE', `/v1/grants/${id}`)).toMatchObject({
      status: 409,
      code: 'grant_ended',
    });
    // A window that is over opens no other one: people are asked again.
    const again = grantOf(await call(token, 'POST', '/v1/grants', want));
    expect(again).toMatchObject({ state: 'pending', id: id.replace(/-1$/, '-2') });
  }, 20_000);

  it('asks nobody when as many requests of this agent wait here as may', async () => {
    const who = someAgent();
    const now = Date.now();
    for (let place = 0; place < MAX_PENDING_APPROVALS; place++) {
      await grantStub(gateway, `github:${who.sub}`, 'bastion').admit(`${place}`, now + 60_000, now);
    }
    const asked = await call(await workload(who), 'POST', '/v1/grants', want);
    expect(asked).toMatchObject({ status: 429, code: 'approval_too_many' });
  });

  it('tells a session that waits to connect once the window is open', async () => {
    const heard: [ApprovalStanding, unknown][] = [];
    const who = someAgent();
    const principal = `github:${who.sub}`;
    vi.spyOn(Session.prototype, 'approvalSettled').mockImplementation(
      async (standing: ApprovalStanding) => {
        heard.push([standing, await activeGrant(gateway, principal, 'bastion', Date.now())]);
      },
    );
    const asked = await asking({
      principal: { ...agent, id: principal, subject: who.sub },
      target: { id: 'bastion', kind: 'postgres', labels: {} },
      content: { kind: 'connect', protocol: 'postgres', seconds: 3600 },
      facts: null,
      demands: [{ ...demand, by: ['sre'], grantSeconds: 3600 }],
      session: 'waits-to-connect',
    });
    await objectOf(asked.digest).request(asked, Date.now());
    await objectOf(asked.digest).vote(ballot(asked, human('ann', ['sre'])));
    await eventually(() =>
      expect(heard).toMatchObject([
        [{ state: 'approved' }, { endsAtMs: expect.any(Number) as number }],
      ]),
    );
    // It is not for a session to consume: the window is.
    expect(await objectOf(asked.digest).consume(asked.digest, asked)).toBe(false);
    expect((await viewOf(asked))?.state).toBe('consumed');
  });

  it('is over at its end, and the index says so', async () => {
    const stub = grantStub(gateway, 'github:ending', 'bastion');
    const opening = {
      id: `${'e'.repeat(32)}-1`,
      principalId: 'github:ending',
      target: 'bastion',
      seconds: 60,
      satisfied: [],
    };
    const started = Date.now() - 61_000;
    await stub.open(opening, started);
    expect(await stub.active(started + 59_999)).toMatchObject({ id: opening.id });
    expect(await stub.active(Date.now())).toBeNull();
    expect(await stub.view(opening.id, Date.now())).toMatchObject({ end: { kind: 'expired' } });
    expect(await stub.end(opening.id, 'returned', 'x')).toBe(false);
    await runDurableObjectAlarm(stub);
    await eventually(async () =>
      expect(
        await env.DB.prepare('SELECT * FROM grants WHERE id = ?').bind(opening.id).first(),
      ).toMatchObject({ end: 'expired', ended_at: started + 60_000 }),
    );
    // Opening it again does not make it longer.
    expect(await stub.open({ ...opening, seconds: 9_999 }, Date.now())).toMatchObject({
      endsAtMs: started + 60_000,
    });
  });

  it('can be taken back while it is asked for', async () => {
    const token = await workload(someAgent());
    const { id = '' } = grantOf(await call(token, 'POST', '/v1/grants', want));
    expect(grantOf(await call(token, 'DELETE', `/v1/grants/${id}`))).toMatchObject({
      state: 'cancelled',
    });
    expect(await decideOn(id, 'approve')).toMatchObject({ status: 409, code: 'approval_settled' });
  });

  it('is denied with the reason', async () => {
    const token = await workload(someAgent());
    const { id = '' } = grantOf(await call(token, 'POST', '/v1/grants', want));
    await decideOn(id, 'deny');
    expect(grantOf(await call(token, 'GET', `/v1/grants/${id}?wait=5`))).toMatchObject({
      state: 'denied',
      reason: 'r',
    });
  });

  it('is taken away by people who were asked, never by another workload or a stranger', async () => {
    const who = someAgent();
    const token = await workload(who);
    const { id = '' } = grantOf(await call(token, 'POST', '/v1/grants', want));
    await decideOn(id, 'approve');
    await call(token, 'GET', `/v1/grants/${id}?wait=10`);
    expect((await call(await workload(someAgent()), 'DELETE', `/v1/grants/${id}`)).status).toBe(
      404,
    );
    expect((await call(await person(EVE), 'DELETE', `/v1/grants/${id}`)).status).toBe(404);
    // audit.kill lets sre see it, but a workload in sre takes nothing away.
    expect((await call(await workload(AGENT), 'DELETE', `/v1/grants/${id}`)).status).toBe(403);
    expect(grantOf(await call(await person(ANN), 'DELETE', `/v1/grants/${id}`))).toMatchObject({
      state: 'revoked',
    });
  });

  it('does not answer for approvals of statements', async () => {
    const { id } = await ask();
    expect((await call(await person(ANN), 'GET', `/v1/grants/${id}`)).status).toBe(404);
    expect((await call(await person(ANN), 'DELETE', `/v1/grants/${id}`)).status).toBe(404);
  });

  it.each<[string, Person, unknown, number, string]>([
    ['no reason', AGENT, { ...want, reason: ' ' }, 400, 'request_invalid'],
    ['less than a minute', AGENT, { ...want, forSeconds: 59 }, 400, 'request_invalid'],
    ['half a second', AGENT, { ...want, forSeconds: 600.5 }, 400, 'request_invalid'],
    ['more than the rule offers', AGENT, { ...want, forSeconds: 3601 }, 403, 'grant_not_offered'],
    ['a target that is not there', AGENT, { ...want, target: 'nowhere' }, 404, 'target_unknown'],
    [
      'a target that needs no approval',
      AGENT,
      { ...want, target: 'shop-db' },
      409,
      'grant_not_needed',
    ],
    ['whom no rule allows', EVE, { ...want, target: 'shop-db' }, 403, 'no_rule'],
    ['a field too many', AGENT, { ...want, principal: 'x' }, 400, 'request_invalid'],
  ])('refuses %s', async (_what, who, body, status, code) => {
    const token = who === AGENT ? await workload() : await person(who);
    expect(await call(token, 'POST', '/v1/grants', body)).toMatchObject({ status, code });
  });
});
