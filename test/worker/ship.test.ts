import { applyD1Migrations, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createAuditIndex } from '../../adapters/audit-index.ts';
import { nativeCrypto } from '../../adapters/crypto.ts';
import { createJournal, type Journal } from '../../adapters/journal.ts';
import { createRecordings } from '../../adapters/recordings.ts';
import { ship, type ShipEnv } from '../../adapters/ship.ts';
import type { SessionEvent } from '../../core/audit/event.ts';
import { SEGMENT_AGE_MS } from '../../core/limits.ts';
import type { Manifest } from '../../core/recording/format.ts';
import {
  deniedIntent,
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  START_MS,
  statement,
} from '../support/session-events.ts';

// Some of these write many megabytes, on a machine that others use too.
vi.setConfig({ testTimeout: 60_000 });

const stores: ShipEnv = { DB: env.DB, RECORDINGS: env.RECORDINGS };
const index = createAuditIndex(env.DB);
const recordings = createRecordings(env.RECORDINGS);

beforeAll(() => applyD1Migrations(env.DB, env.TEST_MIGRATIONS));

/** Runs with the journal of a fresh object; `again` opens it as the object's next life would. */
function inJournal(
  session: string,
  run: (journal: Journal, again: () => Journal) => Promise<void>,
): Promise<void> {
  return runInDurableObject(env.SESSION.getByName(`ship-${session}`), async (_instance, state) => {
    const journal = createJournal(state.storage.sql, nativeCrypto);
    journal.append([sessionStart(session)], START_MS);
    await run(journal, () => createJournal(state.storage.sql, nativeCrypto));
  });
}

const folder = (session: string) => `recordings/2026-11-24/${session}`;
const key = (session: string, part: number) => `${folder(session)}/00000${part}.ndjson.gz`;

async function manifest(session: string): Promise<Manifest> {
  const found = await recordings.manifest(`${folder(session)}/manifest.json`);
  expect(found).not.toBeNull();
  return found!;
}

const QUERY: readonly SessionEvent[] = [
  statement(1, 'SELECT * FROM orders WHERE id = $1'),
  intent(1, 1, ['42']),
];

