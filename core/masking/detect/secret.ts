// Secrets without a shape of their own: what is assigned to a word like `password`, and random-looking tokens near such
// a word. Without one a random token is only a guess, because hashes, identifiers and image data look the same.
import { eachMatch, type Emit } from './candidate.ts';

// Each keyword's last three letters stand in ENDINGS of features.ts.
const ASSIGNED =
  /(pass(?:word|wd|phrase)|pwd|passwort|kennwort|contrasena|clave|senha|mot[ _]de[ _]passe|(?:client|app|shared|auth|webhook|signing)[_-]?secret|secret(?:[_-]?(?:access[_-]?)?key)?|(?:api|access|private|account|auth|encryption|signing)[_-]?key|(?:access|auth|api|bearer|refresh|session|id)?[_-]?token)(?:\\?["']|[ \t]){0,3}[:=](?:\\?["']|[ \t]|[>=]){0,3}/gi;
const VALUE = /[^\s"'<>,;&\\)(\]}]{6,256}/y;
const IS_PASSWORD = /^(?:pass|pwd|kennwort|contrasena|clave|senha|mot)/i;
const PLACEHOLDER =
  /^(?:\$|\{|%|null$|true$|false$|undefined$|none$|string|required|optional|invalid|changeme|process\.|env\.|os\.|\*+$|x+$|\.+$|-+$|\[)/i;

/** Keyword to value is at most this far: how much of the past a stream keeps. */
export const ASSIGNMENT_REACH = 48;

export function findAssigned(text: string, from: number, emit: Emit): void {
  eachMatch(ASSIGNED, text, Math.max(0, from - ASSIGNMENT_REACH), (match) => {
    const start = match.index + match[0].length;
    VALUE.lastIndex = start;
    const value = VALUE.exec(text)?.[0];
    // On with the next keyword, which may stand in this one's value.
    if (value === undefined || start < from || PLACEHOLDER.test(value)) return start;
    const strong = value.length >= 16 && bitsPerCharacter(value) >= 3 && /\d/.test(value);
    const confidence = strong
      ? 0.8
      : IS_PASSWORD.test(match[0]) && isPasswordLike(value)
        ? 0.65
        : 0;
    if (confidence > 0) emit({ detector: 'secret', start, end: start + value.length, confidence });
    return start;
  });
}

/** One lower-case word is prose ("password: required by"); a password has something else in it. */
function isPasswordLike(value: string): boolean {
  return /[^a-z]/.test(value.slice(1).replace(/[.:!?]+$/, ''));
}

const RANDOM = /(?<![\w+/=-])[A-Za-z0-9_-][\w+/=-]{19,255}(?![\w+/=-])/g;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

export function findRandom(text: string, from: number, emit: Emit): void {
  eachMatch(RANDOM, text, from, (match) => {
    const end = match.index + match[0].length;
    const confidence = randomConfidence(match[0]);
    if (confidence > 0) emit({ detector: 'secret', start: match.index, end, confidence });
    return end;
  });
}

function randomConfidence(token: string): number {
  if (UUID.test(token) || !/\d/.test(token)) return 0;
  // Paths and names of several words.
  if (/[/_-][a-z]{3,}[/_-]/.test(token)) return 0;
  if (/^[0-9a-f]+$/i.test(token)) return token.length >= 32 && /[a-f]/i.test(token) ? 0.15 : 0;
  const mixed = /[a-z]/.test(token) && /[A-Z]/.test(token);
  const bits = bitsPerCharacter(token);
  if (!mixed) return bits >= 3.5 ? 0.15 : 0;
  return bits >= 4 ? 0.35 : bits >= 3.5 ? 0.25 : 0;
}

/** Shannon's entropy of the characters' frequencies. */
export function bitsPerCharacter(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values())
    bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
