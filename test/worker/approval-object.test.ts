// The Approval object: states, votes, races, expiry, and everything it owes to the outside.
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ApprovalRequest, ApprovalStanding } from '../../core/approval/request.ts';
import { approvalName, type BallotResult } from '../../core/approval/view.ts';
import { APPROVAL_RETENTION_MS } from '../../core/limits.ts';
import { createApprovalIndex } from '../../adapters/approval-index.ts';
import { grantStub } from '../../adapters/grants.ts';
import { approvalId } from '../../durable-objects/approval-errands.ts';
import { Grant } from '../../durable-objects/grant.ts';
import { Session } from '../../durable-objects/session.ts';
import { agent, demand, facts, human } from '../core/approval/fixtures.ts';
import {
  ann,
  asking,
  ballot,
  bo,
  cy,
  eventually,
  gateway,
  migrated,
  objectOf,
  someSql,
  viewOf,
} from './approval-support.ts';

beforeAll(migrated);
afterEach(() => vi.restoreAllMocks());

/** What sessions were told, by session. */
function told(): Map<string, ApprovalStanding[]> {
  const heard = new Map<string, ApprovalStanding[]>();
  vi.spyOn(Session.prototype, 'approvalSettled').mockImplementation(async function (
    this: Session,
    standing: ApprovalStanding,
  ) {
    const name = (this as unknown as { ctx: DurableObjectState }).ctx.id.name ?? '';
    heard.set(name, [...(heard.get(name) ?? []), standing]);
  });
  return heard;
}

async function ask(change: Partial<ApprovalRequest> = {}, nowMs = Date.now()) {
  const asked = await asking(change);
  const object = objectOf(asked.digest);
  const standing = await object.request(asked, nowMs);
  if (standing.state === 'too_many') throw new Error('no place');
  return { asked, object, standing };
}

const state = async (asked: ApprovalRequest, round = 1) => (await viewOf(asked, round))?.state;

