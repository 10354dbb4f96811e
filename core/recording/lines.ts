// Bytes to lines, wherever the stream is cut. UTF-8 is decoded strictly: a replacement character would hide an edit.

export interface LineReader {
  /** The lines that this chunk completes, without their line feeds. @throws TypeError when it is not UTF-8 */
  push(chunk: Uint8Array): string[];
  /** What stands after the last line feed: empty when the stream ended where a line does. @throws TypeError as above */
  rest(): string;
}

export function createLineReader(): LineReader {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let pending: string[] = [];
  return {
    push(chunk) {
      const pieces = decoder.decode(chunk, { stream: true }).split('\n');
      const last = pieces.pop() ?? '';
      if (pieces.length > 0) {
        pieces[0] = pending.join('') + (pieces[0] ?? '');
        pending = [];
      }
      if (last !== '') pending.push(last);
      return pieces;
    },
    rest() {
      return pending.join('') + decoder.decode();
    },
  };
}
