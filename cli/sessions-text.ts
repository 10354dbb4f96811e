// Sessions and actions as text for a terminal. Everything in them was said by callers: it is made visible before it is shown.
import { visibleLine } from '../core/recording/visible.ts';
import type { ActionSummary, SessionSummary } from './sessions-gateway.ts';

/** Characters of a statement in a list. */
const MAX_STATEMENT_LENGTH = 100;

export function sessionsTable(sessions: readonly SessionSummary[]): string {
  const head = ['ID', 'STARTED', 'TARGET', 'PRINCIPAL', 'ACTIONS', 'REFUSED', 'END'];
  return table(
    head,
    sessions.map((session) => [
      session.id,
      time(session.startedAt),
      session.target,
      session.principalId,
      String(session.actions),
      String(session.refused),
      session.endCode ?? 'open',
    ]),
  ).join('\n');
}

export function sessionLines(session: SessionSummary): string[] {
  const { endedAt, endCode } = session;
  const groups = session.groups.length === 0 ? '' : `, groups ${session.groups.join(' ')}`;
  const facts: readonly (readonly [string, string])[] = [
    ['session', session.id],
    ['target', `${session.target} (${session.protocol})`],
    ['principal', `${session.principalId} (${session.principalKind}${groups})`],
    [
      'client',
      [session.clientName, session.clientAddress, session.country].filter(Boolean).join(' '),
    ],
    ['started', `${time(session.startedAt)}, policy revision ${session.revision}`],
    ['ended', endedAt === null ? 'not yet' : `${time(endedAt)}, ${endCode ?? 'without a code'}`],
    ['actions', `${session.actions}, ${session.refused} refused`],
    ['results', `${session.rows} rows, ${session.bytes} bytes`],
    ['rules', session.rules.join(' ')],
    ['events', `${session.events}, head ${session.headHash}`],
    ['recording', session.recordingKey ?? 'not whole yet'],
  ];
  return facts.map(([name, value]) => `${name.padEnd(10)} ${visibleLine(value)}`.trimEnd());
}

export function actionLines(session: SessionSummary, actions: readonly ActionSummary[]): string[] {
  if (actions.length === 0) return ['No actions.'];
  const rows = actions.map((action) => [
    `#${action.action}`,
    `+${((action.at - session.startedAt) / 1000).toFixed(3)}`,
    `${action.decision}${action.rules.length === 0 ? '' : ` ${action.rules.join(',')}`}`,
    action.effect === '' ? '-' : action.effect,
    [action.outcome ?? 'open', action.error ?? ''].join(' ').trim(),
    // A request has no rows, and 0 would say that it changed nothing.
    action.rows === null || ['http', 'mcp'].includes(action.via) ? '-' : String(action.rows),
    action.durationMs === null ? '-' : `${action.durationMs} ms`,
    shortened(action.statement, action.truncated),
  ]);
  return table(['', 'AT', 'DECISION', 'EFFECT', 'OUTCOME', 'ROWS', 'TOOK', 'STATEMENT'], rows);
}

function shortened(text: string, truncated: boolean): string {
  if (text.length <= MAX_STATEMENT_LENGTH) return truncated ? `${text}…` : text;
  return `${text.slice(0, MAX_STATEMENT_LENGTH).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

function time(ms: number): string {
  return Number.isSafeInteger(ms) && Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : '?';
}

/** Columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [head, ...rows.map((row) => row.map(visibleLine))];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
