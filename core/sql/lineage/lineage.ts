// Where the values of a result come from, decided from the parse tree and the catalog before anything runs. Independent of
// any mask: core/masking/plan.ts lays the masks of one caller over it. What is not proven is said to be unproven.
import type { CopyOutFormat } from '../../masking/mask.ts';
import type { CatalogColumn, CatalogRelation } from '../catalog.ts';

/** A column of a table, view, materialised view or foreign table; one object per column as long as the catalog is the same. */
export interface BaseColumn {
  readonly relation: CatalogRelation;
  readonly column: CatalogColumn;
}

/** What a value can carry. */
export interface Origin {
  /**
   * Every column whose value, or something computed from it, may be in it. Through a view: the view's own column and what is
   * behind it. Tables that share rows (parents, partitions, heirs) stand together: a mask on any of them counts.
   */
  readonly columns: ReadonlySet<BaseColumn>;
  /** It is one column's value as stored, of the same type: at most renamed. Never true when `columns` is empty. */
  readonly direct: boolean;
}

/** One column of a result. */
export interface OutputColumn extends Origin {
  readonly name: string;
}

/** How a condition, a grouping or an ordering uses columns: the result tells something of their values without holding them. */
export interface ColumnUse {
  readonly columns: ReadonlySet<BaseColumn>;
  /**
   * equality: compared as a whole with a constant, a parameter or another stored column; IS NULL; GROUP BY; DISTINCT.
   * other: everything else (LIKE, ranges, functions, ORDER BY, LIMIT, computed comparands).
   */
  readonly how: 'equality' | 'other';
  /** For the refusal: WHERE, JOIN, HAVING, GROUP BY, ORDER BY, DISTINCT, LIMIT, CASE, FILTER, ON CONFLICT, RETURNING … */
  readonly clause: string;
  /** The operator, function or clause that uses them, as the text names it: `LIKE`, `<`, `lower()`. */
  readonly by: string;
  /**
   * Where stored columns are compared with each other: the columns of each side. A side that no mask covers may be a table
   * full of guesses, which one statement tries all at once.
   */
  readonly sides?: readonly ReadonlySet<BaseColumn>[];
}

/** A value that a statement stores. */
export interface Assignment {
  /** The column and its relatives; null for a new table's column or one that is not known. */
  readonly into: ReadonlySet<BaseColumn> | null;
  readonly from: Origin;
  /** The constant it is, else null. */
  readonly constant: string | null;
  /** The number of the parameter it is ($1 is 1), else null. */
  readonly parameter: number | null;
}

export interface StatementLineage {
  /** In order; null where the statement returns no rows. */
  readonly outputs: readonly OutputColumn[] | null;
  readonly uses: readonly ColumnUse[];
  readonly assignments: readonly Assignment[];
  /** Everything it reads or writes, behind views too, relatives included. */
  readonly touches: ReadonlySet<CatalogRelation>;
  /** Tables and views whose definition it changes (ALTER, RENAME, DROP, CREATE INDEX, COMMENT are all listed). */
  readonly redefines: ReadonlySet<CatalogRelation>;
  /**
   * What names without a schema would stand for, had somebody dropped what they stand for a moment ago: relations further
   * back in the search path, with all behind them. Where one is masked, the name is refused. Absent: none.
   */
  readonly shadowed?: ReadonlySet<CatalogRelation>;
  /**
   * Sentence parts naming what cannot be looked through: `the function public.f`, `the view public.v`, `pg_catalog.pg_stats,
   * which holds values of other tables`. Where masks concern the caller, any of them refuses the text.
   */
  readonly unproven: readonly string[];
  /** `schema.name` of functions that are neither known nor proven: unproven as well, unless the policy vouches for them. */
  readonly untrusted: readonly string[];
  /** COPY … TO STDOUT; null otherwise. */
  readonly copyOut: CopyOutFormat | null;
  /** COPY … FROM STDIN: the columns its data is stored in, in order; null otherwise. */
  readonly copyIn: readonly ReadonlySet<BaseColumn>[] | null;
}

/** By statement of the text. */
export type TextLineage = readonly StatementLineage[];
