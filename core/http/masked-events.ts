// Server-sent events through masks, event by event and without delay. The data of an event is put together as a browser does,
// masked as JSON or as text, and written back; everything else of it is looked through line by line. Events that nothing is
// masked in go on byte for byte. What is told in pieces over several events (a model's words, one by one) is seen in pieces.
// @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
import { NO_BYTES, utf8 } from '../bytes.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { createUtf8Guard } from './masked-bytes.ts';
import { createDatumMasker, MAX_DATUM } from './masked-datum.ts';
import { malformed, tooLarge, type BodyMasker, type BodyMasks } from './masked-failure.ts';

/** Of one event: a line of nothing takes memory too. */
const MAX_LINES = 65_536;

interface Line {
  readonly text: string;
  /** LF, CR or CRLF; empty for a last line that was cut off. */
  end: string;
}

export function eventBody(masks: BodyMasks, maskers: Maskers): BodyMasker {
  const masker = createDatumMasker(masks, maskers);
  const byField = masks.fields.length > 0;
  const guard = createUtf8Guard('text');
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let begun = false;
  /** The line under way, in the pieces that it came in. */
  let pieces: string[] = [];
  /** The last line ended with CR: a LF right behind belongs to it. */
  let afterReturn = false;
  let lines: Line[] = [];
  /** Of the event under way, code units. */
  let size = 0;

  function run(text: string, final: boolean): Uint8Array {
    let shown = '';
    for (let at = 0; at < text.length;) {
      if (!begun) {
        begun = true;
        if (text.startsWith('\u{FEFF}')) {
          shown += '\u{FEFF}';
          at = 1;
          continue;
        }
      }
      if (afterReturn) {
        afterReturn = false;
        if (text.charAt(at) === '\n') {
          const last = lines.at(-1);
          // Without a line, it was the empty one that ended an event.
          if (last === undefined) shown += '\n';
          else last.end = '\r\n';
          at += 1;
          continue;
        }
      }
      let to = at;
      while (to < text.length && text.charCodeAt(to) !== 0x0a && text.charCodeAt(to) !== 0x0d)
        to += 1;
      pieces.push(text.slice(at, to));
      size += to - at;
      if (size > MAX_DATUM || lines.length > MAX_LINES) throw tooLarge('an event of this length');
      if (to < text.length) shown += lineEnded(text.charAt(to));
      at = to + 1;
    }
    if (final) {
      if (pieces.some((piece) => piece !== '')) lines.push({ text: pieces.join(''), end: '' });
      shown += event();
    }
    return shown === '' ? NO_BYTES : utf8(shown);
  }

  function lineEnded(end: string): string {
    const text = pieces.join('');
    pieces = [];
    lines.push({ text, end });
    afterReturn = end === '\r';
    // Somebody waits for the event that an empty line ends.
    return text === '' ? event() : '';
  }

  function event(): string {
    const own = lines;
    lines = [];
    size = 0;
    const values = own.flatMap(({ text }) => dataOf(text) ?? []);
    const data = values.join('\n');
    const masked = values.length === 0 ? data : masker.datum(data);
    let shown = '';
    let written = false;
    for (const { text, end } of own) {
      if (dataOf(text) === null) shown += otherLine(text, end);
      else if (masked === data) shown += text + end;
      else if (!written) {
        written = true;
        // A line that was cut off has no end to repeat.
        const between = end === '' ? '\n' : end;
        const all = masked.split('\n').map((piece) => `data: ${piece}`);
        shown += all.join(between) + end;
      }
    }
    return shown;
  }

  function otherLine(text: string, end: string): string {
    const name = text.split(':', 1)[0] ?? '';
    switch (name) {
      case 'event':
      case 'id':
      case 'retry':
        if (byField && /[{["]/.test(text)) throw malformed('events: fields in a name or an id');
        return masker.plain(text) + end;
      case '':
        // A comment keeps the connection alive without its words.
        return text === '' ? end : (byField ? ':' : masker.plain(text)) + end;
      default:
        // Nobody reads it; whether it holds a masked field cannot be told.
        return byField ? '' : masker.plain(text) + end;
    }
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

/** What a `data` line adds; null for any other. */
function dataOf(line: string): string | null {
  if (line === 'data') return '';
  if (!line.startsWith('data:')) return null;
  return line.startsWith('data: ') ? line.slice(6) : line.slice(5);
}
