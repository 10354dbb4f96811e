// Where rows and fields of COPY data in text and CSV begin and end, and how a field is read and written (manual page COPY,
// "File Formats"). Bytes: delimiter, quote and escape are single ones, and UTF-8 has none of them inside of a character.
import type { ByteSink } from '../masking/byte-sink.ts';
import type { CopyOutFormat } from '../masking/mask.ts';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BACKSLASH = 0x5c;

/** Goes over bytes once, however they come. */
export interface LineCutter {
  /** Ends of the fields of the row that was cut, counted from its start. */
  readonly ends: readonly number[];
  /** End of the row that starts at `start`, its newline included; -1 when it is not there yet. Then ask with the same row. */
  cut(bytes: Uint8Array, start: number, end: number): number;
}

export interface FieldFormat {
  /** The content of a field of bytes[start, end) is appended to the sink; false: it is these very bytes. */
  read(bytes: Uint8Array, start: number, end: number, sink: ByteSink): boolean;
  write(content: Uint8Array, length: number, wasQuoted: boolean, sink: ByteSink): void;
}

export function createLineCutter({ format, delimiter, quote, escape }: CopyOutFormat): LineCutter {
  const csv = format === 'csv';
  const delimiterByte = delimiter.charCodeAt(0);
  const quoteByte = csv ? quote.charCodeAt(0) : -1;
  const escapeByte = csv ? escape.charCodeAt(0) : BACKSLASH;
  let ends: number[] = [];
  /** How far the row was looked at. */
  let looked = 0;
  let inside = false;
  let begun = false;
  return {
    get ends() {
      return ends;
    },
    cut(bytes, start, end) {
      if (!begun) {
        ends = [];
        begun = true;
      }
      let at = start + looked;
      while (at < end) {
        const byte = bytes[at];
        if (byte === escapeByte && (csv ? inside && escapeByte !== quoteByte : true)) {
          // In CSV it escapes a quote and itself, and means itself before anything else: skipping any byte is the same.
          at += 2;
          continue;
        }
        if (byte === quoteByte) inside = !inside;
        else if (!inside) {
          if (byte === delimiterByte) ends.push(at - start);
          else if (byte === NEWLINE) {
            ends.push(at - start);
            looked = 0;
            begun = false;
            return at + 1;
          }
        }
        at += 1;
      }
      looked = at - start;
      return -1;
    },
  };
}

export function createFieldFormat(format: CopyOutFormat): FieldFormat {
  return format.format === 'csv' ? csvFields(format) : textFields(format);
}

const ESCAPES: ReadonlyMap<number, number> = new Map([
  [0x62, 0x08], // b
  [0x66, 0x0c], // f
  [0x6e, NEWLINE], // n
  [0x72, RETURN], // r
  [0x74, 0x09], // t
  [0x76, 0x0b], // v
]);
const LETTERS: ReadonlyMap<number, number> = new Map(
  [...ESCAPES].map(([letter, byte]) => [byte, letter]),
);

function textFields({ delimiter }: CopyOutFormat): FieldFormat {
  const delimiterByte = delimiter.charCodeAt(0);
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
          const escaped = bytes[at] ?? 0;
          byte = ESCAPES.get(escaped) ?? escaped;
          at += 1;
        }
        sink.byte(byte);
      }
      return true;
    },
    write(content, length, _wasQuoted, sink) {
      for (let at = 0; at < length; at += 1) {
        const byte = content[at] ?? 0;
        const letter = LETTERS.get(byte);
        if (letter !== undefined || byte === BACKSLASH || byte === delimiterByte) {
          sink.byte(BACKSLASH);
          sink.byte(letter ?? byte);
        } else sink.byte(byte);
      }
    },
  };
}

function csvFields({ delimiter, quote, escape, null: nothing }: CopyOutFormat): FieldFormat {
  const delimiterByte = delimiter.charCodeAt(0);
  const quoteByte = quote.charCodeAt(0);
  const escapeByte = escape.charCodeAt(0);
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
    write(content, length, wasQuoted, sink) {
      let plain =
        !wasQuoted && !isText(content, length, nothing) && !isText(content, length, '\\.');
      for (let at = 0; at < length && plain; at += 1) {
        const byte = content[at];
        plain = byte !== delimiterByte && byte !== quoteByte && byte !== NEWLINE && byte !== RETURN;
      }
      if (plain) return sink.append(content, 0, length);
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

function isText(content: Uint8Array, length: number, text: string): boolean {
  if (length !== text.length) return false;
  for (let at = 0; at < length; at += 1) if (content[at] !== text.charCodeAt(at)) return false;
  return true;
}
