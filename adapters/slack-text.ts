// Text in Slack's mrkdwn: what comes from outside is escaped, made visible, and stands whole or not at all. Limits:
// docs.slack.dev/reference/block-kit/blocks and /composition-objects. What a message says is slack-message.ts's.
import type { AnyMessageBlock, MrkdwnTextField } from 'slack-web-api-client';
import { visible, visibleLine } from '../core/approval/message.ts';

/** Slack refuses a section's text over 3,000 characters. */
export const MAX_SECTION_CHARS = 2_900;
/** Slack takes 2,000; a list of tables longer than this is not read in a chat. */
export const MAX_FIELD_CHARS = 600;
/** A statement longer or taller than this is read on the page: Slack would fold it, or bury its end. */
export const MAX_STATEMENT_CHARS = 2_500;
export const MAX_STATEMENT_LINES = 50;
/** As good as a line break for hiding what comes after it. */
const LONG_BLANK = /[ \t]{60}/;
/** Code blocks in one message (the statement, its parameters, what it executes) and their size together. */
export const MAX_PARTS = 5;
export const MAX_PARTS_CHARS = 6_000;

export interface Shown {
  readonly blocks: AnyMessageBlock[];
  /** Nothing that an approver would have to know was left out. */
  readonly whole: boolean;
}

export const NOTHING: Shown = { blocks: [], whole: true };

/** Text as it may stand in mrkdwn: docs.slack.dev/messaging/formatting-message-text, "Escaping text". */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A sentence of ours, or of a person who may write one: no links and no mentions can come of it. */
export function prose(text: string): string {
  return escaped(visibleLine(text));
}

/** A name or value from outside, in code: no formatting, no emoji, no mention can come of it. */
export function code(text: string): string {
  return text === '' ? '_empty_' : `\`${escaped(visibleLine(text).replaceAll('`', '⟦U+0060⟧'))}\``;
}

/** Null when it is too long for a field. */
export function field(label: string, value: string): string | null {
  const text = `*${label}*\n${value}`;
  return text.length <= MAX_FIELD_CHARS ? text : null;
}

/** Null when it does not fit whole, or holds the fence itself and could end the code early. */
export function fenced(raw: string, heading = ''): string | null {
  // What is made visible only grows: megabytes are not worth the work.
  if (raw.length > MAX_STATEMENT_CHARS) return null;
  return fence(heading + visible(raw));
}

/** Of text in which everything is visible. */
export function fence(text: string): string | null {
  if (text.length > MAX_STATEMENT_CHARS || text.includes('```')) return null;
  if (text.split('\n').length > MAX_STATEMENT_LINES || LONG_BLANK.test(text)) return null;
  const block = `\`\`\`\n${escaped(text)}\n\`\`\``;
  return block.length <= MAX_SECTION_CHARS ? block : null;
}

export function section(text: string): { type: 'section'; text: MrkdwnTextField } {
  return { type: 'section', text: mrkdwn(text) };
}

/** `verbatim`: Slack turns no URL, channel name or @mention into a link by itself. */
export function mrkdwn(text: string): MrkdwnTextField {
  return { type: 'mrkdwn', text, verbatim: true };
}
