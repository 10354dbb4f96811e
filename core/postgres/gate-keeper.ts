// The server's answers as the commit gate takes them: withholds the client's, drives the errands, and lets go. The stages
// are in gate.ts; server-side.ts gives every answer here that belongs to a gated message or to an errand.
import { decodeUtf8 } from '../bytes.ts';
import { ProtocolViolation } from '../failure.ts';
import { encodeExecute, FLUSH } from './client-messages.ts';
import type { FrameReader } from './frames.ts';
import {
  boundDenial,
  exceeds,
  measureGate,
  rollBackGate,
  settleGate,
  type Errand,
  type Gate,
} from './gate.ts';
import type { Entry } from './pipeline.ts';
import { denyState, refusalFields } from './refusal.ts';
import {
  decodeDataRow,
  encodeError,
  encodeReadyForQuery,
  type ReportFields,
} from './server-messages.ts';
import type { Session } from './session.ts';

export class GateKeeper {
  readonly #s: Session;
  readonly #reader: FrameReader;
  readonly #end: (detail: string) => void;
  /** What the last count said, until its errand is answered. */
  #counted: number | null = null;

  constructor(session: Session, reader: FrameReader, end: (detail: string) => void) {
    this.#s = session;
    this.#reader = reader;
    this.#end = end;
  }

  /** Keeps the client's CommandComplete until it is known to be true. */
  withhold(): void {
    const { buffer, start, end } = this.#reader;
    this.#gate().withheld.push(buffer.slice(start, end));
  }

  /** The client's message was answered without an error. */
  ran(): void {
    const gate = this.#gate();
    measureGate(this.#s, gate);
    this.#letGo(gate);
  }

  /** The client's message failed; it has its error already. */
  failed(): void {
    const gate = this.#gate();
    gate.withheld.length = 0;
    gate.run = null;
    if (gate.opened) gate.stage = 'failed';
    else this.#s.gate = null;
  }

  /** A row of the count. */
  row(head: Entry): void {
    if (head.kind !== 'execute' || head.errand !== 'count' || head.phase !== 'waiting') {
      throw new ProtocolViolation('a row for an errand that has none');
    }
    head.phase = 'rows';
    const [value] = decodeDataRow(this.#reader);
    const text = value === null || value === undefined ? null : decodeUtf8(value);
    if (text === null || !/^\d{1,15}$/.test(text)) throw new ProtocolViolation('not a count');
    this.#counted = Number(text);
  }

  /** One message of an errand was answered; inside a segment the last one is the end of it. */
  answered(errand: Errand): void {
    const { pipeline } = this.#s;
    const next = pipeline.head;
    if (next !== undefined && (next.errand === errand || next.errand !== null)) return;
    this.#done(errand, null);
  }

  /** The Sync behind an errand was answered. */
  ready(errand: Errand, status: 'I' | 'T' | 'E'): void {
    this.#done(errand, status);
  }

  /** An errand failed. True when its error is the client's to see. */
  refused(errand: Errand, sqlstate: string): boolean {
    const gate = this.#gate();
    if (errand === 'abort') return false;
    if (errand === 'commit') {
      // A deferred constraint, or a cancel: the transaction is over, and this is why.
      gate.withheld.length = 0;
      this.#finish(gate, 'failed', sqlstate);
      if (!gate.simple) {
        this.#s.pipeline.skipping = true;
        this.#s.gate = null;
      }
      return true;
    }
    this.#end(`the commit gate failed at ${errand} (SQLSTATE ${sqlstate})`);
    return false;
  }

  /** Whether this ReadyForQuery of the client's waits for the gateway to leave its own transaction. */
  intercepts(status: 'I' | 'T' | 'E'): boolean {
    const { gate } = this.#s;
    if (gate?.stage !== 'failed') return false;
    if (status === 'I') {
      this.#s.gate = null;
      return false;
    }
    rollBackGate(this.#s, gate);
    return true;
  }

  #done(errand: Errand, status: 'I' | 'T' | 'E' | null): void {
    const gate = this.#gate();
    switch (gate.stage) {
      case 'opening':
        if (this.#s.pipeline.head?.errand) return;
        gate.before = this.#counted ?? 0;
        gate.stage = 'open';
        return;
      case 'measuring':
        settleGate(this.#s, gate, (this.#counted ?? Number.POSITIVE_INFINITY) - gate.before);
        return this.#letGo(gate);
      case 'ending':
        return this.#ended(gate, status);
      default:
        throw new ProtocolViolation(`errand ${errand} out of place`);
    }
  }

  /** Inside the client's transaction nothing has to be asked of the server first. */
  #letGo(gate: Gate): void {
    if (gate.stage === 'ending' && this.#s.pipeline.head?.errand == null) {
      this.#ended(gate, this.#s.state.status);
    }
  }

  #ended(gate: Gate, status: 'I' | 'T' | 'E' | null): void {
    const { output } = this.#s;
    this.#s.gate = null;
    if (gate.run === null) {
      // It failed before, and the client has read why: only the ReadyForQuery that was kept back is owed.
      if (status !== null) output.client.write(encodeReadyForQuery(status));
      return;
    }
    if (!exceeds(gate)) {
      for (const frame of gate.withheld) output.client.write(frame);
      this.#finish(gate, 'succeeded', null);
    } else {
      const denial = boundDenial(gate);
      const fields = refusalFields(denial, denial.revision);
      this.#finish(gate, 'failed', denyState(denial.code));
      if (!gate.simple) return this.#failNext(fields);
      output.client.write(encodeError(fields));
    }
    // An Execute's comes with its Sync.
    if (gate.simple && status !== null) output.client.write(encodeReadyForQuery(status));
  }

  /** An Execute that fails for certain: the error's place and the skipping to Sync are then the server's own. */
  #failNext(fields: ReportFields): void {
    const { output, pipeline, words } = this.#s;
    const word = words.next();
    pipeline.add('execute', { refused: { fields, word } });
    pipeline.skipping = true;
    const failing = encodeExecute({ portal: word, maxRows: 0 });
    output.toServer(failing, 0, failing.length, true);
    output.toServer(FLUSH, 0, FLUSH.length, true);
  }

  #finish(gate: Gate, outcome: 'succeeded' | 'failed', sqlstate: string | null): void {
    if (gate.run === null) return;
    gate.run.rows = gate.rows;
    this.#s.ledger.finish(gate.run, outcome, sqlstate);
    gate.run = null;
  }

  #gate(): Gate {
    const { gate } = this.#s;
    if (gate === null) throw new ProtocolViolation('an answer of a gate that is not there');
    return gate;
  }
}
