// The last word on what may run is the limits': an allowed statement gets leave (allowance.ts), or is refused. Also counts the
// rows that come back, as soon as they are known: a client that sends a thousand statements before it reads one answer gets
// no further than one that waits for each.
import type { EngineEvent } from '../core/audit/event.ts';
import type { Denial } from '../core/decision.ts';
import type { Effect } from '../core/engine.ts';
import { sqlCost } from '../core/quota/cost.ts';
import type { Allowance } from './allowance.ts';
import type { Judgement } from './judgement.ts';
import type { MaskedDecision } from './masked-decision.ts';

type Decide = Extract<Effect, { kind: 'decide' }>;

export class LimitedDecision {
  readonly #judgement: Judgement;
  readonly #allowance: Allowance;
  /** Rows counted before their outcomes were there. */
  #ahead = 0;

  constructor(judgement: Judgement, allowance: Allowance) {
    this.#judgement = judgement;
    this.#allowance = allowance;
  }

  /**
   * Null: how many rows came before is not known yet; the engine asks again. What was approved has had its leave before its
   * approval was used (holding.ts).
   */
  of(asked: Decide, decision: MaskedDecision): MaskedDecision | Promise<MaskedDecision | null> {
    if (decision.kind !== 'allow' || asked.preparing || asked.action.kind !== 'sql')
      return decision;
    const { limits } = this.#judgement;
    if (limits.length === 0 || decision.approval !== undefined) return decision;
    const cost = sqlCost(asked.action.sql);
    if (cost === 0) return decision;
    if (limits.some(({ rowsPerHour }) => rowsPerHour !== null)) {
      if (asked.running === true) return Promise.resolve(null);
      this.#countAhead(asked.unsettledRows ?? 0);
    }
    const denial = this.#allowance.spend(cost);
    if (denial === null) return decision;
    const { revision, observed } = decision;
    const refused = (by: Denial | null): MaskedDecision =>
      by === null ? decision : this.#judgement.masked(asked, { ...by, revision, observed });
    return denial instanceof Promise ? denial.then(refused) : refused(denial);
  }

  /** What was recorded: outcomes say how many rows there were. */
  recorded(events: readonly EngineEvent[]): void {
    for (const event of events) {
      if (event.kind !== 'outcome') continue;
      const counted = Math.min(event.rows, this.#ahead);
      this.#ahead -= counted;
      this.#allowance.rows(event.rows - counted);
    }
  }

  #countAhead(rows: number): void {
    if (!(rows > this.#ahead)) return;
    this.#allowance.rows(rows - this.#ahead);
    this.#ahead = rows;
  }
}
