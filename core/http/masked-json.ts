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

  /** Without what is before the first document, which goes on as it is. */
  function begun(chunk: Uint8Array, final: boolean): Uint8Array {
    if (head === null) return chunk;
    const whole = new Uint8Array(head.length + chunk.length);
    whole.set(head);
    whole.set(chunk, head.length);
    const first = whole[0] ?? 0;
    if (
      !final &&
      whole.length < LONGEST_PREFIX &&
      (first === 0xef || first === 0x29 || whole.length === 0)
    ) {
      head = whole;
      return NO_BYTES;
    }
    head = null;
    const start = String.fromCharCode(...whole.subarray(0, LONGEST_PREFIX));
    const length = PREFIX.exec(start)?.[0].length ?? 0;
    out.append(whole, 0, length);
    return whole.subarray(length);
  }

  function through(chunk: Uint8Array): void {
    utf8.check(chunk);
    guard.check(chunk);
    for (let from = 0; from < chunk.length;) {
      const separator = layout === 'sequence' ? chunk.indexOf(RECORD_SEPARATOR, from) : -1;
      const to = separator === -1 ? chunk.length : separator;
      // The guard has seen to it that nothing is under way at a separator.
      out.append(masker.push(chunk.subarray(from, to)));
      if (separator !== -1) out.byte(RECORD_SEPARATOR);
      from = separator === -1 ? to : to + 1;
    }
  }

  return {
    push: (chunk) => {
      out.clear();
      asBody(() => through(begun(chunk, false)));
      return out.view();
    },
    end() {
      out.clear();
      asBody(() => {
        through(begun(NO_BYTES, true));
        utf8.end();
        guard.end();
        out.append(masker.end());
      });
      return out.view();
    },
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
