// Which message of the client's may go, and as what: finds out what it means, asks for a decision, and then has it sent, or
// in its place one that certainly fails on the server. So the place of the error, the skipping to Sync and the transaction
// status are the server's own. The message itself stays in the reader until then. Reading messages is client-side.ts,
// sending them dispatch.ts.
import type { Decision, Denial } from '../decision.ts';
import { tagLeavesOut, unboundable } from '../approval/row-bound.ts';
import { MAX_NAMED_OBJECTS } from '../limits.ts';
import type { Inspection } from '../sql/inspection.ts';
import { sqlContent } from './content.ts';
import { FLUSH } from './client-messages.ts';
import {
  OWN_NAME,
  PATH_UNKNOWN,
  REPLANNED,
  TOO_MANY_NAMES,
  TOO_MUCH_UNCOMMITTED,
  unknownObject,
} from './denials.ts';
import { perform, refuse, sendProbe, type Asking, type Plea } from './dispatch.ts';
import { openGate, type Gate } from './gate.ts';
import type { FrameReader } from './frames.ts';
import type { Portal } from './portal.ts';
import { namesNothing, refusedAnyway } from './judging.ts';
import { OWN_PREFIX } from './words.ts';
import { denied } from './refusal.ts';
import type { Session } from './session.ts';
import { protocolStatement, type Statement } from './statement.ts';

/** Texts and bind values behind names; a server would keep them too, an isolate has 128 MB. */
const MAX_NAMED_BYTES = 32 * 1024 * 1024;

