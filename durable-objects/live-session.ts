// The conduct of one live session: who the caller is, what the policy says of each action, which target is dialled with
// which credential, and when it is over. Conversation moves the bytes; Session keeps the journal.
import type { Connection } from '../adapters/connection.ts';
import type { Env } from '../adapters/env.ts';
import type { ActivePolicy } from '../adapters/policy-store.ts';
import type { HoldInput } from '../adapters/tunnel-connection.ts';
import type { ApprovalStanding } from '../core/approval/request.ts';
import type { EngineEvent, SessionEvent } from '../core/audit/event.ts';
import type { Decision } from '../core/decision.ts';
import type { Authentication, Effect, TargetLogin } from '../core/engine.ts';
import type { SessionCode } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import { LOGIN_TIMEOUT_MS, MAX_UNSHIPPED_BYTES, SESSION_TICK_MS } from '../core/limits.ts';
import type { SessionTicket } from '../core/session-ticket.ts';
import type { ParseSql } from '../core/sql/parse.ts';
import { Conversation, type Conduct } from './conversation.ts';
import { Judgement } from './judgement.ts';
import {
  cancelElsewhere,
  dialTarget,
  ownsKey,
  postgresProtocol,
  targetLogin,
  type Protocol,
} from './protocols.ts';

/** What the object gives to its live part. */
export interface SessionHost {
  /** Throws when the journal cannot be written. */
  append(events: readonly SessionEvent[]): void;
  unshippedBytes(): number;
  /** Shuts the object's input gate for a moment: back-pressure for sources that know no other. */
  readonly hold: HoldInput;
}

type Decide = Extract<Effect, { kind: 'decide' }>;

export class LiveSession implements Conduct {
  readonly #env: Env;
  readonly #ticket: SessionTicket;
  readonly #host: SessionHost;
  readonly #judgement: Judgement;
  readonly #protocol: Protocol;
  readonly #conversation: Conversation;
  #principal: Principal | null;
  #started = false;
  #over = false;
  readonly #loginTimer: ReturnType<typeof setTimeout>;
  readonly #tickTimer: ReturnType<typeof setInterval>;

