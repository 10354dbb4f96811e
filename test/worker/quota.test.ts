// The limits of one principal in a real object: exact under many sessions at once, over restarts, and refused in every doubt.
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { quotaStub } from '../../adapters/quotas.ts';
import type { Env } from '../../adapters/env.ts';
import type { Denial } from '../../core/decision.ts';
import { PLACE_MS, type LimitInForce } from '../../core/quota/quota.ts';
import { Allowance } from '../../durable-objects/allowance.ts';
import { Quota } from '../../durable-objects/quota.ts';

const gateway = env as unknown as Env;

// Some of these wait until batches come back, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

let principals = 0;
const somebody = () => `ci:somebody-${++principals}`;

const limit = (more: Partial<LimitInForce>): LimitInForce => ({
  key: 'id agents',
  name: 'agents',
  sessions: null,
  actionsPerMinute: null,
  rowsPerHour: null,
  ...more,
});

let sessions = 0;
const open: Allowance[] = [];

function session(limits: () => readonly LimitInForce[]): Allowance {
  const allowance = new Allowance(gateway, `session-${++sessions}`, limits);
  open.push(allowance);
  return allowance;
}

async function admitted(principal: string, limits: readonly LimitInForce[]): Promise<Allowance> {
  const allowance = session(() => limits);
  expect(await allowance.admit(principal)).toBeNull();
  return allowance;
}

afterEach(() => {
  for (const allowance of open.splice(0)) allowance.release();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const codes = (answers: readonly (Denial | null)[]) =>
  answers.map((denial) => denial?.code ?? 'ran');
const ran = (answers: readonly (Denial | null)[]) =>
  answers.filter((denial) => denial === null).length;

/** Ends the object as an eviction would; its storage stays. */
async function restart(principal: string): Promise<void> {
  const stub = quotaStub(gateway, principal);
  await runInDurableObject(stub, (_, state) => state.abort('evicted by a test')).catch(
    () => undefined,
  );
}

describe('50 sessions of one principal at once', () => {
  it.each([7, 100, 600])(
    'run exactly %d actions a minute',
    async (most) => {
      const principal = somebody();
      const limits = [limit({ actionsPerMinute: most })];
      const all = await Promise.all(Array.from({ length: 50 }, () => admitted(principal, limits)));
      const answers = await Promise.all(
        all.map(async (one) => {
          const mine: (Denial | null)[] = [];
          for (let n = 0; n < 20; n++) mine.push(await one.spend());
          return mine;
        }),
      );
      expect(ran(answers.flat())).toBe(most);
      const [refused] = answers.flat().filter((denial) => denial !== null);
      expect(refused).toMatchObject({ code: 'limit_exceeded', rule: null });
    },
    30_000,
  );

  it('get exactly as many places as there are', async () => {
    const principal = somebody();
    const limits = [limit({ sessions: 3 })];
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => session(() => limits).admit(principal)),
    );
    expect(ran(answers)).toBe(3);
    const refused = answers.find((denial) => denial !== null);
    expect(refused).toMatchObject({
      code: 'limit_exceeded',
      message: 'The limit agents allows you 3 sessions at a time.',
      retryAfterSeconds: 5,
    });
  });
});

it('a caller that is refused in a loop asks once a second and writes nothing', async () => {
  const principal = somebody();
  const one = await admitted(principal, [limit({ actionsPerMinute: 1 })]);
  await one.spend();
  expect(await one.spend()).toMatchObject({ code: 'limit_exceeded' });
  const written = () =>
    runInDurableObject(quotaStub(gateway, principal), (_, state) =>
      state.storage.sql.exec('SELECT json FROM sessions').toArray(),
    );
  const before = await written();
  const take = vi.spyOn(Quota.prototype, 'take');
  const end = Date.now() + 2_500;
  while (Date.now() < end) {
    expect(await one.spend()).not.toBeNull();
    await scheduler.wait(1);
  }
  expect(take.mock.calls.length).toBeGreaterThan(0);
  expect(take.mock.calls.length).toBeLessThan(5);
  expect(await written()).toEqual(before);
});