describe('a request', () => {
  it('opens a round that ends when the shortest rule says so', async () => {
    const now = Date.now();
    const demands = [demand, { ...demand, rule: 'b', expiresSeconds: 60 }];
    const { asked, standing } = await ask({ demands }, now);
    expect(standing).toEqual({
      id: `${asked.digest.slice(0, 32)}-1`,
      state: 'pending',
      expiresAtMs: now + 60_000,
      reason: '',
      decidedBy: [],
    });
  });

  it('asked for again joins the round that is open', async () => {
    const { asked, object, standing } = await ask();
    expect(await object.request(asked, Date.now())).toEqual(standing);
    expect(await object.request({ ...asked, session: 's2', claimed: 'other' }, Date.now())).toEqual(
      standing,
    );
  });

  it('asked for again after an end opens another round', async () => {
    const { asked, object } = await ask({}, Date.now() - 901_000);
    expect(await state(asked)).toBe('expired');
    const second = await object.request({ ...asked, session: 's2' }, Date.now());
    expect(second).toMatchObject({ id: `${asked.digest.slice(0, 32)}-2`, state: 'pending' });
    expect(await state(asked)).toBe('expired');
  });

  it('asked for again right after a denial hears the denial', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann, { vote: 'deny', reason: 'Not today.' }));
    const again = await object.request({ ...asked, action: 99 }, Date.now());
    expect(again).toMatchObject({ state: 'denied', reason: 'Not today.', decidedBy: ['okta:ann'] });
    const later = await object.request({ ...asked, action: 100 }, Date.now() + 5 * 60_000);
    expect(later).toMatchObject({ state: 'pending', id: `${asked.digest.slice(0, 32)}-2` });
  });

  it('that was used, asked by the very action that used it, is told so', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann));
    expect(await object.consume(asked.digest, asked)).toBe(true);
    expect(await object.request(asked, Date.now())).toMatchObject({ state: 'consumed' });
    expect(await object.request({ ...asked, action: 4 }, Date.now())).toMatchObject({
      state: 'pending',
    });
  });

  it('that was lost to another connection gets a round of its own', async () => {
    const { asked, object } = await ask();
    const other = { ...asked, session: 'slower', action: 1 };
    await object.request(other, Date.now());
    await object.vote(ballot(asked, ann));
    expect(await object.consume(asked.digest, asked)).toBe(true);
    expect(await object.consume(asked.digest, other)).toBe(false);
    expect(await object.request(other, Date.now())).toMatchObject({
      state: 'pending',
      id: `${asked.digest.slice(0, 32)}-2`,
    });
  });

  it.each<[string, (asked: ApprovalRequest) => Partial<ApprovalRequest>]>([
    ['nobody is asked', () => ({ demands: [] })],
    ['a rule names no group', () => ({ demands: [{ ...demand, by: [] }] })],
    ['a quorum is zero', () => ({ demands: [{ ...demand, quorum: 0 }] })],
    ['it would expire at once', () => ({ demands: [{ ...demand, expiresSeconds: 0 }] })],
    ['the digest is none', () => ({ digest: 'x' })],
    [
      'the digest is of something else',
      (asked) => ({ digest: asked.digest.slice(0, 32) + '0'.repeat(32) }),
    ],
    ['the text is not what was hashed', () => ({ content: someSql() })],
    [
      'the binds are not what was hashed',
      (asked) => ({ content: { ...someSql(), ...asked.content, binds: ['x'] } as never }),
    ],
    ['the principal is not who was hashed', () => ({ principal: { ...agent, id: 'github:else' } })],
    [
      'the tables are not what was hashed',
      () => ({ facts: { ...facts, writes: ['public.harmless'] } }),
    ],
    ['the policy is not what was hashed', () => ({ policyHash: 'c'.repeat(64) })],
    ['the row bound is not what was hashed', () => ({ demands: [{ ...demand, maxRows: 10_000 }] })],
  ])('is rejected when %s', async (_why, change) => {
    const asked = await asking();
    await runInDurableObject(objectOf(asked.digest), async (object) => {
      const call = object as unknown as {
        request: (r: ApprovalRequest, n: number) => Promise<unknown>;
      };
      await expect(call.request({ ...asked, ...change(asked) }, Date.now())).rejects.toThrow();
    });
    expect(await state(asked)).toBeUndefined();
  });

  it('is kept whole when it is large, in any script', async () => {
    const binds = [`${'é🙂'.repeat(700_000)}!`];
    const { asked } = await ask({ content: someSql({ binds }) });
    const view = await viewOf(asked);
    expect(view?.request.content).toEqual(asked.content);
  }, 30_000);

  it('is rejected when it is too large to be kept', async () => {
    const asked = await asking({ content: someSql({ binds: ['x'.repeat(9 * 1024 * 1024)] }) });
    await runInDurableObject(objectOf(asked.digest), async (object) => {
      const call = object as unknown as {
        request: (r: ApprovalRequest, n: number) => Promise<unknown>;
      };
      await expect(call.request(asked, Date.now())).rejects.toThrow('too large');
    });
  }, 30_000);
});

