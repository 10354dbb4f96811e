// How lines of a told recording are set: their margin, and how a long text is cut so that the cut is seen.
import { visibleLine } from './visible.ts';

export const INDENT = '           ';

/** One visible line; a cut one says how long the whole is. */
export function shortened(text: string, length: number): string {
  if (text.length <= length) return visibleLine(text);
  const head = text.slice(0, length).replace(/[\uD800-\uDBFF]$/, '');
  return `${visibleLine(head)}… (${text.length} characters)`;
}
