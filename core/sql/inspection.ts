// What the SQL folder tells a protocol engine about one text, and what it needs to know from it. The engine owns the
// session's state (prepared statements, cursors, search paths); this folder owns the meaning of SQL.
import type { Denial } from '../decision.ts';
import type { SqlFacts } from '../facts.ts';
import type { TextLineage } from './lineage/lineage.ts';

/** State of the session that changes what a text means. */
export interface SqlContext {
  /**
   * Every search path that may be in force when the text runs: schema names in order, resolved ("$user" replaced, missing
   * schemas dropped, pg_catalog and temporary schemas included as current_schemas(true) gives them). More than one when a
   * change is in flight; facts that differ between them make the text `opaque`.
   */
  readonly searchPaths: readonly (readonly string[])[];
  /** Texts a prepared statement may stand for: none when the name is unknown, several when a change is in flight. */
  prepared(name: string): readonly string[];
  /** Texts a cursor or named portal may stand for. */
  cursor(name: string): readonly string[];
  /**
   * Search paths that were in force when this cursor was opened; a cursor keeps them (prepared statements do not, Postgres
   * analyses them anew). Left out: `searchPaths`.
   */
  cursorPaths?(name: string): readonly (readonly string[])[];
  /**
   * Texts of the open transaction that gave the change `catalog`, oldest first, with the search paths they ran under. The
   * gateway's own connection cannot see their tables until they commit, and they may shadow what it sees: leave this out
   * only when there are none.
   */
  readonly uncommitted?: readonly {
    readonly text: string;
    readonly searchPaths: readonly (readonly string[])[];
  }[];
  /** True: no setting was changed inside the open transaction, so its end leaves the search path as it is. */
  readonly settled?: boolean;
  /** Target is `access: read-only`. */
  readonly readOnly: boolean;
}

/** What running a text changes in the session, in order. The engine applies it when the text is sent or answered. */
export type SessionChange =
  | { readonly kind: 'prepare'; readonly name: string; readonly text: string }
  /** `name: null` is DEALLOCATE ALL. */
  | { readonly kind: 'deallocate'; readonly name: string | null }
  | { readonly kind: 'declare'; readonly name: string; readonly text: string }
  /** `name: null` is CLOSE ALL. */
  | { readonly kind: 'close'; readonly name: string | null }
  /** DISCARD ALL: prepared statements, cursors, settings and temporary tables are gone. */
  | { readonly kind: 'discard' }
  /**
   * search_path, role or another tracked setting may differ afterwards: ask the server before the next decision.
   * `ending`: a transaction or part of it ends, so only what it changed reverts; nothing to ask if it changed nothing.
   */
  | { readonly kind: 'state'; readonly ending?: true }
  /** Tables, views or functions may differ afterwards. */
  | { readonly kind: 'catalog' };

export interface Inspection {
  readonly facts: SqlFacts;
  /** Objects the catalog does not know, as the text names them. */
  readonly unresolved: readonly string[];
  /** A refusal no policy can lift: unparsable, too large, guarded setting, read-only target. */
  readonly refusal: Denial | null;
  readonly changes: readonly SessionChange[];
  /** Starts COPY … FROM STDIN: the client's next messages are data. */
  readonly copyIn: boolean;
  /**
   * Where the values of its results come from; computed when first asked for. Null when the text could not be parsed. Never
   * throws: what it cannot tell is unproven.
   */
  readonly lineage: () => TextLineage | null;
}

/** Bound to one target's parser and current catalog; synchronous, cached by text and catalog version. */
export type Inspect = (sql: string, context: SqlContext) => Inspection;
