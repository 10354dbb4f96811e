// The body of a target's answer in plain bytes. workerd undoes `gzip` and `br` by itself, in exactly that spelling, while the
// body is read, and leaves the header; other spellings and codings arrive packed (measured, docs/http.md). What cannot be undone
// here is handed on as it is, and said to be so: nothing can be masked in it, and no credential found.
// Nothing is gathered: bytes are unpacked as fast as they are read, so a bomb is only a long answer.
import { listMembers, valuesOf, type HeaderList } from '../core/http/header-list.ts';

export interface PlainBody {
  readonly body: ReadableStream<Uint8Array> | null;
  /** A coding was undone: length, coding and digests in the headers are not this body's. */
  readonly decoded: boolean;
  /** Some coding is left. */
  readonly packed: boolean;
}

/** The runtime's own, and only where the header holds nothing else. */
const NATIVE: ReadonlySet<string> = new Set(['gzip', 'br']);
const STREAMS: Readonly<Record<string, 'gzip' | 'deflate'>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate', // with zlib's frame, as RFC 9110 section 8.4.1.2 has it
};

/**
 * `raw`: the request asked the runtime to undo nothing (`encodeResponseBody: 'manual'`).
 * A part of a packed body (206) is no packed body, and stays as it is.
 */
export function plainBody(response: Response, headers: HeaderList, raw: boolean): PlainBody {
  const written = valuesOf(headers, 'content-encoding');
  const codings = listMembers(written).filter((coding) => coding !== 'identity');
  const body = response.body;
  if (codings.length === 0) return { body, decoded: false, packed: false };
  if (!raw && NATIVE.has(written.join(','))) return { body, decoded: true, packed: false };
  const streams = codings.map((coding) =>
    Object.hasOwn(STREAMS, coding) ? STREAMS[coding] : undefined,
  );
  if (response.status === 206 || streams.length > 1 || streams[0] === undefined) {
    return { body, decoded: false, packed: true };
  }
  const plain = body?.pipeThrough(new DecompressionStream(streams[0])) ?? null;
  return { body: plain, decoded: true, packed: false };
}
