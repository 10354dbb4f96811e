// Why a target could not be reached. `message` names no secret and is for the journal, never for the caller.

export class DialFailure extends Error {
  override readonly name = 'DialFailure';
  readonly code: 'target_unreachable' | 'target_tls_failed';
  constructor(code: 'target_unreachable' | 'target_tls_failed', message: string) {
    super(message);
    this.code = code;
  }
}