describe('a vote', () => {
  it('approves, and keeps who, when, from where, why and what was shown', async () => {
    const { asked, object } = await ask();
    const result = await object.vote(ballot(asked, ann, { reason: ' Ticket 12 ' }));
    expect(result).toMatchObject({
      ok: true,
      standing: { state: 'approved', decidedBy: ['okta:ann'] },
    });
    const view = await viewOf(asked);
    expect(view?.votes).toEqual([
      {
        by: 'okta:ann',
        groups: ['dba'],
        vote: 'approve',
        reason: 'Ticket 12',
        atMs: expect.any(Number) as number,
        via: 'page',
        address: '192.0.2.1',
        country: 'NL',
        digest: asked.digest,
      },
    ]);
  });

  it('denies with its reason, whoever approved before', async () => {
    const { asked, object } = await ask({ demands: [{ ...demand, quorum: 2 }] });
    await object.vote(ballot(asked, ann));
    const result = await object.vote(ballot(asked, bo, { vote: 'deny', reason: 'Wrong table.' }));
    expect(result).toMatchObject({
      ok: true,
      standing: { state: 'denied', reason: 'Wrong table.', decidedBy: ['okta:bo'] },
    });
  });

  it('can be taken back by denying, until it is decided', async () => {
    const { asked, object } = await ask({ demands: [{ ...demand, quorum: 2 }] });
    await object.vote(ballot(asked, ann));
    const result = await object.vote(ballot(asked, ann, { vote: 'deny', reason: 'I misread.' }));
    expect(result).toMatchObject({ ok: true, standing: { state: 'denied' } });
  });

  it('by two of three people fills a quorum of two', async () => {
    const { asked, object } = await ask({ demands: [{ ...demand, quorum: 2 }] });
    expect(await object.vote(ballot(asked, ann))).toMatchObject({ standing: { state: 'pending' } });
    expect(await object.vote(ballot(asked, cy))).toMatchObject({
      standing: { state: 'approved', decidedBy: ['okta:ann', 'okta:cy'] },
    });
  });

  const twin = human('77', ['dba'], {
    id: 'google:77',
    issuer: 'google',
    claims: { email: 'Ann@acme.dev' },
  });

  it.each<
    [
      string,
      Partial<ApprovalRequest>,
      Parameters<typeof ballot>[1],
      Parameters<typeof ballot>[2],
      string,
    ]
  >([
    [
      'a workload in the group',
      {},
      { ...agent, id: 'github:x', subject: 'x', groups: ['dba'] },
      {},
      'workload_cannot_decide',
    ],
    [
      'a workload that denies',
      {},
      { ...agent, id: 'github:x', subject: 'x', groups: ['dba'] },
      { vote: 'deny', reason: 'x' },
      'workload_cannot_decide',
    ],
    ['the requester', { principal: ann }, ann, {}, 'own_request'],
    ['the requester under another identity', { principal: ann }, twin, {}, 'own_request'],
    ['somebody who is not asked', {}, human('di', ['sre']), {}, 'not_an_approver'],
    [
      'somebody who was shown something else',
      {},
      ann,
      { digest: '0'.repeat(64) },
      'digest_mismatch',
    ],
    ['somebody who was shown half the digest', {}, ann, { digest: '' }, 'digest_mismatch'],
    ['after the policy has changed', {}, ann, { policyHash: 'b'.repeat(64) }, 'policy_changed'],
    ['a denial without a reason', {}, ann, { vote: 'deny', reason: ' \n' }, 'reason_invalid'],
    ['a reason that is too long', {}, ann, { reason: 'x'.repeat(1001) }, 'reason_invalid'],
    ['on another round', {}, ann, { id: `${'0'.repeat(32)}-1` }, 'not_found'],
    ['on no round', {}, ann, { id: 'x' }, 'not_found'],
  ])('is refused: %s', async (_who, change, voter, cast, code) => {
    const { asked, object } = await ask(change);
    expect(await object.vote(ballot(asked, voter, cast))).toEqual({ ok: false, code });
    expect(await state(asked)).toBe('pending');
    expect((await viewOf(asked))?.votes).toEqual([]);
  });

  it('does not count twice, under the same or another identity', async () => {
    const { asked, object } = await ask({ demands: [{ ...demand, quorum: 2 }] });
    await object.vote(ballot(asked, ann));
    expect(await object.vote(ballot(asked, ann))).toEqual({ ok: false, code: 'already_voted' });
    expect(await object.vote(ballot(asked, twin))).toEqual({ ok: false, code: 'already_voted' });
    expect(await state(asked)).toBe('pending');
  });

  it.each<[string, (asked: ApprovalRequest) => Promise<unknown>]>([
    ['approved', (asked) => objectOf(asked.digest).vote(ballot(asked, bo))],
    [
      'denied',
      (asked) => objectOf(asked.digest).vote(ballot(asked, bo, { vote: 'deny', reason: 'no' })),
    ],
    ['cancelled', (asked) => objectOf(asked.digest).withdraw(asked, 'gone')],
  ])('comes too late once it is %s', async (_state, settle) => {
    const { asked, object } = await ask();
    await settle(asked);
    expect(await object.vote(ballot(asked, ann, { vote: 'deny', reason: 'late' }))).toEqual({
      ok: false,
      code: 'approval_settled',
    });
    expect(await object.vote(ballot(asked, ann))).toEqual({ ok: false, code: 'approval_settled' });
  });

  it('comes too late after the expiry, even before the alarm', async () => {
    const { asked, object } = await ask({}, Date.now() - 901_000);
    expect(await object.vote(ballot(asked, ann))).toEqual({ ok: false, code: 'approval_settled' });
    expect(await state(asked)).toBe('expired');
  });

  it('of many at once decides once', async () => {
    const { asked, object } = await ask({ demands: [{ ...demand, quorum: 3 }] });
    const people = Array.from({ length: 20 }, (_, i) => human(`p${i}`, ['dba']));
    const results: BallotResult[] = await Promise.all(
      people.map((voter) => object.vote(ballot(asked, voter))),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(3);
    expect(
      results.filter((result) => !result.ok && result.code === 'approval_settled'),
    ).toHaveLength(17);
  });
});

describe('consuming', () => {
  it('is for one of fifty sessions that come at once', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann));
    const tries = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        object.consume(asked.digest, { session: `s${i}`, action: 1 }),
      ),
    );
    expect(tries.filter((won) => won)).toHaveLength(1);
    const view = await viewOf(asked);
    expect(view).toMatchObject({
      state: 'consumed',
      usedBy: { session: `s${tries.indexOf(true)}`, action: 1 },
    });
  });

  it('does not happen twice for the same session', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann));
    expect(await object.consume(asked.digest, asked)).toBe(true);
    expect(await object.consume(asked.digest, asked)).toBe(false);
  });

  it.each<[string, (asked: ApprovalRequest) => Promise<unknown>]>([
    ['pending', async () => undefined],
    [
      'denied',
      (asked) => objectOf(asked.digest).vote(ballot(asked, ann, { vote: 'deny', reason: 'no' })),
    ],
    ['cancelled', (asked) => objectOf(asked.digest).withdraw(asked, 'gone')],
    [
      'taken back after it was approved',
      async (asked) => {
        await objectOf(asked.digest).vote(ballot(asked, ann));
        await objectOf(asked.digest).cancel(`${approvalName(asked.digest)}-1`, asked.principal.id);
      },
    ],
  ])('does not happen while it is %s', async (_state, prepare) => {
    const { asked, object } = await ask();
    await prepare(asked);
    expect(await object.consume(asked.digest, asked)).toBe(false);
  });

  it('needs the whole digest', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann));
    expect(await object.consume(asked.digest.slice(0, 32) + '0'.repeat(32), asked)).toBe(false);
    expect(await object.consume(asked.digest.slice(0, 32), asked)).toBe(false);
    expect(await object.consume(asked.digest, asked)).toBe(true);
  });

  it('does not happen after the expiry, even before the alarm', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann));
    await expireNow(asked);
    expect(await object.consume(asked.digest, asked)).toBe(false);
    expect(await state(asked)).toBe('expired');
  });

  it('of one round does not reach into the next', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann));
    await expireNow(asked);
    const second = await object.request({ ...asked, session: 's2' }, Date.now());
    expect(second.state).toBe('pending');
    expect(await object.consume(asked.digest, asked)).toBe(false);
  });
});

