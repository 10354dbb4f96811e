// One caller at one HTTP target: the requests that come while the token lives, under one journal. Judges the opening and
// every request, ends when the token, the policy, the window of access or the caller's silence ends it. What is done with one
// request is http-exchange.ts's; the journal is session.ts's.
import { nativeCrypto } from '../adapters/crypto.ts';
import type { Env } from '../adapters/env.ts';
import type { ParseSql } from '../core/sql/parse.ts';
import type { ApprovalStanding } from '../core/approval/request.ts';
import { claimsDigest } from '../core/audit/claims-digest.ts';
import type { SessionEvent } from '../core/audit/event.ts';
import type { Denial } from '../core/decision.ts';
import type { ConnectFacts } from '../core/facts.ts';
import type { SessionCode } from '../core/failure.ts';
import type { DoorUrl } from '../core/http/door.ts';
import type { Principal } from '../core/identity.ts';
import { MAX_UNSHIPPED_BYTES, SESSION_TICK_MS } from '../core/limits.ts';
import type { SessionTicket } from '../core/session-ticket.ts';
import { Access, type Decide, type Ending } from './access.ts';
import { Allowance } from './allowance.ts';
import type { Dialect, Exchange, ExchangeOptions } from './exchange.ts';
import { Holding } from './holding.ts';
import { Judgement } from './judgement.ts';
import type { MaskedDecision } from './masked-decision.ts';

export interface HttpHost {
  /** Throws when the journal cannot be written. */
  append(events: readonly SessionEvent[]): void;
  unshippedBytes(): number;
}

/** Where a session that slept takes up its journal again. */
export interface Resumption {
  readonly lastAction: number;
}

/** A target that is not there, one of another kind, and one that nobody opens to the caller sound alike. */
const UNNAMED: Denial = {
  kind: 'deny',
  code: 'no_rule',
  rule: null,
  message: 'There is no such target, or no rule lets you use it.',
  hint: 'GET /v1/targets lists what you may reach.',
};

export class HttpSession {
  readonly #ticket: SessionTicket;
  readonly #dialect: Dialect;
  readonly #host: HttpHost;
  readonly #principal: Principal;
  readonly #judgement: Judgement;
  readonly #holding: Holding;
  readonly #allowance: Allowance;
  readonly #access: Access;
  readonly #env: Env;
  readonly #connect: ConnectFacts;
  readonly #exchanges = new Set<Exchange>();
  #actions: number;
  #started: boolean;
  #opening: Promise<MaskedDecision> | null = null;
  #ended: { readonly code: SessionCode; readonly message: string } | null = null;
  #tickTimer: ReturnType<typeof setInterval> | undefined;

