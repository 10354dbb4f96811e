// JSON for the rules (RFC 8259): read as every parser reads it, or not at all. JSON.parse decides what is JSON; a second walk
// over the same text finds what parsers disagree about, which JSON.parse does not tell: keys that come twice, numbers that a
// double cannot hold, unpaired surrogates. The idea of I-JSON (RFC 7493).
import { decodeUtf8 } from '../bytes.ts';
import type { Json } from '../facts.ts';
import { MAX_JSON_DEPTH } from '../limits.ts';

export type JsonDoubt =
  | 'json_unparsable'
  | 'json_duplicate_key' // also keys that differ in case only: some servers bind both to one field
  | 'json_number' // would lose digits in a double
  | 'json_text' // unpaired surrogates, U+0000, a byte order mark
  | 'json_key' // `__proto__`: a member to some, an ancestor to others
  | 'json_too_deep';

export type ReadJson =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly doubt: JsonDoubt };

/** Tokens that matter for the walk; white space and separators are skipped. Only ever used on valid JSON. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[{}[\]:,]|true|false|null/g;

export function readJson(bytes: Uint8Array): ReadJson {
  const text = decodeUtf8(bytes);
  return text === null ? { ok: false, doubt: 'json_unparsable' } : readJsonText(text);
}

export function readJsonText(text: string): ReadJson {
  if (text.startsWith('\u{FEFF}')) return { ok: false, doubt: 'json_text' };
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    // JSON.parse has no other way to say it; the answer is the doubt.
    return { ok: false, doubt: 'json_unparsable' };
  }
  const doubt = doubtIn(text);
  return doubt === null ? { ok: true, value } : { ok: false, doubt };
}

/** Walks without recursion: the nesting is what is being bounded. */
function doubtIn(text: string): JsonDoubt | null {
  /** Keys of the objects around, folded; null for a list. */
  const around: (Set<string> | null)[] = [];
  let keyNext = false;
  for (const [token] of text.matchAll(TOKEN)) {
    const keys = around.at(-1) ?? null;
    switch (token.charAt(0)) {
      case '{':
      case '[':
        around.push(token === '{' ? new Set() : null);
        keyNext = token === '{';
        if (around.length > MAX_JSON_DEPTH) return 'json_too_deep';
        break;
      case '}':
      case ']':
        around.pop();
        keyNext = false;
        break;
      case ',':
        keyNext = keys !== null;
        break;
      case ':':
        keyNext = false;
        break;
      case '"': {
        const doubt = stringDoubt(token, keyNext ? keys : null);
        if (doubt !== null) return doubt;
        break;
      }
      default:
        if (!/^[tfn]/.test(token) && !isExact(token)) return 'json_number';
    }
  }
  return null;
}

/** `keys` where the token is one. */
function stringDoubt(token: string, keys: Set<string> | null): JsonDoubt | null {
  // Without escapes a string is what it says: the bytes were UTF-8, and JSON.parse refuses bare control characters.
  const escaped = token.includes('\\');
  if (!escaped && keys === null) return null;
  const text = escaped ? (JSON.parse(token) as string) : token.slice(1, -1);
  if (escaped && (!text.isWellFormed() || text.includes('\0'))) return 'json_text';
  if (keys === null) return null;
  if (text === '__proto__') return 'json_key';
  // Upper first: Go folds the long s and the Kelvin sign to `s` and `k`, and so does this.
  const folded = text.normalize('NFC').toUpperCase().toLowerCase();
  if (keys.has(folded)) return 'json_duplicate_key';
  keys.add(folded);
  return null;
}

/** Whether a double keeps what the digits say: whole numbers exactly, others to the 17 digits that tell doubles apart. */
function isExact(token: string): boolean {
  const value = Number(token);
  if (!Number.isFinite(value)) return false;
  if (/^-?\d+$/.test(token)) return Number.isSafeInteger(value);
  const digits = token
    .replace(/[eE].*$/, '')
    .replaceAll(/[-.]/g, '')
    .replace(/^0+/, '');
  if (digits.length > 17 || (value === 0 && digits !== '')) return false;
  // 9007199254740993.0 is near a double, and still another number.
  return !Number.isInteger(value) || Number.isSafeInteger(value) || /[eE]/.test(token);
}
