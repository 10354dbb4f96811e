// The Worker's bindings and variables. Secrets named by the policy file are read through `secret`, and nowhere else.
import type { Session } from '../durable-objects/session.ts';

export interface Env {
  readonly DB: D1Database;
  readonly RECORDINGS: R2Bucket;
  readonly SESSION: DurableObjectNamespace<Session>;
  /** `development` allows loopback http issuers and plaintext loopback targets; anything else is production. */
  readonly POSTERN_ENV: string;
}
