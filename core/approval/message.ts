// What is said of an approval outside its page, in plain text: one sentence, the facts an approver asks for first, and the
// statement with everything invisible made visible. Slack, webhooks and terminals lay it out and escape it for themselves
// (adapters/slack.ts, adapters/webhooks.ts). Nothing here is ever cut silently: whoever shortens must say so.
import { unreachable } from '../failure.ts';
import { describeAction } from '../policy/wording.ts';
import type { Action } from '../facts.ts';
import type { ApprovalRequest, ApprovalState, SqlContent } from './request.ts';

/**
 * What a screen shows as nothing, as a plain space, or out of order: controls but tab and newline, format and bidirectional
 * characters, every other space, private and unassigned code points, halves of surrogate pairs, what Unicode says may be
 * left out of a rendering (UAX #44, Default_Ignorable_Code_Point), the blank Braille pattern; and the marker's own bracket.
 */
const UNSEEN =
  /(?![\t\n\u0020])[\p{Cc}\p{Cf}\p{Zs}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800\u27e6]/gu;

/** Combining marks in a row after the first three: a pile of them covers the lines above and below. */
const PILED_MARKS = /(?<=\p{M}{3})\p{M}/gu;

/** The text with each character that cannot be seen, or that moves others, written out as ⟦U+202E⟧. */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, codePoint).replaceAll(PILED_MARKS, codePoint);
}

/** `visible` on one line, for names and sentences: a line break inside them is somebody's layout, not ours. */
export function visibleLine(text: string): string {
  return visible(text).replaceAll(/[\t\n]/g, codePoint);
}

/** Characters as a reader counts them (code points). */
export function characters(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function codePoint(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `⟦U+${hex}⟧`;
}

/** "DELETE on public.orders (write) at shop-db": what is asked for, on one line. */
export function subject(request: ApprovalRequest): string {
  return visibleLine(describeAction(requested(request), request.target.id));
}

/** "github:repo:acme/shop asks for DELETE on public.orders (write) at shop-db." */
export function summary(request: ApprovalRequest): string {
  return `${visibleLine(request.principal.id)} asks for ${subject(request)}.`;
}

function requested({ content, facts }: ApprovalRequest): Action {
  switch (content.kind) {
    case 'connect':
      return {
        kind: 'connect',
        connect: { protocol: content.protocol, client: '', country: '' },
      };
    case 'sql':
      return facts === null ? { kind: 'sql', sql: UNKNOWN_SQL } : { kind: 'sql', sql: facts };
    case 'http':
      return { kind: 'http', http: content.facts };
    case 'mcp':
      return { kind: 'mcp', mcp: content.facts };
    default:
      return unreachable(content);
  }
}

/** A statement without facts is described as the gravest there is. */
const UNKNOWN_SQL = {
  statements: [],
  effect: 'opaque',
  verbs: [],
  reads: [],
  writes: [],
  tables: [],
  columns: [],
  functions: [],
  settings: [],
  whereless: false,
  opaque: [],
} as const;

/** "waiting for a decision", "approved by okta:ann, okta:bo", "denied by okta:ann: too many rows": where it stands, on one line. */
export function standing(approval: {
  readonly state: ApprovalState;
  readonly decidedBy: readonly string[];
  readonly reason: string;
}): string {
  const by =
    approval.decidedBy.length === 0 ? '' : ` by ${approval.decidedBy.map(visibleLine).join(', ')}`;
  const reason = approval.reason === '' ? '' : `: ${visibleLine(approval.reason)}`;
  switch (approval.state) {
    case 'pending':
      return 'waiting for a decision';
    case 'approved':
      return `approved${by}`;
    case 'denied':
      return `denied${by}${reason}`;
    case 'expired':
      return 'expired: nobody decided in time';
    case 'cancelled':
      return `cancelled${reason}`;
    case 'consumed':
      return `approved${by} and used`;
    default:
      return unreachable(approval.state);
  }
}

/** "about 120 rows"; empty when the planner was not asked. */
export function estimate(request: ApprovalRequest): string {
  const rows = request.estimatedRows;
  if (rows === null) return '';
  return rows === 1 ? 'about 1 row' : `about ${rows.toLocaleString('en-US')} rows`;
}

/** "rule writes-need-a-human, 2 of dba: Check the ticket first. At most 100 rows.", one for each rule that asks. */
export function demandLines(request: ApprovalRequest): string[] {
  return request.demands.map(({ rule, message, by, quorum, maxRows, grantSeconds }) =>
    visibleLine(
      [
        `rule ${rule}, ${quorum} of ${by.join(', ')}${message === '' ? '.' : `: ${message}`}`,
        ...(maxRows === null ? [] : [`At most ${maxRows.toLocaleString('en-US')} rows.`]),
        ...(grantSeconds === null ? [] : [`Opens access for ${duration(grantSeconds)}.`]),
      ].join(' '),
    ),
  );
}

/** What the statement's meaning depends on besides its text; part of the envelope, so an approver must see it. */
export function surroundings(content: SqlContent): string {
  const settings = Object.entries(content.settings).map(([name, value]) => `${name} = ${value}`);
  return visibleLine(
    [
      `database ${content.database}`,
      `role ${content.role}`,
      `search path ${content.searchPath.join(', ')}`,
      content.transaction === 'idle' ? 'outside a transaction' : 'inside an open transaction',
      ...settings,
    ].join(' · '),
  );
}

/** "$1 = 'open'" for each bind value, in order; NULL bare, everything else quoted as SQL would be. */
export function bindLines(content: SqlContent): string[] {
  return (content.binds ?? []).map((value, index) => {
    const type = content.bindTypes?.[index] ?? 0;
    const notes = [
      ...(content.bindFormats?.[index] === 1 ? ['binary'] : []),
      ...(type === 0 ? [] : [`type ${type}`]),
    ];
    const shown = value === null ? 'NULL' : `'${value.replaceAll("'", "''")}'`;
    return `$${index + 1} = ${shown}${notes.length === 0 ? '' : ` (${notes.join(', ')})`}`;
  });
}

/** "15 min", "2 h", "45 s": rounded down, so that nobody is promised more time than there is. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.floor(whole / 60)} min`;
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86_400)} d`;
}
