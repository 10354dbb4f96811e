// Approvals as text for a terminal. Everything in them may have been chosen by whoever asks: it is made visible first, so
// that no escape sequence repaints the screen somebody decides by.
import { duration, visible, visibleLine } from '../core/approval/message.ts';
import { shownParams } from '../core/approval/mcp-message.ts';
import { unreachable } from '../core/failure.ts';
import type { Approval, ApprovalSummary, Content } from './approvals-gateway.ts';
import { requestFacts, requestLines } from './approvals-http.ts';

export function approvalsTable(approvals: readonly ApprovalSummary[], nowMs: number): string {
  const rows = approvals.map((approval) => [
    approval.id,
    approval.state === 'pending' ? `${left(approval.expiresAt, nowMs)} left` : approval.state,
    approval.principal,
    approval.summary,
  ]);
  return table(['ID', 'STATE', 'PRINCIPAL', 'WHAT'], rows);
}

/** All of it, statement or body included, whatever its length. */
export function approvalText(approval: Approval, nowMs: number): string {
  const { principal, votes, demands } = approval;
  const facts: (readonly [string, string])[] = [
    ['approval', approval.id],
    ['state', stateText(approval, nowMs)],
    ['what', approval.summary],
    [
      'who',
      `${principal.id} (${principal.kind}${principal.groups.length === 0 ? '' : `, groups ${principal.groups.join(' ')}`})`,
    ],
    ...(approval.claimed === ''
      ? []
      : [['claims to', `${approval.claimed} (not verified)`] as const]),
    ...(approval.estimatedRows === null
      ? []
      : [['expected', `about ${approval.estimatedRows} rows`] as const]),
    ...demands.map(
      ({ rule, message, by, quorum, maxRows }) =>
        [
          'rule',
          `${rule}, ${quorum} of ${by.join(', ')}${maxRows === null ? '' : `, at most ${maxRows} rows`}${message === '' ? '' : `: ${message}`}`,
        ] as const,
    ),
    ...contentFacts(approval),
    ...votes.map(
      ({ by, vote, reason }) =>
        ['vote', `${by}: ${vote}${reason === '' ? '' : `, ${reason}`}`] as const,
    ),
    ...(approval.reason === '' ? [] : [['reason', approval.reason] as const]),
    ['policy', `revision ${approval.revision}`],
    ['digest', approval.digest],
    ['page', approval.url],
  ];
  const lines = facts.map(([name, value]) => `${name.padEnd(11)}${visibleLine(value)}`.trimEnd());
  const cautions = approval.cautions.map((sentence) => `!          ${visibleLine(sentence)}`);
  return [...lines, ...cautions, ...contentLines(approval)].join('\n');
}

function stateText({ state, expiresAt, decidedBy }: Approval, nowMs: number): string {
  if (state === 'pending') return `pending, ${left(expiresAt, nowMs)} left`;
  return decidedBy.length === 0 ? state : `${state} by ${decidedBy.join(', ')}`;
}

function contentFacts({ content, facts }: Approval): (readonly [string, string])[] {
  switch (content.kind) {
    case 'connect': {
      const access =
        content.seconds === null ? 'one connection' : `for ${duration(content.seconds)}`;
      return [['access', access]];
    }
    case 'http':
      return requestFacts(content, facts);
    case 'mcp':
      return [
        ['method', content.method],
        ...(content.definition === null ? [] : [['definition', content.definition] as const]),
      ];
    case 'sql':
      return sqlFacts(content);
    default:
      return unreachable(content);
  }
}

function sqlFacts(content: Content<'sql'>): (readonly [string, string])[] {
  const settings = Object.entries(content.settings).map(([name, value]) => `${name}=${value}`);
  return [
    [
      'runs in',
      `database ${content.database} as ${content.role}, search path ${content.searchPath.join(', ')}`,
    ],
    ['', content.transaction === 'idle' ? 'outside a transaction' : 'INSIDE AN OPEN TRANSACTION'],
    ...(settings.length === 0 ? [] : [['settings', settings.join(' · ')] as const]),
  ];
}

function contentLines({ content, facts }: Approval): string[] {
  switch (content.kind) {
    case 'connect':
      return [];
    case 'http':
      return requestLines(content, facts);
    case 'mcp':
      return ['', 'Parameters:', visible(shownParams(content))];
    case 'sql':
      return statementLines(content);
    default:
      return unreachable(content);
  }
}

function statementLines(content: Content<'sql'>): string[] {
  return [
    '',
    visible(content.text.replaceAll('\r\n', '\n')),
    ...(content.binds ?? []).map(
      (value, index) =>
        `  $${index + 1} = ${value === null ? 'NULL' : `'${visible(value).replaceAll("'", "''")}'`}`,
    ),
    ...content.stands.flatMap(({ kind, name, text }) => [
      '',
      `${kind} ${visibleLine(name)}:`,
      visible(text),
    ]),
  ];
}

function left(expiresAt: string, nowMs: number): string {
  return duration((Date.parse(expiresAt) - nowMs) / 1000);
}

/** Columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows.map((row) => row.map(visibleLine))];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
