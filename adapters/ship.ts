// Copies a journal to R2 (the recording) and D1 (the index). Runs any number of times: a crash after a copy and before its
// note is found by the next run, which checks what lies in R2 instead of writing it again. A store that is away leaves its
// part in the journal; how much may pile up is the driver's to bound (journal.unshippedBytes, MAX_UNSHIPPED_BYTES).
//
//   events ─▶ D1 rows           at every call
//   events ─▶ R2 segments       when SEGMENT_BYTES are there, the oldest waits SEGMENT_AGE_MS, at the end, or on demand
//   end    ─▶ manifest ─▶ read back and verified ─▶ index names the recording
//
// Journal rows stay where they are: whoever deletes them must wait until `closing` is `announced`, and some days more.
import type { ChainedEvent } from '../core/audit/event.ts';
import { SEGMENT_AGE_MS, SEGMENT_BYTES } from '../core/limits.ts';
import {
  encodeLine,
  encodeManifest,
  manifestKey,
  partKey,
  recordingFolder,
  RECORDING_FORMAT,
  type Manifest,
  type Part,
} from '../core/recording/format.ts';
import { createAuditIndex, IndexUnavailable, type AuditIndex } from './audit-index.ts';
import { nativeCrypto } from './crypto.ts';
import { indexRows } from './index-rows.ts';
import type { Journal } from './journal.ts';
import {
  createRecordings,
  RecordingDamaged,
  RecordingsUnavailable,
  type Recordings,
} from './recordings.ts';

export interface ShipEnv {
  readonly DB: D1Database;
  readonly RECORDINGS: R2Bucket;
}

/** Why something is still in the journal only. Codes for the operator's log; they quote nothing. */
export type ShipFailure =
  | 'recordings_unavailable'
  | 'index_unavailable'
  /** An object in R2 is not what this journal says: never overwritten, an operator must look. */
  | 'recording_conflict';

export interface Shipped {
  /** Bytes that R2 or D1 does not have yet; above 0 as long as anything is left to do. */
  readonly unshippedBytes: number;
  /** The session has ended, and its recording is whole, read back, and named by the index. */
  readonly complete: boolean;
  readonly failures: readonly ShipFailure[];
}

/** Uncompressed bytes read back in one run. */
const VERIFIED_BYTES = 128 * 1024 * 1024;
/** Events in one batch of index rows. */
const INDEX_EVENTS = 500;

const running = new WeakMap<Journal, Promise<Shipped>>();

/**
 * One shipment per journal at a time: a call during another waits for it and then ships what has come since.
 * @param now milliseconds since the epoch
 * @param flush write a segment even if it is small and young
 */
export function ship(
  journal: Journal,
  env: ShipEnv,
  now: number,
  flush: boolean = false,
): Promise<Shipped> {
  const before = running.get(journal);
  const mine = (async () => {
    // Its failure was its own caller's to hear of.
    await before?.catch(() => undefined);
    return shipOnce(journal, env, now, flush);
  })();
  running.set(journal, mine);
  return mine;
}

async function shipOnce(
  journal: Journal,
  env: ShipEnv,
  now: number,
  flush: boolean,
): Promise<Shipped> {
  const index = createAuditIndex(env.DB);
  const recordings = createRecordings(env.RECORDINGS);
  const failures: ShipFailure[] = [];
  // Each store on its own: one being away must not keep the other behind.
  for (const step of [
    () => indexEvents(journal, index, now),
    () => recordEvents(journal, recordings, now, flush),
    () => close(journal, recordings, index),
  ]) {
    try {
      await step();
    } catch (error) {
      failures.push(failureCode(error));
    }
  }
  return {
    unshippedBytes: journal.unshippedBytes,
    complete: journal.shipping.closing === 'announced',
    failures: [...new Set(failures)],
  };
}

async function indexEvents(journal: Journal, index: AuditIndex, now: number): Promise<void> {
  const { shipping } = journal;
  while (shipping.indexed.seq < journal.head.seq) {
    const events = journal.read(shipping.indexed.seq, INDEX_EVENTS);
    const start = journal.read(0, 1)[0];
    const last = events.at(-1);
    if (start === undefined || last === undefined) return;
    const sources = { start, statement: (number: number) => journal.statement(number) };
    const { batch, totals } = indexRows(events, sources, shipping.totals, now);
    await index.write(batch);
    shipping.setIndexed({ seq: last.seq, bytes: journal.bytesUpTo(last.seq) }, totals);
  }
}

async function recordEvents(
  journal: Journal,
  recordings: Recordings,
  now: number,
  flush: boolean,
): Promise<void> {
  const { shipping } = journal;
  while (shipping.recorded.seq < journal.head.seq) {
    const oldest = journal.read(shipping.recorded.seq, 1)[0];
    const start = journal.read(0, 1)[0];
    if (oldest === undefined || start === undefined) return;
    const due =
      flush ||
      journal.ended ||
      journal.unrecordedBytes >= SEGMENT_BYTES ||
      now - oldest.at >= SEGMENT_AGE_MS;
    if (!due) return;
    const folder = recordingFolder(start.at, journal.session);
    const key = partKey(folder, shipping.segments().length + 1);
    const part =
      (await recordings.writeSegment(key, nextSegment(journal))) ??
      (await adopted(journal, recordings, key));
    shipping.addSegment(part, { seq: part.lastSeq, bytes: journal.bytesUpTo(part.lastSeq) });
  }
}

