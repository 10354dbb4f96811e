import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { nativeCrypto } from '../../adapters/crypto.ts';
import { createJournal, type Journal } from '../../adapters/journal.ts';
import { verifyChain } from '../../core/audit/chain.ts';
import type { ChainedEvent } from '../../core/audit/event.ts';
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

let objects = 0;

/** Runs with the storage of a fresh object. */
function inStorage<T>(run: (sql: SqlStorage) => T): Promise<T> {
  const stub = env.SESSION.getByName(`journal-test-${objects++}`);
  return runInDurableObject(stub, (_instance, state) => run(state.storage.sql));
}

function begun(sql: SqlStorage, session = 's1'): Journal {
  const journal = createJournal(sql, nativeCrypto);
  journal.append([sessionStart(session)], START_MS);
  return journal;
}

function* all(journal: Journal): Generator<ChainedEvent> {
  for (let after = 0; ;) {
    const page = journal.read(after, 100);
    if (page.length === 0) return;
    yield* page;
    after = page.at(-1)!.seq;
  }
}

const verify = (journal: Journal, session = 's1') =>
  verifyChain(all(journal), session, nativeCrypto);

/** A storage whose n-th write fails. */
function failing(sql: SqlStorage, failAt: number): SqlStorage {
  let writes = 0;
  return new Proxy(sql, {
    get(target, name) {
      if (name !== 'exec') return Reflect.get(target, name) as unknown;
      return (query: string, ...binds: unknown[]) => {
        if (query.startsWith('INSERT INTO event') && ++writes === failAt) {
          throw new Error('database or disk is full');
        }
        return target.exec(query, ...(binds as SqlStorageValue[]));
      };
    },
  });
}

