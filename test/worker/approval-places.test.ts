// How many requests of one principal may wait at one target: counted in one place, whatever comes at once.
import { runDurableObjectAlarm } from 'cloudflare:test';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { grantStub } from '../../adapters/grants.ts';
import type { ApprovalRequest } from '../../core/approval/request.ts';
import { MAX_PENDING_APPROVALS } from '../../core/limits.ts';
import { Grant } from '../../durable-objects/grant.ts';
import { agent, demand } from '../core/approval/fixtures.ts';
import {
  ann,
  asking,
  ballot,
  eventually,
  gateway,
  migrated,
  objectOf,
  viewOf,
} from './approval-support.ts';

beforeAll(migrated);
afterEach(() => vi.restoreAllMocks());

let flooder = agent;
let names = 0;
beforeEach(() => {
  names += 1;
  flooder = { ...agent, id: `github:flooder-${names}`, subject: `flooder-${names}` };
});

async function drafts(count: number, change: Partial<ApprovalRequest> = {}) {
  return Promise.all(
    Array.from({ length: count }, () => asking({ principal: flooder, ...change })),
  );
}

const request = (asked: ApprovalRequest, nowMs = Date.now()) =>
  objectOf(asked.digest).request(asked, nowMs);

async function states(asked: readonly ApprovalRequest[], nowMs?: number): Promise<string[]> {
  return Promise.all(asked.map(async (each) => (await request(each, nowMs)).state));
}

const count = (all: readonly string[], state: string) =>
  all.filter((each) => each === state).length;

describe('when as many wait as may', () => {
  it('the next is not asked, and leaves nothing behind', async () => {
    const [last, ...first] = await drafts(MAX_PENDING_APPROVALS + 1);
    expect(new Set(await states(first))).toEqual(new Set(['pending']));
    expect(await request(last!)).toMatchObject({ state: 'too_many' });
    expect(await viewOf(last!)).toBeNull();
    expect(
      await gateway.DB.prepare('SELECT count(*) AS n FROM approvals WHERE digest = ?')
        .bind(last!.digest)
        .first('n'),
    ).toBe(0);
  });

  it('of many at once exactly that many are asked', async () => {
    const all = await states(await drafts(MAX_PENDING_APPROVALS * 3));
    expect(count(all, 'pending')).toBe(MAX_PENDING_APPROVALS);
    expect(count(all, 'too_many')).toBe(MAX_PENDING_APPROVALS * 2);
  });

  it('another connection still joins one of them', async () => {
    const asked = await drafts(MAX_PENDING_APPROVALS);
    await states(asked);
    expect(await request({ ...asked[0]!, session: 'another' })).toMatchObject({ state: 'pending' });
  });

  it('another principal and another target have places of their own', async () => {
    await states(await drafts(MAX_PENDING_APPROVALS));
    const [elsewhere] = await drafts(1, {
      target: { id: 'bastion', kind: 'postgres', labels: {} },
    });
    expect(await request(elsewhere!)).toMatchObject({ state: 'pending' });
    const other = await asking({ principal: { ...agent, id: 'github:calm', subject: 'calm' } });
    expect(await request(other)).toMatchObject({ state: 'pending' });
  });
});

describe('a place is free again once the request', () => {
  it.each<[string, (asked: ApprovalRequest) => Promise<unknown>]>([
    ['is approved', (asked) => objectOf(asked.digest).vote(ballot(asked, ann))],
    [
      'is denied',
      (asked) => objectOf(asked.digest).vote(ballot(asked, ann, { vote: 'deny', reason: 'no' })),
    ],
    ['is withdrawn', (asked) => objectOf(asked.digest).withdraw(asked, 'gone')],
    [
      'is taken back',
      (asked) => objectOf(asked.digest).cancel(`${asked.digest.slice(0, 32)}-1`, flooder.id),
    ],
  ])('%s', async (_name, end) => {
    const [last, ...first] = await drafts(MAX_PENDING_APPROVALS + 1);
    await states(first);
    expect(await request(last!)).toMatchObject({ state: 'too_many' });
    await end(first[0]!);
    await eventually(async () => expect(await request(last!)).toMatchObject({ state: 'pending' }));
  });

  it('has expired, even before its alarm', async () => {
    const [last, ...first] = await drafts(MAX_PENDING_APPROVALS + 1);
    const now = Date.now();
    await states(first, now);
    expect(await request(last!, now + demand.expiresSeconds * 1000 - 1)).toMatchObject({
      state: 'too_many',
    });
    expect(await request(last!, now + demand.expiresSeconds * 1000)).toMatchObject({
      state: 'pending',
    });
  });

  it('has ended, though its place could not be given up at once', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const [last, ...first] = await drafts(MAX_PENDING_APPROVALS + 1);
    await states(first);
    const away = vi.spyOn(Grant.prototype, 'giveUp').mockRejectedValue(new Error('away'));
    const object = objectOf(first[0]!.digest);
    await object.vote(ballot(first[0]!, ann));
    await eventually(() => expect(away).toHaveBeenCalled());
    expect(await request(last!)).toMatchObject({ state: 'too_many' });
    away.mockRestore();
    await eventually(async () => {
      await runDurableObjectAlarm(object);
      expect(await request(last!)).toMatchObject({ state: 'pending' });
    }, 5_000);
  });
});

describe('a place is taken once', () => {
  it('by connections that ask the same at the same time', async () => {
    const [same, other, ...first] = await drafts(MAX_PENDING_APPROVALS + 1);
    await states(first);
    const twins = Array.from({ length: 10 }, (_, at) => ({ ...same!, session: `twin-${at}` }));
    expect(new Set(await states(twins))).toEqual(new Set(['pending']));
    expect(await request(other!)).toMatchObject({ state: 'too_many' });
  });
});

it('a count that cannot be asked for asks nobody', async () => {
  vi.spyOn(Grant.prototype, 'admit').mockRejectedValue(new Error('away'));
  const [asked] = await drafts(1);
  const outcome = await request(asked!).then(
    () => 'asked',
    (error: unknown) => String(error),
  );
  expect(outcome).toContain('away');
  expect(await viewOf(asked!)).toBeNull();
});

it('an answer that is not yes is a no', async () => {
  vi.spyOn(Grant.prototype, 'admit').mockResolvedValue('yes' as never);
  const [asked] = await drafts(1);
  expect(await request(asked!)).toMatchObject({ state: 'too_many' });
});

it('giving up what was never taken leaves nothing behind', async () => {
  const places = grantStub(gateway, 'github:nobody', 'shop-db');
  await places.giveUp('x-1');
  expect(await places.admit('x-1', Date.now() + 1_000, Date.now())).toBe(true);
});
