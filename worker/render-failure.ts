// Failures as the outside sees them: problem+json (RFC 9457), one entry per code, so that a new code without a rendering
// does not compile. Codes and sentences come from this table; an error's own message never leaves the Worker.
import type { Context, ErrorHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { IndexUnavailable } from '../adapters/audit-index.ts';
import { RecordingDamaged, RecordingsUnavailable } from '../adapters/recordings.ts';
import type { SessionCode, VoteCode } from '../core/failure.ts';

/** What can go wrong on HTTP besides what ends a session. */
export type HttpCode =
  | 'not_found'
  | 'forbidden'
  | 'upgrade_required'
  | 'request_invalid'
  | 'request_too_large'
  | 'idempotency_key_invalid'
  | 'idempotency_conflict'
  | 'query_failed'
  | 'query_timeout'
  | 'outcome_unknown'
  | 'call_cancelled'
  | 'call_unavailable'
  | 'session_ended'
  | 'session_unavailable'
  | 'index_unavailable'
  | 'recordings_unavailable'
  | 'recording_damaged'
  | 'recording_unfinished'
  | 'grant_not_needed'
  | 'grant_not_offered'
  | 'grant_ended'
  | 'login_needed'
  | 'login_unavailable'
  | 'login_failed'
  | 'form_refused'
  | 'signature_refused';

export type ProblemCode = SessionCode | VoteCode | HttpCode;

export interface Rendering {
  readonly status: ContentfulStatusCode;
  readonly title: string;
  /** One sentence: what happened and, where there is something, what to do. */
  readonly detail: string;
}

/** Every refused token looks the same: which check it failed is for the journal, not for whoever is trying tokens. */
const UNAUTHENTICATED: Rendering = {
  status: 401,
  title: 'Not authenticated',
  detail: 'The gateway did not accept the token. Send a current one of a configured issuer.',
};

const AWAY = 503;

const RENDERINGS: Readonly<Record<ProblemCode, Rendering>> = {
  token_missing: {
    status: 401,
    title: 'Not authenticated',
    detail: 'This address needs a token: send one as `Authorization: Bearer`.',
  },
  token_malformed: UNAUTHENTICATED,
  token_too_large: UNAUTHENTICATED,
  issuer_unknown: UNAUTHENTICATED,
  algorithm_refused: UNAUTHENTICATED,
  key_unknown: UNAUTHENTICATED,
  keys_unavailable: UNAUTHENTICATED,
  signature_invalid: UNAUTHENTICATED,
  audience_mismatch: UNAUTHENTICATED,
  token_expired: UNAUTHENTICATED,
  token_not_yet_valid: UNAUTHENTICATED,
  token_too_old: UNAUTHENTICATED,
  claim_missing: UNAUTHENTICATED,
  claims_expression: UNAUTHENTICATED,
  token_ended: UNAUTHENTICATED,
  rule: refused('A rule of the policy refuses this.'),
  no_rule: refused('No rule of the policy allows this.'),
  condition_error: refused('A condition of the policy could not be evaluated; that refuses.'),
  policy_unreadable: away('The policy cannot be read, so nothing is allowed. Try again.'),
  sql_unparsable: refused('The text is not SQL that Postgres would accept.'),
  sql_too_large: {
    status: 413,
    title: 'Too large',
    detail: 'The SQL text is longer than the gateway inspects.',
  },
  sql_unknown_object: refused(
    'The SQL names a relation or function that the gateway does not know.',
  ),
  catalog_unavailable: away("The target's catalog cannot be read. Try again."),
  guarded_setting: refused('This would change a setting that gives statements their meaning.'),
  read_only_target: refused('This target is read-only.'),
  request_refused: invalid('The request could mean more than one thing, so it was not sent.'),
  mask_body: refused('The answer is of a kind that the masks of the policy cannot be held to.'),
  protocol_refused: refused('The gateway never forwards this kind of message.'),
  approval_unavailable: away('Nobody can be asked for approval now. Try again.'),
  approval_pending: refused('Not decided yet; send the same again once it is approved.'),
  approval_denied: refused('An approver refused this.'),
  approval_expired: refused('The approval has expired; ask again.'),
  approval_cancelled: refused('The request for approval was withdrawn.'),
  approval_too_many: {
    status: 429,
    title: 'Too many',
    detail:
      'Too many of your requests wait for approval at this target. Let people decide some first.',
  },
  row_bound: refused('More rows would change than were approved.'),
  mask_predicate: refused('A masked column may not be compared this way.'),
  mask_unproven: refused('It cannot be proven that no masked value would come back.'),
  mask_copied: refused('A masked value would be stored where nothing masks it.'),
  mask_placeholder: refused("A mask's placeholder would be stored as if it were the value."),
  mask_redefined: refused('The definition of a table with masked columns would change.'),
  mask_key_missing: away('The gateway has no key for its masks, so nothing is shown.'),
  mask_mismatch: away('The target answered with another result than was planned for.'),
  mask_model_unavailable: away(
    'A model that masks depend on does not answer, so nothing is shown.',
  ),
  limit_exceeded: { status: 429, title: 'Too many', detail: 'A limit of the policy is reached.' },
  limit_unavailable: away('A limit is in force and its count cannot be asked. Try again.'),
  journal_unavailable: away('The journal cannot take more, so nothing may run. Try again.'),
  target_unknown: { status: 404, title: 'Unknown target', detail: 'There is no such target.' },
  target_unreachable: unreachable('The target cannot be reached.'),
  target_auth_failed: unreachable("The target did not accept the gateway's credential."),
  target_tls_failed: unreachable("The target's certificate could not be verified."),
  target_protocol: unreachable('The target broke its protocol.'),
  target_closed: unreachable('The target closed the connection.'),
  client_protocol: invalid('The request breaks its protocol.'),
  client_closed: invalid('The client closed the connection.'),
  client_slow: invalid('The client stopped reading.'),
  session_state_changed: refused('The session left the state in which statements can be judged.'),
  policy_ended: refused('A changed policy no longer allows this session.'),
  killed: refused('The session was ended by an operator.'),
  idle: { status: 408, title: 'Too slow', detail: 'The session was idle for too long.' },
  interrupted: away('The session was interrupted. Connect again.'),
  internal: {
    status: 500,
    title: 'Internal error',
    detail: 'The gateway failed. Its log names this request by the id in `instance`.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    detail: 'There is nothing here, or nothing that you may see.',
  },
  forbidden: refused('You may see this, but not do that with it.'),
  signature_refused: refused('The request is not signed as its sender signs, or it is too old.'),
  upgrade_required: {
    status: 426,
    title: 'WebSocket needed',
    detail: 'This address speaks WebSocket only: send `Upgrade: websocket`.',
  },
  request_invalid: invalid('The request is not one that this address takes.'),
  request_too_large: { status: 413, title: 'Too large', detail: 'The request is too large.' },
  idempotency_key_invalid: invalid(
    'An Idempotency-Key is 1 to 128 printable ASCII characters without spaces, quotes and backslashes.',
  ),
  idempotency_conflict: {
    status: 422,
    title: 'Key used before',
    detail: 'This Idempotency-Key was sent before, with another request. Nothing was done.',
  },
  query_failed: { status: 422, title: 'Query failed', detail: 'The target refused the statement.' },
  query_timeout: {
    status: 422,
    title: 'Query stopped',
    detail: 'The statement took too long and was stopped; it had no effect.',
  },
  // 409 and no 5xx: what retries on those by itself must not run this again.
  outcome_unknown: conflict('Outcome unknown', 'Whether the statement took effect is not known.'),
  call_cancelled: conflict('Cancelled', 'The call was cancelled; nothing ran.'),
  call_unavailable: away('The call cannot be looked up now. Ask again with the same key.'),
  session_ended: { status: 409, title: 'Session ended', detail: 'The session is not live.' },
  session_unavailable: away('The session does not answer. Try again.'),
  index_unavailable: away('The audit index does not answer. Try again.'),
  recordings_unavailable: away('The store of recordings does not answer. Try again.'),
  recording_damaged: {
    status: 500,
    title: 'Damaged recording',
    detail: 'The recording is not what was written; an operator must look at it.',
  },
  recording_unfinished: {
    status: 409,
    title: 'Not recorded yet',
    detail: 'The session is open, or its recording is still being written.',
  },
  workload_cannot_decide: refused(
    'Only people decide about approvals: this token is of a workload, whatever groups it is in.',
  ),
  own_request: refused('Nobody decides about what they asked for themselves.'),
  not_an_approver: refused('You are in none of the groups that are asked.'),
  already_voted: conflict('Already voted', 'You have voted on this before.'),
  digest_mismatch: conflict(
    'Not what you were shown',
    'What is asked for is not what you were shown. Look at it again.',
  ),
  policy_changed: conflict(
    'Policy changed',
    'The policy has changed since this was asked; the caller has to ask again.',
  ),
  reason_invalid: invalid(
    'A denial needs a reason, and no reason may be longer than 1,000 characters.',
  ),
  replayed: conflict(
    'Seen before',
    'This very request has come before; nothing was counted twice.',
  ),
  approval_settled: conflict('Settled', 'This was decided, or closed, before your vote came in.'),
  grant_not_needed: conflict('Not needed', 'You may connect to this target without asking.'),
  grant_not_offered: refused('The rules offer no access of this kind or length to this target.'),
  grant_ended: conflict('Ended', 'This access is over, or was never given.'),
  login_needed: {
    status: 403,
    title: 'Signed out',
    detail: 'Your session has ended. Sign in and try again; nothing was done.',
  },
  login_unavailable: away('Nobody can sign in here: an operator has to set it up.'),
  login_failed: refused('The login did not succeed. Try again.'),
  form_refused: refused(
    'This form did not come from a page that you were shown. Nothing was done.',
  ),
};

/** What is said of a code, for pages and other renderings than JSON. */
export function renderingOf(code: ProblemCode): Rendering {
  return RENDERINGS[code];
}

/** Thrown by a route, rendered by `renderFailure`. `detail` replaces the table's sentence and is shown to the caller. */
export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly code: ProblemCode;
  readonly detail: string | null;

  constructor(code: ProblemCode, detail: string | null = null) {
    super(code);
    this.code = code;
    this.detail = detail;
  }
}

