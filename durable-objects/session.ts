// One session: one caller, one target, one journal. What comes in is the live part's (a connection's: live-session.ts; one
// request after the other: http-session.ts); here the journal is written before anything runs, and shipped to R2 and D1.
import { DurableObject } from 'cloudflare:workers';
import { nativeCrypto } from '../adapters/crypto.ts';
import { isDevelopment, type Env, type SessionRpc } from '../adapters/env.ts';
import { createJournal, type Journal } from '../adapters/journal.ts';
import { policies } from '../adapters/policy-store.ts';
import { ship } from '../adapters/ship.ts';
import { loadSqlParser } from '../adapters/sql-parser.ts';
import type { ApprovalStanding } from '../core/approval/request.ts';
import { claimsDigest } from '../core/audit/claims-digest.ts';
import type { ChainedEvent, SessionEvent } from '../core/audit/event.ts';
import { doorUrl } from '../core/http/door.ts';
import type { Principal } from '../core/identity.ts';
import { HTTP_SESSION_REUSE_MS, MAX_HTTP_WAIT_SECONDS, SHIP_INTERVAL_MS } from '../core/limits.ts';
import {
  ENDED_HEADER,
  requestProtocol,
  TICKET_HEADER,
  UNREAD,
  type SessionTicket,
} from '../core/session-ticket.ts';
import { TUNNEL_PROTOCOL } from '../core/tunnel.ts';
import type { Dialect } from './exchange.ts';
import { HTTP } from './http-exchange.ts';
import { HttpSession } from './http-session.ts';
import { LiveSession } from './live-session.ts';
import { MCP } from './mcp-exchange.ts';

/** How requests are read and answered, by the door that they come in by. */
const DIALECTS: ReadonlyMap<string, Dialect> = new Map(
  [HTTP, MCP].map((dialect) => [dialect.protocol, dialect]),
);
/** After a crash the alarm finds the journal unfinished; while the session lives it only ships. */
const ALARM_MS = 60_000;
/** What a crash left open is closed at once and shipped this soon after. */
const RECOVERY_ALARM_MS = 1_000;
/** Outcomes are written with the next intent, or this much later: one write a statement instead of two. */
const OUTCOME_DELAY_MS = 200;
/** A caller that sends no request for so long gets a new session with the next; the door forgets this one earlier. */
const HTTP_IDLE_MS = 2 * HTTP_SESSION_REUSE_MS;

