// Who is asking. A Principal exists only after a token was verified; nothing else may build one.

/** The caller, as policy, journal and approver see it. `id` is `${issuerId}:${subject}` and is what approvals bind to. */
export interface Principal {
  readonly id: string;
  /** `issuers[].id` of the policy file. */
  readonly issuer: string;
  readonly subject: string;
  /** Workloads ask; only humans may ever approve. */
  readonly kind: 'workload' | 'human';
  readonly groups: readonly string[];
  /** Verified claims, as they stood in the token. */
  readonly claims: Readonly<Record<string, unknown>>;
  /** End of the token's life, milliseconds since the epoch. Sessions end with it. */
  readonly expiresAtMs: number;
}

/** What policy may know of a target: never its address, never its credential. */
export interface TargetIdentity {
  readonly id: string;
  readonly kind: TargetKind;
  readonly labels: Readonly<Record<string, string>>;
}

export type TargetKind = 'postgres' | 'http' | 'kubernetes' | 'ssh' | 'mcp';
