// JSON bodies through masks: documents one after another, each on lines of its own, NDJSON and RFC 7464 sequences. The masker is
// core/masking/json-stream.ts's; this refuses what it would let pass and another parser would read differently: bytes that are
// no UTF-8, bare line ends in strings, two documents in a line, a number spelled so that no detector knows it.
import { concatBytes, NO_BYTES } from '../bytes.ts';
import { ByteSink } from '../masking/byte-sink.ts';
import { createDetection } from '../masking/detect/detection.ts';
import { createJsonMasker, JsonFailure, type JsonMasker } from '../masking/json-stream.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { createUtf8Guard } from './masked-bytes.ts';
import { malformed, type BodyMasker, type BodyMasks } from './masked-failure.ts';
import { jsonPasses } from './masked-fields.ts';
import { createJsonGuard } from './masked-json-guard.ts';

/** documents: any layout. lines: a document a line. sequence: each behind a record separator (RFC 7464). */
export type JsonLayout = 'documents' | 'lines' | 'sequence';

const RECORD_SEPARATOR = 0x1e;
/** What keeps scripts from reading JSON across origins; clients cut it off. Anything else is refused as what it is, no JSON. */
const PREFIX = /^(?:\u00EF\u00BB\u00BF)?(?:\)\]\}',?\r?\n)?/;
const LONGEST_PREFIX = 10;

export function jsonBody(layout: JsonLayout, masks: BodyMasks, maskers: Maskers): BodyMasker {
  const { detect } = masks;
  const masker = jsonPipeline(masks, maskers);
  const utf8 = createUtf8Guard('json');
  const detection = createDetection(detect.map(({ detector }) => detector));
  const guard = createJsonGuard(layout, (digits) => detection.find(digits).length > 0);
  const out = new ByteSink();
  /** The first bytes, while a prefix may still be coming; null from then on. */
  let head: Uint8Array | null = NO_BYTES;

  /** Valid until the next call. */
  function through(chunk: Uint8Array): Uint8Array {
    utf8.check(chunk);
    guard.check(chunk);
    if (layout !== 'sequence') return masker.push(chunk);
    out.clear();
    for (let from = 0; from < chunk.length;) {
      const separator = chunk.indexOf(RECORD_SEPARATOR, from);
      const to = separator === -1 ? chunk.length : separator;
      // The guard has seen to it that nothing is under way at a separator.
      out.append(masker.push(chunk.subarray(from, to)));
      if (separator !== -1) out.byte(RECORD_SEPARATOR);
      from = separator === -1 ? to : to + 1;
    }
    return out.view();
  }

  function pushed(chunk: Uint8Array, final: boolean): Uint8Array {
    if (head === null) return through(chunk);
    const whole = concatBytes([head, chunk]);
    const first = whole[0];
    const open = first === undefined || first === 0xef || first === 0x29;
    if (!final && open && whole.length < LONGEST_PREFIX) {
      head = whole;
      return NO_BYTES;
    }
    head = null;
    const start = String.fromCharCode(...whole.subarray(0, LONGEST_PREFIX));
    const length = PREFIX.exec(start)?.[0].length ?? 0;
    return concatBytes([whole.subarray(0, length), through(whole.subarray(length))]);
  }

  return {
    push: (chunk) => asBody(() => pushed(chunk, false)),
    end: () =>
      asBody(() => {
        const last = pushed(NO_BYTES, true).slice();
        utf8.end();
        guard.end();
        return concatBytes([last, masker.end()]);
      }),
  };
}

/** One masker, or two in a row; detectors look at what the last one leaves. */
function jsonPipeline({ fields, detect }: BodyMasks, maskers: Maskers): JsonMasker {
  const [first = [], second] = jsonPasses(fields);
  if (second === undefined) {
    return createJsonMasker({ maskers, detect, paths: first, context: null });
  }
  const front = createJsonMasker({ maskers, detect: [], paths: first, context: null });
  const back = createJsonMasker({ maskers, detect, paths: second, context: null });
  return {
    push: (chunk) => back.push(front.push(chunk)),
    end: () => concatBytes([back.push(front.end()).slice(), back.end()]),
  };
}

/** A failure of the JSON masker in the words of bodies. */
export function asBody<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof JsonFailure) throw malformed(`JSON: ${error.message}`);
    throw error;
  }
}