export class Session extends DurableObject<Env> implements SessionRpc {
  readonly #journal: Journal;
  /** One connection in the life of an object; set before anything is awaited. */
  #taken = false;
  #live: LiveSession | null = null;
  #http: HttpSession | null = null;
  /** Whose HTTP session it is: principal and claims. */
  #owner: string | null = null;
  #outcomes: SessionEvent[] = [];
  #outcomeTimer = false;
  #shipTimer = false;
  #alarmSet = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#journal = createJournal(ctx.storage.sql, nativeCrypto);
    // An unfinished journal in a new object means that the last one died: its open actions are `unknown`. Between two
    // requests an object may be put to sleep at any time, and the session goes on in the next.
    if (this.#journal.recover(Date.now(), requestProtocol(this.#journal.protocol) !== null)) {
      this.#alarmSet = true;
      void ctx.storage.setAlarm(Date.now() + RECOVERY_ALARM_MS);
    }
  }

  /** The door's hand-over: answers 101 and serves the connection until it ends. */
  override async fetch(request: Request): Promise<Response> {
    const header = request.headers.get(TICKET_HEADER);
    if (header === null) return new Response(null, { status: 409 });
    const ticket = JSON.parse(Buffer.from(header, 'base64').toString()) as SessionTicket;
    const dialect = DIALECTS.get(ticket.protocol);
    if (dialect !== undefined) return this.#request(ticket, dialect, request);
    if (this.#taken || this.#journal.head.seq > 0) return new Response(null, { status: 409 });
    this.#taken = true;
    const active = await policies.current(this.env.DB, isDevelopment(this.env), Date.now());
    if (!active.ok) return new Response(null, { status: 503 });
    const parse = await loadSqlParser();
    const { 0: client, 1: server } = new WebSocketPair();
    server.binaryType = 'arraybuffer';
    server.accept();
    this.#live = new LiveSession(this.env, ticket, active.value, parse, server, {
      append: (events) => this.#append(events),
      unshippedBytes: () => this.#journal.unshippedBytes,
      hold: (milliseconds) => this.ctx.blockConcurrencyWhile(() => scheduler.wait(milliseconds)),
    });
    const headers = new Headers();
    if (ticket.credited) headers.set('sec-websocket-protocol', TUNNEL_PROTOCOL);
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  /** One request of an HTTP session; 410 once it is over, and the door opens another. */
  async #request(ticket: SessionTicket, dialect: Dialect, request: Request): Promise<Response> {
    const { principal } = ticket;
    const url = doorUrl(request.url, `/${dialect.protocol}`);
    if (principal === null || url?.target !== ticket.target) {
      return new Response(null, { status: 409 });
    }
    const parse = await loadSqlParser();
    const { ended, protocol, head, lastAction } = this.#journal;
    if (
      ended ||
      this.#taken ||
      (protocol !== '' && protocol !== dialect.protocol) ||
      !this.#owns(principal)
    ) {
      return new Response(null, { status: 410, headers: { [ENDED_HEADER]: UNREAD } });
    }
    this.#http ??= new HttpSession(
      this.env,
      ticket,
      dialect,
      principal,
      parse,
      {
        append: (events) => this.#append(events),
        unshippedBytes: () => this.#journal.unshippedBytes,
      },
      head.seq > 0 ? { lastAction } : null,
    );
    const response = await this.#http.exchange(request, url, waitOf(request.headers));
    if (this.#http.live) return response;
    const headers = new Headers(response.headers);
    headers.set(ENDED_HEADER, 'true');
    const { status, webSocket } = response;
    return new Response(response.body, { status, headers, webSocket });
  }

  /** A session is its first caller's, as the token was then. */
  #owns(principal: Principal): boolean {
    const caller = `${principal.id} ${claimsDigest(principal, nativeCrypto)}`;
    const [first] = this.#owner === null ? this.#journal.read(0, 1) : [];
    if (first !== undefined) {
      const start = JSON.parse(first.json) as Extract<SessionEvent, { kind: 'session.start' }>;
      this.#owner = `${start.principal.id} ${start.principal.claimsDigest}`;
    }
    this.#owner ??= caller;
    return this.#owner === caller;
  }

  async events(after: number, limit: number): Promise<ChainedEvent[]> {
    this.#flushOutcomes();
    return this.#journal.read(after, limit);
  }

  async kill(by: string): Promise<boolean> {
    const live = this.#live ?? this.#http;
    if (live === null && this.#sleeps) {
      const detail = `This session was ended by ${by}.`;
      this.#append([{ kind: 'session.end', code: 'killed', detail }]);
      return true;
    }
    if (live?.live !== true) return false;
    live.kill(by);
    return true;
  }

  async cancel(key: Uint8Array): Promise<boolean> {
    return this.#live?.live === true ? this.#live.cancelled(key) : false;
  }

  async approvalSettled(standing: ApprovalStanding): Promise<void> {
    (this.#live ?? this.#http)?.approvalSettled(standing);
  }

  async settle(): Promise<boolean> {
    this.#endIdle();
    await this.#ship();
    return this.#live?.live === true || this.#sleeps;
  }

  override async alarm(): Promise<void> {
    this.#alarmSet = false;
    this.#endIdle();
    await this.#ship();
    if (this.#journal.unshippedBytes > 0 || this.#sleeps) this.#setAlarm();
  }

  /** A session of requests that goes on, whether or not any is under way. */
  get #sleeps(): boolean {
    return requestProtocol(this.#journal.protocol) !== null && !this.#journal.ended;
  }

  #endIdle(): void {
    const idle = this.#sleeps && this.#http?.idle !== false;
    if (!idle || Date.now() - this.#journal.lastAt < HTTP_IDLE_MS) return;
    const detail = 'No request came for a while.';
    if (this.#http?.live === true) this.#http.end('idle', detail);
    else this.#append([{ kind: 'session.end', code: 'idle', detail }]);
  }

  /**
   * Appends to the journal. Outcomes alone may wait a moment for company; anything else is written now, and the output
   * gate holds every later send until it is durable.
   */
  #append(events: readonly SessionEvent[]): void {
    if (events.every((event) => event.kind === 'outcome')) {
      this.#outcomes.push(...events);
      if (this.#outcomeTimer) return;
      this.#outcomeTimer = true;
      setTimeout(() => {
        this.#outcomeTimer = false;
        try {
          this.#flushOutcomes();
        } catch {
          // A journal that cannot be written ends the session; its closing record is recovery's business.
          (this.#live ?? this.#http)?.journalFailed();
        }
      }, OUTCOME_DELAY_MS);
      return;
    }
    const waiting = this.#outcomes;
    this.#outcomes = [];
    this.#write(waiting.length > 0 ? [...waiting, ...events] : events);
  }

  #flushOutcomes(): void {
    if (this.#outcomes.length > 0) this.#write(this.#outcomes.splice(0));
  }

  #write(events: readonly SessionEvent[]): void {
    this.#journal.append(events, Date.now());
    if (!this.#alarmSet) this.#setAlarm();
    if (events.some((event) => event.kind === 'session.end')) {
      this.ctx.waitUntil(this.#ship());
      return;
    }
    if (this.#shipTimer) return;
    this.#shipTimer = true;
    setTimeout(() => {
      this.#shipTimer = false;
      this.ctx.waitUntil(this.#ship());
    }, SHIP_INTERVAL_MS);
  }

  #setAlarm(): void {
    this.#alarmSet = true;
    this.ctx.waitUntil(this.ctx.storage.setAlarm(Date.now() + ALARM_MS));
  }

  /** R2 or D1 being away leaves the rest in the journal for the next time. */
  async #ship(): Promise<void> {
    this.#flushOutcomes();
    const { failures } = await ship(this.#journal, this.env, Date.now());
    if (failures.length > 0) {
      // Codes only. `recording_conflict` never heals by itself: somebody must look at what lies in R2.
      const { session, unshippedBytes } = this.#journal;
      console.warn(JSON.stringify({ event: 'not_shipped', session, failures, unshippedBytes }));
    }
  }
}

/** How long the caller would wait for people before it is told to come back: `X-Postern-Wait`, in seconds. */
function waitOf(headers: Headers): number {
  const seconds = Number(headers.get('x-postern-wait') ?? '0');
  return Number.isFinite(seconds)
    ? Math.min(Math.max(seconds, 0), MAX_HTTP_WAIT_SECONDS) * 1000
    : 0;
}
