// A session's side of the policy's limits, for any protocol: a place among the live sessions, leave for every action before
// it runs, and rows when they are known. Asks the principal's Quota object (quota.ts) for small batches, so that a busy
// session waits for it rarely, and gives back what it does not use. Where no limit concerns the caller it costs nothing and
// asks nobody. Every doubt refuses.
//
//   admit() once the caller is known ─▶ spend() before each action ─▶ rows(n) with each outcome ─▶ release() at the end
//                                       tick() every few seconds, all the while
import { withinMs } from '../adapters/deadline.ts';
import type { Env } from '../adapters/env.ts';
import { countedLimits, quotaStub } from '../adapters/quotas.ts';
import type { Denial } from '../core/decision.ts';
import {
  BATCH_MS,
  PLACE_MS,
  type CountedLimit,
  type LimitInForce,
  type QuotaAnswer,
  type QuotaRefusal,
  type Usage,
} from '../core/quota/quota.ts';
import { LIMIT_OUT, LIMIT_UNAVAILABLE, limitDenial } from '../core/quota/wording.ts';

/** An object that does not answer within this is away; well under BATCH_MS, so that what it gives can still be used. */
const ANSWER_MS = 2_000;
/** A batch that is not used up by then goes back: another session may need it. */
const RETURN_MS = 1_500;
/** Places are renewed this long after they were given: three tries before they are lost. */
const RENEW_MS = 20_000;
/** Waits for what other sessions give back; together longer than any batch is out. */
const LATER_MS: readonly number[] = [150, 300, 600, 1_200, 1_800];

/** What was refused is refused again for so long without a question: a caller in a loop costs one a second. */
const REFUSED_MS = 1_000;
const LEAVE_TRIES = 3;
/** The object gives a share of the limit at most; this only keeps numbers finite. */
const MOST_WANTED = 1_000_000;

interface Batch {
  /** Of these limits; others mean another batch. */
  readonly limits: readonly LimitInForce[];
  /** By this session's clock. */
  readonly untilMs: number;
  /** What is left; infinite where no entry counts it. */
  actions: number;
  rows: number;
}

interface Refusal {
  readonly limits: readonly LimitInForce[];
  readonly cost: number;
  readonly untilMs: number;
  readonly denial: Denial;
}

type Stub = ReturnType<typeof quotaStub>;
type Report = Omit<Usage, 'call'>;

/** Leave for one action that may still not run. */
export type Reservation =
  | { readonly kind: 'deny'; readonly denial: Denial }
  /** `giveBack`: it does not run after all. */
  | { readonly kind: 'reserved'; readonly giveBack: () => void };

export class Allowance {
  readonly #env: Env;
  readonly #session: string;
  readonly #limits: () => readonly LimitInForce[];
  #principal: string | null = null;
  #batch: Batch | null = null;
  /** One question to the object at a time, in the order they came. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Used of the batches since the last report. */
  #actions = 0;
  #rows = 0;
  /** A report that was sent and not acknowledged: the same again, until it is. */
  #unacknowledged: Report | null = null;
  #seq = 0;
  #calls = 0;
  /** The size of the next batch: doubled where one was used up in time, and cut to what was used where one was not. */
  #wanted = 1;
  #wantedRows = 1;
  #refusal: Refusal | null = null;
  #placeFor: readonly LimitInForce[] | null = null;
  #placeAskedMs = 0;
  #placeUntilMs = 0;
  #over = false;
  #returnTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * `limits`: those in force now for this caller on this target (limitsFor()); the same array as long as they are the same.
   * A session whose policy has changed gets another array, and its next action is counted by that.
   */
  constructor(env: Env, session: string, limits: () => readonly LimitInForce[]) {
    this.#env = env;
    this.#session = session;
    this.#limits = limits;
  }

  /** Takes a place among the live sessions of this principal; null: it has one, or needs none. Before anything else. */
  admit(principalId: string): Denial | null | Promise<Denial | null> {
    this.#principal = principalId;
    return this.#placeless(this.#limits()) ? null : this.#place();
  }

