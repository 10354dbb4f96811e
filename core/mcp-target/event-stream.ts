// A server's event stream, cut into the data of its events. Ids and retry times are left behind: nothing can be resumed
// through the gateway.
// @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream

export class EventStreamFailure extends Error {
  override readonly name = 'EventStreamFailure';
}

/** One event, UTF-16 code units. A message is held whole. */
export const MAX_EVENT_LENGTH = 8 * 1024 * 1024;

export interface EventReader {
  /** Data of the events that are complete now. @throws EventStreamFailure */
  push(chunk: Uint8Array): string[];
}

export function createEventReader(): EventReader {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let line = '';
  let afterReturn = false;
  let data: string[] = [];
  let size = 0;

  function ended(found: string[]): void {
    if (line === '') {
      if (data.length > 0) found.push(data.join('\n'));
      data = [];
      size = 0;
      return;
    }
    const colon = line.indexOf(':');
    const field = colon === -1 ? line : line.slice(0, colon);
    if (field === 'data') data.push(colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, ''));
    line = '';
  }

  return {
    push(chunk) {
      let text: string;
      try {
        text = decoder.decode(chunk, { stream: true });
      } catch {
        throw new EventStreamFailure('bytes that are no UTF-8');
      }
      const found: string[] = [];
      for (const piece of text.split(/(\r\n|\r|\n)/)) {
        if (piece === '\r\n' || piece === '\r' || piece === '\n') {
          // CR at the end of one chunk and LF at the beginning of the next are one line break.
          const half = piece === '\n' && afterReturn;
          afterReturn = piece === '\r';
          if (!half) ended(found);
          continue;
        }
        if (piece === '') continue;
        afterReturn = false;
        line += piece;
        size += piece.length;
        if (size > MAX_EVENT_LENGTH) throw new EventStreamFailure('an event of this length');
      }
      return found;
    },
  };
}