  constructor(
    env: Env,
    ticket: SessionTicket,
    dialect: Dialect,
    principal: Principal,
    parse: ParseSql,
    host: HttpHost,
    resumed: Resumption | null,
  ) {
    this.#env = env;
    this.#ticket = ticket;
    this.#dialect = dialect;
    this.#host = host;
    this.#principal = principal;
    this.#actions = resumed?.lastAction ?? 0;
    this.#started = resumed !== null;
    this.#judgement = new Judgement(env, ticket, null);
    this.#allowance = new Allowance(env, ticket.session, () => this.#judgement.limits);
    // Nobody waits on a wire for notices: who asks is told where to look at once.
    const silent = () => undefined;
    this.#holding = new Holding(env, parse, silent, (cost) => this.#allowance.reserve(cost));
    this.#access = new Access({
      env,
      ticket,
      judgement: this.#judgement,
      holding: this.#holding,
      estimate: () => Promise.resolve(null),
      append: (events) => host.append(events),
    });
    const { agent, country } = ticket.client;
    this.#connect = { protocol: dialect.protocol, client: agent, country };
  }

  /** No request is under way. */
  get idle(): boolean {
    return this.#exchanges.size === 0;
  }

  get live(): boolean {
    return this.#ended === null;
  }

  /** One request of the same caller; `url` as the door has taken it apart. */
  async exchange(request: Request, url: DoorUrl, waitMs: number): Promise<Response> {
    // Concurrent first requests open the session once.
    this.#opening ??= this.#opened(waitMs);
    const opened = await this.#opening;
    const { session } = this.#ticket;
    if (opened.kind !== 'allow') return this.#dialect.refused(request, opened, this.#ticket);
    // Killed while that was looked up: nothing may begin any more.
    const ending = this.#ended ?? (await this.#ending()) ?? this.#ended;
    if (ending !== null) {
      this.end(ending.code, ending.message);
      return this.#dialect.ended(request, ending.code, session);
    }
    const options: ExchangeOptions = {
      env: this.#env,
      session,
      principal: this.#principal.id,
      origin: this.#ticket.origin,
      action: ++this.#actions,
      revision: opened.revision,
      append: (events) => this.#append(events),
      decide: (asked, claimed) => this.#decide(asked, claimed, waitMs),
      over: () => this.#left(exchange),
    };
    const target = this.#judgement.target();
    const exchange = target === null ? null : this.#dialect.exchange(target, options);
    if (exchange === null) {
      const unnamed = { ...UNNAMED, revision: opened.revision, observed: [] };
      return this.#dialect.refused(request, unnamed, this.#ticket);
    }
    this.#exchanges.add(exchange);
    this.#tickTimer ??= setInterval(() => void this.#tick(), SESSION_TICK_MS);
    return exchange.run(request, url);
  }

  kill(by: string): void {
    this.end('killed', `This session was ended by ${by}.`);
  }

  approvalSettled(standing: ApprovalStanding): void {
    this.#holding.settled(standing);
  }

  journalFailed(): void {
    try {
      this.end('journal_unavailable', 'The journal cannot be written.');
    } catch {
      // Nor can its closing record: that is recovery's business.
    }
  }

  /** Breaks what is under way; nothing follows. */
  end(code: SessionCode, message: string): void {
    if (this.#ended !== null) return;
    this.#ended = { code, message };
    clearInterval(this.#tickTimer);
    this.#holding.cancel();
    this.#allowance.release();
    for (const exchange of this.#exchanges) exchange.abort(code);
    this.#exchanges.clear();
    if (this.#started) this.#host.append([{ kind: 'session.end', code, detail: message }]);
  }

  /** One that could not be opened is over: what failed would be every later request's answer. */
  async #opened(waitMs: number): Promise<MaskedDecision> {
    try {
      return await this.#open(waitMs);
    } catch (error) {
      this.#opening = null;
      throw error;
    }
  }

  async #open(waitMs: number): Promise<MaskedDecision> {
    const asked: Decide = {
      kind: 'decide',
      id: 0,
      action: { kind: 'connect', connect: this.#connect },
      refusal: null,
      unresolved: [],
      content: () => ({ kind: 'connect', protocol: this.#dialect.protocol, seconds: null }),
      lineage: () => null,
      quiet: true,
      preparing: false,
    };
    const judged = await this.#judged(asked);
    // Judged anew by the revision that is in force now: a session that slept may have missed some.
    if (!this.#started) this.#start(judged.revision);
    // A caller who waits for people has its place already: nobody is asked for one that could not be had.
    const full = judged.kind === 'deny' ? null : await this.#allowance.admit(this.#principal.id);
    const decision =
      full !== null
        ? { ...full, revision: judged.revision, observed: judged.observed }
        : judged.kind === 'approve'
          ? await this.#access.admit(asked, this.#principal, this.#connect, judged, waitMs)
          : judged;
    const { revision, observed } = decision;
    const known = this.#judgement.target()?.kind === this.#dialect.protocol;
    const answer =
      (decision.kind === 'deny' && decision.code === 'no_rule') || !known
        ? { ...UNNAMED, revision, observed }
        : decision;
    if (answer.kind === 'deny') {
      this.#host.append([
        {
          kind: 'session.refused',
          code: answer.code,
          detail: decision.kind === 'deny' ? decision.message : answer.message,
        },
      ]);
      this.end(answer.code, answer.message);
    }
    return this.#judgement.masked(asked, answer);
  }

  async #judged(asked: Decide) {
    if (this.#host.unshippedBytes() > MAX_UNSHIPPED_BYTES) {
      return this.#judgement.deny('journal_unavailable');
    }
    const decision = await this.#judgement.decide(asked, this.#principal);
    // Only a catalog that has to be read asks for another look, and there is none.
    return decision ?? this.#judgement.deny('no_rule');
  }

  async #decide(asked: Decide, claimed: string, waitMs: number): Promise<MaskedDecision> {
    const decision = await this.#judged(asked);
    if (decision.kind !== 'approve') {
      return this.#leave(asked, this.#judgement.masked(asked, decision));
    }
    // Nobody is asked for what could not run even if they agreed.
    const possible = this.#judgement.masked(asked, decision);
    if (possible.kind === 'deny') return possible;
    if (asked.content() === null) {
      const message = 'This needs approval, and its body is too large to be shown to a person.';
      return this.#judgement.masked(
        asked,
        this.#judgement.refuse('approval_unavailable', decision, message),
      );
    }
    const connect = { ...this.#connect, client: claimed === '' ? this.#connect.client : claimed };
    const held = await this.#access.hold(asked, this.#principal, connect, decision, waitMs);
    return this.#judgement.masked(asked, held);
  }

  /** The last word is the limits'. What was approved has had its leave before its approval was used (holding.ts). */
  async #leave(asked: Decide, decision: MaskedDecision): Promise<MaskedDecision> {
    if (decision.kind !== 'allow') return decision;
    const denial = await this.#allowance.spend();
    if (denial === null) return decision;
    const { revision, observed } = decision;
    return this.#judgement.masked(asked, { ...denial, revision, observed });
  }

  #start(revision: number): void {
    const { session, target, client } = this.#ticket;
    const { id, kind, groups } = this.#principal;
    this.#host.append([
      {
        kind: 'session.start',
        session,
        target,
        protocol: this.#dialect.protocol,
        principal: { id, kind, groups, claimsDigest: claimsDigest(this.#principal, nativeCrypto) },
        client: { name: client.agent, address: client.address, country: client.country },
        revision,
      },
    ]);
    this.#started = true;
  }

  #append(events: readonly SessionEvent[]): void {
    try {
      this.#host.append(events);
    } catch (error) {
      this.end('journal_unavailable', 'The journal cannot be written.');
      throw error;
    }
  }

  #left(exchange: Exchange | null): void {
    if (exchange === null) return;
    this.#exchanges.delete(exchange);
    if (this.#exchanges.size > 0) return;
    clearInterval(this.#tickTimer);
    this.#tickTimer = undefined;
  }

  /** What streams for hours ends with what allowed it. */
  async #tick(): Promise<void> {
    if (this.#ended !== null) return;
    const ending = await this.#ending();
    if (ending !== null) this.end(ending.code, ending.message);
  }

  async #ending(): Promise<Ending | null> {
    const ending = await this.#access.ending(this.#principal, this.#connect);
    return ending ?? (await this.#allowance.tick());
  }
}
