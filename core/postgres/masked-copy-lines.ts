// Where rows and fields of COPY data in text and CSV begin and end, and how a field is read and written (manual page COPY,
// "File Formats"). Bytes: delimiter, quote and escape are single ones, and UTF-8 has none of them inside of a character.
// Both go over plain bytes by a table: what means something in a format is rare.
import type { ByteSink } from '../masking/byte-sink.ts';
import type { CopyOutFormat } from '../masking/mask.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;

/** Goes over bytes once, however they come. */
export interface LineCutter {
  /** Fields of the row that was cut. */
  readonly count: number;
  /** Where they end, counted from the row's start; what lies behind `count` is left over. Grows with the widest row. */
  readonly ends: Uint32Array;
  /** Whether a quote or an escape stands in it: elsewhere every field is read as it is. */
  readonly marked: boolean;
  /** End of the row that starts at `start`, its newline included; -1 when it is not there yet. Then ask with the same row. */
  cut(bytes: Uint8Array, start: number, end: number): number;
}

export interface FieldFormat {
  /** The content of a field of bytes[start, end) is appended to the sink; false: it is these very bytes. */
  read(bytes: Uint8Array, start: number, end: number, sink: ByteSink): boolean;
  /** Whether the content bytes[start, end) is written as it is. */
  plain(bytes: Uint8Array, start: number, end: number, wasQuoted: boolean): boolean;
  /** Appends what is not plain. `content` is none of the sink's own bytes. */
  write(content: Uint8Array, length: number, sink: ByteSink): void;
}

function tableOf(...bytes: readonly number[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of bytes) if (byte >= 0) table[byte] = 1;
  return table;
}

export function createLineCutter({ format, delimiter, quote, escape }: CopyOutFormat): LineCutter {
  const csv = format === 'csv';
  const delimiterByte = delimiter.charCodeAt(0);
  const quoteByte = csv ? quote.charCodeAt(0) : -1;
  const escapeByte = csv ? escape.charCodeAt(0) : BACKSLASH;
  const special = tableOf(delimiterByte, quoteByte, escapeByte, NEWLINE);
  let ends = new Uint32Array(64);
  let count = 0;
  let marked = false;
  /** How far the row was looked at. */
  let looked = 0;
  let inside = false;
  let begun = false;

  /** In CSV it escapes a quote and itself, and means itself before anything else: skipping any byte is the same. */
  function escapes(inside: boolean): boolean {
    return !csv || (inside && escapeByte !== quoteByte);
  }

  function ended(at: number): void {
    if (count === ends.length) {
      const grown = new Uint32Array(count * 2);
      grown.set(ends);
      ends = grown;
    }
    ends[count] = at;
    count += 1;
  }

  return {
    get count() {
      return count;
    },
    get ends() {
      return ends;
    },
    get marked() {
      return marked;
    },
    cut(bytes, start, end) {
      if (!begun) {
        count = 0;
        marked = false;
        begun = true;
      }
      const table = special;
      let at = start + looked;
      for (; at < end; at += 1) {
        let byte = bytes[at] ?? 0;
        // A loop of its own for what is only stepped over, which is most.
        while (table[byte] === 0) {
          at += 1;
          if (at >= end) break;
          byte = bytes[at] ?? 0;
        }
        if (at >= end) break;
        if (byte === escapeByte && escapes(inside)) {
          marked = true;
          at += 1;
        } else if (byte === quoteByte) {
          inside = !inside;
          marked = true;
        } else if (!inside) {
          if (byte === delimiterByte) ended(at - start);
          else if (byte === NEWLINE) {
            ended(at - start);
            looked = 0;
            begun = false;
            return at + 1;
          }
        }
      }
      looked = at - start;
      return -1;
    },
  };
}

export function createFieldFormat(format: CopyOutFormat): FieldFormat {
  return format.format === 'csv' ? csvFields(format) : textFields(format);
}

/** Letters behind a backslash, and what they stand for. */
const ESCAPES: readonly (readonly [letter: number, byte: number])[] = [
  [0x62, 0x08], // b
  [0x66, 0x0c], // f
  [0x6e, NEWLINE], // n
  [0x72, RETURN], // r
  [0x74, 0x09], // t
  [0x76, 0x0b], // v
];

function textFields({ delimiter }: CopyOutFormat): FieldFormat {
  const delimiterByte = delimiter.charCodeAt(0);
  /** By the byte behind a backslash: what both mean. */
  const means = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  /** By a byte: what is written behind a backslash for it; 0 where it stands for itself. */
  const letters = new Uint8Array(256);
  for (const [letter, byte] of ESCAPES) {
    means[letter] = byte;
    letters[byte] = letter;
  }
  letters[BACKSLASH] = BACKSLASH;
  if (letters[delimiterByte] === 0) letters[delimiterByte] = delimiterByte;
  return {
    read(bytes, start, end, sink) {
      let at = start;
      while (at < end && bytes[at] !== BACKSLASH) at += 1;
      if (at === end) return false;
      sink.append(bytes, start, at);
      while (at < end) {
        let byte = bytes[at] ?? 0;
        at += 1;
        // Octal and hexadecimal escapes are for COPY FROM; the server never writes them.
        if (byte === BACKSLASH && at < end) {
          byte = means[bytes[at] ?? 0] ?? 0;
          at += 1;
        }
        sink.byte(byte);
      }
      return true;
    },
    plain(bytes, start, end) {
      for (let at = start; at < end; at += 1) if (letters[bytes[at] ?? 0] !== 0) return false;
      return true;
    },
    write(content, length, sink) {
      for (let at = 0; at < length; at += 1) {
        const byte = content[at] ?? 0;
        const letter = letters[byte] ?? 0;
        if (letter !== 0) sink.byte(BACKSLASH);
        sink.byte(letter === 0 ? byte : letter);
      }
    },
  };
}

function csvFields({ delimiter, quote, escape, null: nothing }: CopyOutFormat): FieldFormat {
  const quoteByte = quote.charCodeAt(0);
  const escapeByte = escape.charCodeAt(0);
  const special = tableOf(delimiter.charCodeAt(0), quoteByte, NEWLINE, RETURN);
  return {
    read(bytes, start, end, sink) {
      let quoted = false;
      for (let at = start; at < end && !quoted; at += 1) quoted = bytes[at] === quoteByte;
      if (!quoted) return false;
      let inside = false;
      for (let at = start; at < end; at += 1) {
        const byte = bytes[at] ?? 0;
        const next = at + 1 < end ? bytes[at + 1] : -1;
        if (inside && byte === escapeByte && (next === quoteByte || next === escapeByte)) {
          sink.byte(next ?? 0);
          at += 1;
        } else if (byte === quoteByte) inside = !inside;
        else sink.byte(byte);
      }
      return true;
    },
    plain(bytes, start, end, wasQuoted) {
      if (wasQuoted || isText(bytes, start, end, nothing) || isText(bytes, start, end, '\\.'))
        return false;
      for (let at = start; at < end; at += 1) if (special[bytes[at] ?? 0] !== 0) return false;
      return true;
    },
    write(content, length, sink) {
      sink.byte(quoteByte);
      for (let at = 0; at < length; at += 1) {
        const byte = content[at] ?? 0;
        if (byte === quoteByte || byte === escapeByte) sink.byte(escapeByte);
        sink.byte(byte);
      }
      sink.byte(quoteByte);
    },
  };
}

function isText(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let at = 0; at < text.length; at += 1)
    if (bytes[start + at] !== text.charCodeAt(at)) return false;
  return true;
}
