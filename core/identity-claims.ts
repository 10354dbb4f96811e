// Verified claims → Principal, by the issuer's CEL expressions. Runs only after the signature, the audience and the times
// were checked (adapters/tokens.ts). An expression that fails refuses the token: a group that cannot be computed might
// be the one a deny rule is about.
import type { Result } from './failure.ts';
import type { Principal } from './identity.ts';
import { compileCondition, type Condition } from './policy/condition.ts';
import type { PolicyIssuer } from './policy/policy.ts';

export interface ClaimsReader {
  /** `expiresAtMs` is the end the verifier found. The error is one sentence without any claim's value. */
  principal(
    claims: Readonly<Record<string, unknown>>,
    expiresAtMs: number,
  ): Result<
    Principal,
    { readonly code: 'claims_expression' | 'claim_missing'; readonly detail: string }
  >;
}

/** Journals and screens show these; a subject with a line break could forge a line. */
const PLAIN = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,500}$/u;
const MAX_GROUPS = 1000;

export function createClaimsReader(issuer: PolicyIssuer): ClaimsReader {
  const accept = issuer.accept === null ? null : compiled(issuer.accept, 'bool');
  const subject = compiled(issuer.subject, 'string');
  const groupsFrom = issuer.groupsFrom === null ? null : compiled(issuer.groupsFrom, 'names');
  const groups = Object.entries(issuer.groups).map(([name, source]) => ({
    name,
    condition: compiled(source, 'bool'),
  }));
  return {
    principal(claims, expiresAtMs) {
      const variables = { claims };
      if (accept !== null) {
        const accepted = accept.holds(variables);
        if (accepted === false) return refuse('accept does not hold for its claims');
        if (accepted !== true) return refuse(`accept failed: ${accepted.error}`);
      }
      const name = subject.value(variables);
      if (!name.ok) {
        const missing = issuer.subject === 'claims.sub';
        return refuse(
          `subject failed: ${name.error.error}`,
          missing ? 'claim_missing' : 'claims_expression',
        );
      }
      if (!isPlain(name.value)) return refuse('subject is no plain text of 1 to 500 characters');
      const member = new Set<string>();
      for (const { name: group, condition } of groups) {
        const verdict = condition.holds(variables);
        if (typeof verdict !== 'boolean') return refuse(`group ${group} failed: ${verdict.error}`);
        if (verdict) member.add(group);
      }
      if (groupsFrom !== null) {
        const listed = groupsFrom.value(variables);
        if (!listed.ok) return refuse(`groupsFrom failed: ${listed.error.error}`);
        const names: unknown = listed.value;
        if (!Array.isArray(names) || names.length > MAX_GROUPS || !names.every(isPlain)) {
          return refuse(`groupsFrom gave no list of at most ${MAX_GROUPS} names`);
        }
        for (const group of names) member.add(group);
      }
      return {
        ok: true,
        value: {
          id: `${issuer.id}:${name.value}`,
          issuer: issuer.id,
          subject: name.value,
          kind: issuer.kind,
          groups: [...member].sort(),
          claims,
          expiresAtMs,
        },
      };
    },
  };
}

function isPlain(value: unknown): value is string {
  return typeof value === 'string' && PLAIN.test(value);
}

function refuse(detail: string, code: 'claims_expression' | 'claim_missing' = 'claims_expression') {
  return { ok: false, error: { code, detail } } as const;
}

function compiled(source: string, wanted: 'bool' | 'string' | 'names'): Condition {
  const result = compileCondition(source, 'claims', wanted);
  if (!result.ok)
    throw new Error(`a parsed policy holds a condition that does not compile: ${source}`);
  return result.value;
}
