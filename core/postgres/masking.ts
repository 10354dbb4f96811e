// What the engine needs to mask a result: how the server describes it, whether that agrees with what was planned from the
// catalog, and the shape of the functions that do the work on bytes (masked-rows.ts, masked-copy.ts). A plan and a
// description that disagree mean that the catalog was not the server's: then nothing of the result may leave.
import type { ModelFindings } from '../masking/detect/model-findings.ts';
import type { ByteSink } from '../masking/byte-sink.ts';
import type { ColumnPlan, CopyOutFormat, DetectorMask, ResultPlan } from '../masking/mask.ts';
import type { RowMasker } from './masked-rows.ts';

/** One field of a RowDescription. @see protocol-message-formats RowDescription */
export interface DescribedColumn {
  readonly name: string;
  /** Oid of the table and number of the column it is, unchanged; 0 where it is none. */
  readonly table: number;
  readonly attribute: number;
  /** Oid of its type. */
  readonly typeOid: number;
  /** 0 text, 1 binary. */
  readonly format: number;
}

/**
 * The bytes of one COPY without their frames, however they are cut. What comes out depends on what went in so far, never on
 * where it was cut; it may be a view of what went in.
 */
export interface CopyMasker {
  push(bytes: Uint8Array): Uint8Array;
  /** The same of a part of a buffer, appended to a sink: what a row costs counts, and the server sends a frame for each. */
  append(bytes: Uint8Array, start: number, end: number, sink: ByteSink): void;
  /** What is left at the end. */
  end(): Uint8Array;
}

/** Makes the functions that mask results, with this deployment's keys. Throws MaskKeyMissing where a plan needs one that is not there. */
export interface ResultMaskers {
  rows(
    plan: readonly ColumnPlan[],
    described: readonly DescribedColumn[],
    detect: readonly DetectorMask[],
    model?: ModelFindings,
  ): RowMasker;
  copy(
    plan: readonly ColumnPlan[],
    format: CopyOutFormat,
    detect: readonly DetectorMask[],
    model?: ModelFindings,
  ): CopyMasker;
}

/** Whether its rows have to be looked into. */
export function needsWork(plan: ResultPlan): boolean {
  return plan.columns?.some((column) => column.treatment !== 'pass') ?? false;
}

/** Null, or why the server's description cannot be of the result that was planned. Names no value. */
export function contradiction(
  plan: ResultPlan | undefined,
  described: readonly DescribedColumn[],
): string | null {
  if (plan === undefined) return 'more results than statements';
  if (plan.copyOut !== null) return 'rows of a statement that copies';
  const { columns } = plan;
  if (columns === null) return 'rows of a statement without any';
  if (columns.length !== described.length) {
    return `${described.length} columns where ${columns.length} were planned`;
  }
  for (const [at, { table, attribute }] of described.entries()) {
    // Row numbers and transaction ids of a table (ctid, xmin) have negative numbers.
    if (table === 0 || attribute <= 0) continue;
    if (columns[at]?.origins.has(`${table}.${attribute}`) !== true) {
      return `column ${at + 1} is column ${attribute} of table ${table}, which was not planned`;
    }
  }
  return null;
}

/** The same for the answer to COPY … TO STDOUT. */
export function copyContradiction(
  plan: ResultPlan | undefined,
  answer: { readonly binary: boolean; readonly columns: number },
): string | null {
  if (plan === undefined) return 'more results than statements';
  if (plan.copyOut === null || plan.columns === null) return 'COPY of a statement that does not';
  if (plan.columns.length !== answer.columns) {
    return `${answer.columns} columns copied where ${plan.columns.length} were planned`;
  }
  return (plan.copyOut.format === 'binary') === answer.binary
    ? null
    : 'COPY in another format than planned';
}