/** The table's sentence for `code`, for answers that are no problem documents. */
export function publicDetail(code: ProblemCode): string {
  return RENDERINGS[code].detail;
}

/** Whether the table has a sentence for it: codes that come from elsewhere are not taken on trust. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(RENDERINGS, code);
}

/**
 * A problem document for `code`. Extension members: `code`, `hint` where one is given, and `members`. A refused token shows one code
 * for all reasons.
 */
export function problem(
  c: Context,
  code: ProblemCode,
  more: {
    readonly detail?: string | null;
    readonly hint?: string;
    /** When the same may be tried again. */
    readonly retryAfterSeconds?: number | null;
    readonly members?: Readonly<Record<string, unknown>>;
  } = {},
): Response {
  const { status, title, detail } = RENDERINGS[code];
  const shown = status === 401 && code !== 'token_missing' ? 'token_refused' : code;
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  };
  if (status === 401) {
    // RFC 6750 section 3: no error code when no token was sent.
    headers['www-authenticate'] =
      code === 'token_missing' ? 'Bearer' : 'Bearer error="invalid_token"';
  }
  const { retryAfterSeconds = null } = more;
  if (retryAfterSeconds !== null) headers['retry-after'] = String(retryAfterSeconds);
  else if (status === AWAY) headers['retry-after'] = '5';
  const document = {
    type: `urn:postern:problem:${shown}`,
    title,
    status,
    detail: (status === 401 ? null : more.detail) ?? detail,
    instance: `urn:postern:request:${requestId(c)}`,
    code: shown,
    ...(more.hint === undefined || more.hint === '' ? {} : { hint: more.hint }),
    ...more.members,
  };
  return c.body(JSON.stringify(document), status, headers);
}

