// The closed set of things that go wrong. Codes are stable: they stand in the journal, in answers and in docs/failures.md.

/** Why an action was refused. Each has its own test. */
export type DenyCode =
  | 'rule' // a deny rule matched
  | 'no_rule' // nothing allows it
  | 'condition_error' // a CEL condition failed to evaluate
  | 'policy_unreadable' // no policy revision could be read
  | 'sql_unparsable' // not SQL that the Postgres parser accepts
  | 'sql_too_large'
  | 'sql_unknown_object' // a relation or function the catalog does not know, even after a refresh
  | 'catalog_unavailable'
  | 'guarded_setting' // would change session state that gives statements their meaning
  | 'read_only_target'
  | 'request_refused' // an HTTP request that could mean more than one thing, or holds what never passes
  | 'mask_body' // an answer of a kind, a coding or a size that masks cannot be held to
  | 'protocol_refused' // FunctionCall, replication and other messages that are never forwarded
  | 'approval_unavailable'
  | 'approval_pending' // not decided within the rule's `wait`; the same action may be sent again
  | 'approval_denied'
  | 'approval_expired'
  | 'approval_cancelled'
  | 'approval_too_many' // as many requests of this principal wait at this target as may
  | 'row_bound' // more rows than were approved, or rows that cannot be held to the bound
  | 'mask_predicate' // a masked column in a condition, a grouping or an ordering that its mask does not allow
  | 'mask_unproven' // where the values come from cannot be proven
  | 'mask_copied' // would store a masked value where its mask does not cover it
  | 'mask_placeholder' // would store what a mask put in place of a value
  | 'mask_redefined' // would change the definition of a table with masked columns
  | 'mask_key_missing' // hash and fake need a key that is not there
  | 'mask_mismatch' // the target described another result than was planned for
  | 'mask_model_unavailable' // what a model is to find in a result could not be asked, or its answer makes no sense
  | 'limit_exceeded' // of the policy's `limits`, or of what the gateway keeps for one session
  | 'limit_unavailable' // a limit is in force and its count cannot be asked
  | 'journal_unavailable';

/** Why a token was not accepted. The caller sees one sentence for all of them; the journal keeps the code. */
export type TokenCode =
  | 'token_missing'
  | 'token_malformed'
  | 'token_too_large'
  | 'issuer_unknown'
  | 'algorithm_refused'
  | 'key_unknown'
  | 'keys_unavailable'
  | 'signature_invalid'
  | 'audience_mismatch'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_too_old'
  | 'claim_missing'
  | 'claims_expression';

/** Why a session could not start or had to end. */
export type SessionCode =
  | TokenCode
  | DenyCode
  | 'target_unknown'
  | 'target_unreachable'
  | 'target_auth_failed'
  | 'target_tls_failed'
  | 'target_protocol' // the target broke the protocol
  | 'target_closed'
  | 'client_protocol' // the client broke the protocol
  | 'client_closed'
  | 'client_slow' // a client without credits stopped reading
  | 'session_state_changed' // the server reported a guarded setting off its required value
  | 'token_ended'
  | 'grant_ended' // the window of access is over or was given back
  | 'policy_ended' // a changed policy no longer allows the session
  | 'killed'
  | 'idle'
  | 'interrupted' // the object was restarted under the session
  | 'internal';

/** Why a vote on an approval was not counted. Each has its own test. */
export type VoteCode =
  | 'workload_cannot_decide' // only humans decide, whatever groups a workload is in
  | 'own_request' // the requester, under whatever identity
  | 'not_an_approver' // in none of the groups that the rules ask
  | 'already_voted' // this person has said the same before, or approved under another identity
  | 'digest_mismatch' // what was shown is not what is asked for
  | 'policy_changed' // the policy that asked is no longer in force: the approval could not be used
  | 'reason_invalid' // a denial without a reason, or one too long
  | 'replayed' // the very request that carried this vote has come before
  | 'approval_settled'; // decided, expired or cancelled before

/** A peer's bytes break its protocol. Thrown by codecs only; each engine catches it in one place and closes. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

/** A switch reached what its type says cannot exist. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`);
}

export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E };
