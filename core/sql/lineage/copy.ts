// COPY (manual page COPY): to the client its columns are a result in another coat, from the client its columns are stored.
// Files and programs on the server are out of sight either way.
import type { CopyOutFormat } from '../../masking/mask.ts';
import { constantText, optionIsOn } from '../constants.ts';
import { as, text, type Ast, type Node } from '../parse.ts';
import { targetOf } from './assignments.ts';
import type { BaseColumn, OutputColumn } from './lineage.ts';
import { relationItem } from './relations.ts';
import { item, NO_ENV, sourcesOf, taken, within } from './scope.ts';
import { query, SILENT, type Answer } from './answers.ts';
import { CLEAN, NO_COLUMNS, type Column } from './values.ts';
import type { Walk } from './walk.ts';
import { valueOf } from './walks.ts';

export function copyOf(walk: Walk, node: Ast<'CopyStmt'>): Answer {
  if (node.filename !== undefined || node.is_program === true) {
    walk.findings.doubt('a file or program on the server');
  }
  if (node.is_from === true) return { ...SILENT, copyIn: incoming(walk, node) };
  const copyOut = formatOf(walk, node.options);
  if (node.query !== undefined) {
    const answer = query(walk, node.query);
    if (answer.outputs === null) walk.findings.doubt('a COPY whose columns are not known');
    return { ...SILENT, outputs: answer.outputs, copyOut };
  }
  return { ...SILENT, outputs: tableColumns(walk, node), copyOut };
}

function tableColumns(walk: Walk, node: Ast<'CopyStmt'>): readonly OutputColumn[] | null {
  const { item: from, shape } = relationItem(walk, node.relation ?? {});
  if (shape === null) return null;
  const listed = node.attlist?.map((entry) => text(entry)) ?? storedNames(shape.relation.columns);
  return listed.map((name): OutputColumn => {
    const column = from.columns.find((each) => each.name === name);
    if (column === undefined) walk.findings.doubt(`the column ${name}, which is not known`);
    const { columns, direct } = column === undefined ? CLEAN : taken(walk.findings, column);
    return { name, columns, direct };
  });
}

/** COPY without a column list leaves generated columns out. */
function storedNames(
  columns: readonly { readonly name: string; readonly generated: boolean }[],
): readonly string[] {
  return columns.filter((column) => !column.generated).map((column) => column.name);
}

function incoming(walk: Walk, node: Ast<'CopyStmt'>): readonly ReadonlySet<BaseColumn>[] | null {
  const target = targetOf(walk, node.relation);
  if (target.shape === null) return null;
  const names =
    node.attlist?.map((entry) => text(entry)) ?? storedNames(target.shape.relation.columns);
  if (node.whereClause !== undefined) {
    // It sees the row that comes in, nothing that is stored.
    const columns = target.item.columns.map(({ name }): Column => ({ name, value: CLEAN }));
    const row = item(target.item.name, columns, { table: true });
    valueOf(walk, node.whereClause, within(sourcesOf(row), NO_ENV));
  }
  return names.map((name) => {
    const column = target.own.columns.find((each) => each.name === name);
    if (column === undefined) walk.findings.doubt(`the column ${name}, which is not known`);
    return column?.value.columns ?? NO_COLUMNS;
  });
}

/** Options of COPY … TO that do not change how a value is written. */
const PLAIN_OPTIONS: ReadonlySet<string> = new Set(['force_quote']);

function formatOf(walk: Walk, options: readonly Node[] | undefined): CopyOutFormat {
  const given = new Map<string, Node | undefined>();
  for (const option of options ?? []) {
    const element = as(option, 'DefElem');
    given.set(element?.defname ?? '', element?.arg);
  }
  const string = (name: string) => constantText(given.get(name));
  const named = string('format')?.toLowerCase() ?? 'text';
  const format = named === 'csv' || named === 'binary' || named === 'text' ? named : null;
  if (format === null) walk.findings.doubt(`the COPY format ${named}`);
  for (const name of given.keys()) {
    if (KNOWN_OPTIONS.has(name) || PLAIN_OPTIONS.has(name)) continue;
    walk.findings.doubt(`the COPY option ${name}`);
  }
  const encoding = string('encoding');
  if (encoding !== null && !/^utf-?8$/i.test(encoding)) {
    walk.findings.doubt('a COPY in another encoding');
  }
  const csv = format === 'csv';
  const quote = string('quote') ?? '"';
  return {
    format: format ?? 'text',
    delimiter: string('delimiter') ?? (csv ? ',' : '\t'),
    null: string('null') ?? (csv ? '' : '\\N'),
    quote,
    escape: string('escape') ?? quote,
    header: given.has('header') && optionIsOn(given.get('header')),
  };
}

const KNOWN_OPTIONS: ReadonlySet<string> = new Set([
  'format',
  'delimiter',
  'null',
  'quote',
  'escape',
  'header',
  'encoding',
]);
