// WITH clauses (parse_cte.c). Recursive ones are walked until nothing more flows into their columns; only the last round
// is noted.
import { TooDeep } from '../analysis.ts';
import { as, text, type CommonTableExpr } from '../parse.ts';
import { Findings } from './findings.ts';
import type { WithClauses } from './queries.ts';
import type { CteFrame, Env } from './scope.ts';
import { computed, together, type Column } from './values.ts';
import type { Columns, Walk, WalkQuery } from './walk.ts';

/** Each round adds a column to a value at least; more rounds than this are nobody's query. */
const MAX_ROUNDS = 64;

export function createWithClauses(walkQuery: WalkQuery): WithClauses {
  return (walk, clause, outer) => {
    if (clause === undefined) return outer;
    const { level } = outer;
    let { ctes } = outer;
    const listed = (clause.ctes ?? []).flatMap((node) => as(node, 'CommonTableExpr') ?? []);
    const frames: CteFrame[] = [];
    if (clause.recursive === true) {
      for (const cte of listed) {
        ctes = { name: cte.ctename ?? '', columns: null, next: ctes };
        frames.push(ctes);
      }
    }
    for (const [position, cte] of listed.entries()) {
      const frame = frames[position];
      if (frame !== undefined) recursive(walk, cte, frame, { level, ctes });
      else {
        const columns =
          cte.ctequery === undefined ? null : walkQuery(walk, cte.ctequery, { level, ctes });
        // Without RECURSIVE a CTE is only visible after itself: before, its name is that of a table.
        ctes = { name: cte.ctename ?? '', columns: named(walk, cte, columns), next: ctes };
      }
    }
    return { level, ctes };
  };

  function recursive(walk: Walk, cte: CommonTableExpr, frame: CteFrame, env: Env): void {
    const query = cte.ctequery;
    if (query === undefined) return;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const findings = new Findings(walk.findings);
      const before = frame.columns;
      const again: Walk = { ...walk, findings };
      const columns = walkQuery(again, query, env, {
        firstArm: (first) => {
          if (frame.columns === null) frame.columns = named(again, cte, first);
        },
      });
      frame.columns = named(again, cte, columns);
      const settled = before !== null && sameColumns(before, frame.columns);
      // It does not name itself, or its number of columns is not known: nothing will change.
      if (settled || frame.read !== true || frame.columns === null) {
        walk.findings.include(findings);
        return;
      }
    }
    throw new TooDeep();
  }
}

function sameColumns(before: readonly Column[], after: Columns): boolean {
  return (
    after !== null &&
    before.length === after.length &&
    before.every(({ value }, position) => {
      const other = after[position]?.value;
      return (
        other !== undefined &&
        other.columns.size === value.columns.size &&
        other.kind === value.kind &&
        other.rowish === value.rowish
      );
    })
  );
}

/** The columns under the CTE's own names, and those that SEARCH and CYCLE add. */
function named(walk: Walk, cte: CommonTableExpr, columns: Columns): readonly Column[] | null {
  if (columns === null) return null;
  const own = cte.aliascolnames ?? [];
  const renamed = columns.map((column, position): Column => {
    const name = own[position];
    return name === undefined ? column : { ...column, name: text(name) };
  });
  const { search_clause: search, cycle_clause: cycle } = cte;
  const extra: Column[] = [];
  const valueOf = (nodes: NonNullable<typeof search>['search_col_list']) => {
    const names = new Set((nodes ?? []).map((node) => text(node)));
    return together(renamed.filter(({ name }) => names.has(name)).map(({ value }) => value));
  };
  if (search?.search_seq_column !== undefined) {
    const value = { ...valueOf(search.search_col_list), rowish: true };
    extra.push({ name: search.search_seq_column, value });
  }
  if (cycle !== undefined) {
    const value = computed(valueOf(cycle.cycle_col_list).columns, true);
    walk.findings.use(value.columns, 'other', 'CYCLE', 'CYCLE');
    extra.push({ name: cycle.cycle_mark_column ?? '', value });
    extra.push({ name: cycle.cycle_path_column ?? '', value });
  }
  return [...renamed, ...extra];
}
