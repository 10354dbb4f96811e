// Which actions can be held to a number of rows. A bound is kept by running the action in a transaction and counting before
// the commit, so it needs one statement whose rows can be counted and whose effects a rollback undoes.
import type { SqlFacts } from '../facts.ts';

/** Statements whose rows a command tag or the statistics of the transaction count, and which may run in a transaction. */
const COUNTED_VERBS = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE', 'COPY', 'SELECT']);

/** Why this cannot be held to a bound, as a sentence; null when it can. */
export function unboundable(facts: SqlFacts | null): string | null {
  const [statement, ...more] = facts?.statements ?? [];
  if (facts === null || statement === undefined || more.length > 0) {
    return 'An approval with a bound on rows is for one statement at a time.';
  }
  if (facts.effect === 'opaque' || facts.opaque.length > 0) {
    return 'What this does cannot be known, so its rows cannot be held to the bound that the approval sets.';
  }
  if (!COUNTED_VERBS.has(statement.verb)) {
    return `The rows of ${statement.verb} cannot be held to the bound that the approval sets.`;
  }
  return null;
}

/**
 * Whether the command tag may leave rows out: those that a data-modifying CTE or a view writes. Any WITH counts as one that
 * may; being wrong costs a question, not a row.
 */
export function tagLeavesOut(facts: SqlFacts, text: string): boolean {
  return facts.verbs.includes('SELECT') || facts.writes.length > 1 || /\bwith\b/i.test(text);
}
