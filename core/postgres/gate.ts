// The commit gate: an approved write may touch so many rows and no more. Outside a transaction the gateway opens one around
// the statement; when it has run, its rows are counted, and it is committed or rolled back. Inside the client's own
// transaction there is nothing to commit: above the bound that transaction is made to fail.
//
//   client's message waits ─▶ opening (BEGIN, timeouts, count) ─▶ running (the message itself; its CommandComplete is
//   withheld) ─▶ measuring (count again, where the tag does not say) ─▶ ending (COMMIT, ROLLBACK or a failing statement)
//   ─▶ the client gets what was withheld, or the error
//
// What the gateway says in between (errands) is in the extended protocol under names of its own, as the probe is: it leaves
// the client's unnamed statement alone. Inside a segment of the client's it ends with Flush, between two with Sync.
// @see protocol-flow, "Pipelining"; monitoring-stats, pg_stat_xact_all_tables
import { concatBytes } from '../bytes.ts';
import type { Decision, Denial } from '../decision.ts';
import { GATE_LOCK_TIMEOUT_MS, GATE_STATEMENT_TIMEOUT_MS } from '../limits.ts';
import {
  FLUSH,
  SYNC,
  encodeBind,
  encodeClose,
  encodeExecute,
  encodeParse,
} from './client-messages.ts';
import type { Run } from './ledger.ts';
import { PROBE_ENTRIES } from './probe.ts';
import type { Session } from './session.ts';

export type Errand = 'begin' | 'count' | 'commit' | 'rollback' | 'abort';

export type GateStage =
  /** Errands come before the client's message, which waits in the reader. */
  | 'opening'
  /** The client's message may go. */
  | 'open'
  | 'running'
  | 'measuring'
  | 'ending'
  /** The statement failed inside the gateway's transaction; it is rolled back behind the client's Sync. */
  | 'failed';

export interface Gate {
  readonly maxRows: number;
  /** The transaction is the gateway's own. */
  readonly opened: boolean;
  /** The client's message is a simple query; else it is an Execute inside a segment. */
  readonly simple: boolean;
  /** Rows are counted by the transaction's statistics, since the tag may leave some out. */
  readonly counted: boolean;
  readonly revision: number;
  stage: GateStage;
  before: number;
  rows: number;
  run: Run | null;
  /** COMMIT is on its way: from here on only the server knows. */
  committing: boolean;
  /** What the client gets once it is settled. */
  readonly withheld: Uint8Array[];
}

/**
 * Every row changed in this transaction, triggers and cascades included. Counters of earlier transactions may still be in
 * it, so only differences count. Operators are qualified: nothing here depends on the search path.
 */
const COUNT =
  'SELECT COALESCE(pg_catalog.sum(n_tup_ins OPERATOR(pg_catalog.+) n_tup_upd OPERATOR(pg_catalog.+) n_tup_del), 0)' +
  '::pg_catalog.text FROM pg_catalog.pg_stat_xact_all_tables';

/** The same, with bounds on what the approved statement may wait for while it holds locks. */
const SET_AND_COUNT = `${COUNT} WHERE pg_catalog.set_config('lock_timeout', '${GATE_LOCK_TIMEOUT_MS}', true) IS NOT NULL AND pg_catalog.set_config('statement_timeout', '${GATE_STATEMENT_TIMEOUT_MS}', true) IS NOT NULL`;

/** Fails for certain, and takes the transaction with it. */
const NOT_SQL = 'postern_row_bound';

/** Sends what must be answered before the client's message. */
export function openGate(session: Session, gate: Gate): void {
  session.gate = gate;
  const errands: Errand[] = gate.opened ? ['begin', 'count'] : gate.counted ? ['count'] : [];
  gate.stage = errands.length === 0 ? 'open' : 'opening';
  for (const errand of errands) send(session, gate, errand, errand === errands.at(-1));
}

/** The client's message was answered without an error: counts, or goes on to the end. */
export function measureGate(session: Session, gate: Gate): void {
  if (!gate.counted) return settleGate(session, gate, gate.run?.rows ?? 0);
  gate.stage = 'measuring';
  send(session, gate, 'count', true);
}

/** What comes of it. True when the client's part is over now: nothing has to be asked of the server first. */
export function settleGate(session: Session, gate: Gate, rows: number): void {
  gate.rows = rows;
  gate.stage = 'ending';
  if (rows <= gate.maxRows) {
    if (!gate.opened) return;
    gate.committing = true;
    send(session, gate, 'commit', true);
  } else if (gate.opened) {
    send(session, gate, 'rollback', true);
  } else if (gate.simple) {
    send(session, gate, 'abort', true);
  }
}

/** Ends the gateway's transaction after an error in it, between two of the client's segments. */
export function rollBackGate(session: Session, gate: Gate): void {
  gate.stage = 'ending';
  send(session, gate, 'rollback', true, true);
}

export function exceeds(gate: Gate): boolean {
  return gate.rows > gate.maxRows;
}

/** The client's error for what would have touched more rows than were approved. */
export function boundDenial({ rows, maxRows, opened, revision }: Gate): Decision & Denial {
  return {
    kind: 'deny',
    code: 'row_bound',
    rule: null,
    message: `${rows} rows would change; at most ${maxRows} were approved.`,
    hint: opened
      ? 'Nothing was changed. Narrow the statement, or ask for approval of more.'
      : 'Roll the transaction back. Narrow the statement, or ask for approval of more.',
    revision,
    observed: [],
  };
}

function send(
  session: Session,
  gate: Gate,
  errand: Errand,
  last: boolean,
  between = gate.simple,
): void {
  const { pipeline, output, words } = session;
  for (const kind of PROBE_ENTRIES) pipeline.add(kind, { errand });
  if (between) pipeline.add('sync', { errand });
  const name = words.next();
  const bytes = concatBytes([
    encodeParse(name, textOf(gate, errand)),
    encodeBind({ portal: name, statement: name, formats: [], values: [], resultFormats: [] }),
    encodeExecute({ portal: name, maxRows: 0 }),
    encodeClose({ of: 'portal', name }),
    encodeClose({ of: 'statement', name }),
    ...(between ? [SYNC] : last ? [FLUSH] : []),
  ]);
  output.toServer(bytes, 0, bytes.length, true);
}

function textOf(gate: Gate, errand: Errand): string {
  switch (errand) {
    case 'begin':
      return 'BEGIN';
    case 'count':
      return gate.opened && gate.stage === 'opening' ? SET_AND_COUNT : COUNT;
    case 'commit':
      return 'COMMIT';
    case 'rollback':
      return 'ROLLBACK';
    default:
      return NOT_SQL;
  }
}
