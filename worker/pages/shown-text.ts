// Text from outside as an approver may see it: escaped, and with everything that a screen would hide, reorder or confuse
// made visible. Invisible characters are replaced by their code point (core/approval/message.ts says which), long blanks are
// announced, letters that pose as others are marked. Nothing is ever left out.
import { html, raw } from 'hono/html';
import { visible, visibleLine } from '../../core/approval/message.ts';

/** What html`` gives for text that is safe already. */
export type Shown = ReturnType<typeof raw>;

/** One line: a name, a value in a sentence. Line breaks are characters like any other invisible one. */
export function shown(text: string): Shown {
  return raw(`<bdi class="raw">${marked(visibleLine(text))}</bdi>`);
}

/** Several lines, for a <pre>. */
export function shownBlock(text: string): string {
  return unixLines(text)
    .split(BLANK_RUN)
    .map((part, index) => (index % 2 === 1 ? blankRun(part) : marked(visible(part))))
    .join('');
}

/**
 * Blanks push what follows out of sight. They are announced, and stay in the text, set so small that they push nothing. The
 * last character keeps its size: the text after it starts where it should.
 */
function blankRun(run: string): string {
  const lines = run.split('\n').length - 2;
  const what = lines > 0 ? `${lines} blank lines` : `${run.length} blanks`;
  return `<span class="gap">⟦${what}⟧</span><span class="run">${run.slice(0, -1)}</span>${run.slice(-1)}`;
}

/** Windows' line ends are line ends; a carriage return anywhere else rewrites a line. */
function unixLines(text: string): string {
  return text.replaceAll('\r\n', '\n');
}

export interface Oddities {
  readonly invisible: number;
  readonly lookalike: number;
}

/** How many characters of each kind a text has. */
export function oddities(text: string): Oddities {
  let lookalike = 0;
  for (const [word] of text.matchAll(WORD)) lookalike += [...posing(word)].length;
  return { invisible: [...visible(unixLines(text)).matchAll(GHOST)].length, lookalike };
}

/** How `visible` writes what cannot be seen; it writes out the bracket itself, so this matches nothing else. */
const GHOST = /⟦U\+[0-9A-F]{4,6}⟧/g;
/** Captures, so that split keeps it. */
const BLANK_RUN = /(\n(?:[ \t]*\n){4,}|[ \t]{40,})/;
const MARKER = /(⟦U\+[0-9A-F]{4,6}⟧)/;
const WORD = /[\p{L}\p{M}\p{N}_$]+/gu;
function marked(text: string): string {
  // Most text is plain: one pass, no pieces.
  if (ASCII_ONLY.test(text)) return escaped(text);
  return text
    .split(MARKER)
    .map((part, index) =>
      index % 2 === 1 ? `<span class="ghost">${part}</span>` : lookalikesMarked(part),
    )
    .join('');
}

function lookalikesMarked(text: string): string {
  let result = '';
  let last = 0;
  for (const match of text.matchAll(WORD)) {
    const [word] = match;
    const odd = posing(word);
    if (odd.size === 0) continue;
    result += escaped(text.slice(last, match.index));
    for (const [index, letter] of [...word].entries()) {
      const code = (letter.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
      result += odd.has(index)
        ? `<span class="look" title="U+${code}">${escaped(letter)}</span><span class="ghost">U+${code}</span>`
        : escaped(letter);
    }
    last = match.index + word.length;
  }
  return result + escaped(text.slice(last));
}

/** Letters of other scripts that look like Latin ones in most fonts (Unicode TR39, confusables, the common ones). */
const LOOKALIKES = new Set(
  'аеорсухіјѕԁһӏԛԝвкмнтгпАВЕКМНОРСТУХІЈЅԌҮαοενρυιτκχγηΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲօոսցհաԱՕՍꓐꓑꓓꓔıɑɡɩ',
);
const OTHER_SCRIPT =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Lisu}\p{Script=Coptic}]/u;
const LATIN = /[A-Za-z]/;
const ASCII_ONLY = /^\p{ASCII}*$/u;

/**
 * Which letters of a word pose as others: those of another script beside Latin ones, all of a word that could be read as
 * Latin throughout, and forms (fullwidth, mathematical, ligatures) that are ASCII once normalised. Indices are of code points.
 */
function posing(word: string): ReadonlySet<number> {
  const found = new Set<number>();
  if (ASCII_ONLY.test(word)) return found;
  const letters = [...word];
  const mixed = LATIN.test(word);
  const foreign = letters.filter((letter) => !ASCII_ONLY.test(letter));
  const readable = foreign.every((letter) => LOOKALIKES.has(letter));
  letters.forEach((letter, index) => {
    if (ASCII_ONLY.test(letter)) return;
    const form = letter.normalize('NFKC');
    if (form !== letter && ASCII_ONLY.test(form)) found.add(index);
    else if (readable || (mixed && (LOOKALIKES.has(letter) || OTHER_SCRIPT.test(letter))))
      found.add(index);
  });
  return found;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

/** A list of names, each in its own box. */
export function names(list: readonly string[]): ReturnType<typeof html> {
  return html`<ul class="names">
    ${list.map((name) => html`<li class="mono">${shown(name)}</li>`)}
  </ul>`;
}
