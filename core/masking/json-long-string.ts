// A JSON string too long to be held: searched as a stream. At a masked path nothing of it is looked at, and its end is
// waited for. Pieces are cut where neither an escape nor a character is.
import { utf8, decodeLossy, NO_BYTES } from '../bytes.ts';
import { createStreamDetection, type Released } from './detect/stream.ts';
import { JsonFailure } from './json-failure.ts';
import type { DetectorMask, MaskKind } from './mask.ts';
import type { Maskers } from './maskers/maskers.ts';
import { MASKED } from './maskers/placeholder.ts';
import { kindsOf, maskFindings } from './scan.ts';

export interface LongString {
  /** Bytes between the quotes → what is written instead, the opening quote first. */
  push(bytes: Uint8Array, start: number, end: number): Uint8Array;
  /** The last of them; writes the closing quote. */
  end(bytes: Uint8Array, start: number, end: number): Uint8Array;
}

interface LongStringOptions {
  readonly maskers: Maskers;
  readonly detect: readonly DetectorMask[];
  readonly key: string | null;
}

export function createLongString(
  kind: MaskKind | null,
  { maskers, detect, key }: LongStringOptions,
): LongString {
  // A value of this size is not worth its hash, and a part of it would be text.
  if (kind !== null) return constantString(kind === 'null' ? 'null' : JSON.stringify(MASKED));
  const kinds = kindsOf(detect);
  const stream = createStreamDetection([...kinds.keys()], key === null ? {} : { context: key });
  let rest: Uint8Array = NO_BYTES;
  let begun = false;

  function written({ text, findings }: Released, closing: string): Uint8Array {
    const content = JSON.stringify(maskFindings(text, findings, kinds, maskers)).slice(1, -1);
    const opening = begun ? '' : '"';
    begun = true;
    return utf8(opening + content + closing);
  }

  function unescaped(bytes: Uint8Array): string {
    const raw = decodeLossy(bytes);
    if (!raw.includes('\\')) return raw;
    try {
      const text: unknown = JSON.parse(`"${raw}"`);
      if (typeof text === 'string') return text;
    } catch {
      // Said below: JSON.parse has no other way to say it.
    }
    throw new JsonFailure('a string that is none');
  }

  function joined(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const whole = new Uint8Array(rest.length + end - start);
    whole.set(rest);
    whole.set(bytes.subarray(start, end), rest.length);
    return whole;
  }

  return {
    push(bytes, start, end) {
      const whole = joined(bytes, start, end);
      const cut = safeCut(whole);
      rest = whole.slice(cut);
      return written(stream.push(unescaped(whole.subarray(0, cut))), '');
    },
    end(bytes, start, end) {
      const last = stream.push(unescaped(joined(bytes, start, end)));
      const front = written(last, '');
      const back = written(stream.end(), '"');
      const both = new Uint8Array(front.length + back.length);
      both.set(front);
      both.set(back, front.length);
      return both;
    },
  };
}

function constantString(json: string): LongString {
  const whole = utf8(json);
  let begun = false;
  const push = (): Uint8Array => {
    if (begun) return NO_BYTES;
    begun = true;
    return whole;
  };
  return { push, end: push };
}

/** The end of the last whole escape or character. */
function safeCut(bytes: Uint8Array): number {
  let cut = 0;
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0;
    let size = 1;
    if (byte === 0x5c) size = bytes[at + 1] === 0x75 ? 6 : 2;
    else if (byte >= 0xf0) size = 4;
    else if (byte >= 0xe0) size = 3;
    else if (byte >= 0xc0) size = 2;
    at += size;
    if (at <= bytes.length) cut = at;
  }
  return cut;
}
