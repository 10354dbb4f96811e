// Text of strangers on a terminal or a page: control characters, invisible ones and those that reorder a line are spelt
// out as <U+001B>. What is shown is what was there, and nothing it contains acts.

/** Controls, format characters (bidirectional marks, zero width, tags), line and paragraph separators, surrogates, fillers. */
const HIDDEN =
  /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Variation_Selector}\u034F\u115F\u1160\u3164\uFFA0\u2800]/gu;

function spelt(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}

/** Line feeds break lines and tabs become two spaces; everything else hidden is spelt out. */
export function visible(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replaceAll('\t', '  ').replace(HIDDEN, spelt));
}

/** On one line: line breaks and tabs become a space each. */
export function visibleLine(text: string): string {
  return text.replace(/\r?\n|\t/g, ' ').replace(HIDDEN, spelt);
}
