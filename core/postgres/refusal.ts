// A refusal in Postgres' own words: which SQLSTATE, which fields. A refused statement is an ERROR and the connection lives
// on; the end of a session is a FATAL. Nothing internal is said: the sentence and the hint come from the decision, the
// detail carries codes only. @see protocol-error-fields, errcodes-appendix
import type { Decision, Denial } from '../decision.ts';
import type { DenyCode, SessionCode } from '../failure.ts';
import type { ReportFields } from './server-messages.ts';

const INSUFFICIENT_PRIVILEGE = '42501';

/** SQLSTATE per reason; what a client does with a code it knows should be right for this one too. */
const DENY_STATES: Readonly<Record<DenyCode, string>> = {
  rule: INSUFFICIENT_PRIVILEGE,
  no_rule: INSUFFICIENT_PRIVILEGE,
  condition_error: INSUFFICIENT_PRIVILEGE,
  policy_unreadable: '58000', // system_error
  sql_unparsable: '42601', // syntax_error
  sql_too_large: '54000', // program_limit_exceeded
  // undefined_table: migration tools look for a table of theirs and create it on this code.
  sql_unknown_object: '42P01',
  catalog_unavailable: '58000',
  guarded_setting: INSUFFICIENT_PRIVILEGE,
  read_only_target: INSUFFICIENT_PRIVILEGE,
  request_refused: '0A000', // of HTTP targets only, as is mask_body
  mask_body: '0A000',
  protocol_refused: '0A000', // feature_not_supported
  approval_unavailable: INSUFFICIENT_PRIVILEGE,
  approval_denied: INSUFFICIENT_PRIVILEGE,
  approval_expired: INSUFFICIENT_PRIVILEGE,
  approval_cancelled: INSUFFICIENT_PRIVILEGE,
  approval_pending: INSUFFICIENT_PRIVILEGE,
  approval_too_many: '53400',
  row_bound: INSUFFICIENT_PRIVILEGE,
  mask_predicate: INSUFFICIENT_PRIVILEGE,
  mask_unproven: INSUFFICIENT_PRIVILEGE,
  mask_copied: INSUFFICIENT_PRIVILEGE,
  mask_placeholder: INSUFFICIENT_PRIVILEGE,
  mask_redefined: INSUFFICIENT_PRIVILEGE,
  mask_key_missing: '58000',
  mask_mismatch: '58000',
  mask_model_unavailable: '58000',
  limit_exceeded: '53400', // configuration_limit_exceeded
  limit_unavailable: '58000',
  journal_unavailable: '58000',
};

const AUTHORIZATION = '28000';
const CONNECTION_FAILURE = '08006';
const ADMIN_SHUTDOWN = '57P01';

const SESSION_STATES: Readonly<Record<Exclude<SessionCode, DenyCode>, string>> = {
  token_missing: AUTHORIZATION,
  token_malformed: AUTHORIZATION,
  token_too_large: AUTHORIZATION,
  issuer_unknown: AUTHORIZATION,
  algorithm_refused: AUTHORIZATION,
  key_unknown: AUTHORIZATION,
  keys_unavailable: AUTHORIZATION,
  signature_invalid: AUTHORIZATION,
  audience_mismatch: AUTHORIZATION,
  token_expired: AUTHORIZATION,
  token_not_yet_valid: AUTHORIZATION,
  token_too_old: AUTHORIZATION,
  claim_missing: AUTHORIZATION,
  claims_expression: AUTHORIZATION,
  target_unknown: '3D000', // invalid_catalog_name
  target_unreachable: CONNECTION_FAILURE,
  target_auth_failed: CONNECTION_FAILURE,
  target_tls_failed: CONNECTION_FAILURE,
  target_protocol: CONNECTION_FAILURE,
  target_closed: CONNECTION_FAILURE,
  client_protocol: '08P01', // protocol_violation
  client_closed: ADMIN_SHUTDOWN,
  client_slow: ADMIN_SHUTDOWN,
  session_state_changed: ADMIN_SHUTDOWN,
  token_ended: ADMIN_SHUTDOWN,
  grant_ended: ADMIN_SHUTDOWN,
  policy_ended: ADMIN_SHUTDOWN,
  killed: ADMIN_SHUTDOWN,
  idle: ADMIN_SHUTDOWN,
  interrupted: ADMIN_SHUTDOWN,
  internal: 'XX000', // internal_error
};

