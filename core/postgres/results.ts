// What a result is made of, on its way from the server to the client: row descriptions, rows, COPY data. Where nothing is
// masked they go through as views of the chunk they came in. Where something is, the server's description is compared with
// the plan first, then rows are masked one by one and COPY data as a stream. Their order is server-side.ts' to check.
//
// Where a model has to look into a result, rows and COPY data are masked twice: once to learn which texts nobody has been asked
// about (the outcome is thrown away), and once they are known; analysis.ts keeps them in between.
//
// A result that contradicts its plan ends the session. The server has run the statement, so an error in its place would
// say what is not true; and a plan that was wrong about one result may be wrong about the next.
import { NO_BYTES, concatBytes } from '../bytes.ts';
import { ProtocolViolation } from '../failure.ts';
import {
  MAX_ANALYZED_WAITING_BYTES,
  MAX_COPY_CHUNK_BYTES,
  MAX_MASKED_ROW_BYTES,
} from '../limits.ts';
import { ByteSink } from '../masking/byte-sink.ts';
import type { ModelFinding } from '../masking/detect/model.ts';
import { NotAnalyzed, type ModelFindings } from '../masking/detect/model-findings.ts';
import type { Masking } from '../masking/mask.ts';
import { MaskKeyMissing } from '../masking/maskers/maskers.ts';
import { Analysis, type Waiting } from './analysis.ts';
import { encodeFrame } from './client-messages.ts';
import type { FrameReader } from './frames.ts';
import type { Run } from './ledger.ts';
import { contradiction, copyContradiction, needsWork, type CopyMasker } from './masking.ts';
import { MaskMismatch, RowTooLarge } from './masked-failure.ts';
import type { RowMasker } from './masked-rows.ts';
import type { Entry } from './pipeline.ts';
import { decodeCopyOut, decodeRowDescription } from './server-messages.ts';
import type { Session } from './session.ts';
import { HEADER_BYTES, SERVER } from './tags.ts';

export type ResultEnding =
  /** The server's result is not the one that was planned; `detail` is for the journal. */
  | { readonly code: 'mask_mismatch'; readonly detail: string }
  | { readonly code: 'mask_key_missing'; readonly detail: string }
  /** A model could not be asked about its texts. Rows may have gone out, and the statement has run: there is no way back. */
  | { readonly code: 'mask_model_unavailable'; readonly detail: string }
  | { readonly code: 'limit_exceeded'; readonly detail: string };

/** A row at its largest, behind as many as may wait. */
const MAX_WAITING_BYTES = MAX_MASKED_ROW_BYTES + MAX_ANALYZED_WAITING_BYTES;

export class Results {
  readonly #s: Session;
  readonly #reader: FrameReader;
  readonly #end: (ending: ResultEnding) => void;
  /** The message whose result was described as planned: only its rows may come. */
  #checked: Entry | null = null;
  /** Of the result that is being answered. */
  #rows: RowMasker | null = null;
  #copy: CopyMasker | null = null;
  /** Of the same COPY data, ahead of it: finds the texts that a model is to be asked about. */
  #ahead: CopyMasker | null = null;
  /** What models find in the result that is being answered; null where none is asked. */
  #model: ModelFindings | null = null;
  readonly #analysis: Analysis;
  /** What the first of two passes writes. */
  readonly #scratch = new ByteSink(0);
  /** Masked COPY data that fills no frame yet. */
  #copied: Uint8Array[] = [];
  #copiedBytes = 0;
  /** Masked rows of this call. The client's bytes are views of it until the next one. */
  readonly #sink = new ByteSink(0);
  /** A run of result bytes not yet fed to its digest. */
  #digesting: Run | null = null;
  #digestBuffer: Uint8Array = NO_BYTES;
  #digestFrom = 0;
  #digestTo = 0;

  constructor(session: Session, reader: FrameReader, end: (ending: ResultEnding) => void) {
    this.#s = session;
    this.#reader = reader;
    this.#end = end;
    this.#analysis = new Analysis(session.output);
  }

  /** A model is being asked: nothing further may be taken from the server. */
  get asking(): boolean {
    return this.#analysis.asking;
  }

