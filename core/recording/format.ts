// How a recording is written down: one chained event per line (NDJSON), cut into numbered segments, summed up by a
// manifest. Specified in docs/recordings.md. Compression and storage are adapters/recordings.ts's; checking is parts.ts's.
import { z } from 'zod';
import { canonicalJson } from '../audit/canonical.ts';
import { isChainedEvent, SLICE_LENGTH, slices } from '../audit/chain.ts';
import type { ChainedEvent } from '../audit/event.ts';

export const RECORDING_FORMAT = 'postern.recording.v1';

/** One segment, as the manifest names it. `bytes` and `sha256` are those of the NDJSON text, not of its gzip form. */
export interface Part {
  readonly key: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** What a recording must hold. Written once, after the last segment. */
export interface Manifest {
  readonly format: typeof RECORDING_FORMAT;
  readonly session: string;
  readonly target: string;
  /** Principal id. */
  readonly principal: string;
  readonly parts: readonly Part[];
  /** Hash of the last event. */
  readonly head: string;
  readonly events: number;
  /** Milliseconds since the epoch, of the first and the last event. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** The last event is the closing record. */
  readonly complete: boolean;
}

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

const manifestSchema = z.strictObject({
  format: z.literal(RECORDING_FORMAT),
  session: z.string().min(1),
  target: z.string(),
  principal: z.string(),
  parts: z.array(
    z.strictObject({
      key: z.string(),
      bytes: count,
      sha256: hash,
      firstSeq: z.int().min(1),
      lastSeq: z.int().min(1),
    }),
  ),
  head: hash,
  events: count,
  startedAt: count,
  endedAt: count,
  complete: z.boolean(),
});

/** Manifest as its file holds it. */
export function encodeManifest(manifest: Manifest): string {
  return `${canonicalJson(manifest)}\n`;
}

/** Null when the text is not exactly what `encodeManifest` writes. */
export function parseManifest(text: string): Manifest | null {
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (!parsed.success) return null;
  // Only one spelling: a doubled key must not mean one thing here and another in somebody else's reader.
  return encodeManifest(parsed.data) === text ? parsed.data : null;
}

/** An event's line, without its line feed. Field order is fixed. */
export function encodeLine(event: ChainedEvent): string {
  return `${lineHead(event)}${JSON.stringify(event.json)}${lineTail(event)}`;
}

/** The same line with its line feed, in pieces, so that a long event is never doubled in memory. */
export function* lineChunks(event: ChainedEvent): Generator<Uint8Array> {
  const utf8 = new TextEncoder();
  if (event.json.length <= SLICE_LENGTH) {
    yield utf8.encode(`${encodeLine(event)}\n`);
    return;
  }
  yield utf8.encode(`${lineHead(event)}"`);
  for (const slice of slices(event.json)) yield utf8.encode(JSON.stringify(slice).slice(1, -1));
  yield utf8.encode(`"${lineTail(event)}\n`);
}

/** Null when the line is not exactly what `encodeLine` writes. */
export function parseLine(line: string): ChainedEvent | null {
  const parsed = parseJson(line);
  if (!isChainedEvent(parsed)) return null;
  const { seq, at, json, prevHash, hash } = parsed;
  const event = { seq, at, json, prevHash, hash };
  return encodeLine(event) === line ? event : null;
}

/** First line of an exported recording: the manifest, told apart from events by its only key. Events follow. */
export function encodeManifestLine(manifest: Manifest): string {
  return canonicalJson({ manifest });
}

export function isManifestLine(line: string): boolean {
  return line.startsWith('{"manifest":');
}

/** Null when the line is not exactly what `encodeManifestLine` writes. */
export function parseManifestLine(line: string): Manifest | null {
  const parsed = parseJson(line);
  if (typeof parsed !== 'object' || parsed === null || !('manifest' in parsed)) return null;
  const manifest = parseManifest(`${line.slice('{"manifest":'.length, -1)}\n`);
  return manifest !== null && encodeManifestLine(manifest) === line ? manifest : null;
}

const SESSION_ID = /^[A-Za-z0-9_-]{1,128}$/;

/** Where a session's recording lies in the bucket. `startedAt` in milliseconds; the day is UTC. */
export function recordingFolder(startedAt: number, session: string): string {
  // The id comes out of a chain; a slash in it would reach into another session's folder.
  if (!SESSION_ID.test(session)) throw new RangeError('not a session id');
  return `recordings/${new Date(startedAt).toISOString().slice(0, 10)}/${session}`;
}

/** `part` counts from 1. */
export function partKey(folder: string, part: number): string {
  return `${folder}/${String(part).padStart(6, '0')}.ndjson.gz`;
}

export function manifestKey(folder: string): string {
  return `${folder}/manifest.json`;
}

function lineHead(event: ChainedEvent): string {
  return `{"seq":${event.seq},"at":${event.at},"json":`;
}

function lineTail(event: ChainedEvent): string {
  return `,"prevHash":"${event.prevHash}","hash":"${event.hash}"}`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // the caller refuses what is not JSON
  }
}
