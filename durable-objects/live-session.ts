// The conduct of one live session: who the caller is, what the policy says of each action, which target is dialled with
// which credential, and when it is over. Conversation moves the bytes; Session keeps the journal.
import type { Connection } from '../adapters/connection.ts';
import { nativeCrypto } from '../adapters/crypto.ts';
import type { Env } from '../adapters/env.ts';
import type { ActivePolicy } from '../adapters/policy-store.ts';
import type { HoldInput } from '../adapters/tunnel-connection.ts';
import type { ApprovalStanding } from '../core/approval/request.ts';
import { claimsDigest } from '../core/audit/claims-digest.ts';
import type { EngineEvent, SessionEvent } from '../core/audit/event.ts';
import type { Decision, Denial } from '../core/decision.ts';
import type { Authentication, Effect, TargetLogin } from '../core/engine.ts';
import type { ConnectFacts } from '../core/facts.ts';
import type { SessionCode } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import { LOGIN_TIMEOUT_MS, MAX_UNSHIPPED_BYTES, SESSION_TICK_MS } from '../core/limits.ts';
import type { SessionTicket } from '../core/session-ticket.ts';
import type { ParseSql } from '../core/sql/parse.ts';
import { Allowance } from './allowance.ts';
import { Access, type Decide } from './access.ts';
import { Conversation, type Conduct } from './conversation.ts';
import { Holding } from './holding.ts';
import { Judgement } from './judgement.ts';
import { LimitedDecision } from './limited-decision.ts';
import type { MaskedDecision } from './masked-decision.ts';
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

type Approve = Extract<Decision, { kind: 'approve' }>;

export class LiveSession implements Conduct {
  readonly #env: Env;
  readonly #ticket: SessionTicket;
  readonly #host: SessionHost;
  readonly #judgement: Judgement;
  readonly #protocol: Protocol;
  readonly #conversation: Conversation;
  readonly #holding: Holding;
  readonly #access: Access;
  readonly #allowance: Allowance;
  readonly #limited: LimitedDecision;
  #principal: Principal | null;
  #connect: ConnectFacts = { protocol: '', client: '', country: '' };
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
    this.#allowance = new Allowance(env, ticket.session, () => this.#judgement.limits);
    this.#limited = new LimitedDecision(this.#judgement, this.#allowance);
    this.#holding = new Holding(
      env,
      parse,
      (message) => this.#conversation.notify(message),
      (cost) => this.#allowance.reserve(cost),
    );
    this.#access = new Access({
      env,
      ticket,
      judgement: this.#judgement,
      holding: this.#holding,
      estimate: (...of) => this.#protocol.estimate(...of),
      append: (events) => host.append(events),
    });
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

  approvalSettled(standing: ApprovalStanding): void {
    this.#holding.settled(standing);
  }

  journalFailed(): void {
    this.#conversation.shutdown('journal_unavailable', 'The journal cannot be written.');
  }

  /** Passes a cancel request on to the target when the key is this session's own. */
  async cancelled(key: Uint8Array): Promise<boolean> {
    if (!ownsKey(this.#ticket, key)) return false;
    if (this.#holding.cancel()) return true;
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

  decide(effect: Decide): MaskedDecision | Promise<MaskedDecision | null> {
    const asked = this.#located(effect);
    const decision = this.#decision(asked);
    const last = (said: Decision) => this.#limited.of(asked, this.#judgement.masked(asked, said));
    if (!(decision instanceof Promise)) return last(decision);
    return decision.then((late) => late && last(late));
  }

  #decision(asked: Decide): Decision | Promise<Decision | null> {
    if (this.#host.unshippedBytes() > MAX_UNSHIPPED_BYTES) {
      return this.#judgement.deny('journal_unavailable');
    }
    if (this.#principal === null) return this.#judgement.deny('no_rule');
    const decision = this.#judgement.decide(asked, this.#principal);
    if (decision instanceof Promise) return decision.then((late) => this.#next(asked, late));
    return this.#next(asked, decision);
  }

  /** Where a connection comes from is the door's to know; no engine does. */
  #located(effect: Decide): Decide {
    if (effect.action.kind !== 'connect') return effect;
    const connect = { ...effect.action.connect, country: this.#ticket.client.country };
    return { ...effect, action: { kind: 'connect', connect } };
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

  analyze(effect: Extract<Effect, { kind: 'analyze' }>): ReturnType<Conduct['analyze']> {
    return this.#judgement.analyze(effect);
  }

  stale(): void {
    this.#judgement.stale();
  }

  record(events: readonly EngineEvent[]): void {
    this.#host.append(events);
    this.#limited.recorded(events);
  }

  ended(code: SessionCode, detail: string): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#loginTimer);
    clearInterval(this.#tickTimer);
    // Nobody waits for these any more; a rule's `keep` decides whether the request stays open.
    this.#holding.cancel();
    this.#allowance.release();
    if (this.#started) this.#host.append([{ kind: 'session.end', code, detail }]);
  }

  /** What follows from what the policy says: go on, refuse, or wait for a human. */
  #next(effect: Decide, decision: Decision): Decision | Promise<Decision | null>;
  #next(effect: Decide, decision: Decision | null): Decision | null | Promise<Decision | null>;
  #next(effect: Decide, decision: Decision | null): Decision | null | Promise<Decision | null> {
    if (decision === null) return null;
    if (effect.action.kind === 'connect') return this.#connecting(effect, decision);
    if (decision.kind !== 'approve' || effect.preparing) return decision;
    // Nobody is asked for what could not run even if they agreed.
    const possible = this.#judgement.masked(effect, decision);
    if (possible.kind === 'deny') return possible;
    // An answer still to come may change what the action would do: ask again when it is there.
    if (!effect.quiet) return Promise.resolve(null);
    if (this.#principal === null) return this.#judgement.deny('approval_unavailable');
    return this.#access.hold(effect, this.#principal, this.#connect, decision);
  }

  /** The session's first record: written once the caller is known and the connection has been judged. */
  #connecting(effect: Decide, decision: Decision): Decision | Promise<Decision> {
    const principal = this.#principal;
    if (principal === null || effect.action.kind !== 'connect') return decision;
    this.#connect = effect.action.connect;
    if (!this.#started) this.#start(principal, decision.revision);
    if (decision.kind === 'deny') {
      this.#refused(decision.code, decision.message);
      return decision;
    }
    // A connection that waits for people has its place already: nobody is asked for one that could not be had.
    const placed = this.#allowance.admit(principal.id);
    const next = (denial: Denial | null): Decision | Promise<Decision> => {
      if (denial === null)
        return decision.kind === 'approve' ? this.#admit(effect, principal, decision) : decision;
      this.#refused(denial.code, denial.message);
      return { ...denial, revision: decision.revision, observed: decision.observed };
    };
    return placed instanceof Promise ? placed.then(next) : next(placed);
  }

  async #admit(effect: Decide, principal: Principal, decision: Approve): Promise<Decision> {
    const held = await this.#access.admit(effect, principal, this.#connect, decision);
    if (held.kind === 'deny') this.#refused(held.code, held.message);
    return held;
  }

  #start(principal: Principal, revision: number): void {
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
          claimsDigest: claimsDigest(principal, nativeCrypto),
        },
        client: {
          name: this.#connect.client,
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
    const ending = await this.#access.ending(principal, this.#connect);
    if (this.#over) return;
    if (ending !== null) return this.#shutdown(ending.code, ending.message);
    const denial = await this.#allowance.tick();
    if (denial !== null) this.#shutdown(denial.code, denial.message);
  }
}