  /** `active` is the policy as the session begins; `#tick` and every action look for a newer one. */
  constructor(
    env: Env,
    ticket: SessionTicket,
    active: ActivePolicy,
    parse: ParseSql,
    socket: WebSocket,
    host: SessionHost,
  ) {
    this.#env = env;
    this.#ticket = ticket;
    this.#host = host;
    this.#principal = ticket.principal;
    const target = active.policy.targets.get(ticket.target) ?? null;
    this.#protocol = postgresProtocol(env, ticket, target, parse, host.hold);
    this.#judgement = new Judgement(env, ticket, this.#protocol.catalog);
    this.#conversation = new Conversation(this.#protocol.engine, this, socket, ticket.credited);
    this.#loginTimer = setTimeout(() => {
      if (!this.#started) this.#shutdown('idle', 'The login took too long.');
    }, LOGIN_TIMEOUT_MS);
    this.#tickTimer = setInterval(() => void this.#tick(), SESSION_TICK_MS);
  }

  get live(): boolean {
    return this.#conversation.live;
  }

  kill(by: string): void {
    this.#conversation.shutdown('killed', `This session was ended by ${by}.`);
  }

  /** No action of this version waits for an approval. */
  approvalSettled(_standing: ApprovalStanding): void {}

  journalFailed(): void {
    this.#conversation.shutdown('journal_unavailable', 'The journal cannot be written.');
  }

  /** Passes a cancel request on to the target when the key is this session's own. */
  async cancelled(key: Uint8Array): Promise<boolean> {
    if (!ownsKey(this.#ticket, key)) return false;
    const request = this.#conversation.cancelRequest();
    const target = this.#judgement.target();
    if (request === null || target === null) return true;
    const connection = await dialTarget(this.#env, target, this.#host.hold);
    try {
      await connection.write(request);
      // Postgres closes the connection once it has acted on the request.
      await connection.read();
    } finally {
      connection.close();
    }
    return true;
  }

  async authenticate(token: string): Promise<Authentication> {
    const verified = await this.#judgement.verify(token);
    if (!verified.ok) {
      this.#refused(verified.error.code, verified.error.detail);
      return { ok: false, code: verified.error.code };
    }
    this.#principal = verified.value;
    return { ok: true };
  }

  decide(effect: Decide): Decision | Promise<Decision | null> {
    if (this.#host.unshippedBytes() > MAX_UNSHIPPED_BYTES) {
      return this.#judgement.deny('journal_unavailable');
    }
    if (this.#principal === null) return this.#judgement.deny('no_rule');
    const decision = this.#judgement.decide(effect, this.#principal);
    if (decision instanceof Promise) return decision.then((late) => this.#settle(effect, late));
    return this.#settle(effect, decision);
  }

  async dial(): Promise<{ connection: Connection; login: TargetLogin }> {
    // The catalog is read beside the login: the first statement then waits for neither.
    this.#judgement.warm();
    const target = this.#judgement.target();
    const login = targetLogin(this.#env, target);
    return { connection: await dialTarget(this.#env, target, this.#host.hold), login };
  }

  async cancel(key: Uint8Array): Promise<void> {
    await cancelElsewhere(this.#env, this.#ticket.target, key);
  }

  stale(): void {
    this.#judgement.stale();
  }

  record(events: readonly EngineEvent[]): void {
    this.#host.append(events);
  }

  ended(code: SessionCode, detail: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#loginTimer);
    clearInterval(this.#tickTimer);
    if (this.#started) this.#host.append([{ kind: 'session.end', code, detail }]);
  }

  #settle(effect: Decide, decision: Decision): Decision;
  #settle(effect: Decide, decision: Decision | null): Decision | null;
  #settle(effect: Decide, decision: Decision | null): Decision | null {
    if (effect.action.kind === 'connect') return this.#connecting(effect, decision);
    if (decision?.kind !== 'approve' || effect.preparing) return decision;
    return this.#judgement.deny('approval_unavailable');
  }

  /** The session's first record: written once the caller is known and the connection has been judged. */
  #connecting(effect: Decide, decision: Decision): Decision;
  #connecting(effect: Decide, decision: Decision | null): Decision | null;
  #connecting(effect: Decide, decision: Decision | null): Decision | null {
    const principal = this.#principal;
    if (decision === null || principal === null || effect.action.kind !== 'connect')
      return decision;
    this.#start(principal, effect.action.connect.client, decision.revision);
    if (decision.kind === 'deny') this.#refused(decision.code, decision.message);
    return decision;
  }

  #start(principal: Principal, clientName: string, revision: number): void {
    this.#started = true;
    this.#host.append([
      {
        kind: 'session.start',
        session: this.#ticket.session,
        target: this.#ticket.target,
        protocol: this.#protocol.name,
        principal: {
          id: principal.id,
          kind: principal.kind,
          groups: principal.groups,
          claimsDigest: this.#judgement.claimsDigest(principal),
        },
        client: {
          name: clientName,
          address: this.#ticket.client.address,
          country: this.#ticket.client.country,
        },
        revision,
      },
    ]);
  }

  #refused(code: SessionCode, detail: string): void {
    if (this.#started) this.#host.append([{ kind: 'session.refused', code, detail }]);
  }

  #shutdown(code: SessionCode, message: string): void {
    this.#conversation.shutdown(code, message);
  }

  /** Promise 7: what no longer holds ends the session, whether or not the caller is doing anything. */
  async #tick(): Promise<void> {
    const principal = this.#principal;
    if (this.#over || principal === null || !this.#started) return;
    if (Date.now() >= principal.expiresAtMs) {
      return this.#shutdown('token_ended', 'The token of this session has expired; connect again.');
    }
    const changed = await this.#judgement.refresh(principal);
    if (this.#over || changed === null) return;
    this.#host.append([{ kind: 'policy', revision: changed.revision }]);
    if (!changed.mayConnect) {
      this.#shutdown('policy_ended', 'A changed policy no longer allows this session.');
    }
  }
}
