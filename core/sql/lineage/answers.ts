// What a statement answers with: the columns of its result, and how they come.
import { as, type Node, type SelectStmt } from '../parse.ts';
import type { Findings } from './findings.ts';
import type { OutputColumn, StatementLineage } from './lineage.ts';
import { NO_ENV } from './scope.ts';
import { CLEAN, type Value } from './values.ts';
import type { Columns, Walk } from './walk.ts';
import { walkQuery } from './walks.ts';

export interface StatementWalk extends Walk {
  /** Lineages of what this prepared statement or cursor may stand for; null: nobody knows, or too many turns. */
  readonly named: (kind: 'prepared' | 'cursor', name: string) => readonly Answer[] | null;
}

/** What a statement answers, apart from what `findings` list. */
export interface Answer {
  /** Null: no rows. */
  readonly outputs: readonly OutputColumn[] | null;
  readonly copyOut: StatementLineage['copyOut'];
  readonly copyIn: StatementLineage['copyIn'];
  /** Of statements that are not the walk's own. */
  readonly findings?: Findings;
}

export const SILENT: Answer = { outputs: null, copyOut: null, copyIn: null };

/** SELECT, INSERT, UPDATE, DELETE or MERGE as a statement. */
export function query(walk: Walk, node: Node): Answer {
  const columns = walkQuery(walk, node, NO_ENV);
  const select = as(node, 'SelectStmt');
  if (select === undefined) {
    const returning =
      as(node, 'InsertStmt')?.returningClause ??
      as(node, 'UpdateStmt')?.returningClause ??
      as(node, 'DeleteStmt')?.returningClause ??
      as(node, 'MergeStmt')?.returningClause;
    return returning === undefined ? SILENT : answered(walk, columns);
  }
  if (!makesTable(select)) return answered(walk, columns);
  stored(walk, answered(walk, columns).outputs);
  return SILENT;
}

/** SELECT … INTO; in a set operation the first arm names the table. */
function makesTable(select: SelectStmt): boolean {
  let at = select;
  while (at.larg !== undefined) at = at.larg;
  return at.intoClause !== undefined;
}

function answered(walk: Walk, columns: Columns): Answer {
  if (columns === null) {
    walk.findings.doubt('a result whose columns are not known');
    return SILENT;
  }
  const outputs = columns.map(({ name, value }) => output(name, value));
  return { ...SILENT, outputs };
}

function output(name: string, { columns, direct }: Value): OutputColumn {
  return { name: name === '' ? '?column?' : name, columns, direct };
}

export function rows(names: readonly string[]): Answer {
  return { ...SILENT, outputs: names.map((name) => output(name, CLEAN)) };
}

/** The columns of a new table, which no mask covers. */
export function stored(walk: Walk, outputs: readonly OutputColumn[] | null): void {
  if (outputs === null) walk.findings.doubt('a new table whose columns are not known');
  for (const from of outputs ?? []) {
    walk.findings.assignments.push({ into: null, from, constant: null, parameter: null });
  }
}

/** One of several answers, whichever it will be. */
export function anyOf(
  walk: Pick<Walk, 'findings'>,
  answers: readonly Answer[] | null,
): Answer | null {
  const [first, ...others] = answers ?? [];
  if (first === undefined) return null;
  for (const { findings } of answers ?? []) {
    if (findings !== undefined) walk.findings.include(findings);
  }
  let { outputs } = first;
  for (const other of others) {
    const both = mergedOutputs(outputs, other.outputs);
    const copies = [first, other].some(
      ({ copyIn, copyOut }) => copyIn !== null || copyOut !== null,
    );
    if (both === undefined || copies) {
      walk.findings.doubt('a statement that may be one of several');
      return SILENT;
    }
    outputs = both;
  }
  return { outputs, copyOut: first.copyOut, copyIn: first.copyIn };
}

function mergedOutputs(
  a: readonly OutputColumn[] | null,
  b: readonly OutputColumn[] | null,
): readonly OutputColumn[] | null | undefined {
  if (a === null || b === null) return a === b ? null : undefined;
  if (a.length !== b.length) return undefined;
  return a.map((column, position) => {
    const other = b[position];
    if (other === undefined || other.columns === column.columns) return column;
    const columns = new Set([...column.columns, ...other.columns]);
    return { name: column.name, columns, direct: false };
  });
}
