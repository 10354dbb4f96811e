// One session: one caller, one target, one journal. Owns the sockets (through Conversation), verifies late tokens, judges
// every action, writes the journal before anything runs, and ships it to R2 and D1. Speaks no protocol itself.
import { DurableObject } from 'cloudflare:workers';
import { nativeCrypto } from '../adapters/crypto.ts';
import { isDevelopment, type Env, type SessionRpc } from '../adapters/env.ts';
import { createJournal, type Journal } from '../adapters/journal.ts';
import { policies } from '../adapters/policy-store.ts';
import { ship } from '../adapters/ship.ts';
import { loadSqlParser } from '../adapters/sql-parser.ts';
import type { ApprovalStanding } from '../core/approval/request.ts';
import type { ChainedEvent, SessionEvent } from '../core/audit/event.ts';
import { SHIP_INTERVAL_MS } from '../core/limits.ts';
import { TICKET_HEADER, type SessionTicket } from '../core/session-ticket.ts';
import { TUNNEL_PROTOCOL } from '../core/tunnel.ts';
import { LiveSession } from './live-session.ts';

/** After a crash the alarm finds the journal unfinished; while the session lives it only ships. */
const ALARM_MS = 60_000;
/** What a crash left open is closed at once and shipped this soon after. */
const RECOVERY_ALARM_MS = 1_000;
/** Outcomes are written with the next intent, or this much later: one write a statement instead of two. */
const OUTCOME_DELAY_MS = 200;

export class Session extends DurableObject<Env> implements SessionRpc {
  readonly #journal: Journal;
  /** One connection in the life of an object; set before anything is awaited. */
  #taken = false;
  #live: LiveSession | null = null;
  #outcomes: SessionEvent[] = [];
  #outcomeTimer = false;
  #shipTimer = false;
  #alarmSet = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#journal = createJournal(ctx.storage.sql, nativeCrypto);
    // An unfinished journal in a new object means that the last one died: its open actions are `unknown`.
    if (this.#journal.recover(Date.now())) {
      this.#alarmSet = true;
      void ctx.storage.setAlarm(Date.now() + RECOVERY_ALARM_MS);
    }
  }

  /** The door's hand-over: answers 101 and serves the connection until it ends. */
  override async fetch(request: Request): Promise<Response> {
    const header = request.headers.get(TICKET_HEADER);
    if (header === null || this.#taken || this.#journal.head.seq > 0) {
      return new Response(null, { status: 409 });
    }
    this.#taken = true;
    const ticket = JSON.parse(atob(header)) as SessionTicket;
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

  async events(after: number, limit: number): Promise<ChainedEvent[]> {
    this.#flushOutcomes();
    return this.#journal.read(after, limit);
  }

  async kill(by: string): Promise<boolean> {
    if (this.#live?.live !== true) return false;
    this.#live.kill(by);
    return true;
  }

  async cancel(key: Uint8Array): Promise<boolean> {
    return this.#live?.live === true ? this.#live.cancelled(key) : false;
  }

  async approvalSettled(standing: ApprovalStanding): Promise<void> {
    this.#live?.approvalSettled(standing);
  }

  async settle(): Promise<boolean> {
    await this.#ship();
    return this.#live?.live === true;
  }

  override async alarm(): Promise<void> {
    this.#alarmSet = false;
    await this.#ship();
    if (this.#journal.unshippedBytes > 0) this.#setAlarm();
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
          this.#live?.journalFailed();
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
