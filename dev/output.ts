// Plain terminal output: colour only on a terminal that wants it (https://no-color.org), never needed to understand a line.
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

function paint(style: Style, text: string): string {
  // validateStream honours NO_COLOR, FORCE_COLOR and a stdout that is not a terminal.
  return styleText(style, text, { stream: process.stdout, validateStream: true });
}

export const bold = (text: string): string => paint('bold', text);
export const dim = (text: string): string => paint('dim', text);
export const green = (text: string): string => paint('green', text);
export const red = (text: string): string => paint('red', text);
export const cyan = (text: string): string => paint('cyan', text);

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

/** For what went wrong, on stderr, so that it survives a redirected stdout. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}
