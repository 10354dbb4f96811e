// Keeps a credential out of what a target answers: some echo the request they got (debugging endpoints, error pages). Every
// spelling that credential.ts lists is overwritten by as many asterisks, so that lengths, ranges and framings stay as the
// target has them. Constant memory; cut anywhere. Compressed or encrypted bytes are not looked into: requests go out with
// `accept-encoding: identity`.
import { utf8 } from '../bytes.ts';

export interface Hider {
  /** What may go on, valid until the next call and as long as the chunk is; at most the length of the longest secret is held back. */
  push(chunk: Uint8Array): Uint8Array;
  end(): Uint8Array;
}

/** Shorter ones would overwrite words of every answer; no credential worth the name is. Characters. */
const SHORTEST_SECRET = 4;
const ASTERISK = 0x2a;
const NOTHING = new Uint8Array(0);

/** Null: there is nothing to hide. */
export function createHider(secrets: readonly string[]): Hider | null {
  const needles = [...new Set(secrets)]
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .map((secret) => utf8(secret))
    // The longest first: a secret inside of another one's spelling does not leave the rest of it standing.
    .sort((a, b) => b.length - a.length);
  if (needles.length === 0) return null;
  const byFirst = new Map<number, Uint8Array[]>();
  for (const needle of needles) {
    const first = needle[0] ?? 0;
    byFirst.set(first, [...(byFirst.get(first) ?? []), needle]);
  }
  const starts = new Uint8Array(256);
  for (const first of byFirst.keys()) starts[first] = 1;
  let held: Uint8Array = NOTHING;

  function run(chunk: Uint8Array, final: boolean): Uint8Array {
    // The chunk is the sender's: copied where something is overwritten, which is seldom.
    let own = held.length > 0;
    let bytes = own ? joined(held, chunk) : chunk;
    let hiddenUntil = 0;
    let at = 0;
    for (; at < bytes.length; at++) {
      const first = bytes[at] ?? 0;
      if (starts[first] !== 1) continue;
      const candidates = byFirst.get(first) ?? [];
      if (!final && candidates.some((needle) => unfinished(bytes, at, needle))) break;
      const found = candidates.find((needle) => matches(bytes, at, needle));
      if (found === undefined) continue;
      if (!own) bytes = bytes.slice();
      own = true;
      bytes.fill(ASTERISK, at, at + found.length);
      hiddenUntil = at + found.length;
      at = hiddenUntil - 1;
    }
    held = bytes.slice(at);
    return bytes.subarray(0, at);
  }

  return {
    push: (chunk) => run(chunk, false),
    end: () => run(NOTHING, true),
  };
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const both = new Uint8Array(head.length + tail.length);
  both.set(head);
  both.set(tail, head.length);
  return both;
}

function matches(bytes: Uint8Array, at: number, needle: Uint8Array): boolean {
  if (at + needle.length > bytes.length) return false;
  for (let i = 1; i < needle.length; i++) if (bytes[at + i] !== needle[i]) return false;
  return true;
}

/** Whether the bytes end inside of what may become this needle. */
function unfinished(bytes: Uint8Array, at: number, needle: Uint8Array): boolean {
  const there = bytes.length - at;
  if (there >= needle.length) return false;
  for (let i = 1; i < there; i++) if (bytes[at + i] !== needle[i]) return false;
  return true;
}
