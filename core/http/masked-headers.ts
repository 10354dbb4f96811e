// Response headers through detectors, and messages of a WebSocket. A value that stands in a header as it is is masked in its
// place; one in a URL, or in a spelling that cannot be masked in place, takes the header with it. Masks by field do not apply:
// a header is no document.
import type { Result } from '../failure.ts';
import { decodeUtf8 } from '../bytes.ts';
import { createDetection } from '../masking/detect/detection.ts';
import { HIDDEN } from '../masking/maskers/placeholder.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { createScanner } from '../masking/scan.ts';
import { isHeaderValue, type Header, type HeaderList } from './header-list.ts';
import { foldedName } from './header-tables.ts';
import { createDatumMasker, unescaped } from './masked-datum.ts';
import {
  hasKeys,
  refusedBody,
  malformed,
  type BodyMasks,
  type BodyRefusal,
} from './masked-failure.ts';

/** Followed or compared, not read: half of one is worse than none. */
const WHOLE: ReadonlySet<string> = new Set(
  'location content-location link refresh set-cookie content-type content-disposition etag'.split(
    ' ',
  ),
);
/** Dates (RFC 9110 section 5.6.7) and short numbers: no value hides there, and the message needs them. */
const HARMLESS =
  /^(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT|\d{1,7})$/;
/** RFC 2047: Base64 or quoted-printable in a header. No service needs it, and some clients read it. */
const ENCODED_WORD = /=\?[^?\s]*\?[bq]\?/i;

/** `headers` as they would be answered with (headers.ts), names in lower case. */
export function maskedHeaders(
  headers: HeaderList,
  { detect }: Pick<BodyMasks, 'detect'>,
  maskers: Maskers,
): HeaderList {
  if (detect.length === 0) return headers;
  const detection = createDetection(detect.map(({ detector }) => detector));
  const found = (text: string): boolean => detection.find(text).length > 0;

  function masked(name: string, value: string): string | null {
    if (HARMLESS.test(value)) return value;
    const text = readable(value);
    const shown = createScanner(detect, maskers, name).part(text);
    if (shown !== text && WHOLE.has(foldedName(name))) return null;
    if (ENCODED_WORD.test(text) || readings(shown).some(found)) return null;
    if (shown === text) return value;
    const written = shown.replaceAll(HIDDEN, '*');
    // What is neither ASCII nor masked would need an encoding of its own.
    return isHeaderValue(written) && /^[\t -~]*$/.test(written) ? written : null;
  }

  return headers.flatMap(([name, value]): readonly Header[] => {
    if (found(name) || readings(name).some(found)) return [];
    const shown = masked(name, value);
    return shown === null ? [] : [[name, shown]];
  });
}

/** Fetch gives a character for each byte; most servers mean UTF-8. */
function readable(value: string): string {
  return decodeUtf8(Uint8Array.from(value, (char) => char.charCodeAt(0))) ?? value;
}

/** Other readings of what is left: percent triplets once and twice, escapes, quoted pairs, `+` for a blank. */
function readings(text: string): readonly string[] {
  const once = unescaped(text);
  const all = [once, unescaped(once), text.replaceAll('\\', ''), once.replaceAll('+', ' ')];
  return [...new Set(all)].filter((each) => each !== text);
}

export interface MessageMasker {
  /** Throws BodyMaskFailure, also for every binary message. */
  message(data: string | Uint8Array): string;
}

/** Messages of one WebSocket, either way: JSON or text each. */
export function messageMasker(
  masks: BodyMasks,
  maskers: Maskers,
): Result<MessageMasker, BodyRefusal> {
  if (!hasKeys(masks, maskers))
    return refusedBody('mask_key_missing', 'A mask needs a key that the deployment does not have.');
  const masker = createDatumMasker(masks, maskers);
  return {
    ok: true,
    value: {
      message(data) {
        if (typeof data !== 'string') throw malformed('a binary message');
        return masker.datum(data);
      },
    },
  };
}
