import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import {
  eventHash,
  genesisHash,
  SLICE_LENGTH,
  slices,
  verifyChain,
} from '../../../core/audit/chain.ts';
import { canonicalJson } from '../../../core/audit/canonical.ts';
import type { ChainedEvent } from '../../../core/audit/event.ts';
import { parseLine } from '../../../core/recording/format.ts';
import { chained } from '../../support/chained.ts';
import {
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  statement,
} from '../../support/session-events.ts';
import { at, captured, present } from '../../support/present.ts';

const STORY = chained('s1', [
  sessionStart('s1'),
  statement(1, 'SELECT 1'),
  intent(1, 1),
  outcome(1),
  intent(2, 1),
  outcome(2),
  SESSION_END,
]);

const verify = (events: readonly ChainedEvent[], session = 's1') =>
  verifyChain(events, session, nativeCrypto);

/** Makes every hash fit again from `index` on: what somebody who can write everything would do. */
function rechained(events: readonly ChainedEvent[], session: string): ChainedEvent[] {
  let prevHash = genesisHash(session, nativeCrypto);
  return events.map((event, index) => {
    const link = { ...event, seq: index + 1, prevHash };
    prevHash = eventHash(link, nativeCrypto);
    return { ...link, hash: prevHash };
  });
}

const edit = (index: number, change: Partial<ChainedEvent>) =>
  STORY.map((event, at) => (at === index ? { ...event, ...change } : event));

