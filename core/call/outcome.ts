// How a call ends, and where it stands before. The ledger keeps it, the door renders it; both speak of it in these words.
import type { ReportFields } from '../postgres/server-messages.ts';

/**
 *   pending ─▶ approved ─▶ executing ─▶ succeeded | failed | unknown
 *
 * `pending`: nothing was sent to the target, or it is held there for people. `approved`: agreed to after the session that
 * asked had given up waiting; it is sent once more. `failed`: certainly without effect. `unknown`: sent, and no answer came.
 */
export type CallState = 'pending' | 'approved' | 'executing' | 'succeeded' | 'failed' | 'unknown';

export function isFinal(state: CallState): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'unknown';
}

export interface CallColumn {
  readonly name: string;
  /** `int4`, `text[]`, or `oid:16412` for a type of the database's own. */
  readonly type: string;
}

export interface CallResult {
  readonly columns: readonly CallColumn[];
  /** Rows returned or changed, as the target counts them; null where the result was cut off or has no rows. */
  readonly rowCount: number | null;
  /** The command tag's words: `SELECT`, `INSERT`. Empty where the result was cut off. */
  readonly command: string;
  /** What was left out: rows over `maxRows`, rows over the bound on bytes, or COPY data, which has no place in JSON. */
  readonly truncatedBy: 'rows' | 'bytes' | 'copy' | null;
}

export interface CallFailure {
  /** A code of core/failure.ts where the gateway refused; `query_failed` where the target did; a code of the door's else. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly rule: string | null;
  readonly sqlstate: string | null;
  /** The target's own detail, position (characters from 1) and constraint; empty where it gave none. */
  readonly detail: string;
  readonly position: string;
  readonly constraint: string;
  /** When the same may be tried again; null where nobody can say. */
  readonly retryAfterSeconds: number | null;
}

export function failure(
  code: string,
  message: string,
  more: Partial<CallFailure> = {},
): CallFailure {
  return { ...NOTHING_MORE, ...more, code, message };
}

const NOTHING_MORE: Omit<CallFailure, 'code' | 'message'> = {
  hint: '',
  rule: null,
  sqlstate: null,
  detail: '',
  position: '',
  constraint: '',
  retryAfterSeconds: null,
};

/** What the gateway writes as the detail of its own errors (core/postgres/refusal.ts). */
const OWN = /^code ([a-z_]+)(?:; rule (.+?))?(?:; revision \d+)?(?:; retry (\d{1,9}))?$/s;

/**
 * An ErrorResponse as a failure. The target's own errors name their place in its source (F, L, R), the gateway's have none:
 * a function at the target cannot pass its RAISE off as a refusal.
 */
export function reportedFailure(fields: ReportFields): CallFailure {
  const { C: sqlstate = '', M: message = '', D: detail = '', H: hint = '' } = fields;
  const foreign = ['F', 'L', 'R'].some((field) => fields[field] !== undefined);
  const own = foreign ? null : OWN.exec(detail);
  if (own?.[1] !== undefined) {
    const retryAfterSeconds = own[3] === undefined ? null : Number(own[3]);
    return failure(own[1], message, { hint, rule: own[2] ?? null, sqlstate, retryAfterSeconds });
  }
  const { P: position = '', n: constraint = '' } = fields;
  return failure('query_failed', message, { hint, sqlstate, detail, position, constraint });
}

/** The approval that a notice or error of the gateway's names; the link's host is not believed, only its id. */
export function namedApproval(fields: ReportFields): string | null {
  return /\bapprovals?[ /]([0-9a-f]{32}-\d{1,9})\b/.exec(fields['M'] ?? '')?.[1] ?? null;
}
