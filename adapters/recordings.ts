// Recordings in R2: gzipped NDJSON segments and a manifest, each object written once and never again (create-only puts;
// docs/recordings.md adds a bucket lock). The format is core/recording/format.ts's; when to write is ship.ts's.
import type { ChainSummary } from '../core/audit/chain.ts';
import type { ChainedEvent } from '../core/audit/event.ts';
import type { Result } from '../core/failure.ts';
import {
  encodeManifest,
  encodeManifestLine,
  lineChunks,
  parseLine,
  parseManifest,
  type Manifest,
  type Part,
} from '../core/recording/format.ts';
import { createLineReader } from '../core/recording/lines.ts';
import { createRecordingVerifier, type RecordingFailure } from '../core/recording/parts.ts';
import { nativeCrypto } from './crypto.ts';
import { withinMs } from './deadline.ts';

/** R2 refused or did not answer. Says nothing of what was being written. */
export class RecordingsUnavailable extends Error {
  override readonly name = 'RecordingsUnavailable';
}

/** An object in R2 is not what was written there. */
export class RecordingDamaged extends Error {
  override readonly name = 'RecordingDamaged';
}

export interface Recordings {
  /**
   * Writes a segment, unless its key is taken: then null. `events` are consecutive and at least one.
   * @throws RecordingsUnavailable
   */
  writeSegment(key: string, events: readonly ChainedEvent[]): Promise<Part | null>;
  /** False when the key is taken. @throws RecordingsUnavailable */
  writeManifest(key: string, manifest: Manifest): Promise<boolean>;
  /** Null when there is none. @throws RecordingsUnavailable, RecordingDamaged */
  manifest(key: string): Promise<Manifest | null>;
  /** The events of one segment, in order. @throws RecordingsUnavailable, RecordingDamaged */
  segment(key: string): AsyncGenerator<ChainedEvent>;
  /** Events after `afterSeq`, at most `limit` and about READ_LENGTH characters, but at least one. @throws RecordingsUnavailable, RecordingDamaged */
  read(manifest: Manifest, afterSeq: number, limit: number): Promise<ChainedEvent[]>;
  /** Whether a segment lies in R2 as it was written; cheap, since it takes no line apart. @throws RecordingsUnavailable */
  check(part: Part): Promise<boolean>;
  /** Reads everything back and checks all of it, line by line. @throws RecordingsUnavailable */
  verify(manifest: Manifest): Promise<Result<ChainSummary, RecordingFailure>>;
  /** The manifest's line, then every event's: what `postern sessions verify --file` takes. Breaks off when R2 does. */
  export(manifest: Manifest): ReadableStream<Uint8Array>;
}

/** One object of some MiB, with room for a slow day. A put that comes through later is found and adopted. */
const ANSWER_MS = 30_000;
/** One answer of `read`: a Worker has 128 MB. */
const READ_LENGTH = 8 * 1024 * 1024;
/** A put that never replaces anything: even this gateway cannot rewrite what it recorded. */
const CREATE_ONLY = { etagDoesNotMatch: '*' } as const;

