// What stands behind a view. Definitions come from pg_get_viewdef read under a fixed search path, so every name that is
// not built in has its schema. Looked at once per catalog; a definition that cannot be read makes its readers opaque.
import type { Analysis } from './analysis.ts';
import type { Catalog, CatalogRelation } from './catalog.ts';
import { Ledger } from './ledger.ts';
import { Names } from './names.ts';
import { as, type Node, type ParseSql } from './parse.ts';
import { Pending } from './pending.ts';
import { NO_ENV } from './scope.ts';
import { walkQuery } from './walk.ts';

export interface Views {
  /** Everything that reading the view touches, itself excepted. */
  readonly facts: (relation: CatalogRelation) => Ledger;
  /** Relations that a write to the view arrives at, nested views included. */
  readonly targets: (relation: CatalogRelation) => readonly CatalogRelation[];
}

/** Views of views of views: more than anybody writes, and less than the stack holds. */
const MAX_NESTING = 32;

/** `temporary`: the temporary schema of the session that asks, which its facts call pg_temp. */
export function createViews(parse: ParseSql, catalog: Catalog, temporary: string | null): Views {
  const known = new Map<CatalogRelation, Ledger>();
  const arrivals = new Map<CatalogRelation, readonly CatalogRelation[]>();
  const names = new Names(catalog, ['pg_catalog'], new Pending(), temporary);
  let nesting = 0;

  function query(relation: CatalogRelation): Node | null {
    if (relation.definition === null) return null;
    const parsed = parse(relation.definition);
    return parsed.ok && parsed.statements.length === 1
      ? (parsed.statements[0]?.node ?? null)
      : null;
  }

  function facts(relation: CatalogRelation): Ledger {
    const cached = known.get(relation);
    if (cached !== undefined) return cached;
    const ledger = new Ledger();
    const node = query(relation);
    if (node === null || as(node, 'SelectStmt') === undefined || nesting >= MAX_NESTING) {
      ledger.conceal('view_unreadable');
      return ledger;
    }
    const analysis: Analysis = {
      ledger,
      names,
      // A view that lifts a read-only transaction is refused wherever it stands.
      readOnly: true,
      viewFacts: facts,
      viewTargets: targets,
      depth: 0,
    };
    nesting++;
    try {
      walkQuery(analysis, node, NO_ENV);
    } finally {
      nesting--;
    }
    known.set(relation, ledger);
    return ledger;
  }

  function targets(relation: CatalogRelation): readonly CatalogRelation[] {
    const cached = arrivals.get(relation);
    if (cached !== undefined) return cached;
    const found = new Set<CatalogRelation>();
    // Set first: it also ends a cycle, should a catalog ever hold one.
    arrivals.set(relation, []);
    const node = query(relation);
    const entries = [...(as(node ?? undefined, 'SelectStmt')?.fromClause ?? [])];
    for (const entry of entries) {
      const join = as(entry, 'JoinExpr');
      if (join?.larg !== undefined) entries.push(join.larg);
      if (join?.rarg !== undefined) entries.push(join.rarg);
      const base = as(entry, 'RangeVar');
      const resolved = base === undefined ? null : names.relation(base);
      if (resolved?.kind !== 'found') continue;
      found.add(resolved.info.relation);
      const heirs = base?.inh === true ? resolved.info.heirs : [];
      for (const heir of heirs) found.add(heir.relation);
      if (resolved.info.relation.kind !== 'v') continue;
      for (const each of targets(resolved.info.relation)) found.add(each);
    }
    arrivals.set(relation, [...found]);
    return [...found];
  }

  return { facts, targets };
}
