// Bytes as one certain text, or not at all: UTF-8 (RFC 3629) without overlong forms, and in text no control characters that
// readers drop or act on. A detector and a reader that see two texts are how a value walks past: UTF-16 read as UTF-8 is digits
// with zero bytes in between, Latin-1 makes another name of a key.
import { malformed } from './masked-failure.ts';

/** Goes over chunks in order; throws BodyMaskFailure. */
export interface Utf8Guard {
  check(chunk: Uint8Array): void;
  end(): void;
}

/** Lowest and highest second byte, by lead byte: RFC 3629 section 4. */
function secondRange(lead: number): readonly [number, number] {
  switch (lead) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}

/** `\t \n \v \f \r`, ESC and BEL, which terminal colours and titles are made of. */
const TEXT_CONTROLS: ReadonlySet<number> = new Set([0x07, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1b]);
const JSON_CONTROLS: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0d, 0x1e]);

const PLAIN = 0;
const CONTROL = 1;
const LEAD = 2;
const BAD = 3;

function classes(controls: ReadonlySet<number>): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte += 1) {
    if (byte < 0x20 || byte === 0x7f) table[byte] = controls.has(byte) ? PLAIN : CONTROL;
    else if (byte < 0x80) table[byte] = PLAIN;
    else table[byte] = byte >= 0xc2 && byte <= 0xf4 ? LEAD : BAD;
  }
  // Allowed in JSON strings (RFC 8259 section 7), and harmless.
  if (controls === JSON_CONTROLS) table[0x7f] = PLAIN;
  return table;
}

const TEXT_CLASSES = classes(TEXT_CONTROLS);
const JSON_CLASSES = classes(JSON_CONTROLS);

export function createUtf8Guard(use: 'text' | 'json'): Utf8Guard {
  const table = use === 'text' ? TEXT_CLASSES : JSON_CLASSES;
  /** Continuation bytes that are still due, and the range of the next one. */
  let due = 0;
  let low = 0x80;
  let high = 0xbf;
  let lead = 0;

  function lone(byte: number): void {
    if (due > 0) {
      if (byte < low || byte > high) throw malformed('bytes that are no UTF-8');
      // U+0080 to U+009F: control characters again, which terminals obey.
      if (use === 'text' && lead === 0xc2 && byte < 0xa0 && byte !== 0x85)
        throw malformed('a control character');
      due -= 1;
      lead = 0;
      low = 0x80;
      high = 0xbf;
      return;
    }
    switch (table[byte]) {
      case PLAIN:
        return;
      case CONTROL:
        throw malformed('a control character');
      case LEAD:
        lead = byte;
        due = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
        [low, high] = secondRange(byte);
        return;
      default:
        throw malformed('bytes that are no UTF-8');
    }
  }

  return {
    check(chunk) {
      const size = chunk.length;
      for (let at = 0; at < size; at += 1) {
        if (due > 0) {
          lone(chunk[at] ?? 0);
          continue;
        }
        while (at < size && table[chunk[at] ?? 0] === PLAIN) at += 1;
        if (at < size) lone(chunk[at] ?? 0);
      }
    },
    end() {
      if (due > 0) throw malformed('bytes that are no UTF-8');
    },
  };
}
