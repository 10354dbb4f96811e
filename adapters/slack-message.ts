// One approval as one Slack message (Block Kit): link first, then who wants what where, which rule asks, the statement.
// Everything from outside is escaped; the statement stands here whole or not at all, and buttons only stand below a request
// that stands here whole. Limits: docs.slack.dev/reference/block-kit/blocks and /composition-objects.
import type { AnyMessageBlock, Button } from 'slack-web-api-client';
import type { ApprovalEvent, ApprovalSnapshot } from '../core/approval/event.ts';
import { cautions } from '../core/approval/cautions.ts';
import {
  bindLines,
  characters,
  demandLines,
  duration,
  estimate,
  standing,
  subject,
  summary,
  surroundings,
  visibleLine,
} from '../core/approval/message.ts';
import type { ApprovalRequest, SqlContent } from '../core/approval/request.ts';
import { unreachable } from '../core/failure.ts';
import { httpBlocks, httpFields } from './slack-http.ts';
import { mcpBlocks, mcpFields } from './slack-mcp.ts';
import {
  code,
  escaped,
  fenced,
  field,
  MAX_PARTS,
  MAX_PARTS_CHARS,
  MAX_SECTION_CHARS,
  mrkdwn,
  NOTHING,
  prose,
  section,
  type Shown,
} from './slack-text.ts';

export const APPROVE_ACTION = 'postern_approve';
export const DENY_ACTION = 'postern_deny';

const MAX_STATUS_CHARS = 2_000;
/** Notification text, where nothing is decided. */
const MAX_FALLBACK_CHARS = 1_000;

export interface SlackMessage {
  /** What a notification shows, and what is read aloud. */
  readonly text: string;
  readonly blocks: AnyMessageBlock[];
}

/** What a button carries: which round, and the digest of what stood above it. */
export interface ButtonValue {
  readonly approval: string;
  readonly digest: string;
}

/** Buttons stand under a request when every rule that asks opts in and nothing about it had to be left out. */
export function offersButtons(request: ApprovalRequest): boolean {
  return (
    request.demands.length > 0 &&
    request.demands.every(({ slackButtons }) => slackButtons) &&
    requestBlocks(request).whole
  );
}

export function slackMessage({ approval }: ApprovalEvent): SlackMessage {
  const link = `<${linkTarget(approval.url)}|Open the request>`;
  const shown = requestBlocks(approval.request);
  const blocks: AnyMessageBlock[] = [
    section(`*${link}*\n${statusLine(approval)}`),
    ...shown.blocks,
    ...(shown.whole ? [] : [section(`Not all of it fits here: ${link} to see the rest.`)]),
    ...voteBlocks(approval),
    ...(approval.state === 'pending' ? decisionBlocks(approval, link) : []),
  ];
  const text = `${summary(approval.request)} ${standing(approval)}`;
  return { text: escaped(clipped(text)), blocks };
}

const MARK: Readonly<Record<ApprovalSnapshot['state'], string>> = {
  pending: ':hourglass_flowing_sand:',
  approved: ':white_check_mark:',
  consumed: ':white_check_mark:',
  denied: ':no_entry:',
  expired: ':wastebasket:',
  cancelled: ':wastebasket:',
};

function statusLine(approval: ApprovalSnapshot): string {
  const text = prose(standing(approval));
  // A reason as long as reasons may be grows when it is escaped.
  const fits = text.length <= MAX_STATUS_CHARS;
  const now = `${MARK[approval.state]} ${fits ? text : `${approval.state}: the page says why`}`;
  if (approval.state !== 'pending') return now;
  const seconds = Math.floor(approval.expiresAtMs / 1000);
  const utc = new Date(approval.expiresAtMs).toISOString();
  // Slack writes this in the reader's own time zone; a number of minutes would be wrong a minute later.
  return `${now} · closes <!date^${seconds}^{date_short_pretty} at {time_secs}|${utc}>`;
}

function requestBlocks(request: ApprovalRequest): Shown {
  const { principal, target } = request;
  const groups = principal.groups.map(code).join(' ');
  const fields = [
    field('Who', `${code(principal.id)} (${principal.kind})${groups === '' ? '' : `\n${groups}`}`),
    field('Target', `${code(target.id)} (${target.kind})`),
    ...actionFields(request),
    // What the caller says it is doing decides nothing; it is named so that nobody takes it for a fact.
    ...(request.claimed === ''
      ? []
      : [field('Says it is (claimed, not verified)', code(request.claimed))]),
  ];
  const rules = demandLines(request).map((line) => `*Asked for by* ${escaped(line)}`);
  const warnings = cautions(request).map((line) => `:warning: ${prose(line)}`);
  const content = contentBlocks(request.content);
  const fitting = fields.filter((text): text is string => text !== null);
  const texts = [warnings.join('\n'), rules.join('\n')].filter((text) => text !== '');
  const fit = texts.filter((text) => text.length <= MAX_SECTION_CHARS);
  return {
    blocks: [
      { type: 'section', fields: fitting.map(mrkdwn) },
      ...fit.map(section),
      ...content.blocks,
    ],
    whole: fitting.length === fields.length && fit.length === texts.length && content.whole,
  };
}