describe('where no limit concerns the caller', () => {
  it('nobody is asked, and nothing waits', () => {
    const asked = vi.spyOn(gateway.QUOTA, 'getByName');
    const one = session(() => []);
    expect(one.admit('ci:free')).toBeNull();
    expect(one.spend()).toBeNull();
    one.rows(1_000_000);
    one.release();
    expect(asked).not.toHaveBeenCalled();
  });

  it('a busy session asks rarely', async () => {
    const take = vi.spyOn(Quota.prototype, 'take');
    const one = await admitted(somebody(), [limit({ actionsPerMinute: 100_000 })]);
    for (let n = 0; n < 1_000; n++) expect(await one.spend()).toBeNull();
    expect(take.mock.calls.length).toBeLessThan(30);
  });
});

describe('a batch', () => {
  it('that one session does not use is another one’s, after a moment', async () => {
    const principal = somebody();
    const limits = [limit({ actionsPerMinute: 20 })];
    const [one, other] = [await admitted(principal, limits), await admitted(principal, limits)];
    // The second of these comes with one more than is used.
    await one.spend();
    await one.spend();
    const answers: (Denial | null)[] = [];
    for (let n = 0; n < 19; n++) answers.push(await other.spend());
    expect(ran(answers)).toBe(18);
  });

  it('is not lost with the object that gave it', async () => {
    const principal = somebody();
    const limits = [limit({ actionsPerMinute: 3, sessions: 1 })];
    const one = await admitted(principal, limits);
    for (let n = 0; n < 3; n++) {
      expect(await one.spend()).toBeNull();
      await restart(principal);
    }
    expect(await one.spend()).toMatchObject({ code: 'limit_exceeded' });
    expect(await session(() => limits).admit(principal)).toMatchObject({ code: 'limit_exceeded' });
  });

  it('whose action did not run after all is whole again', async () => {
    const principal = somebody();
    const limits = [limit({ actionsPerMinute: 1 })];
    const one = await admitted(principal, limits);
    for (let n = 0; n < 3; n++) {
      const leave = await one.reserve();
      if (leave.kind === 'deny') throw new Error('refused');
      leave.giveBack();
    }
    expect(codes([await one.spend(), await one.spend()])).toEqual(['ran', 'limit_exceeded']);
  });
});

describe('rows', () => {
  it('let no action begin once they are used up, in any session', async () => {
    const principal = somebody();
    const limits = [limit({ rowsPerHour: 100 })];
    const [one, other] = [await admitted(principal, limits), await admitted(principal, limits)];
    expect(codes([await one.spend(), await other.spend()])).toEqual(['ran', 'ran']);
    one.rows(99);
    expect(await one.spend()).toBeNull();
    one.rows(1);
    expect(await one.spend()).toMatchObject({
      code: 'limit_exceeded',
      message: 'The limit agents allows you 100 rows an hour.',
    });
    await vi.waitFor(async () => expect(await other.spend()).not.toBeNull(), { timeout: 6_000 });
  });

  it('of a session that is over have been counted', async () => {
    const principal = somebody();
    const limits = [limit({ rowsPerHour: 100 })];
    const one = await admitted(principal, limits);
    await one.spend();
    one.rows(100);
    one.release();
    const next = await admitted(principal, limits);
    await vi.waitFor(async () => expect(await next.spend()).not.toBeNull(), { timeout: 6_000 });
  });
});

describe('places', () => {
  it('are free when their session leaves', async () => {
    const principal = somebody();
    const limits = [limit({ sessions: 1 })];
    const one = await admitted(principal, limits);
    one.release();
    await vi.waitFor(async () => expect(await session(() => limits).admit(principal)).toBeNull());
  });

  it('are free a minute after their session died without a word', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 5, 1) });
    const principal = somebody();
    const limits = [limit({ sessions: 1 })];
    await admitted(principal, limits);
    vi.setSystemTime(Date.now() + PLACE_MS - 1);
    expect(await session(() => limits).admit(principal)).not.toBeNull();
    vi.setSystemTime(Date.now() + 1);
    expect(await session(() => limits).admit(principal)).toBeNull();
  });

  it('are kept while their session lives, and one that could not be kept ends it in time', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 5, 2) });
    const principal = somebody();
    const limits = [limit({ sessions: 1 })];
    const one = await admitted(principal, limits);
    for (let n = 0; n < 5; n++) {
      vi.setSystemTime(Date.now() + 30_000);
      expect(await one.tick()).toBeNull();
    }
    expect(await session(() => limits).admit(principal)).not.toBeNull();
    vi.spyOn(Quota.prototype, 'enter').mockRejectedValue(new Error('away'));
    vi.setSystemTime(Date.now() + 30_000);
    expect(await one.tick()).toBeNull();
    vi.setSystemTime(Date.now() + 29_000);
    expect(await one.tick()).toMatchObject({ code: 'limit_unavailable' });
  });

  it('that a changed policy takes away end the youngest sessions', async () => {
    const principal = somebody();
    let limits: readonly LimitInForce[] = [];
    const all = [1, 2, 3].map(() => session(() => limits));
    for (const one of all) expect(await one.admit(principal)).toBeNull();
    limits = [limit({ sessions: 2 })];
    const late: (Denial | null)[] = [];
    for (const one of all) late.push(await one.tick());
    expect(codes(late)).toEqual(['ran', 'ran', 'limit_exceeded']);
    limits = [limit({ sessions: 1 })];
    expect(codes([await (all[1] as Allowance).tick(), await (all[0] as Allowance).tick()])).toEqual(
      ['limit_exceeded', 'ran'],
    );
  });
});

