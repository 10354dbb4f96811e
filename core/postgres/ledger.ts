// The session's actions as the journal sees them: numbers them, records each text once, an intent before anything is sent
// and an outcome after. Decides nothing. Outcomes of extended-protocol actions wait for their Sync, because an implicit
// transaction is committed there and can still fail; but never beyond the next intent.
import { decisionRecord } from '../audit/decision-record.ts';
import type { EngineEvent, Outcome } from '../audit/event.ts';
import type { Crypto } from '../crypto.ts';
import type { Decision } from '../decision.ts';
import type { SqlFacts } from '../facts.ts';
import type { Output } from './output.ts';
import type { Statement } from './statement.ts';

export type Via = 'query' | 'prepare' | 'execute' | 'call';

/** One action between intent and outcome. */
export interface Run {
  readonly action: number;
  /** As command tags say. */
  rows: number;
  /** Rows that came since the last command tag: all there is to count when a portal is suspended. */
  pendingRows: number;
  /** Bytes of rows and of COPY data, headers included, either way. */
  bytes: number;
  readonly digest: ReturnType<Crypto['digest']> | null;
  digested: boolean;
}

export class Ledger {
  readonly #output: Output;
  readonly #crypto: Crypto;
  readonly #digestResults: boolean;
  #actions = 0;
  #statements = 0;
  #finished: Run[] = [];

  constructor(output: Output, crypto: Crypto, digestResults: boolean) {
    this.#output = output;
    this.#crypto = crypto;
    this.#digestResults = digestResults;
  }

  nextAction(): number {
    this.#actions += 1;
    return this.#actions;
  }

  intend(
    action: number,
    statement: Statement,
    facts: SqlFacts,
    via: Via,
    binds: readonly (string | null)[] | null,
    decision: Decision,
  ): Run {
    this.settleFinished(null);
    const number = this.#number(statement, facts);
    const record = decisionRecord(decision);
    const intent: EngineEvent = {
      kind: 'intent',
      action,
      statement: number,
      via,
      binds,
      decision: record,
    };
    this.#output.record(intent);
    const digest = this.#digestResults ? this.#crypto.digest() : null;
    return { action, rows: 0, pendingRows: 0, bytes: 0, digest, digested: false };
  }

  refuse(
    action: number,
    statement: Statement,
    facts: SqlFacts,
    via: Via,
    binds: readonly (string | null)[] | null,
    decision: Decision,
    sqlstate: string,
  ): void {
    const run = this.intend(action, statement, facts, via, binds, decision);
    this.finish(run, 'refused', sqlstate);
  }

  /** Answered, but its implicit transaction may still fail. */
  answered(run: Run): void {
    this.#finished.push(run);
  }

  /** Outcomes of what was answered: succeeded, or failed with the error of the commit. */
  settleFinished(sqlstate: string | null): void {
    if (this.#finished.length === 0) return;
    for (const run of this.#finished) {
      this.finish(run, sqlstate === null ? 'succeeded' : 'failed', sqlstate);
    }
    this.#finished = [];
  }

  /** Rows of what was answered and has no outcome yet. */
  get unsettledRows(): number {
    return this.#finished.reduce((sum, { rows }) => sum + rows, 0);
  }

  /** The session ends before the commit of these was seen. */
  abandonFinished(): void {
    for (const run of this.#finished) this.finish(run, 'unknown', null);
    this.#finished = [];
  }

  finish(run: Run, outcome: Outcome, sqlstate: string | null): void {
    this.#output.record({
      kind: 'outcome',
      action: run.action,
      outcome,
      // What came of a result that was cut off counts as well: it is with the client.
      rows: run.rows + run.pendingRows,
      bytes: run.bytes,
      error: sqlstate,
      digest: run.digested && run.digest !== null ? run.digest.hex() : null,
    });
  }

  /** The number of this text with these facts; recorded when it is new. */
  #number(statement: Statement, facts: SqlFacts): number {
    const known = statement.recorded;
    if (known !== null) {
      if (known.facts === facts) return known.statement;
      // A refreshed catalog gives equal facts in a new object; different facts are a new record.
      if (JSON.stringify(known.facts) === JSON.stringify(facts)) {
        known.facts = facts;
        return known.statement;
      }
    }
    this.#statements += 1;
    const number = this.#statements;
    statement.recorded = { statement: number, facts };
    this.#output.record({ kind: 'statement', statement: number, text: statement.text, facts });
    return number;
  }
}