function actionFields(request: ApprovalRequest): (string | null)[] {
  const { content, facts } = request;
  switch (content.kind) {
    case 'connect':
      return [
        field('Action', `open a session (${prose(content.protocol)})`),
        field('For', content.seconds === null ? 'this one connection' : duration(content.seconds)),
      ];
    case 'sql': {
      // A statement of which nothing is known cannot be judged from a phone.
      if (facts === null) return [null];
      const whereless = facts.whereless ? ', without WHERE' : '';
      const names = (list: readonly string[]): string =>
        list.length === 0 ? 'none' : list.map(code).join(' ');
      const rows = estimate(request);
      return [
        field('Action', `${prose(facts.verbs.join(', '))} (${facts.effect}${whereless})`),
        field('Writes', names(facts.writes)),
        field('Reads', names(facts.reads)),
        ...(facts.opaque.length === 0 ? [] : [field('Cannot be known', names(facts.opaque))]),
        ...(rows === '' ? [] : [field('Expected', `${rows}, by the planner’s estimate`)]),
      ];
    }
    case 'http':
      return httpFields(content);
    case 'mcp':
      return mcpFields(content);
    default:
      return unreachable(content);
  }
}

/** What would run, whole: a statement with its parameters, or a request with its headers and body. */
function contentBlocks(content: ApprovalRequest['content']): Shown {
  switch (content.kind) {
    case 'connect':
      return NOTHING;
    case 'sql':
      return statementBlocks(content);
    case 'http':
      return httpBlocks(content);
    case 'mcp':
      return mcpBlocks(content);
    default:
      return unreachable(content);
  }
}

function statementBlocks(content: SqlContent): Shown {
  // All that the statement is: its text, its parameters, and the texts that an EXECUTE or FETCH in it goes through.
  const parts = [
    fenced(content.text),
    ...(content.binds?.length ? [fenced(bindLines(content).join('\n'))] : []),
    ...content.stands.map(({ kind, name, text }) =>
      fenced(text, `-- ${kind} ${visibleLine(name)}\n`),
    ),
  ];
  const meaning = escaped(surroundings(content));
  const fitting = parts.filter((part): part is string => part !== null);
  const whole =
    fitting.length === parts.length &&
    parts.length <= MAX_PARTS &&
    fitting.join('').length <= MAX_PARTS_CHARS &&
    meaning.length <= MAX_SECTION_CHARS;
  if (!whole) {
    const parameters = content.binds?.length ?? 0;
    const and = parameters === 0 ? '' : `, with ${parameters} parameters`;
    const length = characters(content.text).toLocaleString('en-US');
    return {
      blocks: [section(`The statement is ${length} characters long${and}: read it on the page.`)],
      whole: false,
    };
  }
  return {
    blocks: [
      // `expand` keeps Slack from folding the end of it behind "see more", above live buttons.
      ...fitting.map((part) => ({ ...section(part), expand: true })),
      { type: 'context', elements: [mrkdwn(meaning)] },
    ],
    whole: true,
  };
}

function voteBlocks({ votes }: ApprovalSnapshot): AnyMessageBlock[] {
  if (votes.length === 0) return [];
  const lines = votes.map(({ by, vote, reason }) => {
    const why = reason === '' ? '' : `: ${prose(reason)}`;
    return `${code(by)} ${vote === 'approve' ? 'approved' : 'denied'}${why}`;
  });
  const text = lines.join('\n');
  const fits = text.length <= MAX_SECTION_CHARS;
  return [section(fits ? text : `${votes.length} votes; the page lists them.`)];
}

function decisionBlocks(approval: ApprovalSnapshot, link: string): AnyMessageBlock[] {
  if (!offersButtons(approval.request)) return [section(`Approve or deny on the page: ${link}.`)];
  const value: ButtonValue = { approval: approval.id, digest: approval.request.digest };
  return [
    {
      type: 'actions',
      elements: [
        button(APPROVE_ACTION, 'Approve', 'primary', value, {
          text: `Exactly what is shown runs once: ${subject(approval.request)}`,
          confirm: 'Approve',
        }),
        button(DENY_ACTION, 'Deny', 'danger', value, {
          text: 'To say why, deny on the page instead.',
          confirm: 'Deny',
        }),
      ],
    },
  ];
}

function button(
  action: string,
  label: string,
  style: 'primary' | 'danger',
  value: ButtonValue,
  confirm: { readonly text: string; readonly confirm: string },
): Button {
  return {
    type: 'button',
    action_id: action,
    text: { type: 'plain_text', text: label },
    style,
    value: JSON.stringify(value),
    confirm: {
      title: { type: 'plain_text', text: `${label}?` },
      text: { type: 'plain_text', text: clipped(confirm.text, 280) },
      confirm: { type: 'plain_text', text: confirm.confirm },
      deny: { type: 'plain_text', text: 'Not yet' },
    },
  };
}

function clipped(text: string, max = MAX_FALLBACK_CHARS): string {
  return text.length <= max ? text : `${text.slice(0, max - 1)}…`;
}

/** The characters that end a link early, in the one place where a URL stands in mrkdwn. */
function linkTarget(url: string): string {
  return escaped(
    new URL(url).href.replaceAll('|', '%7C').replaceAll('>', '%3E').replaceAll('<', '%3C'),
  );
}