export function createRecordings(bucket: R2Bucket): Recordings {
  const get = async (key: string): Promise<R2ObjectBody | null> => available(() => bucket.get(key));

  /** The uncompressed bytes of a segment, as they come. */
  async function* chunks(key: string): AsyncGenerator<Uint8Array> {
    const object = await get(key);
    if (object === null) throw new RecordingDamaged(`${key} is missing`);
    const reader = object.body.pipeThrough(new DecompressionStream('gzip')).getReader();
    try {
      for (;;) {
        const { value, done } = await reader.read().catch(() => {
          throw new RecordingDamaged(`${key} cannot be unpacked`);
        });
        if (done) return;
        yield value;
      }
    } finally {
      await reader.cancel().catch(() => undefined); // the stream may have failed already, which was thrown
    }
  }

  async function* lines(key: string): AsyncGenerator<string> {
    const reader = createLineReader();
    let rest: string;
    try {
      for await (const chunk of chunks(key)) yield* reader.push(chunk);
      rest = reader.rest();
    } catch (error) {
      if (error instanceof TypeError) throw new RecordingDamaged(`${key} is not UTF-8 text`);
      throw error;
    }
    if (rest !== '') throw new RecordingDamaged(`${key} ends in the middle of a line`);
  }

  async function* segment(key: string): AsyncGenerator<ChainedEvent> {
    for await (const line of lines(key)) {
      const event = parseLine(line);
      if (event === null) throw new RecordingDamaged(`${key} holds a line that is not an event`);
      yield event;
    }
  }

  async function* exported(manifest: Manifest): AsyncGenerator<Uint8Array> {
    yield new TextEncoder().encode(`${encodeManifestLine(manifest)}\n`);
    for (const part of manifest.parts) yield* chunks(part.key);
  }

  return {
    segment,
    async writeSegment(key, events) {
      const first = events[0];
      const last = events.at(-1);
      if (first === undefined || last === undefined) throw new RangeError('an empty segment');
      const digest = nativeCrypto.digest();
      let bytes = 0;
      const packed = await gzip(function* () {
        for (const event of events) {
          for (const chunk of lineChunks(event)) {
            digest.update(chunk);
            bytes += chunk.length;
            yield chunk;
          }
        }
      });
      const object = await available(() =>
        bucket.put(key, packed, {
          onlyIf: CREATE_ONLY,
          httpMetadata: { contentType: 'application/gzip' },
        }),
      );
      if (object === null) return null;
      return { key, bytes, sha256: digest.hex(), firstSeq: first.seq, lastSeq: last.seq };
    },
    async writeManifest(key, manifest) {
      const object = await available(() =>
        bucket.put(key, encodeManifest(manifest), {
          onlyIf: CREATE_ONLY,
          httpMetadata: { contentType: 'application/json' },
        }),
      );
      return object !== null;
    },
    async manifest(key) {
      const object = await get(key);
      if (object === null) return null;
      const manifest = parseManifest(await available(() => object.text()));
      if (manifest === null) throw new RecordingDamaged(`${key} is not a manifest`);
      return manifest;
    },
    async read(manifest, afterSeq, limit) {
      const events: ChainedEvent[] = [];
      let length = 0;
      for (const part of manifest.parts) {
        if (part.lastSeq <= afterSeq) continue;
        for await (const event of segment(part.key)) {
          if (event.seq <= afterSeq) continue;
          length += event.json.length;
          if (events.length > 0 && length > READ_LENGTH) return events;
          events.push(event);
          if (events.length >= limit) return events;
        }
      }
      return events;
    },
    async check(part) {
      const digest = nativeCrypto.digest();
      let bytes = 0;
      try {
        for await (const chunk of chunks(part.key)) {
          digest.update(chunk);
          bytes += chunk.length;
          // A bomb in place of a segment is not unpacked to its end.
          if (bytes > part.bytes) return false;
        }
      } catch (error) {
        if (error instanceof RecordingDamaged) return false;
        throw error;
      }
      return bytes === part.bytes && digest.hex() === part.sha256;
    },
    async verify(manifest) {
      const verifier = createRecordingVerifier(manifest, nativeCrypto);
      try {
        for (const part of manifest.parts) {
          for await (const line of lines(part.key)) {
            const failed = verifier.push(line);
            if (failed !== null) return { ok: false, error: failed };
          }
        }
      } catch (error) {
        if (!(error instanceof RecordingDamaged)) throw error;
        return { ok: false, error: { code: 'segment', message: `Segment ${error.message}.` } };
      }
      return verifier.finish();
    },
    export: (manifest) => streamOf(exported(manifest)),
  };
}

/** A stream that pulls from a generator: nothing is read before the client wants it. */
export function streamOf(source: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await source.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      await source.return(undefined);
    },
  });
}

async function gzip(chunks: () => Iterable<Uint8Array>): Promise<ArrayBuffer> {
  const stream = new CompressionStream('gzip');
  const packed = new Response(stream.readable).arrayBuffer();
  const writer = stream.writable.getWriter();
  const written = (async () => {
    for (const chunk of chunks()) await writer.write(chunk);
    await writer.close();
  })();
  const [bytes] = await Promise.all([packed, written]);
  return bytes;
}

/** R2's own error texts stay here: they name keys and internals, and nobody decides anything by them. */
async function available<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await withinMs(ANSWER_MS, call);
  } catch {
    throw new RecordingsUnavailable('R2 did not take or give an object');
  }
}
