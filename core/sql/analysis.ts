// What the parts of the walk share while one statement is looked at: where findings go, how names resolve, and the
// entrances of the parts that call each other (expressions hold queries, queries hold expressions).
import type { CatalogRelation } from './catalog.ts';
import type { Ledger } from './ledger.ts';
import type { Names } from './names.ts';
import type { Node } from './parse.ts';
import type { Env } from './scope.ts';

/** Column names a query gives; null when they are not all known. */
export type Output = readonly string[] | null;

export interface Analysis {
  readonly ledger: Ledger;
  readonly names: Names;
  readonly readOnly: boolean;
  /** Everything that reading this view or materialised view touches. */
  readonly viewFacts: (relation: CatalogRelation) => Ledger;
  /** Tables that a write to this view arrives at. */
  readonly viewTargets: (relation: CatalogRelation) => readonly CatalogRelation[];
  /** Nodes between the statement and the one being looked at. */
  depth: number;
}

/** An analysis of a whole statement, which can also see the session around it. */
export interface StatementAnalysis extends Analysis {
  /** The statement's own text. */
  readonly text: () => string;
  /** What runs when this prepared statement or cursor does; null when nobody knows it. */
  readonly named: (kind: 'prepared' | 'cursor', name: string) => Ledger | null;
  /** Names that earlier statements of the text gave, and this one gives. */
  readonly session: SessionNames;
  /** True: nothing that the end of the open transaction would revert. */
  readonly settled: boolean;
}

/** Prepared statements and cursors of one text; null stands for "no longer there". */
export interface SessionNames {
  readonly prepared: Map<string, string | null>;
  readonly cursors: Map<string, string | null>;
  /** DEALLOCATE ALL, CLOSE ALL, DISCARD ALL: what the session had before is gone. */
  allDeallocated: boolean;
  allClosed: boolean;
}

export interface QueryOptions {
  /** Only whether there are rows matters. */
  readonly exists?: boolean;
  /** Called with the columns of the first arm before the others are walked: a recursive CTE has them. */
  readonly firstArm?: (output: Output) => void;
}

/** The walk of a query inside an expression, a FROM clause, a WITH clause or a statement. */
export type WalkQuery = (
  analysis: Analysis,
  query: Node,
  env: Env,
  options?: QueryOptions,
) => Output;

/** Deeper trees than this are refused: the walk must not exhaust the stack. */
export const MAX_TREE_DEPTH = 1200;

/** The text nests deeper than it can be judged. Thrown by the walk, caught in one place: facts.ts. */
export class TooDeep extends Error {
  override readonly name = 'TooDeep';
}