/** Sentences for ends that no caller words. A token that was not accepted gets one sentence, whatever was wrong with it. */
const SENTENCES: Partial<Record<SessionCode, string>> = {
  target_unreachable: 'The target cannot be reached.',
  target_auth_failed: 'The target did not accept the credential of the gateway.',
  target_tls_failed: 'No verified TLS connection to the target could be made.',
  target_protocol: 'The target broke the protocol; the session is closed.',
  target_closed: 'The target closed the connection.',
  client_protocol: 'The client broke the protocol; the session is closed.',
  session_state_changed:
    'The session was closed: a setting that gives statements their meaning has changed.',
  limit_exceeded: 'The session was closed: it exceeded a limit of the gateway.',
  mask_mismatch:
    'The session was closed: the target described another result than was planned for, so it could not be masked.',
  mask_key_missing:
    'The session was closed: a result was to be masked, and this gateway cannot do so.',
  mask_model_unavailable:
    'The session was closed: a result was to be looked through by a model, and it did not answer as it should.',
  internal: 'The gateway hit an internal error and closed the session.',
};

const TOKEN_SENTENCE = 'The access token was not accepted.';

function isDenyCode(code: SessionCode): code is DenyCode {
  return Object.hasOwn(DENY_STATES, code);
}

/** SQLSTATE of a refused action. */
export function denyState(code: DenyCode): string {
  return DENY_STATES[code];
}

/** Fields of the ErrorResponse for a refused statement. */
export function refusalFields(denial: Denial, revision: number): ReportFields {
  return withDetail(
    { S: 'ERROR', V: 'ERROR', C: denyState(denial.code), M: denial.message },
    denial,
    revision,
  );
}

/** Fields for a connection the policy does not allow. */
export function connectRefusalFields(denial: Denial, revision: number): ReportFields {
  const C = denial.code === 'limit_exceeded' ? '53300' : denyState(denial.code); // too_many_connections
  return withDetail({ S: 'FATAL', V: 'FATAL', C, M: denial.message }, denial, revision);
}

function withDetail(fields: ReportFields, denial: Denial, revision: number): ReportFields {
  const rule = denial.rule === null ? '' : `; rule ${denial.rule}`;
  const { retryAfterSeconds: seconds } = denial;
  const retry = seconds === undefined ? '' : `; retry ${seconds}`;
  const D = `code ${denial.code}${rule}; revision ${revision}${retry}`;
  return denial.hint === '' ? { ...fields, D } : { ...fields, D, H: denial.hint };
}

/** Fields of the last message of a session. */
export function fatalFields(code: SessionCode, message?: string, sqlstate?: string): ReportFields {
  return {
    S: 'FATAL',
    V: 'FATAL',
    C: sqlstate ?? endState(code),
    M:
      message ??
      SENTENCES[code] ??
      (endState(code) === AUTHORIZATION ? TOKEN_SENTENCE : 'The session was closed.'),
    D: `code ${publicCode(code)}`,
  };
}

function endState(code: SessionCode): string {
  if (!isDenyCode(code)) return SESSION_STATES[code];
  return code === 'limit_exceeded' ? '53300' : DENY_STATES[code];
}

/** Which check a token failed is for the journal; outside it would tell a forger how far they came. */
function publicCode(code: SessionCode): string {
  return endState(code) === AUTHORIZATION ? 'token_refused' : code;
}

/** What is left of a decision when nobody holds the action for its approvers. */
export function denied(decision: Decision): (Decision & Denial) | null {
  switch (decision.kind) {
    case 'allow':
      return null;
    case 'deny':
      return decision;
    case 'approve':
      return {
        kind: 'deny',
        code: 'approval_unavailable',
        rule: decision.demands[0]?.rule ?? null,
        message: decision.demands[0]?.message || 'This needs the approval of a human.',
        hint: 'Approvals are not available on this connection.',
        revision: decision.revision,
        observed: decision.observed,
      };
    default:
      return {
        kind: 'deny',
        code: 'condition_error',
        rule: null,
        message: 'The decision could not be read.',
        hint: '',
        revision: 0,
        observed: [],
      };
  }
}