export class Admission {
  readonly #s: Session;
  readonly #reader: FrameReader;
  #asking: Asking | null = null;
  /** Approved, and waiting for the commit gate to open. */
  #admitted: {
    readonly asking: Asking;
    readonly decision: Decision;
    readonly maxRows: number;
  } | null = null;
  /** What the next message waits for, besides what `Session` shows. */
  #wait: 'nothing' | 'readies' | 'all answers' = 'nothing';
  /** The id for the next decision, when it is asked for again. */
  #reconsidered: number | null = null;

  constructor(session: Session, reader: FrameReader) {
    this.#s = session;
    this.#reader = reader;
  }

  /** Whether the next message must stay where it is. */
  get held(): boolean {
    const { pipeline, probe, copying, gate } = this.#s;
    if (this.#asking !== null || probe !== 'none' || this.#admitted !== null) return true;
    // The data of a gated COPY goes on; a failed statement is followed by what the server skips, up to the Sync.
    if (gate !== null && gate.stage !== 'failed') {
      if (gate.stage !== 'running' || copying === null) return true;
    }
    if (this.#wait === 'readies' && pipeline.readies > 0) return true;
    if (this.#wait === 'all answers' && pipeline.size > 0) return true;
    this.#wait = 'nothing';
    // Until the server has said whether it takes COPY data, the same bytes mean two things.
    return copying !== null && (copying.phase !== 'copy_in' || copying.copyDone);
  }

  /** Whether a decision is being waited for. */
  get asking(): boolean {
    return this.#asking !== null;
  }

  /** A decision for the message that waits for it; one for anything else is late and means nothing. */
  decided(id: number, decision: Decision): void {
    const asking = this.#asking;
    if (asking === null || asking.id !== id || !this.#reader.next()) return;
    const denial = this.#denial(asking, decision);
    const { pipeline, state } = this.#s;
    if (denial === null && asking.relied && !state.certain(pipeline.readies)) {
      // The server has reported another search path meanwhile: what was decided on is no longer what would run.
      this.#asking = null;
      return;
    }
    this.#asking = null;
    if (denial !== null) refuse(this.#s, asking, denial);
    else if (!pipeline.skipping) {
      if (this.#gate(asking, decision)) return;
      perform(this.#s, this.#reader, asking, decision, false);
    }
    this.#reader.consume();
  }

  /** Where the approval sets a bound, the message waits for the commit gate. */
  #gate(asking: Asking, decision: Decision): boolean {
    const maxRows = decision.kind === 'allow' ? (decision.approval?.maxRows ?? null) : null;
    if (maxRows === null) return false;
    this.#admitted = { asking, decision, maxRows };
    // The gate must know whether it stands inside a transaction, and nothing sent before may fail under it.
    if (this.#s.pipeline.size === 0) this.#openGate(asking, decision, maxRows);
    else this.#s.output.toServer(FLUSH, 0, FLUSH.length, true);
    return true;
  }

  #openGate(asking: Asking, decision: Decision, maxRows: number): void {
    const { inspection, statement, via } = asking;
    const { state, pipeline } = this.#s;
    const gate: Gate = {
      maxRows,
      // After an Execute of the same segment the transaction is the client's, be it explicit or not.
      opened: state.status === 'I' && !pipeline.executed,
      simple: via === 'query',
      counted: tagLeavesOut(inspection.facts, statement.text),
      revision: decision.revision,
      stage: 'opening',
      before: 0,
      rows: 0,
      run: null,
      committing: false,
      withheld: [],
    };
    openGate(this.#s, gate);
  }

  /** Sends what waited for the gate. */
  resume(): void {
    const admitted = this.#admitted;
    const { pipeline } = this.#s;
    if (admitted === null) return;
    if (this.#s.gate === null) {
      if (pipeline.size > 0) return;
      if (pipeline.skipping) {
        // An error before it: the message is skipped like everything else up to the Sync.
        this.#admitted = null;
        return;
      }
      this.#openGate(admitted.asking, admitted.decision, admitted.maxRows);
    }
    const { gate } = this.#s;
    if (gate?.stage !== 'open' || !this.#reader.next()) return;
    this.#admitted = null;
    gate.stage = 'running';
    perform(this.#s, this.#reader, admitted.asking, admitted.decision, true);
    this.#reader.consume();
  }

  /** Takes the waiting message again, with the catalog as it is now; it keeps its id. */
  reconsider(id: number): void {
    if (this.#asking?.id !== id) return;
    this.#asking = null;
    // Whoever asks again wants the state that will be in force.
    if (this.#s.pipeline.readies > 0) this.#wait = 'readies';
    else if (this.#s.pipeline.running > 0) this.waitForAnswers();
    this.#reconsidered = id;
  }

  // --- judging -------------------------------------------------------------------------------------------------------

  /** Asks for a decision, or notes what has to be known first. The message stays where it is either way. */
  judge(plea: Plea): false {
    const relied = this.#s.state.certain(this.#s.pipeline.readies);
    const inspection = this.examine(plea.statement, plea.planned);
    if (inspection === null) return false;
    const { indirect, cursors } = this.#s.judging;
    const id = this.#reconsidered ?? this.#s.ledger.nextAction();
    this.#reconsidered = null;
    const preparing = plea.via === 'prepare';
    const refusal =
      plea.refusal ?? inspection.refusal ?? (preparing ? null : this.#limit(inspection));
    this.#asking = { ...plea, refusal, id, inspection, relied, indirect, cursors };
    this.#s.output.effect({
      kind: 'decide',
      id,
      action: plea.statement.action(inspection.facts),
      refusal,
      unresolved: inspection.unresolved,
      content: () => {
        const unbound = preparing || refusal !== null || this.#s.state.status === 'E';
        return unbound ? null : sqlContent(this.#s, plea);
      },
      unboundable: () => this.#unboundable({ ...plea, inspection }),
      lineage: inspection.lineage,
      quiet: this.#s.pipeline.readies === 0,
      preparing,
      running: this.#s.pipeline.running > 0,
      unsettledRows: this.#s.ledger.unsettledRows,
    });
    return false;
  }

  /** The same for a message that is refused for its own sake, whatever it names. */
  judgeMessage(what: string, refusal: Denial): false {
    const statement = protocolStatement(what, refusal);
    return this.judge({
      via: 'execute',
      statement,
      planned: null,
      binds: null,
      bindFormats: null,
      refusal,
      name: '',
    });
  }

  /** What the text does, or null when that cannot be told before something else has been answered. */
  examine(statement: Statement, planned: readonly string[] | null): Inspection | null {
    const { state, pipeline, judging } = this.#s;
    if (state.suspect && statement.unfit === null) return this.#settle(statement, planned);
    const { inspection, ambiguous } = judging.examine(statement, planned);
    if (ambiguous && pipeline.readies > 0) {
      this.#wait = 'readies';
      return null;
    }
    const known =
      state.certain(pipeline.readies) ||
      statement.unfit !== null ||
      refusedAnyway(inspection) ||
      namesNothing(inspection);
    if (!known) return this.#settle(statement, planned);
    this.#s.probeFailed = false;
    return inspection;
  }

  /** Finds out the search path: from answers on their way, or by asking. */
  #settle(statement: Statement, planned: readonly string[] | null): Inspection | null {
    const { state, pipeline, judging } = this.#s;
    if (pipeline.readies > 0) {
      this.#wait = 'readies';
      return null;
    }
    if (this.#s.probeFailed) {
      this.#s.probeFailed = false;
      return { ...judging.examine(statement, planned).inspection, refusal: PATH_UNKNOWN };
    }
    if (state.status === 'E' && !pipeline.open) {
      // Nothing but the end of the transaction runs now. What follows it in the same text would run under another path:
      // core/sql takes such a text for opaque, because the state is not settled.
      return judging.examine(statement, planned).inspection;
    }
    this.#s.probe = pipeline.open ? 'inside' : 'between';
    sendProbe(this.#s, pipeline.open ? 'flush' : 'sync');
    return null;
  }

  /** Null only when the message may go. A refusal that no policy can lift stands, whatever the driver says. */
  #denial(asking: Asking, decision: Decision): (Decision & Denial) | null {
    const { refusal, inspection, via } = asking;
    const { revision, observed } = decision;
    if (decision.kind === 'deny') return decision;
    if (refusal !== null) return { ...refusal, revision, observed };
    const [unknown] = inspection.unresolved;
    const bound = decision.kind === 'allow' ? (decision.approval?.maxRows ?? null) : null;
    const message = bound === null ? null : this.#unboundable(asking);
    if (message !== null) {
      return { kind: 'deny', code: 'row_bound', rule: null, message, hint: '', revision, observed };
    }
    if (unknown !== undefined) return { ...unknownObject(unknown), revision, observed };
    if (decision.kind === 'allow' && decision.masking !== undefined && this.#replanned(asking)) {
      // From now on what is bound is remembered: the masks may be newer than this portal.
      this.#s.hush.decided(decision.masking);
      return { ...REPLANNED, revision, observed };
    }
    // Preparing runs nothing; the approval is asked for when the statement is executed.
    return via === 'prepare' && decision.kind === 'approve' ? null : denied(decision);
  }

  /** Whether rows may be of another plan than the one that was judged: masks would be laid over the wrong columns. */
  #replanned({ portal, indirect, cursors }: Asking): boolean {
    const moved = (opened: Portal) =>
      opened.meaning !== this.#s.judging.meaning(opened.statement, opened.path);
    if (portal !== undefined && ((portal.ran === true && indirect) || moved(portal))) return true;
    return cursors.some(moved);
  }

  #unboundable({
    inspection,
    limited,
    via,
  }: Pick<Asking, 'inspection' | 'limited' | 'via'>): string | null {
    if (via === 'query' && this.#s.pipeline.executed) {
      return 'An approved write with a bound on rows cannot follow unsynchronised messages: send Sync first.';
    }
    if (limited)
      return 'An approved write with a bound on rows is executed whole: without a row limit.';
    return unboundable(inspection.facts);
  }

  #limit(inspection: Inspection): Denial | null {
    const { statements, portals, state } = this.#s;
    for (const change of inspection.changes) {
      if (change.kind === 'catalog' && state.uncommittedFull) return TOO_MUCH_UNCOMMITTED;
      if (change.kind !== 'prepare' && change.kind !== 'declare') continue;
      if (change.name.startsWith(OWN_PREFIX)) return OWN_NAME;
      const names = change.kind === 'prepare' ? statements.size : portals.size;
      if (this.#exceeds(names)) return TOO_MANY_NAMES;
    }
    return null;
  }

  #exceeds(names: number): boolean {
    return names >= MAX_NAMED_OBJECTS || this.#weight() > MAX_NAMED_BYTES;
  }

  #weight(): number {
    return this.#s.statements.weight + this.#s.portals.weight;
  }

  /** Whether a name more is too much. What is on its way may make room, so that is waited for first. */
  full(name: string, names: number): Denial | 'wait' | null {
    const full = this.#weight() > MAX_NAMED_BYTES || (name !== '' && names >= MAX_NAMED_OBJECTS);
    if (!full) return null;
    if (this.#s.pipeline.size === 0) return TOO_MANY_NAMES;
    this.waitForAnswers();
    return 'wait';
  }

  waitForReadies(): false {
    this.#wait = 'readies';
    return false;
  }

  /** Waits until everything sent was answered; the Flush makes the server do so. */
  waitForAnswers(): false {
    this.#wait = 'all answers';
    this.#s.output.toServer(FLUSH, 0, FLUSH.length, true);
    return false;
  }
}
