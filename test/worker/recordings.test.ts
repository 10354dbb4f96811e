import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import {
  createRecordings,
  RecordingDamaged,
  RecordingsUnavailable,
} from '../../adapters/recordings.ts';
import type { Manifest } from '../../core/recording/format.ts';
import { chained } from '../support/chained.ts';
import { present } from '../support/present.ts';
import {
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  statement,
} from '../support/session-events.ts';

vi.setConfig({ testTimeout: 60_000 });

const recordings = createRecordings(env.RECORDINGS);

/** Writes an honest recording of two segments under its own folder. */
async function written(session: string) {
  const events = chained(session, [
    sessionStart(session),
    statement(1, 'SELECT 1'),
    intent(1, 1, ['é€😀']),
    outcome(1),
    SESSION_END,
  ]);
  const parts = [];
  for (const [part, slice] of [events.slice(0, 3), events.slice(3)].entries()) {
    const segment = await recordings.writeSegment(`${session}/${part}`, slice);
    parts.push(segment!);
  }
  const manifest: Manifest = {
    format: 'postern.recording.v1',
    session,
    target: 'shop-db',
    principal: 'github:repo:acme/shop',
    parts,
    head: events[4]!.hash,
    events: 5,
    startedAt: events[0]!.at,
    endedAt: events[4]!.at,
    complete: true,
  };
  return { events, manifest };
}

describe('recordings in R2', () => {
  it('are gzip, and verify when read back', async () => {
    const { manifest } = await written('plain');
    const raw = new Uint8Array(await (await env.RECORDINGS.get('plain/0'))!.arrayBuffer());
    expect([...raw.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
    expect(await recordings.verify(manifest)).toMatchObject({ ok: true, value: { events: 5 } });
  });

  it('are written once: a second writer gets nothing and changes nothing', async () => {
    const { events, manifest } = await written('once');
    expect(await recordings.writeSegment('once/0', events.slice(0, 1))).toBeNull();
    expect(await recordings.verify(manifest)).toMatchObject({ ok: true });
    expect(await recordings.writeManifest('once/manifest', manifest)).toBe(true);
    expect(await recordings.writeManifest('once/manifest', { ...manifest, events: 9 })).toBe(false);
    expect(await recordings.manifest('once/manifest')).toEqual(manifest);
  });

  it('are read from any event on', async () => {
    const { events, manifest } = await written('paged');
    expect(await recordings.read(manifest, 0, 100)).toEqual(events);
    expect(await recordings.read(manifest, 2, 2)).toEqual(events.slice(2, 4));
    expect(await recordings.read(manifest, 4, 10)).toEqual(events.slice(4));
    expect(await recordings.read(manifest, 5, 10)).toEqual([]);
  });

  it('give no more at a time than a Worker can hold', async () => {
    const large = 'v'.repeat(5_000_000);
    const events = chained('large', [
      sessionStart('large'),
      intent(1, 1, [large]),
      intent(2, 1, [large]),
      SESSION_END,
    ]);
    const part = present(await recordings.writeSegment('large/0', events));
    const { manifest } = await written('of-large');
    const seqs = async (after: number) =>
      (await recordings.read({ ...manifest, parts: [part] }, after, 100)).map(({ seq }) => seq);
    expect(await seqs(0)).toEqual([1, 2]);
    expect(await seqs(1)).toEqual([2]);
    expect(await seqs(2)).toEqual([3, 4]);
  });

  it('are checked part by part: size and checksum of what was written', async () => {
    const { manifest } = await written('checked');
    for (const part of manifest.parts) {
      expect(await recordings.check(part)).toBe(true);
      expect(await recordings.check({ ...part, bytes: part.bytes + 1 })).toBe(false);
      expect(await recordings.check({ ...part, bytes: 1 })).toBe(false);
      expect(await recordings.check({ ...part, sha256: '0'.repeat(64) })).toBe(false);
      expect(await recordings.check({ ...part, key: 'checked/none' })).toBe(false);
    }
  });

  it('are exported with their manifest first', async () => {
    const { events, manifest } = await written('exported');
    const text = await new Response(recordings.export(manifest)).text();
    const lines = text.split('\n');
    expect(JSON.parse(lines[0]!)).toEqual({ manifest });
    expect(lines.slice(1, -1).map((line) => JSON.parse(line) as unknown)).toEqual(events);
    expect(lines.at(-1)).toBe('');
  });

  it.each<[string, () => Promise<ArrayBuffer | string>]>([
    ['missing', () => Promise.resolve('')],
    ['not gzip', () => Promise.resolve('plain text')],
    [
      'cut short',
      async () => (await (await env.RECORDINGS.get('bad/1'))!.arrayBuffer()).slice(0, -9),
    ],
    ['another segment', async () => (await env.RECORDINGS.get('bad/0'))!.arrayBuffer()],
  ])('that are damaged are found out: %s', async (name, content) => {
    const { manifest } = await written('bad');
    const replacement = await content();
    await env.RECORDINGS.delete('bad/1');
    if (name !== 'missing') await env.RECORDINGS.put('bad/1', replacement);
    expect((await recordings.verify(manifest)).ok).toBe(false);
    if (name !== 'another segment') {
      await expect(recordings.read(manifest, 3, 10)).rejects.toThrow(RecordingDamaged);
      await expect(new Response(recordings.export(manifest)).text()).rejects.toThrow();
    }
    await env.RECORDINGS.delete(['bad/0', 'bad/1']);
  });

  it('say that R2 is away without saying what was written', async () => {
    const away = createRecordings({
      put: () => Promise.reject(new Error('put failed: s3cr3t')),
      get: () => Promise.reject(new Error('get failed: s3cr3t')),
    } as unknown as R2Bucket);
    const { events } = await written('away');
    for (const call of [() => away.writeSegment('x', events), () => away.manifest('x')]) {
      const error: unknown = await call().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(RecordingsUnavailable);
      expect(`${String(error)} ${String((error as Error).cause)}`).not.toContain('s3cr3t');
    }
  });
});