function broken<T extends object>(binding: T, method: keyof T, times = Infinity): T {
  let left = times;
  return new Proxy(binding, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (name === method && left-- > 0) {
        return () => Promise.reject(new Error('params: s3cr3t-statement'));
      }
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

describe('shipping a session', () => {
  it('leaves a verified recording and a searchable row', () =>
    inJournal('whole', async (journal) => {
      journal.append(QUERY, START_MS + 10);
      journal.append([outcome(1), statement(2, 'DROP TABLE orders')], START_MS + 30);
      journal.append([deniedIntent(2, 2), outcome(2, 'refused'), SESSION_END], START_MS + 40);
      expect(await ship(journal, stores, START_MS + 50)).toEqual({
        unshippedBytes: 0,
        complete: true,
        failures: [],
      });
      const written = await manifest('whole');
      expect(written).toMatchObject({
        session: 'whole',
        target: 'shop-db',
        principal: 'github:repo:acme/shop',
        head: journal.head.hash,
        events: 8,
        startedAt: START_MS,
        endedAt: START_MS + 40,
        complete: true,
      });
      expect(await recordings.verify(written)).toMatchObject({ ok: true });
      expect(await index.session('whole')).toMatchObject({
        principalId: 'github:repo:acme/shop',
        groups: ['agents'],
        endCode: 'client_closed',
        actions: 2,
        refused: 1,
        rows: 3,
        rules: ['agents-read', 'no-ddl'],
        events: 8,
        headHash: journal.head.hash,
        recordingKey: `${folder('whole')}/manifest.json`,
      });
      expect(await index.actions('whole', 0, 10)).toMatchObject([
        { action: 1, decision: 'allow', outcome: 'succeeded', durationMs: 20, rows: 3 },
        { action: 2, decision: 'deny', code: 'rule', outcome: 'refused', durationMs: 0 },
      ]);
    }));

  it('writes to the index at once and to R2 when a segment is due', () =>
    inJournal('young', async (journal) => {
      journal.append(QUERY, START_MS + 1);
      const first = await ship(journal, stores, START_MS + 2);
      expect(first.unshippedBytes).toBeGreaterThan(0);
      expect(await env.RECORDINGS.head(key('young', 1))).toBeNull();
      expect(await index.session('young')).toMatchObject({ events: 3, endedAt: null });
      const later = await ship(journal, stores, START_MS + SEGMENT_AGE_MS);
      expect(later).toEqual({ unshippedBytes: 0, complete: false, failures: [] });
      expect(await env.RECORDINGS.head(key('young', 1))).not.toBeNull();
    }));

  it('writes a segment on demand', () =>
    inJournal('asked', async (journal) => {
      expect((await ship(journal, stores, START_MS, true)).unshippedBytes).toBe(0);
      expect(await env.RECORDINGS.head(key('asked', 1))).not.toBeNull();
    }));

  it('completes an action whose outcome comes in a later shipment', () =>
    inJournal('later', async (journal) => {
      journal.append(QUERY, START_MS + 10);
      await ship(journal, stores, START_MS);
      expect((await index.actions('later', 0, 9))[0]).toMatchObject({ outcome: null, rows: null });
      journal.append([outcome(1, 'failed')], START_MS + 17);
      await ship(journal, stores, START_MS);
      expect((await index.actions('later', 0, 9))[0]).toMatchObject({
        outcome: 'failed',
        error: '42P01',
        durationMs: 7,
      });
    }));

  it('finds statements of earlier shipments again', () =>
    inJournal('repeated', async (journal) => {
      journal.append(QUERY, START_MS);
      await ship(journal, stores, START_MS);
      journal.append([outcome(1), intent(2, 1, ['7'])], START_MS);
      await ship(journal, stores, START_MS);
      const [, second] = await index.actions('repeated', 0, 9);
      expect(second).toMatchObject({
        statement: 'SELECT * FROM orders WHERE id = $1',
        tables: ['public.orders'],
      });
    }));

  it('cuts a long session into segments that follow one another', () =>
    inJournal('long', async (journal) => {
      const value = 'z'.repeat(1_500_000);
      journal.append([statement(1, 'SELECT $1')], START_MS);
      for (let action = 1; action <= 7; action++) {
        journal.append([intent(action, 1, [value])], START_MS);
        journal.append([outcome(action)], START_MS);
      }
      await ship(journal, stores, START_MS);
      journal.append([SESSION_END], START_MS);
      expect((await ship(journal, stores, START_MS)).complete).toBe(true);
      expect(await recordings.verify(await manifest('long'))).toMatchObject({ ok: true });
      const { parts, events } = await manifest('long');
      expect(parts.length).toBeGreaterThan(2);
      expect(parts.map((part) => part.firstSeq)).toEqual([
        1,
        ...parts.slice(0, -1).map((part) => part.lastSeq + 1),
      ]);
      expect(events).toBe(17);
    }));

  it('records a bind value of 5 MB whole', () =>
    inJournal('large', async (journal) => {
      const value = 'é\n"\\'.repeat(1_300_000);
      journal.append([statement(1, 'SELECT $1'), intent(1, 1, [value])], START_MS);
      journal.append([outcome(1), SESSION_END], START_MS);
      expect((await ship(journal, stores, START_MS)).complete).toBe(true);
      const [event] = await recordings.read(await manifest('large'), 2, 1);
      expect(JSON.parse(event!.json).binds[0] === value).toBe(true);
    }));

  it('runs once at a time, and a second call ships what came in between', () =>
    inJournal('twice', async (journal) => {
      const both = [ship(journal, stores, START_MS)];
      journal.append([...QUERY, outcome(1), SESSION_END], START_MS);
      both.push(ship(journal, stores, START_MS));
      const [, second] = await Promise.all(both);
      expect(second).toMatchObject({ complete: true, failures: [] });
      expect((await manifest('twice')).parts).toHaveLength(1);
    }));
});

describe('a crash in the middle of shipping', () => {
  it('after a segment was written: the next life adopts it and goes on behind it', () =>
    inJournal('crash-segment', async (journal, again) => {
      journal.append(QUERY, START_MS);
      await recordings.writeSegment(key('crash-segment', 1), journal.read(0, 100));
      const next = again();
      next.recover(START_MS + 1);
      expect(await ship(next, stores, START_MS)).toMatchObject({ complete: true, failures: [] });
      const { parts } = await manifest('crash-segment');
      expect(parts.map(({ firstSeq, lastSeq }) => [firstSeq, lastSeq])).toEqual([
        [1, 3],
        [4, 5],
      ]);
      expect((await index.actions('crash-segment', 0, 9))[0]).toMatchObject({ outcome: 'unknown' });
    }));

  it('after the index was written: nothing is counted twice', () =>
    inJournal('crash-index', async (journal, again) => {
      journal.append([...QUERY, outcome(1)], START_MS);
      await ship(journal, stores, START_MS);
      const before = await index.session('crash-index');
      // The note of the shipment is lost, the rows are not.
      const next = again();
      next.shipping.setIndexed(
        { seq: 0, bytes: 0 },
        { actions: 0, refused: 0, rows: 0, bytes: 0, rules: [] },
      );
      await ship(next, stores, START_MS);
      expect(await index.session('crash-index')).toEqual(before);
      expect(await index.actions('crash-index', 0, 9)).toHaveLength(1);
    }));

  it('after the last segment: the session still has something to ship', () =>
    inJournal('crash-closing', async (journal, again) => {
      journal.append([...QUERY, outcome(1), SESSION_END], START_MS);
      const away = { DB: env.DB, RECORDINGS: broken(env.RECORDINGS, 'get') };
      const failed = await ship(journal, away, START_MS);
      expect(failed).toEqual({
        unshippedBytes: 1,
        complete: false,
        failures: ['recordings_unavailable'],
      });
      // And the cron finds it, although it has ended.
      expect(await index.silent(START_MS + 1, 1000)).toContain('crash-closing');
      expect(await ship(again(), stores, START_MS)).toMatchObject({ complete: true });
      expect(await index.silent(START_MS + 1, 1000)).not.toContain('crash-closing');
    }));

  it.each(['open', 'written', 'verified'] as const)('at the step `%s`: it is done again', (step) =>
    inJournal(`crash-${step}`, async (journal, again) => {
      journal.append([...QUERY, outcome(1), SESSION_END], START_MS);
      await ship(journal, stores, START_MS);
      const next = again();
      next.shipping.setClosing(step);
      expect(await ship(next, stores, START_MS)).toMatchObject({ complete: true, failures: [] });
    }),
  );
});

describe('a store that is away', () => {
  it('R2 fails, the index goes on, and R2 catches up', () =>
    inJournal('no-r2', async (journal) => {
      const away = { DB: env.DB, RECORDINGS: broken(env.RECORDINGS, 'put') };
      journal.append([...QUERY, outcome(1)], START_MS);
      const failed = await ship(journal, away, START_MS, true);
      expect(failed).toMatchObject({ complete: false, failures: ['recordings_unavailable'] });
      expect(failed.unshippedBytes).toBe(journal.unrecordedBytes);
      expect(await index.session('no-r2')).toMatchObject({ events: 4 });
      journal.append([SESSION_END], START_MS);
      expect(await ship(journal, stores, START_MS)).toMatchObject({ complete: true });
    }));

  it('D1 fails, the recording goes on, and the index names it later', () =>
    inJournal('no-d1', async (journal) => {
      const away = { DB: broken(env.DB, 'batch'), RECORDINGS: env.RECORDINGS };
      journal.append([...QUERY, outcome(1), SESSION_END], START_MS);
      const failed = await ship(journal, away, START_MS);
      expect(failed).toMatchObject({ complete: false, failures: ['index_unavailable'] });
      expect(failed.unshippedBytes).toBeGreaterThan(0);
      expect(JSON.stringify(failed)).not.toContain('s3cr3t');
      expect((await recordings.verify(await manifest('no-d1'))).ok).toBe(true);
      expect(await ship(journal, stores, START_MS)).toMatchObject({
        complete: true,
        unshippedBytes: 0,
      });
      expect((await index.session('no-d1'))?.recordingKey).toContain('manifest.json');
    }));

  it('R2 took the segment and its answer was lost', () =>
    inJournal('lost-answer', async (journal) => {
      journal.append([...QUERY, outcome(1), SESSION_END], START_MS);
      const lossy = new Proxy(env.RECORDINGS, {
        get(target, name) {
          if (name !== 'put') {
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? (value.bind(target) as unknown) : value;
          }
          return async (...args: Parameters<R2Bucket['put']>) => {
            await target.put(...args);
            throw new Error('connection lost');
          };
        },
      });
      for (let i = 0; i < 2; i++) {
        const result = await ship(journal, { DB: env.DB, RECORDINGS: lossy }, START_MS);
        expect(result.failures).toEqual(['recordings_unavailable']);
      }
      expect(await ship(journal, stores, START_MS)).toMatchObject({ complete: true });
      expect((await manifest('lost-answer')).parts).toHaveLength(1);
    }));
});

describe('what already lies in R2', () => {
  it('is never replaced: a foreign segment stops the recording', () =>
    inJournal('foreign', async (journal) => {
      await env.RECORDINGS.put(key('foreign', 1), 'not a segment');
      journal.append([SESSION_END], START_MS);
      expect(await ship(journal, stores, START_MS)).toMatchObject({
        complete: false,
        failures: ['recording_conflict'],
      });
      expect(await (await env.RECORDINGS.get(key('foreign', 1)))?.text()).toBe('not a segment');
    }));

  it('is never adopted when it tells another story', () =>
    inJournal('forged', async (journal, again) => {
      journal.append(QUERY, START_MS);
      const events = journal.read(0, 100);
      const json = events[1]!.json.replace('SELECT', 'DELETE');
      await recordings.writeSegment(key('forged', 1), [events[0]!, { ...events[1]!, json }]);
      const result = await ship(again(), stores, START_MS, true);
      expect(result.failures).toEqual(['recording_conflict']);
    }));

  it('is read back before the session counts as recorded', () =>
    inJournal('rotten', async (journal) => {
      journal.append(QUERY, START_MS);
      await ship(journal, stores, START_MS, true);
      await env.RECORDINGS.put(key('rotten', 1), 'overwritten by somebody else');
      journal.append([outcome(1), SESSION_END], START_MS);
      const result = await ship(journal, stores, START_MS);
      expect(result).toMatchObject({ complete: false, failures: ['recording_conflict'] });
      expect((await index.session('rotten'))?.recordingKey).toBeNull();
    }));
});
