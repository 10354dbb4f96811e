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
import { at } from './present.ts';

/** One event every 10 ms, the first at START_MS, unless `time` says otherwise. */
export function chained(
  session: string,
  events: readonly SessionEvent[],
  time: (index: number) => number = (index) => START_MS + index * 10,
): ChainedEvent[] {
  let prevHash = genesisHash(session, nativeCrypto);
  return events.map((event, index) => {
    const link = {
      seq: index + 1,
      at: time(index),
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
  const start = JSON.parse(at(events, 0).json) as {
    session: string;
    target: string;
    principal: { id: string };
  };
  const folder = recordingFolder(at(events, 0).at, start.session);
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
      firstSeq: at(lines, 0).seq,
      lastSeq: at(lines, -1).seq,
    });
  }
  const manifest: Manifest = {
    format: RECORDING_FORMAT,
    session: start.session,
    target: start.target,
    principal: start.principal.id,
    parts,
    head: at(events, -1).hash,
    events: events.length,
    startedAt: at(events, 0).at,
    endedAt: at(events, -1).at,
    complete: true,
  };
  return { manifest, segments };
}