  /**
   * Leave for an action that is about to run and costs `cost` of `actionsPerMinute`; null: it may. Asked last, when nothing
   * else can refuse the action, and not at all for what costs nothing.
   */
  spend(cost = 1): Denial | null | Promise<Denial | null> {
    const limits = this.#limits();
    if (!counts(limits)) return null;
    if (this.#spendNow(limits, cost)) return null;
    return this.#stillRefused(limits, cost) ?? this.#queued(() => this.#spendLater(cost));
  }

  /** The same, for an action that something else may still stop. */
  async reserve(cost = 1): Promise<Reservation> {
    const denial = await this.spend(cost);
    if (denial !== null) return { kind: 'deny', denial };
    const batch = this.#batch;
    return {
      kind: 'reserved',
      giveBack: () => {
        // Reported already: it stays counted.
        if (batch === null || batch !== this.#batch) return;
        batch.actions += cost;
        this.#actions -= cost;
      },
    };
  }

  /** Rows that an action returned or changed. They count from now on; what runs is not stopped by them. */
  rows(count: number): void {
    if (!(count > 0) || !this.#limits().some(({ rowsPerHour }) => rowsPerHour !== null)) return;
    this.#rows += count;
    if (this.#batch === null) return this.#giveBackSoon(0);
    this.#batch.rows -= count;
    // More than was given: the others must know of it now.
    if (this.#batch.rows < 0) this.#giveBackSoon(0);
  }

  /** Keeps the place; a denial means that the session must end. To be called every few seconds while it lives. */
  async tick(): Promise<Denial | null> {
    if (this.#over || this.#principal === null) return null;
    const renewed = this.#limits() === this.#placeFor;
    if (renewed && Date.now() - this.#placeAskedMs < RENEW_MS) return null;
    const denial = await this.#place();
    if (denial?.code !== 'limit_unavailable') return denial;
    // The place that it has is still its own; only one that may be another's by now ends it.
    return Date.now() < this.#placeUntilMs - ANSWER_MS ? null : denial;
  }

  /** The session is over. */
  release(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#returnTimer);
    if (this.#calls > 0) void this.#queued(() => this.#leave());
  }

  /** The place and the batch would end by themselves; rows of the last statements would be missing. */
  async #leave(): Promise<void> {
    this.#batch = null;
    for (let tries = 1; ; tries++) {
      try {
        if (this.#unacknowledged !== null) {
          await this.#tell((stub, usage) => stub.settle(this.#session, usage));
        }
        return await this.#tell((stub, usage) => stub.leave(this.#session, usage));
      } catch (error) {
        if (tries === LEAVE_TRIES) {
          this.#unavailable(error);
          return;
        }
        await scheduler.wait(tries * 1_000);
      }
    }
  }

  // --- places --------------------------------------------------------------------------------------------------------

  async #place(): Promise<Denial | null> {
    const limits = this.#limits();
    const principal = this.#principal;
    if (principal === null) return LIMIT_UNAVAILABLE;
    if (this.#placeless(limits)) return null;
    const asked = Date.now();
    // A limit that is new to a session that lives already: it has as long to get its place as it may keep one.
    if (this.#placeUntilMs === Infinity) this.#placeUntilMs = asked + PLACE_MS;
    const counted = countedLimits(limits);
    let refusal: QuotaRefusal | null;
    try {
      refusal = await this.#queued(() =>
        this.#ask((stub, call) => stub.enter(this.#session, call, counted)),
      );
    } catch (error) {
      return this.#unavailable(error);
    }
    if (refusal !== null) return this.#refused(refusal, limits, counted);
    this.#placeFor = limits;
    this.#placeAskedMs = asked;
    this.#placeUntilMs = asked + PLACE_MS;
    return null;
  }

  /** Where no entry counts sessions, there is a place for as long as that is so. */
  #placeless(limits: readonly LimitInForce[]): boolean {
    if (limits.some(({ sessions }) => sessions !== null)) return false;
    this.#placeFor = limits;
    this.#placeAskedMs = Date.now();
    this.#placeUntilMs = Infinity;
    return true;
  }

  // --- actions and rows ----------------------------------------------------------------------------------------------

  /** From the batch that is here. */
  #spendNow(limits: readonly LimitInForce[], cost: number): boolean {
    const batch = this.#batch;
    if (this.#over || batch === null || batch.limits !== limits) return false;
    if (!(Date.now() < batch.untilMs)) return false;
    if (!(batch.actions >= cost) || !(batch.rows > 0)) return false;
    batch.actions -= cost;
    this.#actions += cost;
    return true;
  }

  #stillRefused(limits: readonly LimitInForce[], cost: number): Denial | null {
    const refusal = this.#refusal;
    if (refusal === null || refusal.limits !== limits || cost < refusal.cost) return null;
    return Date.now() < refusal.untilMs ? refusal.denial : null;
  }

  async #spendLater(cost: number): Promise<Denial | null> {
    let failed = false;
    for (const wait of [...LATER_MS, 0]) {
      const limits = this.#limits();
      if (!counts(limits)) return null;
      if (this.#spendNow(limits, cost)) return null;
      if (this.#over) return LIMIT_UNAVAILABLE;
      const refused = this.#stillRefused(limits, cost);
      if (refused !== null) return refused;
      const counted = countedLimits(limits);
      let answer: QuotaAnswer;
      const asked = Date.now();
      try {
        answer = await this.#take(counted, cost);
      } catch (error) {
        // An object that is being moved fails once.
        if (failed) return this.#unavailable(error);
        failed = true;
        continue;
      }
      switch (answer.kind) {
        case 'granted':
          this.#granted(answer, limits, asked);
          if (this.#spendNow(limits, cost)) return null;
          // Rows that came meanwhile have used it up, or the policy has changed: the next question tells.
          break;
        case 'refused': {
          const denial = this.#refused(answer, limits, counted);
          const untilMs = asked + Math.min(answer.againMs ?? REFUSED_MS, REFUSED_MS);
          this.#refusal = { limits, cost, untilMs, denial };
          return denial;
        }
        case 'later':
          await scheduler.wait(wait);
          break;
        default:
          return LIMIT_UNAVAILABLE;
      }
    }
    return LIMIT_OUT;
  }

  #take(limits: readonly CountedLimit[], cost: number): Promise<QuotaAnswer> {
    const last = this.#batch;
    // As many again as were used up quickly; as few as were needed where some went back.
    if (last !== null && Date.now() < last.untilMs) {
      this.#wanted = Math.min(MOST_WANTED, Math.max(this.#wanted, this.#actions) * 2);
      this.#wantedRows = Math.min(MOST_WANTED, Math.max(this.#wantedRows, this.#rows) * 2);
    }
    this.#batch = null;
    const session = this.#session;
    const actions = Math.max(cost, this.#wanted);
    const rows = this.#wantedRows;
    return this.#tell<QuotaAnswer>(async (stub, usage) => {
      return await stub.take({ session, limits, usage, cost, actions, rows });
    });
  }

  #granted(
    { actions, rows }: Extract<QuotaAnswer, { kind: 'granted' }>,
    limits: readonly LimitInForce[],
    askedMs: number,
  ): void {
    // Rows that came while it was asked for are of the time before it, and will be reported.
    this.#batch = {
      limits,
      untilMs: askedMs + BATCH_MS,
      actions: actions ?? Infinity,
      rows: (rows ?? Infinity) - this.#rows,
    };
    this.#giveBackSoon(RETURN_MS);
  }

  /** What was used and not reported yet, as one report; the one before it, if nobody acknowledged that. */
  #report(): Report {
    if (this.#unacknowledged === null) {
      this.#seq += 1;
      this.#unacknowledged = { seq: this.#seq, actions: this.#actions, rows: this.#rows };
      this.#actions = 0;
      this.#rows = 0;
    }
    return this.#unacknowledged;
  }

  #giveBackSoon(ms: number): void {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = setTimeout(() => void this.#queued(() => this.#giveBack()), ms);
  }

  async #giveBack(): Promise<void> {
    const batch = this.#batch;
    if (this.#over || (batch === null && this.#rows === 0 && this.#unacknowledged === null)) return;
    this.#batch = null;
    // The next one is as large as what was needed of this one.
    this.#wanted = Math.max(1, Math.min(this.#wanted, this.#actions));
    this.#wantedRows = Math.max(1, Math.min(this.#wantedRows, this.#rows));
    try {
      await this.#tell((stub, usage) => stub.settle(this.#session, usage));
    } catch {
      // The batch ends by itself; what was used of it is told as soon as the object is back.
      this.#giveBackSoon(ANSWER_MS);
    }
  }

  // --- the object ----------------------------------------------------------------------------------------------------

  /** A question that closes the batch, with a report of what was used. */
  async #tell<T>(question: (stub: Stub, usage: Usage) => Promise<T>): Promise<T> {
    const report = this.#report();
    const answer = await this.#ask((stub, call) => question(stub, { ...report, call }));
    this.#unacknowledged = null;
    return answer;
  }

  async #ask<T>(question: (stub: Stub, call: number) => Promise<T>): Promise<T> {
    const principal = this.#principal;
    if (principal === null) throw new Error('nobody was admitted');
    this.#calls += 1;
    const call = this.#calls;
    return withinMs(ANSWER_MS, () => question(quotaStub(this.#env, principal), call));
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #refused(
    refusal: QuotaRefusal,
    limits: readonly LimitInForce[],
    counted: readonly CountedLimit[],
  ): Denial {
    const at = counted.findIndex(({ key }) => key === refusal.key);
    return limitDenial(refusal, limits[at]?.name ?? null);
  }

  #unavailable(error: unknown): Denial {
    const kind = error instanceof Error ? error.name : 'unknown';
    console.warn(JSON.stringify({ event: 'limit_unavailable', session: this.#session, kind }));
    return LIMIT_UNAVAILABLE;
  }
}

function counts(limits: readonly LimitInForce[]): boolean {
  return limits.some(
    ({ actionsPerMinute, rowsPerHour }) => actionsPerMinute !== null || rowsPerHour !== null,
  );
}
