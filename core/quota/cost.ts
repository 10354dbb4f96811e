// What an action costs of `actionsPerMinute`. A text of a hundred statements is not one action, and what ends a transaction
// or looks at a setting is none: a caller at its limit must still be able to let go of its locks.
import type { SqlFacts } from '../facts.ts';

/** Session statements that bring rows. */
const FETCHING: ReadonlySet<string> = new Set(['FETCH', 'MOVE']);

/** Statements of the text that count; 0 for one that only concerns the session. */
export function sqlCost({ effect, statements }: SqlFacts): number {
  const counted = statements.filter(
    (statement) => statement.effect !== 'session' || FETCHING.has(statement.verb),
  ).length;
  // A text whose statements are not known is not free for that.
  return counted === 0 && effect !== 'session' ? 1 : counted;
}
