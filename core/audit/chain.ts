// The hash chain over one session's events: each hash covers its predecessor, the first is bound to the session's id, and
// a closing `session.end` says that nothing is missing at the end. docs/recordings.md specifies the encoding with test
// vectors; it is plain text, so that sha256sum alone can check a link. What a chain proves and what not is said there too.
import type { Crypto } from '../crypto.ts';
import type { Result } from '../failure.ts';
import type { ChainedEvent } from './event.ts';

export type Hasher = Pick<Crypto, 'sha256' | 'digest'>;

/** Part of every hashed text: another version is another chain. */
const LINK_CONTEXT = 'postern.chain.v1';
const GENESIS_CONTEXT = 'postern.genesis.v1';

/** UTF-16 units of one slice of a long event. At most 3 bytes each in UTF-8: 1.5 MiB, below the 2 MB row limit of D1 and DOs. */
export const SLICE_LENGTH = 512 * 1024;

const utf8 = new TextEncoder();

/** prevHash of the first event. */
export function genesisHash(session: string, crypto: Hasher): string {
  return hex(crypto.sha256(utf8.encode(`${GENESIS_CONTEXT}\n${session}`)));
}

/**
 * SHA-256, hex, of `postern.chain.v1 LF seq LF at LF prevHash LF json`: numbers in decimal, text in UTF-8. The first four
 * fields hold no LF and json is the rest, so no two events share an encoding.
 */
export function eventHash(event: Omit<ChainedEvent, 'hash'>, crypto: Hasher): string {
  const head = `${LINK_CONTEXT}\n${event.seq}\n${event.at}\n${event.prevHash}\n`;
  if (event.json.length <= SLICE_LENGTH) {
    return hex(crypto.sha256(utf8.encode(head + event.json)));
  }
  // A bind value of many megabytes is never held a second time as bytes.
  const digest = crypto.digest();
  digest.update(utf8.encode(head));
  for (const slice of slices(event.json)) digest.update(utf8.encode(slice));
  return digest.hex();
}

/** Cuts a well-formed text into pieces of at most SLICE_LENGTH units, never through a surrogate pair. */
export function* slices(text: string): Generator<string> {
  let start = 0;
  while (start < text.length) {
    let end = Math.min(start + SLICE_LENGTH, text.length);
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end--;
    yield text.slice(start, end);
    start = end;
  }
}

export type ChainCode =
  | 'empty' // no event at all
  | 'malformed' // not an event: bad numbers, bad hash syntax, no JSON object with a kind
  | 'session' // does not begin with this session's session.start, or has a second one
  | 'genesis' // the first event is not linked to the session's id
  | 'gap' // events are missing
  | 'order' // an event is repeated or out of place
  | 'link' // prevHash is not the hash of the event before
  | 'edited' // the hash does not fit the content
  | 'after_end' // something follows the closing record
  | 'truncated'; // the closing record is missing

export interface ChainFailure {
  readonly code: ChainCode;
  /** Where: the event's own number, or the number that was expected. */
  readonly seq: number;
  readonly message: string;
}

export interface ChainSummary {
  readonly session: string;
  readonly events: number;
  readonly head: string;
  readonly startedAt: number;
  readonly endedAt: number;
  /** The code of session.end. */
  readonly endCode: string;
}

/** Checks a chain one event at a time, holding none of them. After a failure, push nothing more. */
export interface ChainVerifier {
  push(event: ChainedEvent): ChainFailure | null;
  /** Says whether the chain is whole. */
  finish(): Result<ChainSummary, ChainFailure>;
}

export function createChainVerifier(session: string, crypto: Hasher): ChainVerifier {
  let seq = 0;
  let head = genesisHash(session, crypto);
  let startedAt = 0;
  let endedAt = 0;
  let endCode: string | null = null;

  return {
    push(event) {
      const expected = seq + 1;
      if (!isChainedEvent(event)) return failure('malformed', expected, 'is not a chained event');
      if (endCode !== null) return failure('after_end', event.seq, 'follows the closing record');
      if (event.seq > expected) {
        return failure('gap', expected, `is missing: event ${event.seq} stands in its place`);
      }
      if (event.seq < expected) {
        return failure('order', event.seq, `stands where event ${expected} belongs`);
      }
      if (event.prevHash !== head) {
        return seq === 0
          ? failure('genesis', event.seq, `is not linked to session ${session}`)
          : failure('link', event.seq, `is not linked to event ${seq}`);
      }
      if (event.hash !== eventHash(event, crypto)) {
        return failure('edited', event.seq, 'was changed: its hash does not fit its content');
      }
      const content = eventContent(event.json);
      if (content === null) return failure('malformed', event.seq, 'holds no event');
      const starts = content['kind'] === 'session.start';
      if (starts !== (seq === 0) || (starts && content['session'] !== session)) {
        return failure('session', event.seq, `is not the start of session ${session}`);
      }
      if (seq === 0) startedAt = event.at;
      if (content['kind'] === 'session.end') endCode = String(content['code']);
      seq = event.seq;
      head = event.hash;
      endedAt = event.at;
      return null;
    },
    finish() {
      if (seq === 0) {
        return { ok: false, error: { code: 'empty', seq: 1, message: 'There is no event.' } };
      }
      if (endCode === null) {
        const message = `The closing record is missing: the session is unfinished, or events after number ${seq} were cut off.`;
        return { ok: false, error: { code: 'truncated', seq: seq + 1, message } };
      }
      return { ok: true, value: { session, events: seq, head, startedAt, endedAt, endCode } };
    },
  };
}

/** Checks a whole chain: edits, reordering, gaps, a foreign beginning, and an end that was cut off. */
export function verifyChain(
  events: Iterable<ChainedEvent>,
  session: string,
  crypto: Hasher,
): Result<ChainSummary, ChainFailure> {
  const verifier = createChainVerifier(session, crypto);
  for (const event of events) {
    const failed = verifier.push(event);
    if (failed !== null) return { ok: false, error: failed };
  }
  return verifier.finish();
}

/** The JSON object of an event; null when it is not one or names no kind. */
export function eventContent(json: string): Readonly<Record<string, unknown>> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return null; // not JSON: the caller reports a malformed event
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return null;
  const content = parsed as Readonly<Record<string, unknown>>;
  return typeof content['kind'] === 'string' ? content : null;
}

const HASH = /^[0-9a-f]{64}$/;

/**
 * Whether untrusted data has an event's shape. Lone surrogates are refused: UTF-8 encodes them all alike, so that one
 * could stand in for another without a change of hash.
 */
export function isChainedEvent(value: unknown): value is ChainedEvent {
  if (typeof value !== 'object' || value === null) return false;
  const { seq, at, json, prevHash, hash } = value as Readonly<Record<string, unknown>>;
  return (
    Number.isSafeInteger(seq) &&
    Number(seq) >= 1 &&
    Number.isSafeInteger(at) &&
    Number(at) >= 0 &&
    typeof json === 'string' &&
    json.isWellFormed() &&
    typeof prevHash === 'string' &&
    HASH.test(prevHash) &&
    typeof hash === 'string' &&
    HASH.test(hash)
  );
}

function failure(code: ChainCode, seq: number, what: string): ChainFailure {
  return { code, seq, message: `Event ${seq} ${what}.` };
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX[byte];
  return text;
}
