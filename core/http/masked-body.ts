// The way in to masking of bodies: what a body says it is → a masker for its bytes, or why there is none. Types that nobody can
// look through (images, archives, protobuf, multipart, scripts, whatever has no type) are refused while a mask is in force. The
// bytes that come in are decoded already; what a masker gives out may go on at once.
// @see docs/http.md, "Masks"
import { NO_BYTES } from '../bytes.ts';
import type { Result } from '../failure.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { isJson, parseContentType, type ContentType } from './content-type.ts';
import { listMembers, valuesOf, type HeaderList } from './header-list.ts';
import { eventBody } from './masked-events.ts';
import {
  hasKeys,
  malformed,
  refusedBody,
  type BodyMasker,
  type BodyMasks,
  type BodyRefusal,
} from './masked-failure.ts';
import { formBody } from './masked-form.ts';
import { jsonBody } from './masked-json.ts';
import { markupBody } from './masked-markup.ts';
import { tableBody } from './masked-table.ts';
import { textBody } from './masked-text.ts';

export { BodyMaskFailure } from './masked-failure.ts';
export type { BodyMasker, BodyMasks, BodyRefusal, BodyRefusalCode } from './masked-failure.ts';

type Family = 'json' | 'lines' | 'sequence' | 'events' | 'form' | 'csv' | 'tsv' | 'text' | 'markup';

const FAMILIES: Readonly<Record<string, Family>> = {
  'application/x-ndjson': 'lines',
  'application/ndjson': 'lines',
  'application/jsonl': 'lines',
  'application/x-jsonlines': 'lines',
  'application/stream+json': 'lines',
  'application/json-seq': 'sequence',
  'text/event-stream': 'events',
  'application/x-www-form-urlencoded': 'form',
  'text/csv': 'csv',
  'text/tab-separated-values': 'tsv',
  'text/plain': 'text',
  'text/html': 'markup',
  'text/markdown': 'markup',
  'text/xml': 'markup',
  'application/xml': 'markup',
  'application/xhtml+xml': 'markup',
};

/** Parameters that change what bytes mean; any other type parameter of these families is a name or a profile. */
const CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'utf8']);

/** Whether there is anything to do at all. */
export function isMasked({ fields, detect }: BodyMasks): boolean {
  return fields.length > 0 || detect.length > 0;
}

/** `contentType`: the header's value. Masks that are none at all make no sense here; ask `isMasked` first. */
export function bodyMasker(
  contentType: string | null,
  masks: BodyMasks,
  maskers: Maskers,
): Result<BodyMasker, BodyRefusal> {
  if (!hasKeys(masks, maskers))
    return refusedBody('mask_key_missing', 'A mask needs a key that the deployment does not have.');
  if (contentType === null || contentType.trim() === '')
    return refusedBody(
      'mask_body_type',
      'The answer does not say what it is, and masks are in force.',
    );
  const type = parseContentType(contentType);
  if (type === null)
    return refusedBody(
      'mask_body_type',
      'The content type of the answer can be read in more than one way.',
    );
  const family = familyOf(type);
  if (family === null) return refusedBody('mask_body_type', whyNot(type.essence));
  const charset = type.parameters['charset']?.toLowerCase();
  if (charset !== undefined && !CHARSETS.has(charset) && !isAscii(charset))
    return refusedBody('mask_body_charset', 'The answer is in another charset than UTF-8.');
  if (masks.fields.length > 0 && (family === 'text' || family === 'markup'))
    return refusedBody('mask_body_fields', 'Fields of the answer are masked, and a text has none.');
  // RFC 4180 section 3.
  if (masks.fields.length > 0 && type.parameters['header']?.toLowerCase() === 'absent')
    return refusedBody('mask_body_fields', 'Columns of the answer are masked, and it names none.');
  const masker = maskerOf(family, type, masks, maskers);
  return {
    ok: true,
    value: latched(charset !== undefined && isAscii(charset) ? onlyAscii(masker) : masker),
  };
}

export interface MaskedResponse {
  /** Of the request. */
  readonly method: string;
  readonly status: number;
  /** As the target sent them, names in lower case. */
  readonly headers: HeaderList;
  /** The transfer was decoded: Content-Encoding does not describe the bytes any more. */
  readonly decoded: boolean;
}

