// Why an HTTP target gave no answer. `message` holds no secret and nothing of the request but its method, and is for the
// journal and operators, never for the caller; core/http/refusal.ts words what the caller is told.

export type UpstreamCode =
  | 'target_unreachable'
  | 'target_tls_failed'
  | 'target_auth_failed'
  | 'target_protocol'
  | 'request_refused' // cannot be sent as it was judged
  | 'client_closed'; // the caller's body broke off

export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly code: UpstreamCode;
  /**
   * Whether the target may have seen the request. Where it may, nobody knows what became of it: the outcome is `unknown`, and
   * it must not be sent again.
   */
  readonly sent: boolean;

  constructor(code: UpstreamCode, message: string, sent: boolean) {
    super(message);
    this.code = code;
    this.sent = sent;
  }
}

/** An operator's event: the gateway's own credential is missing, refused or out of date. Names only. */
export function reportAuthFailure(target: string, reason: string): void {
  console.warn(JSON.stringify({ event: 'target_auth_failed', target, reason }));
}
