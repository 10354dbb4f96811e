// A whole text: its statements in order, each seeing what the ones before it did to names, prepared statements and
// cursors; and the texts that EXECUTE and FETCH stand for.
import type { SessionNames, StatementAnalysis } from './analysis.ts';
import type { Catalog } from './catalog.ts';
import type { SqlContext } from './inspection.ts';
import { Ledger, type OpaqueReason } from './ledger.ts';
import { Names, temporarySchema } from './names.ts';
import { statementText, type ParsedStatement, type ParseSql } from './parse.ts';
import type { Pending } from './pending.ts';
import { walkStatement } from './statements.ts';
import type { Views } from './views.ts';

export type UncommittedText = NonNullable<SqlContext['uncommitted']>[number];

export interface TextWorld {
  readonly parse: ParseSql;
  readonly catalog: Catalog;
  readonly viewsOf: (temporarySchema: string | null) => Views;
  readonly context: SqlContext;
  /** What the open transaction has done to names so far. */
  readonly inherited: Pending;
  /** Set when the result depends on more than text, search path and catalog. */
  usedSession: boolean;
}

/** EXECUTE of a text that is EXECUTE of a text …: nobody writes this, and it must end. */
export const MAX_INDIRECTIONS = 4;

/** One text on its way: what its statements so far have done. */
export interface TextWalk {
  readonly world: TextWorld;
  readonly path: readonly string[];
  readonly pending: Pending;
  readonly session: SessionNames;
  indirections: number;
}

/** One ledger per statement of `sql`, under one search path. */
export function walkText(
  world: TextWorld,
  sql: string,
  statements: readonly ParsedStatement[],
  path: readonly string[],
): Ledger[] {
  return walkStatements(walkOf(world, path, world.inherited.copy()), sql, statements);
}

/** What an earlier text of the open transaction did to names, added to `pending`. */
export function recall(world: TextWorld, earlier: UncommittedText, pending: Pending): void {
  const parsed = world.parse(earlier.text);
  // It was accepted once; what cannot be read again may have done anything.
  if (!parsed.ok) pending.changeEverything();
  else {
    for (const path of earlier.searchPaths) {
      walkStatements(walkOf(world, path, pending), earlier.text, parsed.statements);
    }
  }
  pending.inherit();
}

export function walkOf(world: TextWorld, path: readonly string[], pending: Pending): TextWalk {
  const session: SessionNames = {
    prepared: new Map(),
    cursors: new Map(),
    allDeallocated: false,
    allClosed: false,
  };
  return { world, path, pending, session, indirections: 0 };
}

function walkStatements(
  walk: TextWalk,
  sql: string,
  statements: readonly ParsedStatement[],
): Ledger[] {
  return statements.map((statement) => advance(walk, sql, statement));
}

/** Walks one statement; the next one of the text sees what it does. */
export function advance(walk: TextWalk, sql: string, statement: ParsedStatement): Ledger {
  const ledger = new Ledger();
  walkStatement(
    analysisOf(walk, ledger, () => statementText(sql, statement)),
    statement.node,
  );
  afterwards(walk, ledger);
  return ledger;
}

function analysisOf(walk: TextWalk, ledger: Ledger, text: () => string): StatementAnalysis {
  const { world, pending, session } = walk;
  const views = world.viewsOf(temporarySchema(walk.path));
  return {
    ledger,
    names: new Names(world.catalog, walk.path, pending),
    readOnly: world.context.readOnly,
    viewFacts: views.facts,
    viewTargets: views.targets,
    depth: 0,
    text,
    named: (kind, name) => named(walk, kind, name),
    session,
    settled: world.context.settled === true,
  };
}