async function expireNow(asked: ApprovalRequest): Promise<void> {
  await runInDurableObject(objectOf(asked.digest), (_object, ctx) => {
    ctx.storage.sql.exec('UPDATE rounds SET expires_at = ?', Date.now() - 1);
  });
}

describe('withdrawing', () => {
  it('cancels when nobody else waits', async () => {
    const { asked, object } = await ask();
    await object.request({ ...asked, session: 's2', action: 1 }, Date.now());
    await object.withdraw(asked, 'The client is gone.');
    expect(await state(asked)).toBe('pending');
    await object.withdraw({ session: 's2', action: 1 }, 'The client is gone.');
    const view = await viewOf(asked);
    expect(view).toMatchObject({ state: 'cancelled', reason: 'The client is gone.' });
  });

  it('keeps what every rule says to keep, and nothing else', async () => {
    const kept = await ask({ demands: [{ ...demand, keep: true }] });
    await kept.object.withdraw(kept.asked, 'gone');
    expect(await state(kept.asked)).toBe('pending');
    const half = await ask({
      demands: [
        { ...demand, keep: true },
        { ...demand, rule: 'b' },
      ],
    });
    await half.object.withdraw(half.asked, 'gone');
    expect(await state(half.asked)).toBe('cancelled');
  });

  it('leaves what is approved to its expiry', async () => {
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann));
    await object.withdraw(asked, 'gone');
    expect(await state(asked)).toBe('approved');
  });

  it('does nothing to an object that was never asked', async () => {
    const asked = await asking();
    await objectOf(asked.digest).withdraw(asked, 'gone');
    expect(await state(asked)).toBeUndefined();
  });

  it('by the requester only', async () => {
    const { asked, object, standing } = await ask();
    expect(await object.cancel(standing.id, 'okta:ann')).toBe(false);
    expect(await object.cancel(standing.id, asked.principal.id)).toBe(true);
    expect(await state(asked)).toBe('cancelled');
    expect(await object.cancel(standing.id, asked.principal.id)).toBe(false);
  });
});

