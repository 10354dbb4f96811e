// Checks a recording against its manifest: every segment's bytes, the chain through all of them, and that both agree about
// beginning, end and length. Works line by line, so that a recording of any size is checked in constant memory.
import { createChainVerifier, type ChainSummary, type Hasher } from '../audit/chain.ts';
import type { ChainedEvent } from '../audit/event.ts';
import type { Result } from '../failure.ts';
import { parseLine, type Manifest, type Part } from './format.ts';
import { createLineReader } from './lines.ts';

export type RecordingCode =
  | 'chain' // the hash chain itself is broken
  | 'line' // a line is not an event as the format writes it
  | 'parts' // the manifest's segments do not follow one another
  | 'segment' // a segment's bytes or checksum differ, or it is missing or one too many
  | 'manifest'; // the manifest says other things than the events do

export interface RecordingFailure {
  readonly code: RecordingCode;
  readonly message: string;
}

/** Feed every line in order, then finish. After a failure, push nothing more. */
export interface RecordingVerifier {
  /** `line` without its line feed. */
  push(line: string): RecordingFailure | null;
  finish(): Result<ChainSummary, RecordingFailure>;
}

export function createRecordingVerifier(manifest: Manifest, crypto: Hasher): RecordingVerifier {
  const chain = createChainVerifier(manifest.session, crypto);
  const utf8 = new TextEncoder();
  let index = 0;
  let digest = crypto.digest();
  let bytes = 0;
  let first: ChainedEvent | null = null;

  /** The last line of a part was seen: its checksum must fit. */
  const closePart = (part: Part): RecordingFailure | null => {
    if (bytes !== part.bytes || digest.hex() !== part.sha256) {
      return failure('segment', `Segment ${part.key} is not the one that was written.`);
    }
    index++;
    digest = crypto.digest();
    bytes = 0;
    return null;
  };

  return {
    push(line) {
      const part = manifest.parts[index];
      if (part === undefined) return failure('segment', 'There is more than the manifest names.');
      const event = parseLine(line);
      if (event === null) return failure('line', `A line of ${part.key} is not an event.`);
      const broken = chain.push(event);
      if (broken !== null) return failure('chain', broken.message);
      const raw = utf8.encode(`${line}\n`);
      digest.update(raw);
      bytes += raw.length;
      if (first === null && (event.at !== manifest.startedAt || !startMatches(event, manifest))) {
        return failure('manifest', 'The manifest names another session than its first event does.');
      }
      first ??= event;
      if (bytes === raw.length && event.seq !== part.firstSeq) {
        return failure('parts', `Segment ${part.key} begins with event ${event.seq}.`);
      }
      return event.seq === part.lastSeq ? closePart(part) : null;
    },
    finish() {
      const missing = manifest.parts[index];
      if (missing !== undefined) {
        return no('segment', `Segment ${missing.key} is missing or was cut short.`);
      }
      const chained = chain.finish();
      if (!chained.ok) return no('chain', chained.error.message);
      const { head, events, endedAt } = chained.value;
      if (head !== manifest.head || events !== manifest.events || endedAt !== manifest.endedAt) {
        return no('manifest', 'The manifest and the events disagree about the end.');
      }
      if (!manifest.complete) return no('manifest', 'The manifest says that events are missing.');
      return chained;
    },
  };
}

/** Checks uncompressed segments, in the manifest's order. */
export function verifyRecording(
  manifest: Manifest,
  segments: Iterable<Uint8Array>,
  crypto: Hasher,
): Result<ChainSummary, RecordingFailure> {
  const verifier = createRecordingVerifier(manifest, crypto);
  for (const segment of segments) {
    const reader = createLineReader();
    let lines: readonly string[];
    let rest: string;
    try {
      lines = reader.push(segment);
      rest = reader.rest();
    } catch {
      return no('line', 'A segment is not UTF-8 text.');
    }
    if (rest !== '') return no('segment', 'A segment ends in the middle of a line.');
    for (const line of lines) {
      const failed = verifier.push(line);
      if (failed !== null) return { ok: false, error: failed };
    }
  }
  return verifier.finish();
}

/** Target and principal stand in the manifest for convenience; the event is what the chain protects. */
function startMatches(event: ChainedEvent, manifest: Manifest): boolean {
  const start = JSON.parse(event.json) as { target?: unknown; principal?: { id?: unknown } | null };
  return start.target === manifest.target && start.principal?.id === manifest.principal;
}

function failure(code: RecordingCode, message: string): RecordingFailure {
  return { code, message };
}

function no(code: RecordingCode, message: string): { ok: false; error: RecordingFailure } {
  return { ok: false, error: { code, message } };
}