/** For a whole response: null where its body goes on as it is, because no mask is in force or because it has none. */
export function responseMasker(
  { method, status, headers, decoded }: MaskedResponse,
  masks: BodyMasks,
  maskers: Maskers,
): Result<BodyMasker | null, BodyRefusal> {
  if (!isMasked(masks)) return { ok: true, value: null };
  // RFC 9110 section 6.4.1: these have no body.
  const bodiless = method === 'HEAD' || status === 204 || status === 205 || status === 304;
  if (bodiless) return { ok: true, value: noBody() };
  if (status === 206 || valuesOf(headers, 'content-range').length > 0)
    return refusedBody(
      'mask_body_partial',
      'A part of a document cannot be masked. Ask without Range.',
    );
  const codings = listMembers(valuesOf(headers, 'content-encoding'));
  if (!decoded && codings.some((coding) => coding !== 'identity'))
    return refusedBody(
      'mask_body_encoding',
      'The answer is compressed in a way the gateway does not read.',
    );
  const types = valuesOf(headers, 'content-type');
  // Answers without a body seldom have a type, and do not always say that they are empty.
  if (types.length === 0) return { ok: true, value: noBody() };
  if (types.length > 1) return refusedBody('mask_body_type', 'The answer has two content types.');
  if (
    valuesOf(headers, 'content-length').every(isZero) &&
    valuesOf(headers, 'content-length').length > 0
  )
    return { ok: true, value: noBody() };
  return bodyMasker(types[0] ?? null, masks, maskers);
}

function isZero(length: string): boolean {
  return /^0+$/.test(length);
}

function familyOf(type: ContentType): Family | null {
  const { essence } = type;
  if (Object.hasOwn(FAMILIES, essence)) return FAMILIES[essence] ?? null;
  if (isJson(type)) return 'json';
  if (essence.endsWith('+json-seq')) return 'sequence'; // RFC 8091
  // Drawings run scripts and hold fonts; everything else in XML is text and tags (RFC 7303).
  if (essence.endsWith('+xml') && essence.startsWith('application/')) return 'markup';
  return null;
}

function whyNot(essence: string): string {
  if (essence.startsWith('multipart/')) return 'Answers in several parts cannot be masked.';
  if (/^(?:image|audio|video|font|model)\//.test(essence))
    return 'What an image, a sound or a font shows cannot be masked.';
  if (/javascript|ecmascript/.test(essence))
    return 'Scripts put values together as they run, and cannot be masked.';
  if (/protobuf|grpc|msgpack|cbor|avro|thrift/.test(essence))
    return 'Binary messages cannot be masked; ask for JSON.';
  return 'An answer of this type cannot be looked through.';
}

function maskerOf(
  family: Family,
  type: ContentType,
  masks: BodyMasks,
  maskers: Maskers,
): BodyMasker {
  switch (family) {
    case 'json':
      return jsonBody('documents', masks, maskers);
    case 'lines':
    case 'sequence':
      return jsonBody(family, masks, maskers);
    case 'events':
      return eventBody(masks, maskers);
    case 'form':
      return formBody(masks, maskers);
    case 'csv':
    case 'tsv': {
      const header = type.parameters['header']?.toLowerCase();
      return tableBody(
        {
          delimiter: family === 'csv' ? ',' : '\t',
          header: header === 'present' || header === 'absent' ? header : null,
        },
        masks,
        maskers,
      );
    }
    case 'text':
      return textBody(masks.detect, maskers);
    case 'markup':
      return markupBody(masks.detect, maskers);
    default:
      return family satisfies never;
  }
}

/** Passes that there is nothing, and nothing else. */
function noBody(): BodyMasker {
  return {
    push(chunk) {
      if (chunk.length > 0)
        throw malformed('a body where none was announced, or one without a type');
      return NO_BYTES;
    },
    end: () => NO_BYTES,
  };
}

/** What has failed stays so: bytes that follow would be read without what came before them. */
function latched(masker: BodyMasker): BodyMasker {
  let failure: unknown = null;
  const run = (step: () => Uint8Array): Uint8Array => {
    if (failure !== null) throw failure;
    try {
      return step();
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  return { push: (chunk) => run(() => masker.push(chunk)), end: () => run(() => masker.end()) };
}

function isAscii(charset: string): boolean {
  return charset === 'us-ascii' || charset === 'ascii';
}

/** Browsers read what is not ASCII as Windows-1252, which is another text. */
function onlyAscii(masker: BodyMasker): BodyMasker {
  return {
    push(chunk) {
      for (const byte of chunk) if (byte > 0x7f) throw malformed('bytes that are no ASCII');
      return masker.push(chunk);
    },
    end: () => masker.end(),
  };
}
