// UTF-8 in chunks → text, in pieces that end where their reader says. For bodies that are read by line or by row.
import { createUtf8Guard } from './masked-bytes.ts';
import { utf8, NO_BYTES } from '../bytes.ts';
import { tooLarge, type BodyMasker } from './masked-failure.ts';

export interface TextReader {
  /** Takes what it can of `text` from its start and answers what is shown instead and how much was taken. */
  take(text: string, final: boolean): { readonly shown: string; readonly taken: number };
}

/** A body read as text by `reader`; what it leaves is held, up to `most` code units. */
export function heldText(reader: TextReader, most: number, what: string): BodyMasker {
  const guard = createUtf8Guard('text');
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let held = '';
  /** What is not complete is read anew when it has grown by an eighth: drop by drop is not quadratic. */
  let again = 0;
  function run(text: string, final: boolean): Uint8Array {
    held += text;
    if (held.length > most + text.length) throw tooLarge(what);
    if (held === '' || (!final && held.length < again)) return NO_BYTES;
    const { shown, taken } = reader.take(held, final);
    held = held.slice(taken);
    if (held.length > most) throw tooLarge(what);
    again = held.length * 1.125;
    return shown === '' ? NO_BYTES : utf8(shown);
  }
  return {
    push(chunk) {
      guard.check(chunk);
      return run(decoder.decode(chunk, { stream: true }), false);
    },
    end() {
      guard.end();
      return run(decoder.decode(), true);
    },
  };
}
