// JSON laid out for the eye: white space between tokens is the only thing that changes, so that what an approver reads is
// what is sent, to the letter. What parsers could read in two ways (a key that comes twice, a number that a double does not
// hold) is not laid out at all: then the text itself is shown.
import { readJsonText } from '../http/json-body.ts';

/** A level more is not a blank more from here on: text that is pushed far to the right is out of sight. */
const MAX_LEVELS = 16;
/** Of what is made of a text, against the text: a list of numbers grows tenfold and is no easier to read. */
const MAX_GROWTH = 6;
const FREE_CHARS = 4_096;

/** Valid JSON, token by token. White space falls through. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** Null where the text is not certain JSON, or where a layout would not help. */
export function laidOutJson(text: string): string | null {
  if (!readJsonText(text).ok) return null;
  const tokens = text.match(TOKEN) ?? [];
  let result = '';
  let level = 0;
  const line = (): string => `\n${'  '.repeat(Math.min(level, MAX_LEVELS))}`;
  for (const [index, token] of tokens.entries()) {
    const empty = tokens[index + 1] === (token === '{' ? '}' : ']');
    switch (token) {
      case '{':
      case '[':
        level += 1;
        result += empty ? token : token + line();
        break;
      case '}':
      case ']':
        level -= 1;
        result += tokens[index - 1] === (token === '}' ? '{' : '[') ? token : line() + token;
        break;
      case ',':
        result += `,${line()}`;
        break;
      case ':':
        result += ': ';
        break;
      default:
        result += token;
    }
    if (result.length > text.length * MAX_GROWTH + FREE_CHARS) return null;
  }
  return sameJson(text, tokens, result) ? result : null;
}

/** The proof: the same tokens in the same order, and the same value. */
function sameJson(text: string, tokens: readonly string[], laidOut: string): boolean {
  const again = laidOut.match(TOKEN) ?? [];
  if (again.length !== tokens.length) return false;
  if (again.some((token, index) => token !== tokens[index])) return false;
  return JSON.stringify(JSON.parse(laidOut)) === JSON.stringify(JSON.parse(text));
}
