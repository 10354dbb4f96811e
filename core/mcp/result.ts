// A call's answer cut to what a model can read, and the words around it. The JSON API gives up to 8 MiB; here whole rows are
// left out past a bound, and the answer says so.
import type { CallView } from '../call/order.ts';
import { fenced, plainJson } from './fence.ts';
import { MAX_TOOL_RESULT_BYTES, type CallOutput } from './tools.ts';

export interface Cut {
  readonly rows: unknown[][];
  readonly cut: boolean;
}

/** As many whole rows, from the first, as fit into `maxBytes` of JSON. `json`: arrays joined by commas. */
export function fittingRows(json: string, maxBytes = MAX_TOOL_RESULT_BYTES): Cut {
  const all = JSON.parse(`[${json}]`) as unknown[][];
  const encoder = new TextEncoder();
  const rows: unknown[][] = [];
  let bytes = 0;
  for (const row of all) {
    bytes += encoder.encode(plainJson(row)).length + 1;
    if (bytes > maxBytes) return { rows, cut: true };
    rows.push(row);
  }
  return { rows, cut: false };
}

/** `view` without a failure. `masked`: what the journal says was masked, null where that is not known. */
export function callOutput(
  view: CallView,
  masked: readonly string[] | null,
  origin: string,
): CallOutput {
  const { rows, cut } = fittingRows(view.rows);
  const truncatedBy = cut ? 'bytes' : (view.result?.truncatedBy ?? null);
  const { approval } = view;
  return {
    call: view.id,
    state: stateOf(view),
    next: nextOf(view, truncatedBy !== null, origin),
    session: view.session,
    approval: approval === null ? null : { id: approval, url: `${origin}/approvals/${approval}` },
    command: view.result?.command ?? '',
    rowCount: view.result?.rowCount ?? null,
    columns: [...(view.result?.columns ?? [])],
    rows,
    truncated: truncatedBy !== null,
    truncatedBy,
    masked: masked === null ? null : masked.filter((entry) => !isSearch(entry)),
    searched: masked?.some(isSearch) ?? true,
  };
}

/** Of a column that is looked into, whether anything is found or not (core/audit/event.ts, DecisionRecord). */
function isSearch(entry: string): boolean {
  return entry.startsWith('detect:') || entry.startsWith('model:');
}

/** A call that waits says what it waits for; one that is over, what was left out. */
function nextOf({ state, approval, id }: CallView, truncated: boolean, origin: string): string {
  switch (state) {
    case 'succeeded':
      return truncated
        ? 'Rows are missing. Narrow the statement, or ask for the rest by a key: WHERE id > $1 ORDER BY id.'
        : 'Done.';
    case 'pending':
    case 'approved':
      return approval === null
        ? `It is being prepared. Call check_approval with call "${id}".`
        : `Nothing has run yet: a person has to agree. Show them ${origin}/approvals/${approval} and call check_approval with call "${id}". Do not send the statement again, and do not try to approve it.`;
    case 'executing':
      return `It is still running. Call check_approval with call "${id}". Do not send it again.`;
    case 'failed':
    case 'unknown':
    default:
      return 'It did not succeed.';
  }
}

/** @throws Error for a call that has failed: that is refusalText's to say */
function stateOf({ state }: CallView): CallOutput['state'] {
  switch (state) {
    case 'succeeded':
    case 'pending':
    case 'approved':
    case 'executing':
      return state;
    case 'failed':
    case 'unknown':
    default:
      throw new Error('a failed call is no answer');
  }
}

/** The same for a model that reads text. */
export function callText(output: CallOutput, target: string, nonce: string): string {
  const head = [`State: ${output.state}. ${output.next}`, `Call: ${output.call}`];
  if (output.state !== 'succeeded') return head.join('\n');
  const count = output.rowCount === null ? '' : ` (${output.rowCount} at the target)`;
  head.push(
    `${output.command === '' ? 'Rows' : output.command}: ${output.rows.length} shown${count}.`,
  );
  if (output.truncatedBy !== null) head.push(`TRUNCATED by ${output.truncatedBy}.`);
  if (output.masked === null) head.push('MASKED: possibly. Values may not be the real ones.');
  else if (output.masked.length > 0) {
    head.push(
      'MASKED: values of some columns are not the real ones; which ones stands with the data.',
    );
  }
  if (output.searched)
    head.push('Values were searched for sensitive data; what was found has been replaced.');
  const about = { columns: output.columns, masked: output.masked };
  head.push(fenced(target, [plainJson(about), ...output.rows.map(plainJson)], nonce));
  return head.join('\n');
}
