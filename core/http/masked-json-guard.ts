// Looks along JSON bytes for what parsers disagree about, without building anything: where documents begin and end, control
// characters in strings, numbers in disguise. Whether it is JSON beyond that is the masker's to say.
import { malformed } from './masked-failure.ts';
import type { JsonLayout } from './masked-json.ts';

export interface JsonGuard {
  /** Throws BodyMaskFailure. */
  check(chunk: Uint8Array): void;
  end(): void;
}

/** Fewer digits are no card and no number of a state. */
const SHORTEST_DISGUISE = 8;
/** Longer ones than the masker takes. */
const MAX_NUMBER = 1024;
/** More zeros than any value has digits. */
const MAX_EXPONENT = 64;

const OTHER = 0;
const QUOTE = 1;
const OPEN = 2;
const CLOSE = 3;
const LINE = 4;
const BLANK = 5;
const MARK = 6;
const SEPARATOR = 7;

const CLASS = new Uint8Array(256);
CLASS[0x22] = QUOTE;
for (const code of [0x7b, 0x5b]) CLASS[code] = OPEN;
for (const code of [0x7d, 0x5d]) CLASS[code] = CLOSE;
for (const code of [0x0a, 0x0d]) CLASS[code] = LINE;
for (const code of [0x20, 0x09]) CLASS[code] = BLANK;
for (const code of [0x2c, 0x3a]) CLASS[code] = MARK;
CLASS[0x1e] = SEPARATOR;

/** Bytes in a string that have to be looked at. */
const IN_STRING = new Uint8Array(256).fill(1, 0, 0x20);
IN_STRING[0x22] = 1;
IN_STRING[0x5c] = 1;

/** `found`: whether detectors would find these digits. */
export function createJsonGuard(layout: JsonLayout, found: (digits: string) => boolean): JsonGuard {
  let depth = 0;
  let inString = false;
  let escaped = false;
  /** A document may begin: at the start, and behind a line end or separator. */
  let fresh = layout !== 'sequence';
  /** The number or literal under way, as far as earlier chunks had it. */
  let held = '';
  let inWord = false;

  function begin(): void {
    if (!fresh) throw malformed('JSON: two documents in one line, or one without its separator');
    fresh = false;
  }

  function wordEnded(): void {
    const text = held;
    inWord = false;
    held = '';
    checkNumber(text);
  }

  function checkNumber(text: string): void {
    if (text.length < SHORTEST_DISGUISE || !/[.eE]/.test(text)) return;
    const digits = wholeNumber(text);
    if (digits !== null && found(digits)) throw hiddenNumber();
  }

  function structure(kind: number): void {
    switch (kind) {
      case OPEN:
        if (depth === 0) begin();
        depth += 1;
        break;
      case CLOSE:
        depth -= 1;
        if (depth < 0) throw malformed('JSON: a bracket that closes nothing');
        break;
      case LINE:
        if (depth === 0) fresh ||= layout !== 'sequence';
        else if (layout === 'lines') throw malformed('JSON lines: a line end within a document');
        break;
      case SEPARATOR:
        if (layout !== 'sequence' || depth > 0) throw malformed('JSON: a control character');
        fresh = true;
        break;
      default:
    }
  }

  /** Through a string to behind its quote, or to the end of the chunk. */
  function string(chunk: Uint8Array, from: number): number {
    const size = chunk.length;
    let at = from;
    inString = true;
    while (at < size) {
      const byte = chunk[at] ?? 0;
      if (byte < 0x20) throw malformed('JSON: a control character in a string');
      at += 1;
      if (escaped) escaped = false;
      else if (byte === 0x22) {
        inString = false;
        return at;
      } else if (byte === 0x5c) escaped = true;
      else while (at < size && IN_STRING[chunk[at] ?? 0] === 0) at += 1;
    }
    return size;
  }

  function word(chunk: Uint8Array, from: number): number {
    const size = chunk.length;
    let at = from;
    while (at < size && CLASS[chunk[at] ?? 0] === OTHER) at += 1;
    if (at < size && held === '') {
      inWord = false;
      if (at - from >= SHORTEST_DISGUISE) checkNumber(ascii(chunk, from, at));
    } else {
      held += ascii(chunk, from, at);
      if (held.length > MAX_NUMBER) throw malformed('JSON: a number of this length');
      inWord = true;
      if (at < size) wordEnded();
    }
    // A number that ends at a separator may have been cut off (RFC 7464 section 2.4).
    if (at < size && chunk[at] === 0x1e) throw malformed('JSON: a record that was cut off');
    return at;
  }

  return {
    check(chunk) {
      const size = chunk.length;
      let at = 0;
      if (inString) at = string(chunk, 0);
      else if (inWord) at = word(chunk, 0);
      while (at < size) {
        const kind = CLASS[chunk[at] ?? 0] ?? OTHER;
        if (kind === MARK || kind === BLANK) at += 1;
        else if (kind === QUOTE) {
          if (depth === 0) begin();
          at = string(chunk, at + 1);
        } else if (kind === OTHER) {
          if (depth === 0) begin();
          at = word(chunk, at);
        } else {
          structure(kind);
          at += 1;
        }
      }
    },
    end() {
      if (inWord) wordEnded();
      if (inString || depth > 0) throw malformed('JSON: the document is not complete');
    },
  };
}

function ascii(chunk: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let at = start; at < end; at += 1) text += String.fromCharCode(chunk[at] ?? 0);
  return text;
}

function hiddenNumber(): Error {
  return malformed(
    'JSON: a number whose digits a detector knows, written with a point or exponent',
  );
}

/** The digits of a number that is a whole one in spite of a point or an exponent; null for others. */
export function wholeNumber(text: string): string | null {
  const match = /^-?(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text);
  if (match === null) return null;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  const shift = Number(exponent);
  if (Math.abs(shift) > MAX_EXPONENT) return null;
  const digits = whole + fraction;
  const point = whole.length + shift;
  if (point <= 0 || /[1-9]/.test(digits.slice(point))) return null;
  return digits.slice(0, point).padEnd(point, '0');
}