describe('the alarm', () => {
  it('expires what is pending and what was approved and not used', async () => {
    const pending = await ask();
    const approved = await ask();
    await approved.object.vote(ballot(approved.asked, ann));
    for (const { asked, object } of [pending, approved]) {
      await expireNow(asked);
      expect(await runDurableObjectAlarm(object)).toBe(true);
      expect(
        await runInDurableObject(
          object,
          (_o, ctx) => ctx.storage.sql.exec('SELECT state FROM rounds').one()['state'],
        ),
      ).toBe('expired');
    }
  });

  it('forgets statement, values and votes in the end, and never gives a number twice', async () => {
    told();
    const { asked, object } = await ask();
    await object.vote(ballot(asked, ann, { vote: 'deny', reason: 'no' }));
    const pieces = () =>
      runInDurableObject(
        object,
        (_o, ctx) =>
          ctx.storage.sql
            .exec('SELECT (SELECT COUNT(*) FROM request_parts) + (SELECT COUNT(*) FROM votes) AS n')
            .one()['n'],
      );
    await runDurableObjectAlarm(object);
    expect(await pieces()).toBe(2);
    await runInDurableObject(
      object,
      (_o, ctx) =>
        void ctx.storage.sql.exec(
          'UPDATE rounds SET decided_at = ?',
          Date.now() - APPROVAL_RETENTION_MS - 1000,
        ),
    );
    await runDurableObjectAlarm(object);
    expect(await pieces()).toBe(0);
    expect(await viewOf(asked)).toBeNull();
    expect(await object.request(asked, Date.now())).toMatchObject({
      id: expect.stringMatching(/-2$/) as string,
    });
  });

  it('is set for the expiry once everything else is done, then for the end of the retention', async () => {
    told();
    const { asked, object, standing } = await ask();
    const at = () => runInDurableObject(object, (_o, ctx) => ctx.storage.getAlarm());
    await eventually(async () => expect(await at()).toBe(standing.expiresAtMs));
    await object.vote(ballot(asked, ann, { vote: 'deny', reason: 'no' }));
    await eventually(async () =>
      expect((await at())! - Date.now()).toBeGreaterThan(APPROVAL_RETENTION_MS - 60_000),
    );
  });
});

describe('waiting sessions', () => {
  it('are told once each, and only those that still wait', async () => {
    const heard = told();
    const { asked, object } = await ask({ session: 'told-1' });
    await object.request({ ...asked, session: 'told-2' }, Date.now());
    await object.request({ ...asked, session: 'told-2', action: 9 }, Date.now());
    await object.request({ ...asked, session: 'told-3' }, Date.now());
    await object.request({ ...asked, session: '' }, Date.now());
    await object.withdraw({ session: 'told-3', action: asked.action }, 'gone');
    const { standing } = (await object.vote(ballot(asked, ann))) as { standing: ApprovalStanding };
    await eventually(() => expect([...heard.keys()].sort()).toEqual(['told-1', 'told-2']));
    expect(heard.get('told-1')).toEqual([standing]);
    expect(heard.get('told-2')).toEqual([standing]);
  });

  it('hear the reason of a denial', async () => {
    const heard = told();
    const { asked, object } = await ask({ session: 'denied-1' });
    await object.vote(ballot(asked, ann, { vote: 'deny', reason: 'Ask for one row.' }));
    await eventually(() =>
      expect(heard.get('denied-1')).toMatchObject([
        { state: 'denied', reason: 'Ask for one row.' },
      ]),
    );
  });

  it('are told of an expiry by the alarm', async () => {
    const heard = told();
    const { asked, object } = await ask({ session: 'expired-1' });
    await expireNow(asked);
    await runDurableObjectAlarm(object);
    await eventually(() => expect(heard.get('expired-1')).toMatchObject([{ state: 'expired' }]));
  });

  it('are told by the alarm when they could not be reached', async () => {
    let reached = 0;
    vi.spyOn(Session.prototype, 'approvalSettled').mockImplementation(async () => {
      reached += 1;
      if (reached === 1) throw new Error('overloaded');
    });
    const { asked, object } = await ask({ session: 'retried-1' });
    await object.vote(ballot(asked, ann));
    await eventually(() => expect(reached).toBe(1));
    const owed = () =>
      runInDurableObject(object, (_o, ctx) =>
        ctx.storage.sql.exec("SELECT attempts, due_at FROM errands WHERE kind = 'tell'").toArray(),
      );
    await eventually(async () => expect(await owed()).toMatchObject([{ attempts: 1 }]));
    await runInDurableObject(
      object,
      (_o, ctx) => void ctx.storage.sql.exec('UPDATE errands SET due_at = 0'),
    );
    await runDurableObjectAlarm(object);
    expect(reached).toBe(2);
    expect(await owed()).toEqual([]);
  });

  it('that are gone are no trouble', async () => {
    const { asked, object } = await ask({ session: 'never-was' });
    await object.vote(ballot(asked, ann));
    await eventually(async () =>
      expect(
        await runInDurableObject(object, (_o, ctx) =>
          ctx.storage.sql.exec("SELECT * FROM errands WHERE kind = 'tell'").toArray(),
        ),
      ).toEqual([]),
    );
  });
});

