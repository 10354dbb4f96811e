// One short text that is JSON or is not: the data of an event, a message of a WebSocket. What parses as JSON is masked as JSON;
// anything else is text, for detectors only, and refused where fields are to be masked in it.
import { utf8, decodeLossy } from '../bytes.ts';
import { createDetection } from '../masking/detect/detection.ts';
import { maskJsonText } from '../masking/json-stream.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { createScanner, type Scanner } from '../masking/scan.ts';
import { createUtf8Guard } from './masked-bytes.ts';
import { BodyMaskFailure, malformed, tooLarge, type BodyMasks } from './masked-failure.ts';
import { jsonPasses } from './masked-fields.ts';
import { asBody } from './masked-json.ts';
import { createJsonGuard } from './masked-json-guard.ts';

/** A datum is held whole, more than once. UTF-16 code units. */
export const MAX_DATUM = 1024 * 1024;
/** How OpenAI's streams end, and all that copy them: no JSON and no value. */
const SENTINEL = '[DONE]';

export interface DatumMasker {
  /** Throws BodyMaskFailure. The very text where nothing was masked. */
  datum(text: string): string;
  /** Of what is never JSON: a name, an id, a comment. */
  plain(text: string): string;
}

export function createDatumMasker(masks: BodyMasks, maskers: Maskers): DatumMasker {
  const { detect, fields } = masks;
  const scanner = createScanner(detect, maskers, null);
  const detection = createDetection(detect.map(({ detector }) => detector));
  const found = (text: string): number => detection.find(text).length;
  const passes = jsonPasses(fields);
  const steps = passes.map((paths, index) =>
    maskJsonText({
      maskers,
      paths,
      detect: index === passes.length - 1 ? detect : [],
      context: null,
    }),
  );

  function json(text: string): string {
    let bytes: Uint8Array = utf8(text);
    const guard = createJsonGuard('documents', (digits) => found(digits) > 0);
    guard.check(bytes);
    guard.end();
    for (const step of steps) bytes = step(bytes, 0, bytes.length)?.slice() ?? bytes;
    return decodeLossy(bytes);
  }

  function plain(text: string): string {
    const shown = scanner.part(text);
    // JSON in a frame of its own (`42["event",{…}]`) is text here, and its escapes hide from detectors.
    checkHidden(shown, scanner);
    return shown;
  }

  return {
    datum(text) {
      if (text.length > MAX_DATUM) throw tooLarge('a message of this length');
      if (!text.isWellFormed()) throw malformed('half a character');
      if (isJson(text)) return asBody(() => json(text));
      if (text.trim() === '' || text === SENTINEL) return text;
      if (fields.length > 0) throw malformed('text where masked fields are expected in JSON');
      const guard = createUtf8Guard('text');
      guard.check(utf8(text));
      return plain(text);
    },
    plain,
  };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // JSON.parse has no other way to say it.
    return false;
  }
}

/** What escapes of JavaScript and percent triplets in a text stand for; others stay. */
export function unescaped(text: string): string {
  return text
    .replaceAll(/\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})/g, (_, long?: string, short?: string) =>
      String.fromCharCode(Number.parseInt(long ?? short ?? '', 16)),
    )
    .replaceAll(/%([0-7][0-9a-fA-F])/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
}

/** Throws where the escapes of a text that was masked hide another value. */
export function checkHidden(text: string, scanner: Scanner): void {
  if (!text.includes('\\') && !text.includes('%')) return;
  const bare = unescaped(text);
  if (bare !== text && scanner.part(bare) !== bare) throw hidden();
}

export function hidden(): BodyMaskFailure {
  return new BodyMaskFailure(
    'mask_body_hidden',
    'a value in a spelling that cannot be masked in place',
  );
}
