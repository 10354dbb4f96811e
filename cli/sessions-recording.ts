// An exported recording on the operator's machine: taken apart into lines and checked with nothing but this program. The
// checks are core/recording's; this file brings them bytes, and turns what they find into one sentence.
import { createHash } from 'node:crypto';
import {
  createChainVerifier,
  eventContent,
  type ChainSummary,
  type Hasher,
} from '../core/audit/chain.ts';
import type { ChainedEvent } from '../core/audit/event.ts';
import {
  isManifestLine,
  parseLine,
  parseManifestLine,
  type Manifest,
} from '../core/recording/format.ts';
import { createLineReader } from '../core/recording/lines.ts';
import { createRecordingVerifier } from '../core/recording/parts.ts';
import { CliError, EXIT } from './failure.ts';
import { printable } from './problem.ts';

/** A recording being read. `manifest` is null for one that is unfinished, or cut at its beginning. */
export interface OpenRecording {
  readonly manifest: Manifest | null;
  /** Lines of events, in order. To be read once. */
  readonly lines: AsyncGenerator<string>;
}

/** What `check` says while a recording goes by: a problem ends it, and nothing after it can be believed. */
export interface Checker {
  /** @throws CliError failed, with the check that failed and where */
  push(line: string): ChainedEvent;
  /** @throws CliError failed, when the recording is not whole */
  finish(): ChainSummary;
}

/** @throws CliError failed, when the first line is a manifest that cannot be read, or nothing is there */
export async function openRecording(bytes: AsyncIterable<Uint8Array>): Promise<OpenRecording> {
  const lines = linesOf(bytes);
  const first = await lines.next();
  if (first.done === true) throw broken('empty', 'The recording is empty.');
  if (!isManifestLine(first.value)) return { manifest: null, lines: behind(first.value, lines) };
  const manifest = parseManifestLine(first.value);
  if (manifest === null) throw broken('manifest', 'The manifest in its first line is not one.');
  return { manifest, lines };
}

/**
 * Checks a recording line by line. With a manifest: chain, segments and manifest against each other. Without: the chain,
 * and then that there is no manifest, which fails.
 */
export function checker(manifest: Manifest | null): Checker {
  return manifest === null ? unfinishedChecker() : wholeChecker(manifest);
}

function wholeChecker(manifest: Manifest): Checker {
  const verifier = createRecordingVerifier(manifest, nodeHasher);
  return {
    push(line) {
      const failure = verifier.push(line);
      const event = failure === null ? parseLine(line) : null;
      if (failure !== null) throw broken(failure.code, failure.message);
      if (event === null) throw broken('line', 'A line is not an event.');
      return event;
    },
    finish() {
      const result = verifier.finish();
      if (!result.ok) throw broken(result.error.code, result.error.message);
      return result.value;
    },
  };
}

function unfinishedChecker(): Checker {
  let verifier: ReturnType<typeof createChainVerifier> | null = null;
  return {
    push(line) {
      const event = parseLine(line);
      if (event === null) throw broken('line', 'A line is not an event.');
      verifier ??= createChainVerifier(String(eventContent(event.json)?.['session']), nodeHasher);
      const failure = verifier.push(event);
      if (failure !== null) throw broken('chain', failure.message);
      return event;
    },
    finish() {
      const result = verifier?.finish();
      if (result !== undefined && !result.ok) throw broken('chain', result.error.message);
      throw broken(
        'manifest',
        'There is no manifest: the recording is still being written, or its first line was cut off.',
      );
    },
  };
}

/** @throws CliError failed, naming the check */
export async function verifyRecording(recording: OpenRecording): Promise<ChainSummary> {
  const check = checker(recording.manifest);
  for await (const line of recording.lines) check.push(line);
  return check.finish();
}

export function broken(check: string, sentence: string): CliError {
  return new CliError(EXIT.failed, `Not verified (${check}). ${printable(sentence)}`);
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const reader = createLineReader();
  let rest: string;
  try {
    for await (const chunk of bytes) yield* reader.push(chunk);
    rest = reader.rest();
  } catch (error) {
    // TextDecoder's own refusal; a broken download is a TypeError too and says so itself.
    if (error instanceof TypeError && 'code' in error) {
      throw broken('line', 'The recording is not UTF-8 text.');
    }
    throw error;
  }
  if (rest !== '') throw broken('line', 'The recording ends in the middle of a line.');
}

async function* behind(first: string, lines: AsyncGenerator<string>): AsyncGenerator<string> {
  yield first;
  yield* lines;
}

/** core's cryptography on Node's. */
const nodeHasher: Hasher = {
  sha256: (...parts) => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  digest: () => {
    const hash = createHash('sha256');
    return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
  },
};
