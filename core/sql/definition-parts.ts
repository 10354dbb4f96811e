// Calls and relations inside a definition, wherever they stand: defaults, checks, index expressions, USING clauses. The
// trees of definitions are many and shallow, so they are searched as plain data instead of by a table per node.
import type { Analysis } from './analysis.ts';
import { classifyCall } from './functions.ts';
import { nameParts, type FuncCall, type RangeVar } from './parse.ts';

/**
 * Every function called. `runsNow`: the statement itself evaluates the expressions (an index, a changed column type), so
 * a user's function makes it opaque; stored ones run later, with statements of their own, and only built-in functions
 * that no statement may hide are raised.
 */
export function calledIn(analysis: Analysis, part: unknown, runsNow: boolean): void {
  const { ledger, names } = analysis;
  search(part, (key, value) => {
    if (key !== 'FuncCall') return;
    const call = value as FuncCall;
    const parts = nameParts(call.funcname);
    if (names.isChanged(parts)) {
      if (runsNow) ledger.conceal('changed_in_text');
      return;
    }
    const overloads = names.functions(parts, call.args?.length ?? 0);
    if (overloads.length === 0 && runsNow) ledger.miss(`${parts.join('.')}()`, 'unknown_function');
    for (const fn of overloads) {
      ledger.functions.add(`${fn.schema}.${fn.name}`);
      const { effect, reason } = classifyCall(fn);
      if (reason === 'user_function' && !runsNow) continue;
      if (reason === null) ledger.raise(effect);
      else ledger.conceal(reason);
    }
  });
}

/** Every relation named: read, since rows or definitions of it are used. */
export function relationsIn(analysis: Analysis, part: unknown): void {
  search(part, (key, value) => {
    const relation = value as RangeVar;
    if (!RELATION_KEYS.has(key) || typeof relation.relname !== 'string') return;
    const found = analysis.names.relation(relation);
    if (found.kind !== 'found') return;
    for (const label of found.info.labels) analysis.ledger.reads.add(label);
  });
}

const RELATION_KEYS: ReadonlySet<string> = new Set(['RangeVar', 'relation', 'pktable', 'name']);

function search(part: unknown, found: (key: string, value: object) => void): void {
  const queue: unknown[] = [part];
  while (queue.length > 0) {
    const at = queue.pop();
    if (typeof at !== 'object' || at === null) continue;
    for (const [key, value] of Object.entries(at)) {
      if (typeof value !== 'object' || value === null) continue;
      if (!Array.isArray(value)) found(key, value);
      queue.push(value);
    }
  }
}