/** Unrecorded events up to SEGMENT_BYTES, but at least one. */
function nextSegment(journal: Journal): ChainedEvent[] {
  const events: ChainedEvent[] = [];
  let length = 0;
  for (;;) {
    const more = journal.read(events.at(-1)?.seq ?? journal.shipping.recorded.seq, INDEX_EVENTS);
    if (more.length === 0) return events;
    for (const event of more) {
      if (length > 0 && length + event.json.length > SEGMENT_BYTES) return events;
      events.push(event);
      length += event.json.length;
    }
  }
}

/**
 * The segment that lies at `key` already: written by this journal before a crash, if it holds exactly what the journal
 * holds. Then it counts as written, whatever its length.
 */
async function adopted(journal: Journal, recordings: Recordings, key: string): Promise<Part> {
  const digest = nativeCrypto.digest();
  const utf8 = new TextEncoder();
  const firstSeq = journal.shipping.recorded.seq + 1;
  let bytes = 0;
  let lastSeq = firstSeq - 1;
  for await (const event of recordings.segment(key)) {
    const mine = journal.read(lastSeq, 1)[0];
    if (mine === undefined || encodeLine(mine) !== encodeLine(event)) throw new RecordingConflict();
    const line = utf8.encode(`${encodeLine(event)}\n`);
    digest.update(line);
    bytes += line.length;
    lastSeq = event.seq;
  }
  if (lastSeq < firstSeq) throw new RecordingConflict();
  return { key, bytes, sha256: digest.hex(), firstSeq, lastSeq };
}

/** Manifest, verification, announcement: each step is noted, so that the next run goes on after it. */
async function close(journal: Journal, recordings: Recordings, index: AuditIndex): Promise<void> {
  const { shipping } = journal;
  if (!journal.ended || shipping.recorded.seq < journal.head.seq) return;
  if (shipping.closing === 'announced') return;
  const manifest = manifestOf(journal);
  if (manifest === null) return;
  const key = manifestKey(manifest.folder);
  if (shipping.closing === 'open') {
    if (!(await recordings.writeManifest(key, manifest.value))) {
      const there = await recordings.manifest(key);
      if (there === null || encodeManifest(there) !== encodeManifest(manifest.value)) {
        throw new RecordingConflict();
      }
    }
    shipping.setClosing('written');
  }
  if (shipping.closing === 'written') {
    if (!(await readBack(journal, recordings, key, manifest.value))) return;
    shipping.setClosing('verified');
  }
  // The index must have the session before a recording can be named in it.
  if (shipping.indexed.seq < journal.head.seq) return;
  await index.announce(journal.session, key);
  shipping.setClosing('announced');
}

/**
 * Compares what lies in R2 with what the journal put there. Segment checksums are those of the journal's own events, so
 * the chain needs no second look. A long recording takes several runs: one event of an object has 30 s of CPU.
 */
async function readBack(
  journal: Journal,
  recordings: Recordings,
  key: string,
  manifest: Manifest,
): Promise<boolean> {
  const { shipping } = journal;
  let bytes = 0;
  for (const part of manifest.parts.slice(shipping.verifiedParts)) {
    if (bytes > VERIFIED_BYTES) return false;
    if (!(await recordings.check(part))) throw new RecordingConflict();
    bytes += part.bytes;
    shipping.setVerifiedParts(shipping.verifiedParts + 1);
  }
  const stored = await recordings.manifest(key);
  if (stored === null || encodeManifest(stored) !== encodeManifest(manifest)) {
    throw new RecordingConflict();
  }
  return true;
}

function manifestOf(journal: Journal): { folder: string; value: Manifest } | null {
  const start = journal.read(0, 1)[0];
  const end = journal.read(journal.head.seq - 1, 1)[0];
  if (start === undefined || end === undefined) return null;
  const { target, principal } = JSON.parse(start.json) as {
    target: string;
    principal: { id: string };
  };
  return {
    folder: recordingFolder(start.at, journal.session),
    value: {
      format: RECORDING_FORMAT,
      session: journal.session,
      target,
      principal: principal.id,
      parts: journal.shipping.segments(),
      head: journal.head.hash,
      events: journal.head.seq,
      startedAt: start.at,
      endedAt: end.at,
      complete: journal.ended,
    },
  };
}

class RecordingConflict extends Error {
  override readonly name = 'RecordingConflict';
}

/** @throws whatever is not a store's failure: that is a bug or the journal's own storage, and the driver must know */
function failureCode(error: unknown): ShipFailure {
  if (error instanceof RecordingsUnavailable) return 'recordings_unavailable';
  if (error instanceof IndexUnavailable) return 'index_unavailable';
  if (error instanceof RecordingConflict || error instanceof RecordingDamaged) {
    return 'recording_conflict';
  }
  throw error;
}
