// JOIN … USING and NATURAL JOIN merge columns (transformJoinUsingClause): `*` gives the merged ones first, a bare name
// means the merged one, a qualified name its own side's.
import { text, type JoinExpr } from '../parse.ts';
import { compare, userOperator } from './conditions.ts';
import { renamed } from './relations.ts';
import { item, taken, type Item, type Sources } from './scope.ts';
import { together, type Column, type Value } from './values.ts';
import type { Walk } from './walk.ts';

export function joinSources(walk: Walk, join: JoinExpr, left: Sources, right: Sources): Sources {
  let items: readonly Item[] = [...left.items, ...right.items];
  let visible: readonly Item[] = [...left.visible, ...right.visible];
  const shared =
    join.isNatural === true
      ? sharedNames(walk, left, right)
      : (join.usingClause ?? []).map((name) => text(name));
  if (shared.length > 0) {
    userOperator(walk, ['=']);
    const merged = shared.map((name) => mergedColumn(walk, join, name, left, right));
    const rest = visible.map((each) => without(each, new Set(shared)));
    visible = [item('', merged), ...rest];
    const alias = join.join_using_alias?.aliasname;
    // `USING (a) AS x`: x has the merged columns alone, and hides nothing.
    if (alias !== undefined) items = [...items, item(alias, merged)];
  }
  if (join.alias === undefined) return { items, visible };
  const columns = visible.flatMap((each) => each.columns);
  const counted = visible.every((each) => each.counted);
  const rests = visible.flatMap((each) => (each.rest === null ? [] : [each.rest]));
  const whole = item(join.alias.aliasname ?? '', renamed(columns, join.alias), {
    counted,
    ...(rests.length > 0 && { rest: together(rests) }),
  });
  return { items: [whole], visible: [whole] };
}

function mergedColumn(
  walk: Walk,
  join: JoinExpr,
  name: string,
  left: Sources,
  right: Sources,
): Column {
  const first = valueIn(walk, left, name);
  const second = valueIn(walk, right, name);
  const values = [first, second].filter((value) => value !== null);
  if (first === null || second === null) {
    walk.findings.doubt(`the joined column ${name}, which is not known`);
    return { name, value: together(values) };
  }
  compare(walk, first, second, 'JOIN', join.isNatural === true ? 'NATURAL' : 'USING');
  // Of a full join either side may be the one that is there; a common type may be a third one.
  const alike = first.type === second.type;
  if (alike && join.jointype !== 'JOIN_FULL') {
    return { name, value: join.jointype === 'JOIN_RIGHT' ? second : first };
  }
  return { name, value: together([first, second]) };
}

function valueIn(walk: Walk, sources: Sources, name: string): Value | null {
  const found: Value[] = [];
  for (const each of sources.visible) {
    for (const column of each.columns) {
      if (column.name === name) found.push(taken(walk.findings, column));
    }
    if (found.length === 0 && each.rest !== null) found.push(each.rest);
  }
  const [only] = found;
  if (only === undefined) return null;
  return found.length === 1 ? only : together(found);
}

function sharedNames(walk: Walk, left: Sources, right: Sources): string[] {
  if ([...left.visible, ...right.visible].some((each) => !each.counted || each.rest !== null)) {
    walk.findings.doubt('the columns of a NATURAL JOIN, which are not all known');
  }
  const theirs = new Set(right.visible.flatMap((each) => each.columns.map(({ name }) => name)));
  return left.visible
    .flatMap((each) => each.columns.map(({ name }) => name))
    .filter((name) => theirs.has(name));
}

function without(from: Item, names: ReadonlySet<string>): Item {
  return { ...from, columns: from.columns.filter((column) => !names.has(column.name)) };
}
