import { describe, expect, it } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import type { Manifest } from '../../../core/recording/format.ts';
import { verifyRecording } from '../../../core/recording/parts.ts';
import { chained, recorded } from '../../support/chained.ts';
import {
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  statement,
} from '../../support/session-events.ts';
import { at } from '../../support/present.ts';

const EVENTS = chained('s1', [
  sessionStart('s1'),
  statement(1, 'SELECT 1'),
  intent(1, 1),
  outcome(1),
  intent(2, 1),
  outcome(2),
  SESSION_END,
]);
const HONEST = recorded(EVENTS);

const verify = (manifest: Manifest, segments: readonly Uint8Array[]) =>
  verifyRecording(manifest, segments, nativeCrypto);

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (segment: Uint8Array) => Buffer.from(segment).toString();

describe('verifyRecording', () => {
  it('accepts an honest recording, however its segments were cut', () => {
    for (const perPart of [1, 2, 3, 7, 100]) {
      const { manifest, segments } = recorded(EVENTS, perPart);
      expect(verify(manifest, segments)).toMatchObject({ ok: true, value: { events: 7 } });
    }
  });

  const [first, second, third] = HONEST.segments as [Uint8Array, Uint8Array, Uint8Array];
  it.each<[string, readonly Uint8Array[], string]>([
    ['no segments', [], 'segment'],
    ['a missing last segment', [first, second], 'segment'],
    ['a missing first segment', [second, third], 'chain'],
    ['a missing middle segment', [first, third], 'chain'],
    ['segments in another order', [second, first, third], 'chain'],
    ['a repeated segment', [first, first, second, third], 'chain'],
    ['something behind the end', [first, second, third, third], 'segment'],
    ['a cut line', [first, second, third.subarray(0, -5)], 'segment'],
    [
      'an edited statement',
      [bytes(text(first).replace('SELECT 1', 'SELECT 2')), second, third],
      'chain',
    ],
    ['an empty line', [bytes(`${text(first)}\n`), second, third], 'line'],
    ['no UTF-8', [Uint8Array.of(0xff, ...first), second, third], 'line'],
  ])('detects %s', (_name, segments, code) => {
    expect(verify(HONEST.manifest, segments)).toMatchObject({ ok: false, error: { code } });
  });

  const { parts } = HONEST.manifest;
  it.each<[string, Partial<Manifest>, string]>([
    ['another head', { head: '0'.repeat(64) }, 'manifest'],
    ['another count', { events: 8 }, 'manifest'],
    ['another session', { session: 's2' }, 'chain'],
    ['another target', { target: 'other-db' }, 'manifest'],
    ['another principal', { principal: 'okta:mallory' }, 'manifest'],
    ['another beginning', { startedAt: 5 }, 'manifest'],
    ['another end', { endedAt: 5 }, 'manifest'],
    ['an admission that it is not whole', { complete: false }, 'manifest'],
    [
      'another checksum',
      { parts: parts.map((part) => ({ ...part, sha256: '0'.repeat(64) })) },
      'segment',
    ],
    [
      'another size',
      { parts: parts.map((part) => ({ ...part, bytes: part.bytes + 1 })) },
      'segment',
    ],
    ['a part too few', { parts: parts.slice(0, 2) }, 'segment'],
    ['a part too many', { parts: [...parts, at(parts, 2)] }, 'segment'],
    [
      'overlapping parts',
      { parts: parts.map((part, at) => (at === 1 ? { ...part, firstSeq: 3 } : part)) },
      'parts',
    ],
    [
      'a part without an end',
      { parts: parts.map((part) => ({ ...part, lastSeq: 99 })) },
      'segment',
    ],
  ])('detects a manifest with %s', (_name, change, code) => {
    const manifest = { ...HONEST.manifest, ...change };
    expect(verify(manifest, HONEST.segments)).toMatchObject({ ok: false, error: { code } });
  });

  it('detects a recording that was cut and given a fitting manifest', () => {
    const { manifest, segments } = recorded(EVENTS.slice(0, 5));
    expect(verify(manifest, segments)).toMatchObject({
      ok: false,
      error: { code: 'chain', message: expect.stringContaining('closing record') as string },
    });
  });
});