describe('the index', () => {
  const row = (asked: ApprovalRequest) =>
    env.DB.prepare('SELECT * FROM approvals WHERE id = ?')
      .bind(`${approvalName(asked.digest)}-1`)
      .first();

  it('follows every change, with the votes', async () => {
    const { asked, object } = await ask();
    await eventually(async () =>
      expect(await row(asked)).toMatchObject({
        state: 'pending',
        principal_id: agent.id,
        target: 'shop-db',
        asked: '["dba"]',
        tables: '["public.orders"]',
        summary: 'DELETE on public.orders in shop-db',
      }),
    );
    await object.vote(ballot(asked, ann, { reason: 'ok' }));
    await eventually(async () =>
      expect(await row(asked)).toMatchObject({ state: 'approved', decided_by: '["okta:ann"]' }),
    );
    await object.consume(asked.digest, asked);
    await eventually(async () =>
      expect(await row(asked)).toMatchObject({ state: 'consumed', session_id: asked.session }),
    );
    const votes = await env.DB.prepare('SELECT * FROM votes WHERE approval_id = ?')
      .bind(`${approvalName(asked.digest)}-1`)
      .all();
    expect(votes.results).toMatchObject([
      { principal_id: 'okta:ann', vote: 'approve', reason: 'ok', address: '192.0.2.1' },
    ]);
  });

  it('holds no statement and no bind value', async () => {
    const secret = 'hunter2-in-a-bind';
    const { asked } = await ask({
      content: someSql({
        binds: [secret],
        text: `DELETE FROM orders WHERE s = $1 AND t = '${secret}'`,
      }),
    });
    await eventually(async () => expect(await row(asked)).not.toBeNull());
    expect(JSON.stringify(await row(asked))).not.toContain(secret);
  });

  it('catches up when D1 was away', async () => {
    const away = vi.spyOn(env.DB, 'batch').mockRejectedValue(new Error('D1 is away'));
    const prepare = vi.spyOn(env.DB, 'prepare').mockImplementation(() => {
      throw new Error('D1 is away');
    });
    const { asked, object } = await ask();
    const owed = () =>
      runInDurableObject(object, (_o, ctx) =>
        ctx.storage.sql.exec("SELECT attempts FROM errands WHERE kind = 'index'").toArray(),
      );
    await eventually(async () => expect(await owed()).toMatchObject([{ attempts: 1 }]));
    away.mockRestore();
    prepare.mockRestore();
    expect(await row(asked)).toBeNull();
    await runInDurableObject(
      object,
      (_o, ctx) => void ctx.storage.sql.exec('UPDATE errands SET due_at = 0'),
    );
    await runDurableObjectAlarm(object);
    await eventually(async () => expect(await owed()).toEqual([]));
    expect(await row(asked)).toMatchObject({ state: 'pending' });
  });
});

