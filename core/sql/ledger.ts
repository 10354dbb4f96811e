// What one statement was found to do, while it is being walked. Effects only ever rise and lists only ever grow, so no
// order of discovery can hide anything. Turned into plain facts by facts.ts.
import type { Denial } from '../decision.ts';
import { SQL_EFFECTS, type SqlEffect, type SqlStatementFacts } from '../facts.ts';
import type { SessionChange } from './inspection.ts';

/** Why a text is `opaque`; the words rules see in `sql.opaque`. docs/facts.md explains each. */
export type OpaqueReason =
  | 'changed_in_text'
  | 'do_block'
  | 'dynamic_setting'
  | 'dynamic_sql'
  | 'large_object'
  | 'procedure_call'
  | 'rewrite_rule'
  | 'search_path_uncertain'
  | 'truncate_cascade'
  | 'unknown_cursor'
  | 'unknown_function'
  | 'unknown_node'
  | 'unknown_prepared'
  | 'unknown_relation'
  | 'unknown_statement'
  | 'unknown_type'
  | 'user_function'
  | 'user_operator'
  | 'user_type'
  | 'view_unreadable'
  | 'volatile_function';

const RANK: Readonly<Record<SqlEffect, number>> = Object.fromEntries(
  SQL_EFFECTS.map((effect, rank) => [effect, rank]),
) as Record<SqlEffect, number>;

export function graver(a: SqlEffect, b: SqlEffect): SqlEffect {
  return RANK[a] >= RANK[b] ? a : b;
}

export class Ledger {
  verb = '';
  effect: SqlEffect = 'session';
  whereless = false;
  limit: number | null = null;
  copyIn = false;
  /** Code that is not seen may have made, changed or dropped objects: volatile functions, DO, CALL. */
  mayDefine = false;
  /** A setting that decides how names resolve is another one after the statement. */
  movesPath = false;
  refusal: Denial | null = null;
  readonly verbs = new Set<string>();
  readonly reads = new Set<string>();
  readonly writes = new Set<string>();
  readonly columns = new Set<string>();
  readonly functions = new Set<string>();
  readonly settings = new Set<string>();
  readonly opaque = new Set<OpaqueReason>();
  readonly unresolved = new Set<string>();
  changes: SessionChange[] = [];

  raise(effect: SqlEffect): void {
    this.effect = graver(this.effect, effect);
  }

  /** Something about the statement cannot be known. */
  conceal(reason: OpaqueReason): void {
    this.effect = 'opaque';
    this.opaque.add(reason);
  }

  /** An object the catalog does not have: the driver refreshes it once, then refuses. */
  miss(name: string, reason: OpaqueReason): void {
    this.unresolved.add(name);
    this.conceal(reason);
  }

  /** No policy can lift this. The first reason stands. */
  refuse(denial: Denial): void {
    this.refusal ??= denial;
  }

  /** Everything `other` does is done here too. */
  include(other: Ledger): void {
    this.includeFacts(other);
    this.whereless ||= other.whereless;
    this.copyIn ||= other.copyIn;
    for (const verb of other.verbs) this.verbs.add(verb);
    this.changes.push(...other.changes);
  }

  /** The reads, columns, functions and doubts of a view that a statement looks through. */
  includeFacts(other: Ledger): void {
    this.raise(other.effect);
    this.mayDefine ||= other.mayDefine;
    this.movesPath ||= other.movesPath;
    if (other.refusal !== null) this.refuse(other.refusal);
    for (const name of other.reads) this.reads.add(name);
    for (const name of other.writes) this.writes.add(name);
    for (const name of other.columns) this.columns.add(name);
    for (const name of other.functions) this.functions.add(name);
    for (const name of other.settings) this.settings.add(name);
    for (const reason of other.opaque) this.opaque.add(reason);
    for (const name of other.unresolved) this.unresolved.add(name);
  }

  dropChanges(unwanted: (change: SessionChange) => boolean): void {
    this.changes = this.changes.filter((change) => !unwanted(change));
  }

  facts(): SqlStatementFacts {
    return {
      verb: this.verb,
      effect: this.effect,
      reads: sorted(this.reads),
      writes: sorted(this.writes),
      columns: sorted(this.columns),
      functions: sorted(this.functions),
      settings: sorted(this.settings),
      whereless: this.whereless,
      limit: this.limit,
    };
  }
}

export function sorted(names: ReadonlySet<string>): string[] {
  return names.size < 2 ? [...names] : [...names].sort();
}
