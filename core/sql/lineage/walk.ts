// What the parts of the lineage walk share, and the entrances of those that call each other.
import type { Names } from '../names.ts';
import type { Node, RangeVar } from '../parse.ts';
import type { BaseColumns } from './base-columns.ts';
import type { Findings } from './findings.ts';
import type { Env } from './scope.ts';
import type { Column, Value } from './values.ts';

export interface Walk {
  readonly findings: Findings;
  readonly names: Names;
  readonly bases: BaseColumns;
  /** How large values are will be shown: EXPLAIN ANALYZE. */
  readonly measured?: boolean;
  /** Nodes between the statement and the one being looked at. */
  depth: number;
}

/** Columns of a query, in order; null where their number is not known (`findings` says why). */
export type Columns = readonly Column[] | null;

export interface QueryOptions {
  /** Called with the first arm's columns before the others are walked: a recursive CTE has them. */
  readonly firstArm?: (columns: Columns) => void;
  /** Only whether there are rows matters. */
  readonly exists?: boolean;
}

export type WalkQuery = (walk: Walk, query: Node, env: Env, options?: QueryOptions) => Columns;

/** The value of an expression; conditions inside it are noted. */
export type ValueOf = (walk: Walk, node: Node | undefined, env: Env) => Value;

export function shownName(relation: RangeVar | undefined): string {
  return [relation?.schemaname, relation?.relname].filter((part) => part !== undefined).join('.');
}