describe('pruning the index', () => {
  it('takes what is over with its votes and windows, and leaves the rest', async () => {
    const now = Date.now();
    const insert = async (id: string, requestedAt: number, expiresAt: number) => {
      const { asked } = await ask();
      const row = await eventually(async () => {
        const found = await env.DB.prepare('SELECT * FROM approvals WHERE digest = ?')
          .bind(asked.digest)
          .first();
        expect(found).not.toBeNull();
        return found!;
      });
      await env.DB.prepare(
        'UPDATE approvals SET id = ?, requested_at = ?, expires_at = ? WHERE id = ?',
      )
        .bind(id, requestedAt, expiresAt, row['id'])
        .run();
      await env.DB.prepare(
        "INSERT INTO votes VALUES (?, 1, 0, 'okta:ann', '[]', 'approve', '', '', 'page', '', '')",
      )
        .bind(id)
        .run();
    };
    await insert('prune-old', now - 10_000, now - 9_000);
    await insert('prune-open', now - 10_000, now + 9_000);
    await insert('prune-new', now - 1_000, now - 500);
    expect(await createApprovalIndex(env.DB).prune(now - 5_000, 100)).toBeGreaterThanOrEqual(1);
    const left = async (table: string, column: string) =>
      (
        await env.DB.prepare(
          `SELECT ${column} AS id FROM ${table} WHERE ${column} LIKE 'prune-%' ORDER BY 1`,
        ).all()
      ).results.map(({ id }) => id);
    expect(await left('approvals', 'id')).toEqual(['prune-new', 'prune-open']);
    expect(await left('votes', 'approval_id')).toEqual(['prune-new', 'prune-open']);
  });
});

describe('looking at what was never asked', () => {
  it('leaves nothing behind', async () => {
    const asked = await asking();
    const object = objectOf(asked.digest);
    expect(await viewOf(asked)).toBeNull();
    expect(await object.vote(ballot(asked, ann))).toEqual({ ok: false, code: 'not_found' });
    expect(await object.consume(asked.digest, asked)).toBe(false);
    expect(await object.cancel(`${approvalName(asked.digest)}-1`, asked.principal.id)).toBe(false);
    await object.settled(`${approvalName(asked.digest)}-1`, 1_000);
    await object.withdraw(asked, 'x');
    await runInDurableObject(object, async (_o, ctx) => {
      expect(
        ctx.storage.sql
          .exec('SELECT name FROM sqlite_master')
          .toArray()
          .filter(({ name }) => typeof name === 'string' && !name.startsWith('_')),
      ).toEqual([]);
      expect(await ctx.storage.getAlarm()).toBeNull();
    });
  });
});

describe('a window that is taken back while it is being opened', () => {
  it('does not stay open', async () => {
    const asked = await asking({
      principal: { ...agent, id: 'github:hasty', subject: 'hasty' },
      content: { kind: 'connect', protocol: 'postgres', seconds: 600 },
      facts: null,
      demands: [{ ...demand, grantSeconds: 600 }],
      session: '',
    });
    const object = objectOf(asked.digest);
    await object.request(asked, Date.now());
    const id = approvalId({ digest: asked.digest, round: 1 });
    const open = Grant.prototype.open;
    vi.spyOn(Grant.prototype, 'open').mockImplementationOnce(async function (this: Grant, ...args) {
      const view = await open.apply(this, args);
      // A stub of this object's own: another's cannot be used here.
      await objectOf(asked.digest).cancel(id, 'github:hasty');
      return view;
    });
    await object.vote(ballot(asked, ann));
    await eventually(async () => expect((await viewOf(asked))?.state).toBe('cancelled'));
    await eventually(async () =>
      expect(
        await grantStub(gateway, 'github:hasty', 'shop-db').view(id, Date.now()),
      ).toMatchObject({ end: { kind: 'revoked' } }),
    );
  });
});

describe('a restart', () => {
  it('loses nothing', async () => {
    const { asked, object } = await ask({ demands: [{ ...demand, quorum: 2 }] });
    await object.vote(ballot(asked, ann));
    await runInDurableObject(object, (_o, ctx) => ctx.abort('restart')).catch(() => undefined);
    const fresh = objectOf(asked.digest);
    expect(await viewOf(asked)).toMatchObject({ state: 'pending', votes: [{ by: 'okta:ann' }] });
    expect(await fresh.vote(ballot(asked, bo))).toMatchObject({ standing: { state: 'approved' } });
    await runInDurableObject(fresh, (_o, ctx) => ctx.abort('restart')).catch(() => undefined);
    expect(await objectOf(asked.digest).consume(asked.digest, asked)).toBe(true);
    expect(await objectOf(asked.digest).consume(asked.digest, asked)).toBe(false);
  });
});
