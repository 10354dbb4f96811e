// Secrets without a shape of their own: what is assigned to a word like `password`, and random-looking tokens near such
// a word. Without one a random token is only a guess, because hashes, identifiers and image data look the same.
import { eachMatch, type Sink } from './candidate.ts';
import { isEnding } from './features.ts';

// Each keyword's last three letters stand in ENDINGS of features.ts.
const KEYWORD =
  /(pass(?:word|wd|phrase)|pwd|passwort|kennwort|contrasena|clave|senha|mot[ _]de[ _]passe|(?:client|app|shared|auth|webhook|signing)[_-]?secret|secret(?:[_-]?(?:access[_-]?)?key)?|(?:api|access|private|account|auth|encryption|signing)[_-]?key|(?:access|auth|api|bearer|refresh|session|id)?[_-]?token)(?:\\?["']|[ \t]){0,3}$/i;
/** Between the separator and the value. */
const FILLER = /(?:\\?["']|[ \t]|[>=]){0,3}/y;
const VALUE = /[^\s"'<>,;&\\)(\]}]{6,256}/y;
/** In quotes everything but blanks belongs to it: half a password is no masked password. */
const QUOTED: Readonly<Record<string, RegExp>> = {
  '"': /[^\s"\\]{6,256}(?=\\?")/y,
  "'": /[^\s'\\]{6,256}(?=\\?')/y,
};
const IS_PASSWORD = /^(?:pass|pwd|kennwort|contrasena|clave|senha|mot)/i;
const PLACEHOLDER =
  /^(?:\$|\{|%|null$|true$|false$|undefined$|none$|string|required|optional|invalid|changeme|process\.|env\.|os\.|\*+$|x+$|\.+$|-+$|\[)/i;

/** Keyword to value is at most this far: how much of the past a stream keeps. */
export const ASSIGNMENT_REACH = 48;

/** Looked for backwards from each `:` and `=`: most of them are preceded by something else, and cost nothing. */
export function findAssigned(text: string, from: number, sink: Sink): void {
  // The next keyword may stand in this one's value, but not before it.
  let least = 0;
  for (let at = Math.max(0, from - ASSIGNMENT_REACH); at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if ((code !== 0x3a && code !== 0x3d) || !isAnnounced(text, at)) continue;
    const keyword = KEYWORD.exec(text.slice(Math.max(least, at - ASSIGNMENT_REACH), at));
    if (keyword === null) continue;
    FILLER.lastIndex = at + 1;
    const start = at + 1 + (FILLER.exec(text)?.[0].length ?? 0);
    least = start;
    at = start - 1;
    if (start >= from) takeAssigned(text, start, keyword[0], sink);
  }
}

/** Whether a keyword's last letters stand before the separator: all but a few are told by it. */
function isAnnounced(text: string, separator: number): boolean {
  let end = separator;
  const least = Math.max(0, separator - 6);
  while (end > least && ' "\'\\\t'.includes(text[end - 1] ?? '')) end -= 1;
  return isEnding(text.charCodeAt(end - 3), text.charCodeAt(end - 2), text.charCodeAt(end - 1));
}

function takeAssigned(text: string, start: number, keyword: string, sink: Sink): void {
  const value = valueAt(QUOTED[text[start - 1] ?? ''], text, start) ?? valueAt(VALUE, text, start);
  if (value === undefined || PLACEHOLDER.test(value)) return;
  sink.tried();
  const strong = value.length >= 16 && /\d/.test(value) && bitsPerCharacter(value) >= 3;
  const confidence = strong ? 0.8 : IS_PASSWORD.test(keyword) && isPasswordLike(value) ? 0.65 : 0;
  if (confidence === 0) return;
  sink.emit({ detector: 'secret', start, end: start + value.length, confidence });
}

function valueAt(pattern: RegExp | undefined, text: string, start: number): string | undefined {
  if (pattern === undefined) return undefined;
  pattern.lastIndex = start;
  return pattern.exec(text)?.[0];
}

/** One lower-case word is prose ("password: required by"); a password has something else in it. */
function isPasswordLike(value: string): boolean {
  return /[^a-z]/.test(value.slice(1).replace(/[.:!?]+$/, ''));
}

const RANDOM = /(?<![\w+/=-])[A-Za-z0-9_-][\w+/=-]{19,255}(?![\w+/=-])/g;
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** Of a random token, by itself. */
const HIGHEST_GUESS = 0.35;

export function findRandom(text: string, from: number, sink: Sink): void {
  eachMatch(RANDOM, text, from, (match) => {
    const end = match.index + match[0].length;
    if (!sink.worth('secret', match.index, HIGHEST_GUESS)) return end;
    sink.tried();
    const confidence = randomConfidence(match[0]);
    if (confidence > 0) sink.emit({ detector: 'secret', start: match.index, end, confidence });
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

const counts = new Uint16Array(0x100);

/** Shannon's entropy of the characters' frequencies. Above U+00FF only the low byte tells characters apart. */
export function bitsPerCharacter(text: string): number {
  counts.fill(0);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at) & 0xff;
    counts[code] = (counts[code] ?? 0) + 1;
  }
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / text.length) * Math.log2(count / text.length);
  }
  return bits;
}
