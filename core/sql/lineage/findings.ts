// What one statement is found to do with columns while it is walked. Lists only grow, so that no order of discovery hides
// anything. Turned into a StatementLineage by statements.ts.
import type { CatalogRelation } from '../catalog.ts';
import { TooDeep } from '../analysis.ts';
import type { Assignment, BaseColumn, ColumnUse } from './lineage.ts';

/** Nodes of one statement, CTEs that are walked again included; more are refused, for time's sake. */
const MAX_STEPS = 400_000;

export class Findings {
  readonly uses: ColumnUse[] = [];
  readonly assignments: Assignment[] = [];
  readonly touches = new Set<CatalogRelation>();
  readonly redefines = new Set<CatalogRelation>();
  readonly shadowed = new Set<CatalogRelation>();
  readonly unproven = new Set<string>();
  readonly untrusted = new Set<string>();
  readonly #steps: { count: number };

  /** `parent`: what is counted together with. */
  constructor(parent?: Findings) {
    this.#steps = parent === undefined ? { count: 0 } : parent.#steps;
  }

  step(): void {
    if (++this.#steps.count > MAX_STEPS) throw new TooDeep();
  }

  use(columns: ReadonlySet<BaseColumn>, how: ColumnUse['how'], clause: string, by: string): void {
    if (columns.size > 0) this.uses.push({ columns, how, clause, by });
  }

  /** Values compared with each other. */
  compared(
    each: readonly ReadonlySet<BaseColumn>[],
    how: ColumnUse['how'],
    clause: string,
    by: string,
  ): void {
    const sides = each.filter(({ size }) => size > 0);
    const columns = new Set(sides.flatMap((side) => [...side]));
    if (sides.length < 2) this.use(columns, how, clause, by);
    else this.uses.push({ columns, how, clause, by, sides });
  }

  doubt(what: string): void {
    this.unproven.add(what);
  }

  /** Everything but uses and assignments: what stands behind a view is its author's. */
  includeBehind(other: Findings): void {
    for (const relation of other.touches) this.touches.add(relation);
    for (const what of other.unproven) this.unproven.add(what);
    for (const name of other.untrusted) this.untrusted.add(name);
  }

  include(other: Findings): void {
    this.includeBehind(other);
    this.uses.push(...other.uses);
    this.assignments.push(...other.assignments);
    for (const relation of other.redefines) this.redefines.add(relation);
    for (const relation of other.shadowed) this.shadowed.add(relation);
  }
}
