// How the tables of this folder write lineage: one line per finding, so that a difference shows as the line it is.
//   out id=customers.id       one column of a result: `=` as stored, `~` derived from, `-` clean
//   eq WHERE =: customers.ssn a use as an exact lookup; `other …` any other use
//   set archive.note ~ a + b  a value that is stored; `new` is no known column, `!x` a constant, `$1` a parameter
// Names without a schema are in `public` or `pg_catalog`; relatives and views stand beside their columns.
import { readFileSync } from 'node:fs';
import type { BaseColumn, StatementLineage } from '../../../../core/sql/lineage/lineage.ts';

/** A text and the lines that its statements are described by, one after another. */
export interface Row {
  readonly group: string;
  readonly sql: string;
  readonly lines: readonly string[];
}

/** test/fixtures/lineage.txt: `# group`, a text, its lines indented. */
export function readRows(): readonly Row[] {
  const file = readFileSync(new URL('../../../fixtures/lineage.txt', import.meta.url), 'utf8');
  const rows: { group: string; sql: string; lines: string[] }[] = [];
  let group = '';
  for (const line of file.split('\n')) {
    if (line.startsWith('# ')) group = line.slice(2);
    else if (line.startsWith('  ')) rows.at(-1)?.lines.push(line.slice(2));
    else if (line !== '') rows.push({ group, sql: line, lines: [] });
  }
  return rows;
}

const relationName = ({ schema, name }: BaseColumn['relation']) =>
  schema === 'public' || schema === 'pg_catalog' ? name : `${schema}.${name}`;

const names = (columns: ReadonlySet<BaseColumn>) =>
  [...columns]
    .map(({ relation, column }) => `${relationName(relation)}.${column.name}`)
    .join(' + ');

const value = ({ columns, direct }: StatementLineage['assignments'][number]['from']) =>
  columns.size === 0 ? '-' : `${direct ? '=' : '~'} ${names(columns)}`;

/** Every finding of a statement, in the order of the contract; a statement of which there is nothing to say is `nothing`. */
export function described(statement: StatementLineage): string[] {
  const { copyOut, copyIn } = statement;
  const lines = [
    ...(statement.outputs ?? []).map((column) => `out ${column.name} ${value(column)}`),
    ...statement.uses.map(({ columns, how, clause, by }) => {
      const word = how === 'equality' ? 'eq' : 'other';
      return `${word} ${clause === by ? clause : `${clause} ${by}`}: ${names(columns)}`;
    }),
    ...statement.assignments.map(({ into, from, constant, parameter }) => {
      const fixed =
        constant !== null ? `!${constant}` : parameter !== null ? `$${parameter}` : null;
      return `set ${into === null ? 'new' : names(into)} ${fixed ?? value(from)}`;
    }),
    ...(statement.touches.size > 0
      ? [`touches ${[...statement.touches].map(relationName).join(', ')}`]
      : []),
    ...(statement.redefines.size > 0
      ? [`redefines ${[...statement.redefines].map(relationName).join(', ')}`]
      : []),
    ...statement.unproven.map((what) => `unproven ${what}`),
    ...statement.untrusted.map((name) => `untrusted ${name}`),
    ...(copyOut === null ? [] : [`copies out as ${Object.values(copyOut).join(' ')}`]),
    ...(copyIn ?? []).map((columns) => `copies in ${names(columns)}`),
  ];
  return lines.length === 0 ? ['nothing'] : lines;
}
