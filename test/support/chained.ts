// Chains made by hand, as the journal makes them, for tests that need no storage.
import { nativeCrypto } from '../../adapters/crypto.ts';
import { canonicalJson } from '../../core/audit/canonical.ts';
import { eventHash, genesisHash } from '../../core/audit/chain.ts';
import type { ChainedEvent, SessionEvent } from '../../core/audit/event.ts';
import {
  encodeLine,
  partKey,
  recordingFolder,
  RECORDING_FORMAT,
  type Manifest,
} from '../../core/recording/format.ts';
import { START_MS } from './session-events.ts';

/** One event a 10 ms, the first at START_MS. */
export function chained(session: string, events: readonly SessionEvent[]): ChainedEvent[] {
  let prevHash = genesisHash(session, nativeCrypto);
  return events.map((event, index) => {
    const link = {
      seq: index + 1,
      at: START_MS + index * 10,
      json: canonicalJson(event),
      prevHash,
    };
    const hash = eventHash(link, nativeCrypto);
    prevHash = hash;
    return { ...link, hash };
  });
}

/** An honest recording of `events`, with `perPart` of them in a segment. */
export function recorded(
  events: readonly ChainedEvent[],
  perPart = 3,
): { manifest: Manifest; segments: Uint8Array[] } {
  const start = JSON.parse(events[0]!.json) as {
    session: string;
    target: string;
    principal: { id: string };
  };
  const folder = recordingFolder(events[0]!.at, start.session);
  const segments: Uint8Array[] = [];
  const parts = [];
  for (let i = 0; i < events.length; i += perPart) {
    const lines = events.slice(i, i + perPart);
    const bytes = new TextEncoder().encode(lines.map((line) => `${encodeLine(line)}\n`).join(''));
    const digest = nativeCrypto.digest();
    digest.update(bytes);
    segments.push(bytes);
    parts.push({
      key: partKey(folder, segments.length),
      bytes: bytes.length,
      sha256: digest.hex(),
      firstSeq: lines[0]!.seq,
      lastSeq: lines.at(-1)!.seq,
    });
  }
  const manifest: Manifest = {
    format: RECORDING_FORMAT,
    session: start.session,
    target: start.target,
    principal: start.principal.id,
    parts,
    head: events.at(-1)!.hash,
    events: events.length,
    startedAt: events[0]!.at,
    endedAt: events.at(-1)!.at,
    complete: true,
  };
  return { manifest, segments };
}
