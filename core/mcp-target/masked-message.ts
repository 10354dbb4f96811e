// A server's message through the caller's masks. Paths are those of the result (or of an error, or a notification's params).
// Many tools give the same data once as structured content and once as JSON in a text, so texts that are JSON are masked as
// the document they hold; a text that is none, and every picture or file, is withheld where it cannot be held to the masks.
import type { Json } from '../facts.ts';
import { createDatumMasker } from '../http/masked-datum.ts';
import { BodyMaskFailure, type BodyMasks } from '../http/masked-failure.ts';
import type { Maskers } from '../masking/maskers/maskers.ts';
import { parseExact } from './answer.ts';
import { isObject, type JsonObject } from './message.ts';

/** JSON in a string in JSON in a string: each level doubles the backslashes. */
const MAX_LEVELS = 4;
const WITHHELD =
  '(withheld by the gateway: it cannot be held to the masks that are in force for you)';
/** Of a message, what the server has filled. */
const PARTS = ['result', 'error', 'params'] as const;

export interface MessageMasker {
  /** Throws BodyMaskFailure where the message must not go on. */
  masked(message: JsonObject): JsonObject;
}

export function createMessageMasker(masks: BodyMasks, maskers: Maskers): MessageMasker {
  const masker = createDatumMasker(masks, maskers);
  const byField = masks.fields.length > 0;
  return {
    masked(message) {
      const found: Record<string, Json> = { ...message };
      for (const part of PARTS) {
        const value = found[part];
        if (value !== undefined) found[part] = document(searched(value, 0));
      }
      return found;
    },
  };

  function document(value: Json): Json {
    return parseExact(masker.datum(JSON.stringify(value))) as Json;
  }

  /** Texts inside, each for itself. */
  function searched(value: Json, level: number): Json {
    if (typeof value === 'string') return byField ? text(value, level) : value;
    if (isList(value)) return value.map((item) => searched(item, level));
    if (!isObject(value)) return value;
    if (JSON.isRawJSON(value)) return value; // a number, to the letter
    const own = content(value);
    return Object.fromEntries(
      Object.entries(own).map(([key, member]) => [key, searched(member, level)]),
    );
  }

  /** A block of content, or the contents of a resource. */
  function content(value: JsonObject): JsonObject {
    const { type, text: words, data, blob, uri } = value;
    if (typeof data === 'string' && (type === 'image' || type === 'audio')) {
      return { type: 'text', text: WITHHELD };
    }
    if (typeof blob === 'string' && typeof uri === 'string') {
      return { uri, mimeType: 'text/plain', text: WITHHELD };
    }
    const block = typeof words === 'string' && (type === 'text' || typeof uri === 'string');
    if (!block || !byField || words.trim() === '' || words === WITHHELD || holds(words) !== null) {
      return value;
    }
    return { ...value, text: WITHHELD };
  }

  function text(words: string, level: number): string {
    const held = holds(words);
    if (held === null) return words;
    if (level >= MAX_LEVELS)
      throw new BodyMaskFailure('mask_body_hidden', 'JSON in a text in a text');
    const inner = document(searched(held, level + 1));
    // As the structured content that it stands for, too: masks may name it by that path.
    const wrapped = document({ structuredContent: inner });
    const unwrapped = isObject(wrapped) ? wrapped['structuredContent'] : undefined;
    return JSON.stringify(unwrapped ?? null);
  }
}

/** The object or list that a text is; null for any other. */
function holds(words: string): Json | null {
  const start = words.trimStart().charAt(0);
  if (start !== '{' && start !== '[') return null;
  try {
    return parseExact(words) as Json;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
