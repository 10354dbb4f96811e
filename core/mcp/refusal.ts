// Refusals and errors in words for a model: what was refused, by what, what would be allowed, and what to do next. The
// gateway's own sentences stand as they are; a target's words are fenced, since anybody may have written them.
import { visibleLine } from '../approval/message.ts';
import type { CallFailure } from '../call/outcome.ts';
import { fenced, plainJson } from './fence.ts';

const MAX_SENTENCE_CHARS = 1_000;

/** Of a call that has ended without success. */
export function refusalText(
  failure: CallFailure,
  target: string,
  call: string | null,
  nonce: string,
): string {
  const lines: string[] = [];
  const foreign = failure.code === 'query_failed';
  if (foreign) {
    lines.push(
      `The target refused the statement (code query_failed${failure.sqlstate === null ? '' : `, SQLSTATE ${failure.sqlstate}`}).`,
      fenced(target, [plainJson(targetWords(failure))], nonce),
    );
  } else {
    const rule = failure.rule === null ? '' : `, rule ${visibleLine(failure.rule)}`;
    lines.push(
      `${verdict(failure.code)}: ${sentence(failure.message)} (code ${failure.code}${rule})`,
    );
    if (failure.hint !== '') lines.push(`Hint: ${sentence(failure.hint)}`);
  }
  lines.push(`Next: ${nextStep(failure.code, failure.retryAfterSeconds ?? null)}`);
  if (call !== null) lines.push(`Call: ${call}`);
  return lines.join('\n');
}

/** Of a failure that the gateway answers with before there is a call. */
export function failureText(code: string, detail: string, call: string | null = null): string {
  const lines = [`${verdict(code)}: ${sentence(detail)} (code ${code})`, `Next: ${nextStep(code)}`];
  return [...lines, ...(call === null ? [] : [`Call: ${call}`])].join('\n');
}

function targetWords({ message, detail, hint, position, constraint }: CallFailure): object {
  const words = { message, detail, hint, position, constraint };
  return Object.fromEntries(Object.entries(words).filter(([, word]) => word !== ''));
}

function sentence(text: string): string {
  return visibleLine(text).slice(0, MAX_SENTENCE_CHARS);
}

function verdict(code: string): string {
  switch (code) {
    case 'outcome_unknown':
    case 'call_unavailable':
    case 'internal':
      return 'Outcome unknown';
    case 'target_closed':
    case 'target_protocol':
    case 'mask_body':
      return 'No answer to show, and the target may have acted';
    case 'query_timeout':
      return 'Stopped';
    case 'approval_denied':
      return 'Denied by a person';
    default:
      return PASSING.has(code) ? 'Not available now, nothing ran' : 'Refused, nothing ran';
  }
}

/** Reasons that pass: the same may be tried again. */
const PASSING: ReadonlySet<string> = new Set([
  'policy_unreadable',
  'catalog_unavailable',
  'approval_unavailable',
  'journal_unavailable',
  'limit_unavailable',
  'target_unreachable',
  'target_auth_failed',
  'target_tls_failed',
  'session_unavailable',
  'interrupted',
]);

function pause(seconds: number | null): string {
  return seconds === null ? 'Wait' : `Wait ${seconds} seconds`;
}

/** One step for each code. A code that is not named gets the careful one. */
function nextStep(code: string, seconds: number | null = null): string {
  switch (code) {
    case 'no_rule':
      return 'Nothing in the policy allows this to you. Use list_targets and describe_schema to see what you may reach; ask for less (a read, other tables), or tell the person you work for that a rule is missing.';
    case 'rule':
      return 'A rule forbids this. Do not rephrase it to get around the rule; do what the hint or message allows, or tell the person you work for.';
    case 'mask_predicate':
      return 'Do not filter, join, group or sort by a masked column that way; describe_schema shows which columns are masked. Use another column.';
    case 'mask_unproven':
    case 'mask_copied':
    case 'mask_placeholder':
    case 'mask_redefined':
      return 'Leave the masked columns out: name the columns you need instead of *, and select from tables rather than through functions or casts of whole rows.';
    case 'approval_pending':
      return 'People have not decided yet. Call check_approval with the handle.';
    case 'approval_denied':
      return 'Do not ask for the same again unless something has changed; tell the person you work for, with the reason.';
    case 'approval_expired':
    case 'approval_cancelled':
    case 'call_cancelled':
      return 'It will not run any more. Send it again (with a new idempotencyKey) if it is still needed.';
    case 'approval_too_many':
      return 'Wait, and send fewer requests at a time.';
    case 'limit_exceeded':
      return `${pause(seconds)}, then send the same again, once. Until then every call that the limit concerns is refused: ask for less, in fewer calls, and do not try in a loop.`;
    case 'row_bound':
      return 'It concerns more rows than is allowed. Narrow its WHERE clause and try again.';
    case 'sql_unparsable':
      return 'Correct the SQL: one statement in the syntax of Postgres.';
    case 'sql_too_large':
    case 'request_too_large':
      return 'Make the statement shorter: put values into params, and work in batches.';
    case 'sql_unknown_object':
      return 'Look the name up with describe_schema.';
    case 'query_failed':
      return 'Correct the statement; describe_schema shows tables and columns. It had no effect.';
    case 'query_timeout':
      return 'It had no effect. Make it cheaper: an index, fewer rows, a narrower WHERE clause.';
    case 'outcome_unknown':
      return 'Do NOT send it again. Look with a read whether it took effect, and tell the person you work for.';
    case 'call_unavailable':
    case 'internal':
      return 'It may have run. Call check_approval with the handle to learn how it stands; do not send it again before.';
    case 'idempotency_conflict':
      return 'Use a new idempotencyKey for a new statement.';
    case 'target_unknown':
    case 'not_found':
      return 'Use ids and handles that a tool gave you: list_targets lists the targets.';
    case 'grant_not_needed':
      return 'Just use query.';
    case 'grant_not_offered':
      return 'Ask for fewer minutes, or just use query: it asks for approval where that is needed.';
    case 'request_invalid':
      return 'Correct the arguments.';
    case 'policy_ended':
    case 'killed':
    case 'grant_ended':
      return 'Stop: your access has ended. Tell the person you work for.';
    default:
      return PASSING.has(code)
        ? 'Try again in a few seconds, with the same idempotencyKey where you gave one; stop after three times.'
        : 'Do not repeat it unchanged; tell the person you work for what was refused.';
  }
}
