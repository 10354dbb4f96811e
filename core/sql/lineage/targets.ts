// SELECT lists and RETURNING clauses: names and values of their columns, with `*` spread out as Postgres does
// (ExpandColumnRefStar, ExpandIndirectionStar in parse_target.c).
import { outputName } from '../output-names.ts';
import { as, tagOf, text, type Node } from '../parse.ts';
import { isStar, type Expressions } from './expressions.ts';
import { findItem, taken, type Env, type Item } from './scope.ts';
import type { Column, Value } from './values.ts';
import type { Columns, Walk } from './walk.ts';

export interface Targets {
  /** `visible`: what `*` stands for. Null, and unproven, where the number of columns is not known. */
  readonly list: (
    walk: Walk,
    nodes: readonly Node[] | undefined,
    env: Env,
    visible: readonly Item[],
  ) => Columns;
  readonly isBareStar: (nodes: readonly Node[] | undefined) => boolean;
}

export function createTargets({ valueOf }: Pick<Expressions, 'valueOf'>): Targets {
  function list(
    walk: Walk,
    nodes: readonly Node[] | undefined,
    env: Env,
    visible: readonly Item[],
  ): Columns {
    const columns: Column[] = [];
    let known = true;
    for (const entry of nodes ?? []) {
      const target = as(entry, 'ResTarget');
      const spread = target?.val === undefined ? null : starOf(walk, target.val, env, visible);
      if (spread === null) {
        const value = valueOf(walk, target?.val, env);
        columns.push({ name: target?.name ?? outputName(target?.val) ?? '', value });
      } else if (spread.columns === null) {
        known = false;
        walk.findings.doubt(spread.what);
      } else {
        for (const column of spread.columns) {
          const value = taken(walk.findings, column);
          columns.push({ name: column.name, value });
        }
      }
    }
    return known ? columns : null;
  }

  /** What a star stands for; null where the target is none. */
  function starOf(
    walk: Walk,
    node: Node,
    env: Env,
    visible: readonly Item[],
  ): { readonly columns: Columns; readonly what: string } | null {
    if (isStar(node)) {
      const fields = as(node, 'ColumnRef')?.fields ?? [];
      if (fields.length === 1) return spreadItems(visible);
      const name = text(fields.at(-2));
      const from = findItem(env.level, name, fields.length > 2 ? text(fields.at(-3)) : '');
      return from === null
        ? { columns: null, what: `${name}.*, which is not known` }
        : spreadItems([from]);
    }
    const indirection = as(node, 'A_Indirection');
    const last = indirection?.indirection?.at(-1);
    if (indirection === undefined || last === undefined || tagOf(last) !== 'A_Star') return null;
    const steps = indirection.indirection?.slice(0, -1) ?? [];
    const inner: Node =
      steps.length === 0 && indirection.arg !== undefined
        ? indirection.arg
        : { A_Indirection: { ...indirection, indirection: steps } };
    const value: Value = valueOf(walk, inner, env);
    return { columns: value.fields, what: 'the columns of a row of unknown shape' };
  }

  return { list, isBareStar: (nodes) => isBareStar(nodes) };
}

function spreadItems(items: readonly Item[]): { readonly columns: Columns; readonly what: string } {
  const open = items.find((each) => !each.counted);
  if (open !== undefined) {
    return { columns: null, what: `the columns of ${open.name}, which are not all known` };
  }
  return { columns: items.flatMap((each) => each.columns), what: '' };
}

function isBareStar(nodes: readonly Node[] | undefined): boolean {
  const [only] = nodes ?? [];
  const value = as(only, 'ResTarget')?.val;
  return (
    nodes?.length === 1 &&
    value !== undefined &&
    isStar(value) &&
    as(value, 'ColumnRef')?.fields?.length === 1
  );
}
