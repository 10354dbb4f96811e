// Who may see and end which sessions: everybody their own, others' only where the policy's `audit.read` and `audit.kill`
// give exactly true. A condition that cannot be evaluated gives nothing.
import type { Context } from 'hono';
import { isDevelopment } from '../adapters/env.ts';
import { policies } from '../adapters/policy-store.ts';
import type { SessionRow } from '../adapters/schema.ts';
import type { Principal } from '../core/identity.ts';
import type { Condition } from '../core/policy/condition.ts';
import { PrincipalView } from '../core/policy/vocabulary.ts';
import type { DoorEnv } from './door-env.ts';
import { HttpFailure } from './render-failure.ts';

export interface AuditAccess {
  /** Set where the caller may see nobody's sessions but their own: searches look for these only. */
  readonly ownId: string | null;
  mayRead(session: Pick<SessionRow, 'principalId'>): boolean;
  mayKill(session: Pick<SessionRow, 'principalId'>): boolean;
}

/** @throws HttpFailure policy_unreadable */
export async function policyAccess(c: Context<DoorEnv>): Promise<AuditAccess> {
  const active = await policies.current(c.env.DB, isDevelopment(c.env), Date.now());
  if (!active.ok) throw new HttpFailure('policy_unreadable');
  return auditAccess(c.get('principal'), active.value.policy.audit);
}

export function auditAccess(
  principal: Principal,
  audit: { readonly read: Condition | null; readonly kill: Condition | null },
): AuditAccess {
  const variables = { principal: new PrincipalView(principal) };
  const readsAll = audit.read?.holds(variables) === true;
  const killsAll = audit.kill?.holds(variables) === true;
  return {
    ownId: readsAll ? null : principal.id,
    mayRead: (session) => readsAll || session.principalId === principal.id,
    mayKill: (session) => killsAll || session.principalId === principal.id,
  };
}
