// What was sent to the server and not yet answered, in order. Answers carry no id: this queue is what gives each of them
// its message. Also keeps the two counts everything else is decided by: whether the server skips to the next Sync, and how
// many ReadyForQuery are still to come. @see protocol-flow, "Pipelining"
import type { Errand } from './gate.ts';
import type { Masking } from '../masking/mask.ts';
import type { NameChange } from './named.ts';
import type { Run } from './ledger.ts';
import type { Portal } from './portal.ts';
import type { Statement } from './statement.ts';
import type { ReportFields } from './server-messages.ts';

export type EntryKind = 'query' | 'parse' | 'bind' | 'describe' | 'execute' | 'close' | 'sync';

/** How far the answer to one message has come. */
export type AnswerPhase =
  | 'waiting'
  /** A row description came: rows may follow. */
  | 'rows'
  | 'copy_in'
  | 'copy_out'
  /** The data of a COPY ended: its command tag follows. */
  | 'copied'
  /** Describe of a statement: its parameters came. */
  | 'described'
  /** An error came; only ReadyForQuery follows. */
  | 'failed';

export interface StandIn {
  readonly fields: ReportFields;
  /** In the text or name that fails, and so in the server's error: another error is not ours to rewrite. */
  readonly word: string;
}

export interface Entry {
  readonly kind: EntryKind;
  readonly seq: number;
  /** Counts Syncs sent before. */
  readonly segment: number;
  phase: AnswerPhase;
  /** What the journal awaits an outcome of. */
  readonly run: Run | null;
  /** The message stands in for a refused one: it must fail, and the client gets these fields instead. */
  readonly refused: StandIn | null;
  /** The gateway's own question: the client sees nothing of it. */
  readonly probe: boolean;
  /** One of the commit gate's own messages (gate.ts): the client sees nothing of it. */
  readonly errand: Errand | null;
  /** The client's message that the commit gate is around. */
  readonly gated: boolean;
  /** The text starts COPY FROM STDIN. */
  readonly copyIn: boolean;
  /** The client ended its COPY data. */
  copyDone: boolean;
  /** What is masked in the answers; null where nothing is. */
  readonly masking: Masking | null;
  /** Errors and notices about it may quote masked values. */
  readonly hushed: boolean;
  /** The gateway's own Describe of the portal that the next message executes: the client sees nothing of it. */
  readonly hidden: boolean;
  /** Which statement of the text is being answered. */
  result: number;
  /** Rows of the result that is being answered are masked, so each of them is needed whole. */
  whole: boolean;
  /** A text of several statements: a failure says nothing about the first ones. */
  readonly several: boolean;
  readonly statementChanges: readonly NameChange<Statement>[];
  readonly portalChanges: readonly NameChange<Portal>[];
}

export type EntryDetails = Partial<
  Omit<Entry, 'kind' | 'seq' | 'segment' | 'phase' | 'copyDone' | 'result'>
>;

const NO_CHANGES: readonly never[] = [];

export class Pipeline {
  #entries: Entry[] = [];
  #head = 0;
  #seq = 0;
  #segment = 0;
  #readies = 0;
  #running = 0;
  /** The server ignores everything up to the next Sync that is sent. */
  skipping = false;
  /** Extended-protocol messages were sent since the last Sync or simple query: an implicit transaction may be open. */
  open = false;
  /** One of them was an Execute: an explicit transaction may be open that no ReadyForQuery has told of yet. */
  executed = false;

  get size(): number {
    return this.#entries.length - this.#head;
  }

  get head(): Entry | undefined {
    return this.#entries[this.#head];
  }

  get segment(): number {
    return this.#segment;
  }

  /** ReadyForQuery still to come. The server flushes with each, so waiting for them always ends. */
  get readies(): number {
    return this.#readies;
  }

  /** Actions sent and not yet answered. */
  get running(): number {
    return this.#running;
  }

  /** Sequence number the next message will have. */
  get nextSeq(): number {
    return this.#seq;
  }

  add(kind: EntryKind, details: EntryDetails = {}): Entry {
    const entry: Entry = {
      kind,
      seq: this.#seq++,
      segment: this.#segment,
      phase: 'waiting',
      run: details.run ?? null,
      refused: details.refused ?? null,
      probe: details.probe ?? false,
      errand: details.errand ?? null,
      gated: details.gated ?? false,
      copyIn: details.copyIn ?? false,
      copyDone: false,
      masking: details.masking ?? null,
      hushed: details.hushed ?? false,
      hidden: details.hidden ?? false,
      result: 0,
      whole: details.whole ?? false,
      several: details.several ?? false,
      statementChanges: details.statementChanges ?? NO_CHANGES,
      portalChanges: details.portalChanges ?? NO_CHANGES,
    };
    this.#entries.push(entry);
    if (entry.run !== null) this.#running += 1;
    switch (kind) {
      case 'sync':
        this.#segment += 1;
        this.#readies += 1;
        this.skipping = false;
        this.open = false;
        this.executed = false;
        break;
      case 'query':
        this.#readies += 1;
        this.open = false;
        this.executed = false;
        break;
      default:
        this.open = true;
        if (entry.run !== null) this.executed = true;
    }
    return entry;
  }

  /** Takes the answered head off. */
  shift(): void {
    const head = this.head;
    if (head === undefined) return;
    if (head.kind === 'sync' || head.kind === 'query') this.#readies -= 1;
    if (head.run !== null) this.#running -= 1;
    this.#head += 1;
    if (this.#head === this.#entries.length) {
      this.#entries.length = 0;
      this.#head = 0;
    } else if (this.#head >= 1024) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  /** After an error in the extended protocol: takes off, and returns, everything up to the next Sync. */
  skipToSync(): Entry[] {
    const skipped: Entry[] = [];
    for (let head = this.head; head !== undefined; head = this.head) {
      if (head.kind === 'sync') return skipped;
      skipped.push(head);
      this.shift();
    }
    this.skipping = true;
    return skipped;
  }

  /** Everything unanswered, oldest first. */
  drain(): Entry[] {
    const left = this.#entries.slice(this.#head);
    this.#entries = [];
    this.#head = 0;
    this.#readies = 0;
    this.#running = 0;
    return left;
  }
}