it('new numbers hold from the next action', async () => {
  const principal = somebody();
  let limits = [limit({ actionsPerMinute: 1_000 })];
  const one = session(() => limits);
  await one.admit(principal);
  for (let n = 0; n < 10; n++) expect(await one.spend()).toBeNull();
  limits = [limit({ actionsPerMinute: 10 })];
  expect(await one.spend()).toMatchObject({ code: 'limit_exceeded' });
  limits = [];
  expect(one.spend()).toBeNull();
});

describe('an object that is away', () => {
  const limits = [limit({ actionsPerMinute: 5, sessions: 5 })];

  it('refuses, with its own code and words', async () => {
    const principal = somebody();
    const one = await admitted(principal, limits);
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.spyOn(Quota.prototype, 'take').mockRejectedValue(new Error('internal; reference = secret'));
    const denial = await one.spend();
    expect(denial).toMatchObject({ code: 'limit_unavailable', retryAfterSeconds: 5 });
    expect(JSON.stringify(denial)).not.toContain('secret');
    vi.spyOn(Quota.prototype, 'enter').mockRejectedValue(new Error('away'));
    expect(await session(() => limits).admit(principal)).toMatchObject({
      code: 'limit_unavailable',
    });
  });

  it('that is being moved fails once, and nobody notices', async () => {
    const one = await admitted(somebody(), limits);
    vi.spyOn(Quota.prototype, 'take').mockRejectedValueOnce(new Error('moved'));
    expect(await one.spend()).toBeNull();
  });

  it('that does not answer refuses as well', async () => {
    const one = await admitted(somebody(), limits);
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    vi.spyOn(Quota.prototype, 'take').mockReturnValue(new Promise(() => undefined));
    expect(await one.spend()).toMatchObject({ code: 'limit_unavailable' });
  });

  it('that did count an answer nobody got counts nothing twice', async () => {
    const one = await admitted(somebody(), limits);
    const { take } = Quota.prototype;
    for (let n = 0; n < 5; n++) {
      vi.spyOn(Quota.prototype, 'take').mockImplementationOnce(async function (this: Quota, ask) {
        await take.call(this, ask);
        throw new Error('lost on the way back');
      });
      expect(await one.spend()).toBeNull();
    }
    expect(await one.spend()).toMatchObject({ code: 'limit_exceeded' });
  });

  it('refuses a session whose caller is not known', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    expect(await session(() => limits).spend()).toMatchObject({ code: 'limit_unavailable' });
  });
});

it('nothing is left of a principal that is gone', async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  const principal = somebody();
  const one = await admitted(principal, [limit({ actionsPerMinute: 5, sessions: 1 })]);
  await one.spend();
  one.release();
  await vi.waitFor(async () => {
    const counted = await runInDurableObject(quotaStub(gateway, principal), (_, state) =>
      state.storage.sql.exec('SELECT * FROM sessions').toArray(),
    );
    expect(counted).toEqual([]);
  });
  vi.setSystemTime(Date.now() + 2 * 3_600_000);
  expect(await runDurableObjectAlarm(quotaStub(gateway, principal))).toBe(true);
  const tables = await runInDurableObject(quotaStub(gateway, principal), (_, state) =>
    state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'uses'").toArray(),
  );
  expect(tables).toEqual([]);
});