/** What the statement leaves behind for the ones after it. */
function afterwards(walk: TextWalk, ledger: Ledger): void {
  if (ledger.mayDefine || hasReason(ledger, HIDDEN_CODE)) {
    ledger.changes.push({ kind: 'catalog' }, { kind: 'state' });
  } else if (hasReason(ledger, HIDDEN_SETTINGS)) {
    ledger.changes.push({ kind: 'state' });
  }
  if (ledger.movesPath) walk.pending.changePath();
  const { session } = walk;
  for (const change of ledger.changes) {
    switch (change.kind) {
      case 'prepare':
        session.prepared.set(change.name, change.text);
        break;
      case 'deallocate':
        if (change.name === null) forget(session, 'prepared');
        else session.prepared.set(change.name, null);
        break;
      case 'declare':
        session.cursors.set(change.name, change.text);
        break;
      case 'close':
        if (change.name === null) forget(session, 'cursors');
        else session.cursors.set(change.name, null);
        break;
      case 'discard':
        forget(session, 'prepared');
        forget(session, 'cursors');
        break;
      case 'state':
      case 'catalog':
        break;
      default:
        change satisfies never;
    }
  }
}

/** Behind these anything may run; mayDefine tells volatile functions of somebody's own apart. */
const HIDDEN_CODE: readonly OpaqueReason[] = [
  'user_operator',
  'user_type',
  'rewrite_rule',
  'dynamic_sql',
  'volatile_function',
  'unknown_statement',
  'unknown_node',
];

/** A function that may not write can still call set_config(). */
const HIDDEN_SETTINGS: readonly OpaqueReason[] = ['user_function', 'dynamic_setting'];

function hasReason(ledger: Ledger, reasons: readonly OpaqueReason[]): boolean {
  return reasons.some((reason) => ledger.opaque.has(reason));
}

function forget(session: SessionNames, kind: 'prepared' | 'cursors'): void {
  session[kind].clear();
  if (kind === 'prepared') session.allDeallocated = true;
  else session.allClosed = true;
}

/** The texts that this name may stand for, and the search paths they may run under. */
export function textsNamed(
  { world, session, path }: TextWalk,
  kind: 'prepared' | 'cursor',
  name: string,
): { readonly texts: readonly string[]; readonly paths: readonly (readonly string[])[] } {
  world.usedSession = true;
  const own = (kind === 'prepared' ? session.prepared : session.cursors).get(name);
  const gone = kind === 'prepared' ? session.allDeallocated : session.allClosed;
  const { context } = world;
  const before = own !== undefined || gone ? [] : [...context[kind](name)];
  const texts = typeof own === 'string' ? [own] : before;
  const opened = kind === 'cursor' && own === undefined ? context.cursorPaths?.(name) : undefined;
  return { texts, paths: opened ?? [path] };
}

/** Everything that may run when this name does; several texts count together. Null: nobody knows the name. */
function named(walk: TextWalk, kind: 'prepared' | 'cursor', name: string): Ledger | null {
  const { world, session } = walk;
  const { texts, paths } = textsNamed(walk, kind, name);
  if (texts.length === 0 || walk.indirections >= MAX_INDIRECTIONS) return null;
  const together = new Ledger();
  // Fetching never declares: what the cursor's own text would leave behind stays out of the session.
  const around = kind === 'cursor' ? { ...session, cursors: new Map(session.cursors) } : session;
  walk.indirections++;
  for (const text of texts) {
    const parsed = world.parse(text);
    if (!parsed.ok) {
      together.conceal(kind === 'prepared' ? 'unknown_prepared' : 'unknown_cursor');
      continue;
    }
    for (const path of paths) {
      const inner: TextWalk = { ...walk, path, session: around };
      for (const ledger of walkStatements(inner, text, parsed.statements)) together.include(ledger);
    }
  }
  walk.indirections--;
  if (kind === 'cursor') together.verbs.delete('DECLARE CURSOR');
  together.dropChanges((change) =>
    kind === 'cursor'
      ? change.kind === 'declare'
      : change.kind === 'prepare' && change.name === name,
  );
  return together;
}
