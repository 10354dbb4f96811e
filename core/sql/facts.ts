// SQL text → facts. The entrance of this folder: parses, walks every statement under every search path that may be in
// force, puts the findings together and remembers them. Refusals that no policy can lift are made here and in settings.ts.
//
//   text ─▶ parse ─▶ walkText (per search path) ─▶ Ledger per statement ─▶ Inspection {facts, unresolved, refusal, changes}
import type { Denial } from '../decision.ts';
import type { SqlFacts, SqlStatementFacts } from '../facts.ts';
import { TooDeep } from './analysis.ts';
import type { Catalog } from './catalog.ts';
import type { Inspect, Inspection, SessionChange, SqlContext } from './inspection.ts';
import { deferLineage } from './lineage/deferred.ts';
import { Ledger, sorted } from './ledger.ts';
import type { ParsedStatement, ParseFailure, ParseSql } from './parse.ts';
import type { Pending } from './pending.ts';
import { Recent } from './recent.ts';
import { walkText, type TextWorld } from './texts.ts';
import { createRecall } from './transaction.ts';
import { createViews, type Views } from './views.ts';

export interface InspectOptions {
  readonly parse: ParseSql;
  /** The catalog of the moment; a new object when it was read anew. */
  readonly catalog: () => Catalog;
  /** Texts whose facts are kept. */
  readonly maxEntries?: number;
  /** Characters of those texts and their facts together. */
  readonly maxCharacters?: number;
}

interface Remembered {
  readonly version: string;
  readonly paths: string;
  readonly settled: boolean;
  readonly readOnly: boolean;
  readonly inspection: Inspection;
}

/** Never throws. Facts are shared between calls and must not be changed. */
export function createInspect(options: InspectOptions): Inspect {
  const recent = new Recent<Remembered>(
    options.maxEntries ?? 2_000,
    options.maxCharacters ?? 4 * 1024 * 1024,
  );
  const viewsOf = rememberViews(options.parse);
  const recall = createRecall();

  return (sql, context) => {
    const catalog = options.catalog();
    const paths = pathKey(context.searchPaths);
    const { readOnly } = context;
    const settled = context.settled === true;
    const uncommitted = context.uncommitted ?? [];
    const known = uncommitted.length > 0 ? undefined : recent.get(sql);
    if (
      known !== undefined &&
      known.version === catalog.version &&
      known.paths === paths &&
      known.readOnly === readOnly &&
      known.settled === settled
    ) {
      return known.inspection;
    }
    const outside = {
      parse: options.parse,
      catalog,
      viewsOf: (temporary: string | null) => viewsOf(catalog, temporary),
      context,
      usedSession: uncommitted.length > 0,
    };
    let inherited: Pending | null = null;
    const looked = inspect(sql, context, options.parse, () => {
      inherited = recall(outside, uncommitted);
      return { ...outside, inherited };
    });
    const { usedSession } = looked;
    const lineage = looked.parsed
      ? deferLineage({ ...options, viewsOf, sql, context, usedSession, inherited })
      : noLineage;
    const inspection: Inspection = { ...looked.inspection, lineage };
    if (!usedSession) {
      const remembered = { version: catalog.version, paths, settled, readOnly, inspection };
      recent.set(sql, remembered, sizeOf(inspection));
    }
    return inspection;
  };
}

/** NUL cannot occur in a name. Computed each time: the caller may keep one array and change what is in it. */
function pathKey(paths: SqlContext['searchPaths']): string {
  const [only] = paths;
  if (paths.length === 1 && only !== undefined) return only.join('\0');
  return paths.map((path) => path.join('\0')).join('\0\0');
}

/** Characters of names in the facts, roughly: `SELECT *` from wide tables weighs more than its text. */
function sizeOf({ facts }: Inspection): number {
  const lists = [facts.reads, facts.writes, facts.columns, facts.functions];
  // Names stand in the statement, in the whole, and in the list of tables.
  return lists.reduce((names, list) => names + list.length, 0) * 3 * 8;
}

/** Sessions whose view facts are kept apart, since each has its own temporary schema. */
const MAX_VIEW_SETS = 64;

/** Facts of views live as long as the catalog they come from. */
function rememberViews(parse: ParseSql): (catalog: Catalog, temporary: string | null) => Views {
  let known: Catalog | null = null;
  const sets = new Map<string | null, Views>();
  return (catalog, temporary) => {
    if (known !== catalog || sets.size >= MAX_VIEW_SETS) sets.clear();
    known = catalog;
    let views = sets.get(temporary);
    if (views === undefined) {
      views = createViews(parse, catalog, temporary);
      sets.set(temporary, views);
    }
    return views;
  };
}

interface Looked {
  readonly inspection: Omit<Inspection, 'lineage'>;
  readonly usedSession: boolean;
  readonly parsed: boolean;
}

const noLineage: Inspection['lineage'] = () => null;

function inspect(
  sql: string,
  context: SqlContext,
  parse: ParseSql,
  createWorld: () => TextWorld,
): Looked {
  const parsed = parse(sql);
  // The parser may be away for a moment: what it could not read may be readable the next time.
  if (!parsed.ok) {
    return {
      inspection: refused(parseDenial(parsed.failure)),
      usedSession: true,
      parsed: false,
    };
  }
  try {
    const world = createWorld();
    const ledgers = walkPaths(world, sql, parsed.statements);
    const { usedSession } = world;
    return { inspection: summary(context, ledgers), usedSession, parsed: true };
  } catch (error) {
    return { inspection: refused(walkDenial(error)), usedSession: true, parsed: true };
  }
}