/** The only `app.onError`. */
export const renderFailure: ErrorHandler = (error, c) => {
  if (error instanceof HttpFailure) return problem(c, error.code, { detail: error.detail });
  if (error instanceof IndexUnavailable) return problem(c, 'index_unavailable');
  if (error instanceof RecordingsUnavailable) return problem(c, 'recordings_unavailable');
  if (error instanceof RecordingDamaged) return problem(c, 'recording_damaged');
  if (error instanceof HTTPException && error.status < 500) return problem(c, 'request_invalid');
  console.error(
    JSON.stringify({
      event: 'failure',
      request: requestId(c),
      route: c.req.routePath,
      error: error.name,
      frames: frames(error),
    }),
  );
  return problem(c, 'internal');
};

const requestIds = new WeakMap<Request, string>();

/** Cloudflare's own id of the request where there is one; else ours. The same each time it is asked for. */
function requestId(c: Context): string {
  const known = c.req.header('cf-ray') ?? requestIds.get(c.req.raw);
  if (known !== undefined) return known;
  const fresh = crypto.randomUUID();
  requestIds.set(c.req.raw, fresh);
  return fresh;
}

/** Where it happened, without the message: messages quote queries and peers. */
function frames(error: Error): string[] {
  const stack = error.stack ?? '';
  const head = `${error.name}: ${error.message}`;
  if (!stack.startsWith(head)) return [];
  return stack
    .slice(head.length)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .slice(0, 8);
}

function refused(detail: string): Rendering {
  return { status: 403, title: 'Refused', detail };
}

function invalid(detail: string): Rendering {
  return { status: 400, title: 'Invalid request', detail };
}

function conflict(title: string, detail: string): Rendering {
  return { status: 409, title, detail };
}

function unreachable(detail: string): Rendering {
  return { status: 502, title: 'Target unavailable', detail };
}

function away(detail: string): Rendering {
  return { status: AWAY, title: 'Unavailable', detail };
}
