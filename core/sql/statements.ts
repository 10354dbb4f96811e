// One statement: which walk it needs, and its verb. A tag that stands in no table is opaque.
import type { StatementAnalysis } from './analysis.ts';
import { createCommands } from './commands.ts';
import { constantInteger } from './constants.ts';
import { createRelation, DEFINITIONS } from './definitions.ts';
import { tagOf, as, type Ast, type Node, type NodeTag, type RangeVar } from './parse.ts';
import { NO_ENV } from './scope.ts';
import { SESSION_CONTROLS } from './session-control.ts';
import { walkQuery } from './walk.ts';

type Walk<T extends NodeTag> = (analysis: StatementAnalysis, node: Ast<T>) => void;

/** Every statement there is a walk for, besides queries. */
export const STATEMENTS: { readonly [T in NodeTag]?: Walk<T> } = {
  ...DEFINITIONS,
  ...SESSION_CONTROLS,
  ...createCommands(walkStatement),
};

const QUERY_VERBS: { readonly [T in NodeTag]?: string } = {
  SelectStmt: 'SELECT',
  InsertStmt: 'INSERT',
  UpdateStmt: 'UPDATE',
  DeleteStmt: 'DELETE',
  MergeStmt: 'MERGE',
};

export function walkStatement(analysis: StatementAnalysis, node: Node | undefined): void {
  if (node === undefined) return;
  const { ledger } = analysis;
  const tag = tagOf(node);
  const verb = QUERY_VERBS[tag];
  if (verb === undefined) {
    walkOther(analysis, tag, node);
  } else {
    const output = walkQuery(analysis, node, NO_ENV);
    ledger.verb = verb;
    const into = intoOf(node);
    if (into !== undefined) {
      ledger.verb = 'SELECT INTO';
      ledger.changes.push({ kind: 'catalog' });
      createRelation(analysis, into, 'r', output);
    }
    ledger.limit = limitOf(node);
  }
  ledger.verbs.add(ledger.verb);
}

function walkOther(analysis: StatementAnalysis, tag: NodeTag, node: Node): void {
  // The table pairs each tag with a walk of that tag's fields.
  const walk = STATEMENTS[tag] as ((a: StatementAnalysis, fields: unknown) => void) | undefined;
  const fields = as(node, tag);
  if (walk !== undefined && fields !== undefined) return walk(analysis, fields);
  analysis.ledger.verb = 'UNKNOWN';
  analysis.ledger.conceal('unknown_statement');
}

/** The table that SELECT … INTO makes; in a set operation the first arm names it. */
function intoOf(node: Node): RangeVar | undefined {
  let select = as(node, 'SelectStmt');
  while (select?.larg !== undefined) select = select.larg;
  return select?.intoClause?.rel;
}

/** LIMIT of the outermost query; ties may bring more rows than it says. */
function limitOf(node: Node): number | null {
  const select = as(node, 'SelectStmt');
  if (select === undefined || select.limitOption === 'LIMIT_OPTION_WITH_TIES') return null;
  const limit = constantInteger(select.limitCount);
  return limit !== null && limit >= 0 ? limit : null;
}