function walkDenial(error: unknown): Denial {
  // RangeError: the stack ended before our own bound did.
  if (error instanceof TooDeep || error instanceof RangeError) {
    return denial('sql_unparsable', 'The statement nests too deeply to be judged.', 'Split it up.');
  }
  // A mistake of ours must not let a statement through, nor end other sessions: it is unclassifiable.
  return parseDenial({ kind: 'unclassifiable' });
}

/** A ledger per statement; where search paths disagree, what either of them does, and opaque. */
function walkPaths(
  world: TextWorld,
  sql: string,
  statements: readonly ParsedStatement[],
): readonly Ledger[] {
  const { searchPaths } = world.context;
  const [first = [], ...others] = searchPaths;
  const ledgers = walkText(world, sql, statements, first);
  if (searchPaths.length === 0)
    for (const ledger of ledgers) ledger.conceal('search_path_uncertain');
  for (const path of others) {
    const theirs = walkText(world, sql, statements, path);
    for (const [position, ledger] of ledgers.entries()) {
      const other = theirs[position];
      if (other === undefined || fingerprint(ledger) === fingerprint(other)) continue;
      ledger.include(other);
      ledger.conceal('search_path_uncertain');
    }
  }
  return ledgers;
}

function fingerprint(ledger: Ledger): string {
  return JSON.stringify([ledger.facts(), sorted(ledger.opaque), sorted(ledger.unresolved)]);
}

function summary(context: SqlContext, ledgers: readonly Ledger[]): Looked['inspection'] {
  const [only] = ledgers;
  const together = ledgers.length === 1 && only !== undefined ? only : merged(ledgers);
  if (context.readOnly && together.effect !== 'session' && together.effect !== 'read') {
    together.refuse(
      denial('read_only_target', 'Only reading is possible: this target is read-only.', ''),
    );
  }
  return {
    facts: combined(ledgers, together),
    unresolved: sorted(together.unresolved),
    refusal: together.refusal,
    changes: distinct(together.changes),
    copyIn: together.copyIn,
  };
}

function merged(ledgers: readonly Ledger[]): Ledger {
  const together = new Ledger();
  for (const ledger of ledgers) together.include(ledger);
  return together;
}

function combined(ledgers: readonly Ledger[], together: Ledger): SqlFacts {
  const statements = ledgers.map((ledger) => ledger.facts());
  // One statement's lists are the text's lists.
  const [only] = statements;
  const whole = statements.length === 1 && only !== undefined ? only : together.facts();
  return {
    statements: statements.length === 0 ? [NOTHING] : statements,
    verbs: sorted(together.verbs),
    effect: whole.effect,
    reads: whole.reads,
    writes: whole.writes,
    tables: tablesOf(whole, together),
    columns: whole.columns,
    functions: whole.functions,
    settings: whole.settings,
    whereless: whole.whereless,
    opaque: sorted(together.opaque),
  };
}

function tablesOf(whole: SqlStatementFacts, together: Ledger): readonly string[] {
  if (whole.writes.length === 0) return whole.reads;
  return sorted(new Set([...together.reads, ...together.writes]));
}

/** An empty text, or comments only. */
const NOTHING: SqlStatementFacts = new Ledger().facts();

/** The same change twice in a row changes nothing more. */
function distinct(changes: readonly SessionChange[]): SessionChange[] {
  const simple = new Set<string>();
  return changes.filter((change) => {
    if (change.kind !== 'catalog' && change.kind !== 'state') return true;
    const key = `${change.kind}${change.kind === 'state' && change.ending === true}`;
    if (simple.has(key)) return false;
    simple.add(key);
    return true;
  });
}

function parseDenial(failure: ParseFailure): Denial {
  switch (failure.kind) {
    case 'too_large':
      return denial(
        'sql_too_large',
        'The statement is too large to be judged.',
        'Send less SQL, use COPY for data.',
      );
    case 'encoding':
      return denial(
        'sql_unparsable',
        'The statement holds characters that are not valid text.',
        '',
      );
    case 'unclassifiable':
      return denial('sql_unparsable', 'The statement could not be analysed.', 'Simplify it.');
    case 'syntax': {
      const at = failure.cursor > 0 ? ` at character ${failure.cursor}` : '';
      const why = shown(failure.message);
      return denial('sql_unparsable', `The statement is not valid SQL: ${why}${at}.`, '');
    }
    default:
      return denial('sql_unparsable', 'The statement could not be analysed.', '');
  }
}

/** The parser quotes the caller's text: one line, no control characters, not too long. */
function shown(message: string): string {
  const line = message.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

function denial(code: Denial['code'], message: string, hint: string): Denial {
  return { kind: 'deny', code, rule: null, message, hint };
}

function refused(refusal: Denial): Looked['inspection'] {
  const ledger = new Ledger();
  ledger.conceal('unknown_statement');
  ledger.verb = 'UNKNOWN';
  ledger.verbs.add(ledger.verb);
  return {
    facts: combined([ledger], ledger),
    unresolved: [],
    refusal,
    changes: [],
    copyIn: false,
  };
}
