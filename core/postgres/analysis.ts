// Rows and COPY data that wait for a model: kept as the server sent them, in order, until it is known what is in them.
// Batches depend on what came and never on where it was cut: one ends when it is full, or where anything else follows.
// Asking is results.ts' to do, and nothing further is read from the server meanwhile (core/engine.ts, `analyze`).
import { MAX_ANALYZED_LENGTH, MAX_ANALYZED_TEXTS, MAX_ANALYZED_WAITING_BYTES } from '../limits.ts';
import { ByteSink } from '../masking/byte-sink.ts';
import { areFindings, type ModelFinding } from '../masking/detect/model.ts';
import { ModelFindings } from '../masking/detect/model-findings.ts';
import type { ModelMask } from '../masking/mask.ts';
import type { Output } from './output.ts';

/** What is kept of one result. */
export interface Waiting {
  readonly bytes: Uint8Array;
  /** Where each row ends; COPY data is not told apart. */
  readonly ends: readonly number[];
}

export class Analysis {
  readonly #output: Output;
  readonly #held = new ByteSink(0);
  #ends: number[] = [];
  #asked: number | null = null;
  #count = 0;
  #masks = '';
  #findings: ModelFindings | null = null;

  constructor(output: Output) {
    this.#output = output;
  }

  /** The session's findings by these masks; what is remembered by others is forgotten. */
  findings(masks: readonly ModelMask[]): ModelFindings {
    const named = JSON.stringify(masks);
    if (this.#findings === null || this.#masks !== named) {
      this.#findings = new ModelFindings(masks);
      this.#masks = named;
    }
    return this.#findings;
  }

  /** A question is open. */
  get asking(): boolean {
    return this.#asked !== null;
  }

  get waiting(): boolean {
    return this.#held.length > 0;
  }

  /** Bytes that are kept. */
  get length(): number {
    return this.#held.length;
  }

  get full(): boolean {
    if (this.#findings === null) return false;
    const { missing, missingLength } = this.#findings;
    return (
      missing.length >= MAX_ANALYZED_TEXTS ||
      missingLength >= MAX_ANALYZED_LENGTH ||
      this.#held.length >= MAX_ANALYZED_WAITING_BYTES
    );
  }

  /** Valid until `taken`. */
  get kept(): Waiting {
    return { bytes: this.#held.view(), ends: this.#ends };
  }

  keep(bytes: Uint8Array, start: number, end: number): void {
    this.#held.append(bytes, start, end);
    this.#ends.push(this.#held.length);
  }

  ask(): void {
    const findings = this.#findings;
    if (findings === null || this.asking) return;
    this.#count += 1;
    this.#asked = this.#count;
    const { uses, missing } = findings;
    this.#output.effect({ kind: 'analyze', id: this.#count, uses, texts: missing });
  }

  /**
   * False: this answers no open question. Null: it does, and says nothing that can be gone by. Else what was kept, to be
   * masked now, which is valid until `taken`.
   */
  answered(
    id: number,
    answer: readonly (readonly ModelFinding[])[] | null,
  ): Waiting | false | null {
    if (id !== this.#asked || this.#findings === null) return false;
    this.#asked = null;
    if (answer === null || !areFindings(this.#findings.missing, answer)) return null;
    this.#findings.answer(answer);
    return this.kept;
  }

  /** What was kept has been shown, or never will be. */
  taken(): void {
    this.#held.clear();
    this.#ends = [];
    this.#findings?.release();
  }
}