  /** Whether a message of this type has to wait until a model was asked about what came before it. */
  asks(tag: number): boolean {
    if (!this.#analysis.waiting || tag === SERVER.dataRow || tag === SERVER.copyData) return false;
    this.#analysis.ask();
    return true;
  }

  /** What models found; a call of its own, like those that bring bytes. */
  answered(id: number, findings: readonly (readonly ModelFinding[])[] | null): void {
    const waiting = this.#analysis.answered(id, findings);
    if (waiting === false) return;
    if (waiting !== null) return this.#showWaiting(waiting);
    const detail =
      findings === null ? 'a model did not answer' : 'findings that do not fit the texts';
    this.#end({ code: 'mask_model_unavailable', detail });
  }

  /** A new call: what the last one has shown may be written over. */
  begin(): void {
    if (this.#sink.length > 0) this.#sink.clear();
  }

  /** A RowDescription for `head`: the client's when it goes on, the gateway's own before an Execute. True when it holds. */
  described(head: Entry): boolean {
    const { masking } = head;
    if (masking === null) return true;
    const columns = decodeRowDescription(this.#reader);
    const plan = masking.results[head.result];
    const wrong = contradiction(plan, columns);
    if (wrong !== null || plan === undefined || plan.columns === null) return this.#mismatch(wrong);
    this.#checked = head;
    head.whole = needsWork(plan);
    if (!head.whole) return true;
    const { maskers } = this.#s.options;
    if (maskers === undefined) return this.#unable();
    const model = this.#modelOf(masking);
    this.#rows = maskers.rows(plan.columns, columns, masking.detect, model ?? undefined);
    this.#model = model;
    head.whole = !this.#rows.idle;
    return true;
  }

  /** The server says that what is executed has no rows: what has none is passed, and some were planned. */
  undescribed(head: Entry): void {
    if (head.masking !== null) this.#mismatch('no rows where some were planned');
  }

  row(head: Entry, run: Run): void {
    run.pendingRows += 1;
    if (head.masking === null) return this.#pass(run);
    if (this.#checked !== head) return void this.#mismatch('rows of a statement without any');
    if (!head.whole) return this.#pass(run);
    const { start, end, first, last } = this.#reader;
    if (!first || !last || end - start - 1 > MAX_MASKED_ROW_BYTES) {
      const detail = `a row of more than ${MAX_MASKED_ROW_BYTES} bytes cannot be masked`;
      return this.#end({ code: 'limit_exceeded', detail });
    }
    const rows = this.#rows;
    if (rows === null) throw new ProtocolViolation('a row before its description');
    const model = this.#model;
    if (model === null) return this.#showRow(rows, run, start + HEADER_BYTES, end);
    const { buffer } = this.#reader;
    model.collect(() => rows.rewrite(buffer, start + HEADER_BYTES, end, this.#scratch));
    this.#scratch.clear();
    this.#wait(model, start + HEADER_BYTES);
  }

  copyOut(head: Entry): boolean {
    const { masking } = head;
    if (masking === null) return true;
    const plan = masking.results[head.result];
    const wrong = copyContradiction(plan, decodeCopyOut(this.#reader));
    if (wrong !== null || plan === undefined || plan.columns === null || plan.copyOut === null) {
      return this.#mismatch(wrong);
    }
    if (!needsWork(plan)) return true;
    const format = plan.copyOut;
    const { maskers } = this.#s.options;
    if (maskers === undefined) return this.#unable();
    const model = this.#modelOf(masking);
    const copier = () =>
      maskers.copy(plan.columns ?? [], format, masking.detect, model ?? undefined);
    this.#copy = copier();
    this.#model = model;
    this.#ahead = model === null ? null : copier();
    return true;
  }

  copyData(run: Run): void {
    if (this.#copy === null) return this.#pass(run);
    const { buffer, start, end, first, last } = this.#reader;
    const from = first ? start + HEADER_BYTES : start;
    const [model, ahead] = [this.#model, this.#ahead];
    if (model !== null && ahead !== null) {
      model.collect(() => ahead.push(buffer.subarray(from, end)));
      return this.#wait(model, from);
    }
    if (first && last && this.#copiedBytes === 0)
      return this.#copyFrame(this.#copy, run, from, end);
    this.#add(this.#copy.push(buffer.subarray(from, end)));
    // The server sends a row as soon as it has one, and so it goes on.
    this.#frameCopy(run, last);
  }

  /** A whole frame, as the server sends for each row: masked into its place behind those before it. */
  #copyFrame(copy: CopyMasker, run: Run, start: number, end: number): void {
    const sink = this.#sink;
    const from = sink.length;
    sink.reserve(HEADER_BYTES);
    sink.length = from + HEADER_BYTES;
    copy.append(this.#reader.buffer, start, end, sink);
    const size = sink.length - from - HEADER_BYTES;
    if (size === 0) {
      sink.length = from;
    } else if (size <= MAX_COPY_CHUNK_BYTES) {
      sink.bytes[from] = SERVER.copyData;
      sink.putInt32(from + 1, size + 4);
      this.#show(run, sink.bytes, from, sink.length);
    } else {
      this.#add(sink.bytes.slice(from + HEADER_BYTES, sink.length));
      sink.length = from;
      this.#frameCopy(run, true);
    }
  }

  copyDone(run: Run): void {
    if (this.#copy === null) return;
    this.#add(this.#copy.end());
    this.#frameCopy(run, true);
    this.#copy = null;
  }

  /** The rest of a row or of COPY data. */
  continue(run: Run): void {
    if (this.#copy === null) this.#pass(run);
    else this.copyData(run);
  }

  /** One result of `head` ended. */
  ended(head: Entry): void {
    this.dropped();
    head.result += 1;
    head.whole = false;
  }

  /** An error ended the result: what was kept back of it never goes out. */
  dropped(): void {
    this.#checked = null;
    this.#rows = null;
    this.#copy = null;
    this.#ahead = null;
    this.#model = null;
    this.#analysis.taken();
    if (this.#copiedBytes === 0) return;
    this.#copied = [];
    this.#copiedBytes = 0;
  }

  /** Feeds the run of result bytes to its digest; their buffers stay as they are until the end of this call. */
  digest(): void {
    const run = this.#digesting;
    if (run === null || run.digest === null) return;
    run.digest.update(this.#digestBuffer.subarray(this.#digestFrom, this.#digestTo));
    run.digested = true;
    this.#digesting = null;
    this.#digestBuffer = NO_BYTES;
  }

  #modelOf({ models }: Masking): ModelFindings | null {
    return models === undefined || models.length === 0 ? null : this.#analysis.findings(models);
  }

  /** Keeps what the reader points at, and goes on where there is nothing to ask or enough. Rows, and frames of COPY data, whole. */
  #wait(model: ModelFindings, from: number): void {
    const { buffer, end, last } = this.#reader;
    this.#analysis.keep(buffer, from, end);
    if (this.#analysis.length > MAX_WAITING_BYTES) {
      return this.#end({ code: 'limit_exceeded', detail: 'too much waits for a model' });
    }
    if (!last) return;
    if (model.missing.length === 0) this.#showWaiting(this.#analysis.kept);
    else if (this.#analysis.full) this.#analysis.ask();
  }

  /** What waited, masked by what models found in it. */
  #showWaiting({ bytes, ends }: Waiting): void {
    const run = this.#s.pipeline.head?.run ?? null;
    if (run === null) throw new ProtocolViolation('data of no result');
    if (this.#copy !== null) {
      this.#add(this.#copy.push(bytes));
      this.#frameCopy(run, true);
    } else if (this.#rows !== null) {
      let from = 0;
      for (const end of ends) {
        this.#showRow(this.#rows, run, from, end, bytes);
        from = end;
      }
    }
    this.#analysis.taken();
  }

  #showRow(
    rows: RowMasker,
    run: Run,
    start: number,
    end: number,
    bytes: Uint8Array = this.#reader.buffer,
  ): void {
    const sink = this.#sink;
    const from = sink.length;
    rows.append(bytes, start, end, sink);
    this.#show(run, sink.bytes, from, sink.length);
  }

  #pass(run: Run): void {
    const { buffer, start, end } = this.#reader;
    this.#show(run, buffer, start, end);
    this.#s.output.midFrame = !this.#reader.last;
  }

  /** What the client gets is what is counted. */
  #show(run: Run, buffer: Uint8Array, start: number, end: number): void {
    run.bytes += end - start;
    if (run.digest !== null) {
      const joins =
        this.#digesting === run && this.#digestBuffer === buffer && this.#digestTo === start;
      if (!joins) {
        this.digest();
        this.#digesting = run;
        this.#digestBuffer = buffer;
        this.#digestFrom = start;
      }
      this.#digestTo = end;
    }
    this.#s.output.client.append(buffer, start, end);
  }

  #add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // What has to wait for the rest of its frame outlives the buffer that it may be a view of.
    this.#copied.push(this.#reader.last ? bytes : bytes.slice());
    this.#copiedBytes += bytes.length;
  }

  /** Frames of one size while there is enough for them; `rest`: and one for what is left. */
  #frameCopy(run: Run, rest: boolean): void {
    if (this.#copiedBytes === 0 || (!rest && this.#copiedBytes < MAX_COPY_CHUNK_BYTES)) return;
    const [only] = this.#copied;
    const whole =
      this.#copied.length === 1 && only !== undefined ? only : concatBytes(this.#copied);
    const least = rest ? 1 : MAX_COPY_CHUNK_BYTES;
    let from = 0;
    while (whole.length - from >= least) {
      const chunk = whole.subarray(from, from + MAX_COPY_CHUNK_BYTES);
      const frame = encodeFrame(
        SERVER.copyData,
        (w) => w.bytes(chunk),
        chunk.length + HEADER_BYTES,
      );
      this.#show(run, frame, 0, frame.length);
      from += chunk.length;
    }
    this.#copiedBytes = whole.length - from;
    this.#copied = this.#copiedBytes === 0 ? [] : [whole.slice(from)];
  }

  /** What a masker throws; false where it is none of its errors. */
  failed(error: unknown): boolean {
    if (error instanceof MaskMismatch) this.#mismatch(error.message);
    else if (error instanceof RowTooLarge) this.#end({ code: error.code, detail: error.message });
    else if (error instanceof MaskKeyMissing) this.#unable();
    else if (error instanceof NotAnalyzed)
      this.#end({ code: 'mask_model_unavailable', detail: error.message });
    else return false;
    return true;
  }

  #mismatch(why: string | null): false {
    // Whoever plans next reads the schema again first.
    this.#s.output.effect({ kind: 'stale' });
    this.#end({ code: 'mask_mismatch', detail: why ?? 'a plan without columns' });
    return false;
  }

  #unable(): false {
    this.#end({ code: 'mask_key_missing', detail: 'a result to be masked, and nothing to do it' });
    return false;
  }
}
