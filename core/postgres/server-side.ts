// The server's half of a logged-in session: gives every answer to the message it answers, passes it on, and keeps the
// journal's outcomes. What is in a result, and what is masked of it, is results.ts. What no message expects ends the
// session: from then on nobody could say what belongs to what. @see protocol-flow
import { ProtocolViolation } from '../failure.ts';
import type { ModelFinding } from '../masking/detect/model.ts';
import type { FrameReader } from './frames.ts';
import { GateKeeper } from './gate-keeper.ts';
import type { Settlement } from './named.ts';
import type { AnswerPhase, Entry, EntryKind } from './pipeline.ts';
import { ProbeKeeper } from './probe-keeper.ts';
import { Reports } from './reports.ts';
import { Results, type ResultEnding } from './results.ts';
import {
  decodeCommandRows,
  decodeParameterStatus,
  decodeReadyForQuery,
  decodeReport,
  encodeError,
} from './server-messages.ts';
import type { Session } from './session.ts';
import { SERVER } from './tags.ts';

/** Why the session must end; the engine words it. */
export type Ending =
  | {
      readonly code: 'session_state_changed' | 'target_unreachable';
      readonly detail: string;
    }
  | ResultEnding;

export class ServerSide {
  readonly #s: Session;
  readonly #reader: FrameReader;
  readonly #gateKeeper: GateKeeper;
  readonly #probeKeeper: ProbeKeeper;
  readonly #results: Results;
  readonly #reports: Reports;
  #ending: Ending | null = null;
  /** SQLSTATE of a FATAL that went to the client: nothing more needs to be said. */
  #fatal: string | null = null;
  /** SQLSTATE of the error of the query or Sync at the head. */
  #error: string | null = null;