describe('the journal', () => {
  it('chains what it is given and verifies once it is closed', () =>
    inStorage((sql) => {
      const journal = begun(sql);
      journal.append([statement(1, 'SELECT 1'), intent(1, 1)], START_MS + 5);
      expect([...journal.openActions]).toEqual([1]);
      journal.append([outcome(1)], START_MS + 9);
      expect(journal.openActions.size).toBe(0);
      expect(verify(journal)).toMatchObject({ ok: false, error: { code: 'truncated' } });
      journal.append([SESSION_END], START_MS + 20);
      expect(journal.ended).toBe(true);
      expect(verify(journal)).toMatchObject({
        ok: true,
        value: { events: 5, head: journal.head.hash, endCode: 'client_closed' },
      });
    }));

  it('goes on where it was when its object starts again', () =>
    inStorage((sql) => {
      begun(sql).append([statement(1, 'SELECT 1'), intent(1, 1)], START_MS);
      const again = createJournal(sql, nativeCrypto);
      expect(again.session).toBe('s1');
      expect([...again.openActions]).toEqual([1]);
      again.append([outcome(1), SESSION_END], START_MS + 1);
      expect(verify(again).ok).toBe(true);
    }));

  it('gives open actions the outcome unknown and closes the chain after a crash', () =>
    inStorage((sql) => {
      const journal = begun(sql);
      journal.append([statement(1, 'SELECT 1'), intent(1, 1), outcome(1)], START_MS);
      journal.append([intent(2, 1), deniedIntent(3, 1), intent(4, 1)], START_MS);
      const again = createJournal(sql, nativeCrypto);
      expect(again.recover(START_MS + 60_000)).toBe(true);
      const tail = again.read(again.head.seq - 4, 10).map((event) => JSON.parse(event.json));
      expect(tail).toMatchObject([
        { kind: 'outcome', action: 2, outcome: 'unknown' },
        { kind: 'outcome', action: 3, outcome: 'refused' },
        { kind: 'outcome', action: 4, outcome: 'unknown' },
        { kind: 'session.end', code: 'interrupted' },
      ]);
      expect(verify(again)).toMatchObject({ ok: true, value: { endCode: 'interrupted' } });
      expect(createJournal(sql, nativeCrypto).recover(START_MS)).toBe(false);
    }));

  it('has nothing to recover in an object that never had a session', () =>
    inStorage((sql) => {
      expect(createJournal(sql, nativeCrypto).recover(START_MS)).toBe(false);
    }));

  it('refuses to begin without session.start, to start twice, and to go on after the end', () =>
    inStorage((sql) => {
      const journal = createJournal(sql, nativeCrypto);
      expect(() => journal.append([intent(1, 1)], START_MS)).toThrow('begins with session.start');
      journal.append([sessionStart('s1')], START_MS);
      expect(() => journal.append([sessionStart('s1')], START_MS)).toThrow();
      journal.append([SESSION_END], START_MS);
      expect(() => journal.append([outcome(1)], START_MS)).toThrow('closed');
    }));

  it('records a bind value of 5 MB whole, with characters that need several bytes', () =>
    inStorage((sql) => {
      const value = '€𝒳"\\\n\u0000x'.repeat(700_000);
      const journal = begun(sql);
      journal.append([statement(1, 'SELECT $1'), intent(1, 1, [value, null])], START_MS);
      journal.append([outcome(1), SESSION_END], START_MS);
      const again = createJournal(sql, nativeCrypto);
      const [event] = again.read(2, 1);
      expect(JSON.parse(event!.json).binds).toEqual([value, null]);
      expect(verify(again).ok).toBe(true);
    }));

  it('takes batches longer than one statement can bind', () =>
    inStorage((sql) => {
      const journal = begun(sql);
      const many = Array.from({ length: 57 }, (_, i) => intent(i + 1, 1));
      journal.append([statement(1, 'SELECT 1'), ...many], START_MS);
      expect(journal.openActions.size).toBe(57);
      journal.recover(START_MS);
      expect(verify(journal)).toMatchObject({ ok: true, value: { events: 117 } });
    }));

  it('never lets time run backwards', () =>
    inStorage((sql) => {
      const journal = begun(sql);
      journal.append([statement(1, 'SELECT 1')], START_MS - 5_000);
      expect(journal.read(1, 1)[0]!.at).toBe(START_MS);
    }));

  it.each([1, 2, 3])('throws when write %i fails, and stays a valid chain', (failAt) =>
    inStorage((sql) => {
      begun(sql);
      const journal = createJournal(failing(sql, failAt), nativeCrypto);
      const large = 'x'.repeat(600_000);
      const batch = [statement(1, 'SELECT $1'), intent(1, 1, [large]), intent(2, 1)];
      expect(() => journal.append(batch, START_MS)).toThrow('disk is full');
      const stored = createJournal(sql, nativeCrypto);
      expect(stored.head.seq).toBeLessThan(4);
      // The driver's closing record still fits what is really stored.
      journal.recover(START_MS + 1);
      expect(verify(journal)).toMatchObject({ ok: true });
      expect(
        sql
          .exec('SELECT count(*) AS n FROM event_parts WHERE seq NOT IN (SELECT seq FROM events)')
          .one()['n'],
      ).toBe(0);
    }),
  );

  it('pages by number and by size, and always gets on', () =>
    inStorage((sql) => {
      const journal = begun(sql);
      const value = 'y'.repeat(5 * 1024 * 1024);
      journal.append([statement(1, 'SELECT $1'), intent(1, 1, [value])], START_MS);
      journal.append([intent(2, 1, [value]), intent(3, 1)], START_MS);
      expect(journal.read(0, 2).map((event) => event.seq)).toEqual([1, 2]);
      expect(journal.read(0, 100).map((event) => event.seq)).toEqual([1, 2, 3]);
      expect(journal.read(3, 100).map((event) => event.seq)).toEqual([4, 5]);
      expect(journal.read(5, 100)).toEqual([]);
    }));

  it('detects rows that were changed or removed under it', () =>
    inStorage((sql) => {
      const journal = begun(sql);
      journal.append(
        [statement(1, 'DELETE FROM a'), intent(1, 1), outcome(1), SESSION_END],
        START_MS,
      );
      sql.exec("UPDATE events SET json = replace(json, 'DELETE', 'SELECT') WHERE seq = 2");
      expect(verify(journal)).toMatchObject({ ok: false, error: { code: 'edited', seq: 2 } });
      sql.exec('DELETE FROM events WHERE seq = 2');
      expect(verify(journal)).toMatchObject({ ok: false, error: { code: 'gap', seq: 2 } });
    }));
});

describe('the cost of an append', () => {
  it('is printed', () =>
    inStorage((sql) => {
      const journal = begun(sql);
      journal.append([statement(1, 'SELECT * FROM orders WHERE id = $1')], START_MS);
      let action = 0;
      const rounds = 4000;
      const measure = (step: () => void): number => {
        for (let i = 0; i < 500; i++) step();
        const before = performance.now();
        for (let i = 0; i < rounds; i++) step();
        return Math.round(((performance.now() - before) * 1000) / rounds);
      };
      const two = measure(() => {
        action += 1;
        journal.append([outcome(action - 1), intent(action, 1, ['42', 'x'])], START_MS);
      });
      const one = measure(() => {
        action += 1;
        journal.append([intent(action, 1, ['42', 'x'])], START_MS);
      });
      console.log(`append: 1 event ${one} us, 2 events ${two} us`);
      expect(one).toBeLessThan(2_000);
    }));
});