describe('the encoding', () => {
  it('is the one that docs/recordings.md specifies, vector by vector', () => {
    const docs = readFileSync('docs/recordings.md', 'utf8');
    const block = captured(/```json id=vectors\n([\s\S]*?)\n```/, docs);
    const events = block.split('\n').map((line) => present(parseLine(line)));
    const session = '4f1d2c3b5a69788796a5b4c3d2e1f001';
    expect(docs).toContain(`    ${genesisHash(session, nativeCrypto)}\n`);
    expect(verify(events, session)).toMatchObject({ ok: true, value: { events: 3 } });
    for (const { json } of events) expect(canonicalJson(JSON.parse(json))).toBe(json);
    const byHand = captured(/```sh id=by-hand\n([\s\S]*?)```/, docs);
    expect(execFileSync('sh', ['-ec', byHand]).toString()).toBe(`${at(events, 1).hash}  -\n`);
  });

  it('begins with a genesis that names the session', () => {
    const text = 'postern.genesis.v1\ns1';
    expect(genesisHash('s1', nativeCrypto)).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('hashes an event as the documented text', () => {
    const event = at(STORY, 1);
    const text = `postern.chain.v1\n2\n${event.at}\n${at(STORY, 0).hash}\n${event.json}`;
    expect(event.hash).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('hashes a long event in slices to the same value', () => {
    for (const json of ['x€'.repeat(SLICE_LENGTH), 'x'.repeat(SLICE_LENGTH - 1) + '😀'.repeat(9)]) {
      const text = `postern.chain.v1\n9\n5\n${'0'.repeat(64)}\n${json}`;
      const link = { seq: 9, at: 5, json, prevHash: '0'.repeat(64) };
      expect(eventHash(link, nativeCrypto)).toBe(createHash('sha256').update(text).digest('hex'));
      const pieces = [...slices(json)];
      expect(pieces.join('')).toBe(json);
      expect(pieces.every((piece) => piece.isWellFormed() && piece.length <= SLICE_LENGTH)).toBe(
        true,
      );
    }
  });
});

describe('verifyChain', () => {
  it('accepts an honest chain and sums it up', () => {
    expect(verify(STORY)).toEqual({
      ok: true,
      value: {
        session: 's1',
        events: 7,
        head: at(STORY, 6).hash,
        startedAt: at(STORY, 0).at,
        endedAt: at(STORY, 6).at,
        endCode: 'client_closed',
      },
    });
  });

  it.each<[string, readonly ChainedEvent[], string, number]>([
    ['nothing at all', [], 'empty', 1],
    [
      'an edited statement',
      edit(1, { json: at(STORY, 1).json.replace('SELECT', 'DELETE') }),
      'edited',
      2,
    ],
    ['an edited time', edit(2, { at: at(STORY, 2).at + 1 }), 'edited', 3],
    ['an edited hash', edit(2, { hash: 'f'.repeat(64) }), 'edited', 3],
    ['an edited link', edit(2, { prevHash: 'f'.repeat(64) }), 'link', 3],
    ['a removed event', STORY.filter((_, at) => at !== 3), 'gap', 4],
    ['a removed beginning', STORY.slice(1), 'gap', 1],
    ['a repeated event', [...STORY.slice(0, 4), ...STORY.slice(3)], 'order', 4],
    [
      'two events in the wrong order',
      [...STORY.slice(0, 3), at(STORY, 4), at(STORY, 3), ...STORY.slice(5)],
      'gap',
      4,
    ],
    ['a missing closing record', STORY.slice(0, 6), 'truncated', 7],
    ['only a beginning', STORY.slice(0, 1), 'truncated', 2],
    ['something after the closing record', [...STORY, at(STORY, 6)], 'after_end', 7],
    [
      'a renumbered gap',
      STORY.filter((_, at) => at !== 3).map((event, at) => ({ ...event, seq: at + 1 })),
      'link',
      4,
    ],
    ['a lone surrogate', edit(1, { json: '{"kind":"\ud800"}' }), 'malformed', 2],
    ['a number that is none', edit(1, { at: 1.5 }), 'malformed', 2],
    ['a hash in capitals', edit(1, { hash: at(STORY, 1).hash.toUpperCase() }), 'malformed', 2],
  ])('detects %s', (_name, events, code, seq) => {
    expect(verify(events)).toMatchObject({ ok: false, error: { code, seq } });
  });

  it('detects a chain of another session, and one that only pretends to be this one', () => {
    expect(verify(STORY, 's2')).toMatchObject({ ok: false, error: { code: 'genesis', seq: 1 } });
    const pretended = rechained(STORY, 's2');
    expect(verify(pretended, 's2')).toMatchObject({
      ok: false,
      error: { code: 'session', seq: 1 },
    });
  });

  it.each<[string, (events: ChainedEvent[]) => ChainedEvent[], string]>([
    ['does not begin with session.start', (events) => events.slice(1), 'session'],
    [
      'has two beginnings',
      (events) => [at(events, 0), at(events, 0), ...events.slice(1)],
      'session',
    ],
    ['goes on after its end', (events) => [...events, at(events, 1)], 'after_end'],
    [
      'holds something that is not an event',
      (events) => events.map((event, at) => (at === 2 ? { ...event, json: '[]' } : event)),
      'malformed',
    ],
  ])('refuses a chain whose hashes fit but that %s', (_name, change, code) => {
    expect(verify(rechained(change([...STORY]), 's1'))).toMatchObject({
      ok: false,
      error: { code },
    });
  });

  it('detects any single change of any event', () => {
    fc.assert(
      fc.property(
        fc.nat(STORY.length - 1),
        fc.constantFrom<keyof ChainedEvent>('seq', 'at', 'json', 'prevHash', 'hash'),
        fc.nat(),
        (index, field, noise) => {
          const event = at(STORY, index);
          const value = event[field];
          const changed =
            typeof value === 'number'
              ? value + 1 + (noise % 1000)
              : flipped(value, noise % value.length);
          expect(verify(edit(index, { [field]: changed })).ok).toBe(false);
        },
      ),
    );
  });

  it('detects any set of events taken away, and any two exchanged', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(STORY.length - 1), { minLength: 1 }), (gone) => {
        expect(verify(STORY.filter((_, at) => !gone.includes(at))).ok).toBe(false);
      }),
    );
    fc.assert(
      fc.property(fc.nat(STORY.length - 1), fc.nat(STORY.length - 1), (a, b) => {
        fc.pre(a !== b);
        const events = [...STORY];
        [events[a], events[b]] = [at(events, b), at(events, a)];
        expect(verify(events).ok).toBe(false);
      }),
    );
  });
});

function flipped(text: string, at: number): string {
  return text.slice(0, at) + (text[at] === 'a' ? 'b' : 'a') + text.slice(at + 1);
}
