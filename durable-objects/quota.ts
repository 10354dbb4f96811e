// The limits of one principal, counted: live sessions, actions and rows (core/quota/book.ts is the count itself). Every
// answer is durable before its session hears it, so that a restart forgets no batch that is out. Time is this object's own.
import { DurableObject } from 'cloudflare:workers';
import type { Env, QuotaRpc } from '../adapters/env.ts';
import { Book } from '../core/quota/book.ts';
import type {
  CountedLimit,
  QuotaAnswer,
  QuotaAsk,
  QuotaRefusal,
  Usage,
} from '../core/quota/quota.ts';
import { QuotaStore } from './quota-store.ts';

/** How often what counts no longer is thrown away, while there is anything. */
const TIDY_MS = 3_600_000;

export class Quota extends DurableObject<Env> implements QuotaRpc {
  #store: QuotaStore;
  #book: Book;
  /** An alarm is set since this object started. */
  #tidying = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new QuotaStore(ctx.storage);
    this.#book = this.#read();
  }

  async enter(
    session: string,
    call: number,
    limits: readonly CountedLimit[],
  ): Promise<QuotaRefusal | null> {
    return this.#kept((now) => this.#book.enter(session, call, limits, now));
  }

  async take(ask: QuotaAsk): Promise<QuotaAnswer> {
    return this.#kept((now) => this.#book.take(ask, now));
  }

  async settle(session: string, usage: Usage): Promise<void> {
    this.#kept((now) => this.#book.settle(session, usage, now));
  }

  async leave(session: string, usage: Usage): Promise<void> {
    this.#kept((now) => this.#book.leave(session, usage, now));
  }

  override async alarm(): Promise<void> {
    this.#tidying = true;
    const now = Date.now();
    const until = this.#kept(() => this.#book.countsUntil(now));
    if (until > now) {
      this.#store.prune(now);
      await this.ctx.storage.setAlarm(Math.min(until, now + TIDY_MS));
      return;
    }
    await this.ctx.storage.deleteAll();
    this.#store = new QuotaStore(this.ctx.storage);
    this.#book = this.#read();
    this.#tidying = false;
  }

  /** What `change` does is written before it is answered; what cannot be written has not happened. */
  #kept<T>(change: (nowMs: number) => T): T {
    try {
      const result = change(Date.now());
      this.#store.write(this.#book.changes());
      if (!this.#tidying) {
        this.#tidying = true;
        this.ctx.waitUntil(this.ctx.storage.setAlarm(Date.now() + TIDY_MS));
      }
      return result;
    } catch (error) {
      this.#book = this.#read();
      throw error;
    }
  }

  #read(): Book {
    return new Book(this.#store.sessions(), this.#store.uses());
  }
}