  constructor(session: Session, reader: FrameReader) {
    this.#s = session;
    this.#reader = reader;
    this.#gateKeeper = new GateKeeper(session, reader, (detail) =>
      this.#end('session_state_changed', detail),
    );
    this.#probeKeeper = new ProbeKeeper(session, reader, (code, detail) => this.#end(code, detail));
    this.#reports = new Reports(session, reader);
    this.#results = new Results(session, reader, (ending) => {
      this.#ending ??= ending;
    });
  }

  get fatal(): string | null {
    return this.#fatal;
  }

  /** A model is being asked about rows: what follows them stays in the reader. */
  get asking(): boolean {
    return this.#results.asking;
  }

  /** Takes everything there is. Not null when the session must end. */
  pump(): Ending | null {
    this.#results.begin();
    return this.#goOn();
  }

  /** What models found in the rows that wait, and everything behind them. */
  analyzed(id: number, findings: readonly (readonly ModelFinding[])[] | null): Ending | null {
    this.#results.begin();
    try {
      this.#results.answered(id, findings);
    } catch (error) {
      if (!this.#results.failed(error)) throw error;
    }
    return this.#goOn();
  }

  #goOn(): Ending | null {
    const reader = this.#reader;
    while (this.#ending === null && !this.#results.asking && reader.next()) {
      if (reader.first && this.#results.asks(reader.tag)) break;
      try {
        if (reader.first) this.#take();
        else this.#continue();
      } catch (error) {
        if (!this.#results.failed(error)) throw error;
      }
      reader.consume();
    }
    this.#results.digest();
    return this.#ending;
  }

  #take(): void {
    const { output } = this.#s;
    const { tag } = this.#reader;
    output.offerNotices();
    if (tag === SERVER.dataRow) return this.#row();
    this.#results.digest();
    switch (tag) {
      case SERVER.commandComplete:
        return this.#commandComplete();
      case SERVER.readyForQuery:
        return this.#readyForQuery();
      case SERVER.error:
        return this.#failed();
      case SERVER.parameterStatus:
        return this.#parameterStatus();
      case SERVER.notice:
        return this.#reports.notice();
      case SERVER.notification:
        return this.#reports.notification();
      case SERVER.parseComplete:
        return this.#complete(this.#expect('parse'));
      case SERVER.bindComplete:
        return this.#complete(this.#expect('bind'));
      case SERVER.closeComplete:
        return this.#complete(this.#expect('close'));
      case SERVER.parameterDescription:
        return this.#parameters();
      case SERVER.noData:
        return this.#noData();
      case SERVER.rowDescription:
        return this.#rowDescription();
      case SERVER.emptyQuery:
        return this.#result('waiting', 0);
      case SERVER.portalSuspended:
        return this.#suspended();
      case SERVER.copyInResponse:
        return this.#copyIn();
      case SERVER.copyOutResponse:
        return this.#copyOut();
      case SERVER.copyData:
        return this.#copyData();
      case SERVER.copyDone:
        return this.#copyDone();
      default:
        throw new ProtocolViolation(`message type ${tag} from the target`);
    }
  }

  // --- results -------------------------------------------------------------------------------------------------------

  #row(): void {
    const head = this.#s.pipeline.head;
    if (head === undefined) throw new ProtocolViolation('a row nobody asked for');
    if (head.probe) return this.#probeKeeper.row(head);
    if (head.errand !== null) return this.#gateKeeper.row(head);
    const due = head.phase === 'rows' || (head.kind === 'execute' && head.phase === 'waiting');
    if (!due || head.run === null) throw new ProtocolViolation('a row out of place');
    head.phase = 'rows';
    this.#results.row(head, head.run);
  }

  #copyOut(): void {
    const head = this.#expect('query', 'execute');
    if (head.phase !== 'waiting') this.#outOfPlace();
    if (this.#results.copyOut(head)) this.#move(head, ['waiting'], 'copy_out');
  }

  #copyData(): void {
    const head = this.#expect('query', 'execute');
    if (head.phase !== 'copy_out' || head.run === null) {
      throw new ProtocolViolation('COPY data out of place');
    }
    // The server sends a row a message: all there is to count when a COPY is cut off.
    if (this.#reader.first) head.run.pendingRows += 1;
    this.#results.copyData(head.run);
  }

  #copyDone(): void {
    const head = this.#expect('query', 'execute');
    if (head.phase === 'copy_out' && head.run !== null) this.#results.copyDone(head.run);
    this.#move(head, ['copy_out'], 'copied');
  }

  /** The rest of a row or of COPY data. */
  #continue(): void {
    const run = this.#s.pipeline.head?.run ?? null;
    if (run === null) throw new ProtocolViolation('data of no result');
    this.#results.continue(run);
  }

  #rowDescription(): void {
    const head = this.#expect('query', 'describe');
    if (head.kind === 'query') {
      if (head.phase !== 'waiting') this.#outOfPlace();
      if (this.#results.described(head)) this.#move(head, ['waiting'], 'rows');
      return;
    }
    if (head.phase !== 'waiting' && head.phase !== 'described') this.#outOfPlace();
    if (!head.hidden) return this.#complete(head);
    this.#results.described(this.#behind(head));
  }

  #parameters(): void {
    const head = this.#expect('describe');
    // The gateway describes portals only, and they have none.
    if (head.hidden) this.#outOfPlace();
    this.#move(head, ['waiting'], 'described');
  }

  #noData(): void {
    const head = this.#expect('describe');
    if (!head.hidden) return this.#complete(head);
    this.#results.undescribed(this.#behind(head));
  }

  /** The gateway's own Describe was answered: the Execute that it was for. */
  #behind(head: Entry): Entry {
    this.#s.pipeline.shift();
    const next = this.#s.pipeline.head;
    if (next?.kind !== 'execute' || next.seq !== head.seq + 1) this.#outOfPlace();
    return next;
  }

  #commandComplete(): void {
    const rows = decodeCommandRows(this.#reader);
    const head = this.#s.pipeline.head;
    switch (head?.phase) {
      case 'rows':
      case 'copied':
      case 'waiting':
        return this.#result(head.phase, rows);
      case 'copy_in':
        // Before the client has ended its data there is nothing that could be complete.
        if (head.copyDone) return this.#result('copy_in', rows);
        return this.#outOfPlace();
      default:
        return this.#outOfPlace();
    }
  }

  /** One result ended; a simple query may have more. */
  #result(phase: AnswerPhase, rows: number): void {
    const head = this.#expect('query', 'execute');
    if (head.phase !== phase) this.#outOfPlace();
    if (head.run !== null) {
      head.run.rows += rows;
      head.run.pendingRows = 0;
    }
    this.#results.ended(head);
    if (head.kind === 'execute') return this.#complete(head);
    head.phase = 'waiting';
    head.copyDone = false;
    if (head.gated) this.#gateKeeper.withhold();
    else this.#pass();
  }

  #suspended(): void {
    const head = this.#expect('execute');
    if (head.phase !== 'waiting' && head.phase !== 'rows') this.#outOfPlace();
    this.#result(head.phase, head.run?.pendingRows ?? 0);
  }

  #copyIn(): void {
    const head = this.#expect('query', 'execute');
    // Not announced by the text: what the client sent meanwhile was taken for messages, and the server takes it for data.
    if (!head.copyIn)
      throw new ProtocolViolation('COPY from the client that the statement did not ask for');
    this.#move(head, ['waiting'], 'copy_in');
  }

  // --- ends of messages ----------------------------------------------------------------------------------------------

  #complete(head: Entry): void {
    this.#settle(head, 'done');
    if (head.run !== null && !head.gated) this.#s.ledger.answered(head.run);
    this.#s.pipeline.shift();
    if (head.probe) return this.#probeKeeper.ended();
    if (head.errand !== null) return this.#gateKeeper.answered(head.errand);
    if (!head.gated) return this.#pass();
    this.#gateKeeper.withhold();
    this.#gateKeeper.ran();
  }

  #settle(entry: Entry, how: Settlement): void {
    for (const change of entry.statementChanges) this.#s.statements.settle(change, how);
    for (const change of entry.portalChanges) this.#s.portals.settle(change, how);
    if (this.#s.copying === entry) this.#s.copying = null;
  }

  #readyForQuery(): void {
    const status = decodeReadyForQuery(this.#reader);
    const head = this.#expect('query', 'sync');
    if (head.refused !== null && head.phase !== 'failed') this.#outOfPlace();
    if (head.phase !== 'waiting' && head.phase !== 'failed') this.#outOfPlace();
    const { ledger, state, pipeline, statements, portals, output } = this.#s;
    const error = this.#error;
    this.#error = null;
    // The commit of what was answered since the last one: it happened with this message, or failed with it.
    ledger.settleFinished(error);
    const gated = head.gated && error === null;
    if (head.run !== null && !gated) {
      ledger.finish(head.run, error === null ? 'succeeded' : 'failed', error);
    }
    this.#settle(head, error === null ? 'done' : head.several ? 'perhaps' : 'not_done');
    // A simple query takes the place of the unnamed statement.
    if (head.kind === 'query') statements.forget('');
    const stale = state.ready(head.seq, status);
    this.#s.hush.ready(head.seq, status);
    if (status === 'I') portals.sweep((portal) => portal.held);
    pipeline.shift();
    if (head.probe) this.#probeKeeper.ready(status);
    else if (head.errand !== null) this.#gateKeeper.ready(head.errand, status);
    else if (gated) this.#gateKeeper.ran();
    else if (!this.#gateKeeper.intercepts(status)) this.#pass();
    if (stale) output.effect({ kind: 'stale' });
  }

  #failed(): void {
    const fields = decodeReport(this.#reader);
    const sqlstate = fields['C'] ?? '';
    const severity = fields['V'] ?? fields['S'];
    const { pipeline, output, ledger, state, hush } = this.#s;
    const head = pipeline.head;
    const hushed = hush.error(head) ? fields : null;
    if (severity === 'FATAL' || severity === 'PANIC') {
      this.#fatal = sqlstate;
      return this.#reports.error(hushed);
    }
    this.#results.dropped();
    if (head === undefined) return this.#reports.error(hushed);
    const replaced = head.refused !== null && (fields['M'] ?? '').includes(head.refused.word);
    const probing = head.probe;
    const { errand } = head;
    if (head.kind === 'query' || head.kind === 'sync') {
      this.#error = sqlstate;
      head.phase = 'failed';
      if (head.gated) this.#gateKeeper.failed();
      if (this.#s.copying === head) this.#s.copying = null;
    } else {
      // An error undoes what an implicit transaction did before; an explicit one waits for its end.
      ledger.settleFinished(state.status === 'I' ? sqlstate : null);
      if (head.run !== null) ledger.finish(head.run, 'failed', sqlstate);
      this.#settle(head, 'not_done');
      // The server forgets its unnamed statement even when the new one does not parse.
      if (head.kind === 'parse' && head.statementChanges[0]?.name === '')
        this.#s.statements.forget('');
      pipeline.shift();
      if (head.gated) this.#gateKeeper.failed();
      for (const skipped of pipeline.skipToSync()) {
        if (skipped.run !== null) ledger.finish(skipped.run, 'cancelled', null);
        this.#settle(skipped, 'not_done');
      }
    }
    if (replaced && head.refused !== null)
      return output.client.write(encodeError(head.refused.fields));
    if (probing || errand !== null) {
      const told = probing
        ? this.#probeKeeper.failed(sqlstate)
        : errand !== null && this.#gateKeeper.refused(errand, sqlstate);
      if (told) this.#reports.error(hushed);
      return;
    }
    // Skipped with the rest: the question was part of the client's segment.
    this.#probeKeeper.skipped();
    this.#reports.error(hushed);
  }

  #parameterStatus(): void {
    const { name, value } = decodeParameterStatus(this.#reader);
    const wrong = this.#s.state.reported(name, value);
    if (wrong !== null) return this.#end('session_state_changed', wrong);
    this.#reports.status(name, value);
  }

  // --- small ones ----------------------------------------------------------------------------------------------------

  #expect(kind: EntryKind, other: EntryKind = kind): Entry {
    const head = this.#s.pipeline.head;
    if (head === undefined || (head.kind !== kind && head.kind !== other))
      return this.#outOfPlace();
    // A stand-in for a refused message can only fail.
    if (head.refused !== null && this.#reader.tag !== SERVER.readyForQuery)
      return this.#outOfPlace();
    return head;
  }

  #move(head: Entry, from: readonly AnswerPhase[], to: AnswerPhase): void {
    if (!from.includes(head.phase)) this.#outOfPlace();
    head.phase = to;
    this.#pass();
  }

  #pass(): void {
    const { buffer, start, end } = this.#reader;
    this.#s.output.client.append(buffer, start, end);
  }

  #end(code: 'session_state_changed' | 'target_unreachable', detail: string): void {
    this.#ending ??= { code, detail };
  }

  #outOfPlace(): never {
    const head = this.#s.pipeline.head;
    throw new ProtocolViolation(
      `message type ${this.#reader.tag} does not answer ${head?.kind ?? 'anything'}`,
    );
  }
}
