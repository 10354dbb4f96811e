// UNION, INTERSECT and EXCEPT (transformSetOperationStmt): columns pair up by position. Without ALL rows are compared, as
// INTERSECT and EXCEPT always do.
import type { SelectStmt } from '../parse.ts';
import { either, isSimple, type Column, type Value } from './values.ts';
import type { Columns, Walk } from './walk.ts';

export function setOperation(walk: Walk, node: SelectStmt, left: Columns, right: Columns): Columns {
  if (left === null || right === null) return null;
  if (left.length !== right.length) {
    walk.findings.doubt('a set operation whose sides differ in their columns');
    return null;
  }
  const word = node.op?.replace('SETOP_', '') ?? 'UNION';
  const compares = node.op !== 'SETOP_UNION' || node.all !== true;
  return left.map((column, position): Column => {
    const other = right[position]?.value ?? column.value;
    if (compares) {
      const how = isSimple(column.value) && isSimple(other) ? 'equality' : 'other';
      walk.findings.compared([column.value.columns, other.columns], how, word, word);
    }
    const kept = node.op === 'SETOP_EXCEPT' && column.value.type === other.type;
    return { name: column.name, value: kept ? column.value : arms(column.value, other) };
  });
}

function arms(a: Value, b: Value): Value {
  return { ...either([a, b]), rowish: a.rowish || b.rowish };
}
