// Constants of the parse tree: what a SET or a LIMIT is given, and whether a condition is true for every row.
import { as, nameParts, tagOf, type Node } from './parse.ts';
import type { SettingValue } from './settings.ts';

/** Text of a constant as Postgres would read it; null for NULL and for anything that is not a constant. */
export function constantText(node: Node | undefined): string | null {
  if (node === undefined) return null;
  const cast = as(node, 'TypeCast');
  if (cast !== undefined) return constantText(cast.arg);
  const constant = as(node, 'A_Const');
  if (constant !== undefined) {
    if (constant.isnull === true) return null;
    if (constant.sval !== undefined) return constant.sval.sval ?? '';
    if (constant.ival !== undefined) return String(constant.ival.ival ?? 0);
    if (constant.fval !== undefined) return constant.fval.fval ?? '0';
    if (constant.boolval !== undefined) return constant.boolval.boolval === true ? 'true' : 'false';
    return null;
  }
  // Options (DefElem) carry bare values.
  const string = as(node, 'String');
  if (string !== undefined) return string.sval ?? '';
  const integer = as(node, 'Integer');
  if (integer !== undefined) return String(integer.ival ?? 0);
  const float = as(node, 'Float');
  if (float !== undefined) return float.fval ?? '0';
  const boolean = as(node, 'Boolean');
  if (boolean !== undefined) return boolean.boolval === true ? 'true' : 'false';
  return null;
}

/** A constant cast to anything may turn into another text on the way; only uncast ones say what a setting becomes. */
export function settingValue(node: Node | undefined): SettingValue {
  const text = as(node, 'TypeCast') === undefined ? constantText(node) : null;
  return text === null ? { kind: 'unknown' } : { kind: 'constant', text };
}

/** A whole number that is written out, else null. */
export function constantInteger(node: Node | undefined): number | null {
  const text = constantText(node);
  if (text === null || !/^-?\d+$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** defGetBoolean in define.c: an option without a value is on; what it would not accept counts as on. */
export function optionIsOn(arg: Node | undefined): boolean {
  const value = constantText(arg)?.toLowerCase();
  return value === undefined || !['false', 'off', '0'].includes(value);
}

/**
 * Is this condition true for every row, as far as can be seen without data? Finds the ways a WHERE clause is there only
 * for show; it is a guard against accidents, not against a caller who wants `id > -1`.
 */
export function isAlwaysTrue(node: Node | undefined): boolean {
  return node === undefined || truth(node) === true;
}

function truth(node: Node): boolean | null {
  const bool = as(node, 'BoolExpr');
  if (bool !== undefined) {
    const args = (bool.args ?? []).map(truth);
    switch (bool.boolop) {
      case 'AND_EXPR':
        return args.every((arg) => arg === true) ? true : args.includes(false) ? false : null;
      case 'OR_EXPR':
        if (args.includes(true) || eitherNullOrNot(bool.args ?? [])) return true;
        return args.every((arg) => arg === false) ? false : null;
      case 'NOT_EXPR':
        return args[0] === null || args[0] === undefined ? null : !args[0];
      default:
        return null;
    }
  }
  const compared = as(node, 'A_Expr');
  if (compared !== undefined) return compare(node);
  const test = as(node, 'BooleanTest');
  if (test?.arg !== undefined) {
    const arg = truth(test.arg);
    if (arg === null) return null;
    if (test.booltesttype === 'IS_TRUE' || test.booltesttype === 'IS_NOT_FALSE') return arg;
    if (test.booltesttype === 'IS_FALSE' || test.booltesttype === 'IS_NOT_TRUE') return !arg;
    return test.booltesttype === 'IS_NOT_UNKNOWN';
  }
  const nulls = as(node, 'NullTest');
  if (nulls?.arg !== undefined) {
    if (constantText(nulls.arg) === null) return null;
    return nulls.nulltesttype === 'IS_NOT_NULL';
  }
  const link = as(node, 'SubLink');
  if (link?.subLinkType === 'EXISTS_SUBLINK') {
    const select = as(link.subselect, 'SelectStmt');
    const bare = select?.targetList !== undefined && select.fromClause === undefined;
    return bare && isAlwaysTrue(select.whereClause) && select.havingClause === undefined
      ? true
      : null;
  }
  if (tagOf(node) === 'TypeCast' || tagOf(node) === 'A_Const') {
    const text = constantText(node)?.trim().toLowerCase();
    if (text === undefined) return null;
    if (/^(?:t|tr|tru|true|y|ye|yes|on|1)$/.test(text)) return true;
    if (/^(?:f|fa|fal|fals|false|n|no|of|off|0)$/.test(text)) return false;
  }
  return null;
}

/** `x IS NULL OR x IS NOT NULL`. */
function eitherNullOrNot(args: readonly Node[]): boolean {
  const tested = (type: string) =>
    args.flatMap((arg) => {
      const test = as(arg, 'NullTest');
      const column = test?.nulltesttype === type ? columnName(test.arg) : null;
      return column === null ? [] : [column];
    });
  const nulls = new Set(tested('IS_NULL'));
  return tested('IS_NOT_NULL').some((column) => nulls.has(column));
}

function compare(node: Node): boolean | null {
  const expression = as(node, 'A_Expr');
  if (expression === undefined) return null;
  const operator = nameParts(expression.name).at(-1) ?? '';
  const list = as(expression.rexpr, 'List');
  if (expression.kind === 'AEXPR_IN' && operator === '=' && list !== undefined) {
    const wanted = constantText(expression.lexpr);
    const texts = (list.items ?? []).map(constantText);
    return wanted !== null && texts.includes(wanted) ? true : null;
  }
  const left = constantText(expression.lexpr);
  const right = constantText(expression.rexpr);
  if (expression.kind === 'AEXPR_LIKE' || expression.kind === 'AEXPR_ILIKE') {
    return operator.startsWith('~~') && right !== null && /^%+$/.test(right) ? true : null;
  }
  if (left === null || right === null) {
    // `id = id` and `id >= id` hold for every row whose column is not null.
    const column = columnName(expression.lexpr);
    const same = column !== null && column === columnName(expression.rexpr);
    return same && ['=', '<=', '>='].includes(operator) && expression.kind === 'AEXPR_OP'
      ? true
      : null;
  }
  if (expression.kind !== 'AEXPR_OP') return null;
  const numbers = [left, right].every((text) => /^-?\d+(?:\.\d+)?$/.test(text));
  const order = numbers ? Number(left) - Number(right) : left === right ? 0 : left < right ? -1 : 1;
  switch (operator) {
    case '=':
      return order === 0;
    case '<>':
      return order !== 0;
    case '<':
      return numbers ? order < 0 : null;
    case '<=':
      return numbers ? order <= 0 : null;
    case '>':
      return numbers ? order > 0 : null;
    case '>=':
      return numbers ? order >= 0 : null;
    default:
      return null;
  }
}

function columnName(node: Node | undefined): string | null {
  const column = as(node, 'ColumnRef');
  if (column?.fields === undefined) return null;
  return column.fields.some((field) => tagOf(field) !== 'String')
    ? null
    : nameParts(column.fields).join('.');
}
