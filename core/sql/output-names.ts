// The name a SELECT gives a column that has no alias (FigureColname in parse_target.c). Outer queries refer to it, so a
// wrong guess would look like an unknown column; where the rule is not certain the answer is null.
import { as, nameParts, tagOf, text, type Node } from './parse.ts';

/** `?column?` is a name too: nothing can refer to it by accident. */
export const UNNAMED = '?column?';

export function outputName(node: Node | undefined): string | null {
  const found = figure(node, 0);
  return found.name;
}

interface Figured {
  readonly name: string | null;
  /** As in Postgres: 2 is a name of its own, 1 a stand-in that a cast's type does not beat, 0 none. */
  readonly strength: 0 | 1 | 2;
}

const NONE: Figured = { name: UNNAMED, strength: 0 };
const UNKNOWN: Figured = { name: null, strength: 2 };

function named(name: string, strength: 1 | 2 = 2): Figured {
  return { name, strength };
}

function figure(node: Node | undefined, depth: number): Figured {
  if (node === undefined) return NONE;
  if (depth > 100) return UNKNOWN;
  switch (tagOf(node)) {
    case 'ColumnRef': {
      const last = as(node, 'ColumnRef')?.fields?.at(-1);
      return last === undefined || tagOf(last) === 'A_Star' ? UNKNOWN : named(text(last));
    }
    case 'A_Indirection': {
      const indirection = as(node, 'A_Indirection');
      const field = indirection?.indirection?.findLast((step) => tagOf(step) === 'String');
      if (field !== undefined) return named(text(field));
      return figure(indirection?.arg, depth + 1);
    }
    case 'FuncCall':
      return named(nameParts(as(node, 'FuncCall')?.funcname).at(-1) ?? UNNAMED);
    case 'A_Expr':
      return as(node, 'A_Expr')?.kind === 'AEXPR_NULLIF' ? named('nullif') : NONE;
    case 'TypeCast': {
      const cast = as(node, 'TypeCast');
      const inner = figure(cast?.arg, depth + 1);
      if (inner.strength > 1) return inner;
      const type = nameParts(cast?.typeName?.names).at(-1);
      return type === undefined ? inner : named(type, 1);
    }
    case 'CollateClause':
      return figure(as(node, 'CollateClause')?.arg, depth + 1);
    case 'CaseExpr': {
      const inner = figure(as(node, 'CaseExpr')?.defresult, depth + 1);
      return inner.strength > 1 ? inner : named('case', 1);
    }
    case 'SubLink':
      return sublink(node, depth);
    case 'GroupingFunc':
      return named('grouping');
    case 'A_ArrayExpr':
      return named('array');
    case 'RowExpr':
      return named('row');
    case 'CoalesceExpr':
      return named('coalesce');
    case 'MinMaxExpr':
      return named(as(node, 'MinMaxExpr')?.op === 'IS_LEAST' ? 'least' : 'greatest');
    case 'A_Const':
    case 'ParamRef':
    case 'BoolExpr':
    case 'NullTest':
    case 'BooleanTest':
      return NONE;
    default:
      // current_date, XML and JSON constructors … : names that differ between versions.
      return UNKNOWN;
  }
}

function sublink(node: Node, depth: number): Figured {
  const link = as(node, 'SubLink');
  switch (link?.subLinkType) {
    case 'EXISTS_SUBLINK':
      return named('exists');
    case 'ARRAY_SUBLINK':
      return named('array');
    case 'EXPR_SUBLINK': {
      const target = as(as(link.subselect, 'SelectStmt')?.targetList?.[0], 'ResTarget');
      if (target === undefined) return UNKNOWN;
      return target.name === undefined ? figure(target.val, depth + 1) : named(target.name);
    }
    default:
      return NONE;
  }
}
