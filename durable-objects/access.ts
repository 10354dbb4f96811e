// What follows from a decision, whatever the protocol: go on, refuse, ask a human and wait, or live in a window of access.
// Also says when a session that stands must end, since its token, its window or the policy behind it has. Knows no wire.
import { activeGrant } from '../adapters/grants.ts';
import type { Env } from '../adapters/env.ts';
import { rowBound } from '../core/approval/envelope.ts';
import { grantCovers, grantSecondsOf, type ActiveGrant } from '../core/approval/grant.ts';
import type { ActionContent, SqlContent } from '../core/approval/request.ts';
import { unboundable } from '../core/approval/row-bound.ts';
import type { SessionEvent } from '../core/audit/event.ts';
import type { Decision } from '../core/decision.ts';
import type { Effect } from '../core/engine.ts';
import type { ConnectFacts, SqlFacts } from '../core/facts.ts';
import type { SessionCode } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import type { PolicyTarget } from '../core/policy/policy.ts';
import type { SessionTicket } from '../core/session-ticket.ts';
import type { Holding } from './holding.ts';
import type { Judgement } from './judgement.ts';

export type Decide = Extract<Effect, { kind: 'decide' }>;
type Approve = Extract<Decision, { kind: 'approve' }>;

/** Why a session must end, for the journal and for its caller. */
export interface Ending {
  readonly code: SessionCode;
  readonly message: string;
}

export interface AccessOptions {
  readonly env: Env;
  readonly ticket: SessionTicket;
  readonly judgement: Judgement;
  readonly holding: Holding;
  /** Rows the target expects; null where it cannot say. */
  estimate(target: PolicyTarget, content: SqlContent, facts: SqlFacts): Promise<number | null>;
  append(events: readonly SessionEvent[]): void;
}

export class Access {
  readonly #options: AccessOptions;
  /** The window of access the session lives in; null when the policy asks for none. */
  #grant: ActiveGrant | null = null;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Opening the session: an approval for it may be there already, as a window of access. */
  async admit(
    asked: Decide,
    principal: Principal,
    connect: ConnectFacts,
    decision: Approve,
    longestWaitMs?: number,
  ): Promise<Decision> {
    return (await this.#granted(principal, decision))
      ? this.#options.judgement.allow(decision)
      : this.hold(asked, principal, connect, decision, longestWaitMs);
  }

  /** Asks people about this action. `longestWaitMs` as in Holding.hold. */
  async hold(
    asked: Decide,
    principal: Principal,
    connect: ConnectFacts,
    decision: Approve,
    longestWaitMs?: number,
  ): Promise<Decision> {
    const { judgement, holding, ticket } = this.#options;
    const target = judgement.target();
    const content = asked.content();
    const { policyHash } = judgement;
    if (target === null || content === null || policyHash === null) {
      return judgement.deny('approval_unavailable');
    }
    const facts = asked.action.kind === 'sql' ? asked.action.sql : null;
    const estimatedRows =
      content.kind === 'sql' && facts !== null
        ? await this.#options.estimate(target, content, facts)
        : null;
    const bounded = content.kind === 'sql' && rowBound(decision.demands) !== null;
    // Nobody is asked for an approval that could not be used.
    const message = bounded ? (asked.unboundable?.() ?? unboundable(facts)) : null;
    if (message !== null) return judgement.refuse('row_bound', decision, message);
    const { session, origin, client } = ticket;
    const claimed = connect.client === '' ? client.agent : connect.client;
    const { id, kind, labels } = target;
    return holding.hold(
      {
        principal,
        target: { id, kind, labels },
        content: windowed(content, decision.demands),
        facts,
        policyHash,
        estimatedRows,
        claimed,
        origin,
        session,
        action: asked.id,
      },
      decision,
      content.kind === 'connect' && grantSecondsOf(decision.demands) !== null
        ? { opened: () => this.#granted(principal, decision) }
        : null,
      longestWaitMs,
    );
  }

  /** Promise 7: what no longer holds ends the session, whether or not the caller is doing anything. Null: it holds. */
  async ending(principal: Principal, connect: ConnectFacts): Promise<Ending | null> {
    if (Date.now() >= principal.expiresAtMs) {
      const message = 'The token of this session has expired; connect again.';
      return { code: 'token_ended', message };
    }
    const changed = await this.#options.judgement.refresh(principal, connect);
    if (changed !== null) {
      this.#options.append([{ kind: 'policy', revision: changed.revision }]);
      if (!changed.mayConnect) {
        const message = 'A changed policy no longer allows this session.';
        return { code: 'policy_ended', message };
      }
    }
    return this.#grantEnding(principal);
  }

  /** Whether a window of access is open that answers everything the policy asks of this connection. */
  async #granted(principal: Principal, { demands }: Approve): Promise<boolean> {
    const now = Date.now();
    const { env, ticket } = this.#options;
    const grant = await activeGrant(env, principal.id, ticket.target, now);
    if (grant === null || !grantCovers(grant, demands, now)) return false;
    this.#grant = grant;
    return true;
  }

  async #grantEnding(principal: Principal): Promise<Ending | null> {
    const last = this.#grant;
    if (last === null) return null;
    const grant = await this.#lookForGrant(principal, last);
    if (grant?.id === last.id) return null;
    if (grant === null || !grantOutlasts(grant, last)) {
      const message = 'The access that was granted has ended; ask again.';
      return { code: 'grant_ended', message };
    }
    this.#grant = grant;
    return null;
  }

  /** With the Grant object away, what was granted holds until its own end. */
  async #lookForGrant(principal: Principal, last: ActiveGrant): Promise<ActiveGrant | null> {
    const now = Date.now();
    const { env, ticket } = this.#options;
    try {
      return await activeGrant(env, principal.id, ticket.target, now);
    } catch {
      return now < last.endsAtMs ? last : null;
    }
  }
}

/** An approved connection with a window is bound to the window's length as well. */
function windowed(content: ActionContent, demands: Approve['demands']): ActionContent {
  return content.kind === 'connect' ? { ...content, seconds: grantSecondsOf(demands) } : content;
}

/** Another window that answers the same questions may follow on the first. */
function grantOutlasts(next: ActiveGrant, last: ActiveGrant): boolean {
  return last.satisfied.every((demand) => next.satisfied.includes(demand));
}
