// The body of a request, read as far as facts are taken of it: whole where it is small enough, else its beginning and the
// rest of the stream, to be sent on as they come.
import { MAX_FACTS_BODY_BYTES } from '../core/limits.ts';

export type RequestBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** `length`: what was announced; null where the body comes in chunks. */
  | {
      readonly kind: 'streamed';
      readonly stream: ReadableStream<Uint8Array>;
      readonly length: number | null;
    };

/** A body of which nothing comes for so long is given up; the caller holds a place in the session meanwhile. */
const STALL_MS = 30_000;
/** And one that trickles, after this. */
const WHOLE_MS = 120_000;

/** Thrown when the caller does not send what it announced. */
export class BodyUnread extends Error {
  override readonly name = 'BodyUnread';
}

/** `length`: what Content-Length announces; null where the body is chunked. @throws BodyUnread */
export async function readBody(
  stream: ReadableStream<Uint8Array> | null,
  length: number | null,
): Promise<RequestBody> {
  if (stream === null) return { kind: 'none' };
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const end = Date.now() + WHOLE_MS;
  while (size <= MAX_FACTS_BODY_BYTES) {
    const { value, done } = await reading(reader, Math.min(STALL_MS, end - Date.now()));
    if (done) return whole(chunks, size);
    chunks.push(value);
    size += value.length;
  }
  return { kind: 'streamed', stream: rest(reader, chunks), length };
}

function whole(chunks: readonly Uint8Array[], size: number): RequestBody {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  // `Content-Length: 0` is how a POST without a body looks.
  return size === 0 ? { kind: 'none' } : { kind: 'whole', bytes };
}

async function reading(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  patienceMs: number,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new BodyUnread('stalled')), patienceMs);
  });
  try {
    return await Promise.race([reader.read(), stalled]);
  } catch (error) {
    reader.cancel(error).catch(() => undefined); // it is gone already
    throw error instanceof BodyUnread ? error : new BodyUnread('closed');
  } finally {
    clearTimeout(timer);
  }
}

/** What was read, then what comes. */
function rest(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  chunks: Uint8Array[],
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const first = chunks.shift();
      if (first !== undefined) return controller.enqueue(first);
      const { value, done } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}
