// Lineage when it is first asked for, and remembered with the inspection. Facts are kept for thousands of texts, so what
// stays alive until then is the text and the names in force: neither its parse tree, nor the catalog, nor the session.
import type { Catalog } from '../catalog.ts';
import type { Inspection, SqlContext } from '../inspection.ts';
import type { ParseSql } from '../parse.ts';
import { Pending } from '../pending.ts';
import type { TextWorld } from '../texts.ts';
import type { Views } from '../views.ts';
import type { TextLineage } from './lineage.ts';
import { textLineage } from './text.ts';

export interface LineageSource {
  readonly parse: ParseSql;
  /** The catalog of the moment: asked when the lineage is. */
  readonly catalog: () => Catalog;
  readonly viewsOf: (catalog: Catalog, temporarySchema: string | null) => Views;
  readonly sql: string;
  readonly context: SqlContext;
  /** The text stands for others that only the session knows. */
  readonly usedSession: boolean;
  /** What the open transaction has done to names; null when that could not be told. */
  readonly inherited: Pending | null;
}

/** `sql` is known to parse. The caller may change its lists afterwards. */
export function deferLineage(source: LineageSource): Inspection['lineage'] {
  const { parse, catalog, viewsOf, sql, usedSession } = source;
  const context = usedSession ? snapshot(source.context) : alone(source.context);
  const inherited = usedSession ? (source.inherited?.copy() ?? uncertain()) : new Pending();
  let found: TextLineage | null | undefined;
  return () => {
    if (found !== undefined) return found;
    const parsed = parse(sql);
    // The parser may be away for a moment: it is asked again the next time.
    if (!parsed.ok) return null;
    const current = catalog();
    const world: TextWorld = {
      parse,
      catalog: current,
      viewsOf: (temporary) => viewsOf(current, temporary),
      context,
      inherited,
      usedSession: false,
    };
    found = textLineage(world, sql, parsed.statements);
    return found;
  };
}

function uncertain(): Pending {
  const pending = new Pending();
  pending.changeEverything();
  return pending;
}

/** Member by member: a session's context may be of a class, and a spread would lose what it can do. */
function snapshot(context: SqlContext): SqlContext {
  return {
    ...alone(context),
    prepared: (name) => context.prepared(name),
    cursor: (name) => context.cursor(name),
    ...(context.cursorPaths !== undefined && {
      cursorPaths: (name: string) => context.cursorPaths?.(name) ?? [],
    }),
    ...(context.uncommitted !== undefined && { uncommitted: context.uncommitted }),
  };
}

/** The context of a text that needs nothing of its session. */
function alone({ searchPaths, readOnly, settled }: SqlContext): SqlContext {
  return {
    searchPaths: searchPaths.map((path) => [...path]),
    prepared: () => [],
    cursor: () => [],
    readOnly,
    ...(settled !== undefined && { settled }),
  };
}
