// Whether a statement only reads, as far as its shape tells: such a one may be stopped after so many rows. A write is never
// stopped half-way, whatever it returns. Not a judgement: what may run is decided by the session, from the facts.
import { tagOf, type ParseSql } from '../sql/parse.ts';

const WRITES = /"(?:Insert|Update|Delete|Merge)Stmt":/;

/** False for everything that is not plainly one SELECT, VALUES or TABLE. */
export function readsOnly(sql: string, parse: ParseSql): boolean {
  const parsed = parse(sql);
  const [statement, ...more] = parsed.ok ? parsed.statements : [];
  if (statement === undefined || more.length > 0) return false;
  // A constant of these words makes a reading statement run to its end: harmless.
  return tagOf(statement.node) === 'SelectStmt' && !WRITES.test(JSON.stringify(statement.node));
}
