// Answers of the gateway's own at the HTTP door, in place of the target's.
import type { Decision } from '../core/decision.ts';
import { denialRefusal, failureRefusal, held, type Answer } from '../core/http/refusal.ts';
import type { SessionTicket } from '../core/session-ticket.ts';

/** The answer to what the policy does not let through now. */
export function refusalResponse(
  decision: Exclude<Decision, { kind: 'allow' }>,
  { session, origin }: Pick<SessionTicket, 'session' | 'origin'>,
): Response {
  if (decision.kind === 'approve') return respond(failureRefusal('internal'), session);
  const { pending } = decision;
  if (pending === undefined) return respond(denialRefusal(decision, decision.revision), session);
  return respond(
    held({
      approval: pending.id,
      link: `${origin}/approvals/${pending.id}`,
      poll: `/v1/approvals/${pending.id}`,
      rules: pending.rules,
      expiresAtMs: pending.expiresAtMs,
    }),
    session,
  );
}

export function respond({ status, headers, body }: Answer, session: string): Response {
  const all = new Headers(headers.map(([name, value]) => [name, value]));
  all.set('x-postern-session', session);
  // What a target answers never has it: its own headers of that kind are left out (header-tables.ts).
  all.set('x-postern-answer', 'gateway');
  // A status like 204 takes none, not even an empty one.
  return new Response(body === '' ? null : body, { status, headers: all });
}
