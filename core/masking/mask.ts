// The words masking shares with policy, SQL lineage and the protocols: what a mask does, which masks concern one caller on
// one target, and what is to be done with each column of a result. Knows no protocol.
import type { DetectorId } from './detect/detector.ts';
import type { ModelEntity } from './detect/model.ts';

/**
 * null: NULL. redact: a fixed value of the column's type. partial: a part stays readable. hash: keyed, the same for the same
 * value of a target, so it can be joined and grouped. fake: keyed, in the format of the original.
 */
export const MASK_KINDS = ['null', 'redact', 'partial', 'hash', 'fake'] as const;
export type MaskKind = (typeof MASK_KINDS)[number];

/** What a masked column may do in WHERE, JOIN, HAVING, GROUP BY, ORDER BY and DISTINCT. */
export const PREDICATE_MODES = ['deny', 'equality', 'allow'] as const;
export type PredicateMode = (typeof PREDICATE_MODES)[number];

/** What the policy asks for one column: the strictest of the masks that cover it. */
export interface ColumnMask {
  /** Ids of the masks, in file order. */
  readonly ids: readonly string[];
  readonly kind: MaskKind;
  readonly predicates: PredicateMode;
}

/** A detector whose findings are masked wherever they occur in a result. */
export interface DetectorMask {
  readonly ids: readonly string[];
  readonly detector: DetectorId;
  readonly kind: MaskKind;
}

/** What a model finds and how that is masked. `model`: its id in the policy. */
export interface ModelMask {
  readonly ids: readonly string[];
  readonly model: string;
  readonly entity: ModelEntity;
  readonly kind: MaskKind;
}

/** A place in JSON whose values are masked (core/masking/json-path.ts): of the bodies that HTTP targets answer with. */
export interface FieldMask {
  readonly ids: readonly string[];
  readonly path: string;
  readonly kind: MaskKind;
}

/** The masks that concern one caller on one target; where there are none, there is no MaskSet. */
export interface MaskSet {
  /** The mask of a column by its names; null where none covers it. Names as the catalog has them, a temporary schema too. */
  column(schema: string, relation: string, column: string): ColumnMask | null;
  readonly detect: readonly DetectorMask[];
  /** Left out: none. */
  readonly models?: readonly ModelMask[];
  /** One for each distinct path; left out: none. */
  readonly fields?: readonly FieldMask[];
  /** `schema.name` of functions written on the target that the policy vouches for: their result tells of nothing but their arguments. */
  readonly safeFunctions: ReadonlySet<string>;
  /** No mask of it names a column: what cannot be looked through is scanned rather than refused. Left out: false. */
  readonly detectOnly?: boolean;
}

/** What is done with one column of a result. */
export interface ColumnPlan {
  /** pass: as it is. scan: what detectors find in it is masked. mask: by `kind`. redact: derived from masked columns. */
  readonly treatment: 'pass' | 'scan' | 'mask' | 'redact';
  /** Of `mask`; null otherwise. */
  readonly kind: MaskKind | null;
  /** Of `mask`: pg_type oid of the column that it is, for results that the server does not describe (COPY). */
  readonly typeOid?: number;
  /** Name of the column: context for detectors. The hash of a value does not depend on it. */
  readonly name: string;
  /** `oid.attnum` of every column the value can come from: a RowDescription that names another one contradicts the plan. */
  readonly origins: ReadonlySet<string>;
}

/** How COPY … TO STDOUT writes: single-byte characters as given or defaulted (manual page COPY). */
export interface CopyOutFormat {
  readonly format: 'text' | 'csv' | 'binary';
  readonly delimiter: string;
  readonly null: string;
  readonly quote: string;
  readonly escape: string;
  readonly header: boolean;
}

/** What is done with what one statement of a text answers. */
export interface ResultPlan {
  /** One per result column; null where the statement returns no rows. */
  readonly columns: readonly ColumnPlan[] | null;
  /** Set where the rows come as COPY data. */
  readonly copyOut: CopyOutFormat | null;
}

/** What is done with the answers to one text: travels with the decision that allows it. */
export interface Masking {
  /** By statement of the text. */
  readonly results: readonly ResultPlan[];
  readonly detect: readonly DetectorMask[];
  /** Looked for in every text of a result that leaves, once detectors have seen it; left out: nothing. */
  readonly models?: readonly ModelMask[];
  /** Of the answer to a request, which has a body instead of results; left out for SQL. */
  readonly fields?: readonly FieldMask[];
  /**
   * The statement touches masked columns or their tables, or models are to look for something in any text: texts of errors
   * and notices are replaced, SQLSTATE kept.
   */
  readonly hushed: boolean;
  /**
   * Payloads of notifications do not reach the caller: a column's value in one (a trigger that sends rows) has no name and no
   * type to know it by. Left out where there are detectors only, which look into payloads as into everything else; a model is
   * not asked about them.
   */
  readonly payloadsWithheld?: true;
}
