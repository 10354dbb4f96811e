// Plain text and terminal output through detectors, cut anywhere: for lines of a log, the output of a command, a terminal.
// Control sequences (ECMA-48: colours, titles) are lifted out before the search and put back behind, so that `grep --color`
// does not cut a value in two; those inside of a masked value come behind it. What a program draws by moving the cursor is
// text out of order, and a value drawn so is not seen. Bytes that are not UTF-8 become U+FFFD.
import { utf8 } from '../bytes.ts';
import { createStreamDetection, type Released } from './detect/stream.ts';
import type { DetectorMask } from './mask.ts';
import type { Maskers } from './maskers/maskers.ts';
import { MASKED } from './maskers/placeholder.ts';
import { TEXT } from './maskers/value-type.ts';
import { kindsOf } from './scan.ts';

export interface TextMasker {
  /** What may go on; text is held back while a value may still be under way. */
  push(chunk: Uint8Array): Uint8Array;
  /** Gives up what is held back, for a prompt that waits: a value cut exactly here is not seen as one. */
  flush(): Uint8Array;
  end(): Uint8Array;
}

export interface TextMaskOptions {
  readonly maskers: Maskers;
  readonly detect: readonly DetectorMask[];
  /** A name for what the text is; context for detectors. */
  readonly context: string | null;
}

/** CSI … final byte; OSC, DCS, PM, APC … BEL or ST; two-byte sequences. */
const SEQUENCE =
  // oxlint-disable-next-line no-control-regex
  /\u001b(?:\[[0-?]{0,256}[ -/]{0,16}[@-~]|[\]PX^_][^\u0007\u001b]{0,4096}(?:\u0007|\u001b\\)|[ -/]{0,4}[0-OQ-WYZ\\`-~])/g;
/** A sequence that has not come to its end is held back up to this; then it is text. Code units. */
const LONGEST_SEQUENCE = 4200;

interface Lifted {
  readonly sequence: string;
  /** Code units of text, from the beginning of the stream, that stand in front of it. */
  readonly at: number;
}

export function createTextMasker({ maskers, detect, context }: TextMaskOptions): TextMasker {
  const kinds = kindsOf(detect);
  for (const kind of kinds.values()) maskers.require(kind);
  const stream = createStreamDetection([...kinds.keys()], context === null ? {} : { context });
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let cut = '';
  let lifted: Lifted[] = [];
  let taken = 0;
  let released = 0;

  /** The text without its sequences, which are noted; an unfinished one waits. */
  function lift(text: string, final: boolean): string {
    const whole = cut + text;
    cut = '';
    let plain = '';
    let from = 0;
    for (const match of whole.matchAll(SEQUENCE)) {
      plain += whole.slice(from, match.index);
      lifted.push({ sequence: match[0], at: taken + plain.length });
      from = match.index + match[0].length;
    }
    let rest = whole.slice(from);
    const escape = final ? -1 : rest.indexOf('\u001b');
    if (escape !== -1 && rest.length - escape <= LONGEST_SEQUENCE) {
      cut = rest.slice(escape);
      rest = rest.slice(0, escape);
    }
    plain += rest;
    taken += plain.length;
    return plain;
  }

  function shown({ text, findings }: Released): string {
    const base = released;
    released += text.length;
    let masked = '';
    let at = 0;
    /** Text up to `to`, with the sequences that stand in it. */
    const plain = (to: number): void => {
      for (let next = lifted[0]; next !== undefined && next.at - base <= to; next = lifted[0]) {
        const stop = Math.max(at, next.at - base);
        masked += text.slice(at, stop) + next.sequence;
        at = stop;
        lifted.shift();
      }
      masked += text.slice(at, to);
      at = to;
    };
    for (const { start, end, detector } of findings) {
      plain(start);
      const kind = kinds.get(detector) ?? 'redact';
      masked += maskers.mask(kind, text.slice(start, end), { type: TEXT, detector }) ?? MASKED;
      at = end;
    }
    plain(text.length);
    return masked;
  }

  return {
    push: (chunk) => utf8(shown(stream.push(lift(decoder.decode(chunk, { stream: true }), false)))),
    flush() {
      const front = shown(stream.push(lift('', true)));
      return utf8(front + shown(stream.flush()));
    },
    end() {
      const front = shown(stream.push(lift(decoder.decode(), true)));
      return utf8(front + shown(stream.end()));
    },
  };
}
