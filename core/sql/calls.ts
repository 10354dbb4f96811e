// Function calls: which overloads a call may mean, how far they reach, and the calls whose arguments matter to the
// session (set_config) or name an object (nextval, setval). ParseFuncOrColumn in parse_func.c.
import type { Analysis } from './analysis.ts';
import { constantText, settingValue } from './constants.ts';
import { summarizeCalls, type CallSummary } from './functions.ts';
import { as, nameParts, type FuncCall, type Node } from './parse.ts';
import { columnPosition, findItem, type Env } from './scope.ts';
import { judgeSetting, settingName } from './settings.ts';

export function callFunction(analysis: Analysis, call: FuncCall, env: Env): void {
  const { ledger, names } = analysis;
  const parts = nameParts(call.funcname);
  const args = call.args ?? [];
  if (names.isChanged(parts)) return ledger.conceal('changed_in_text');
  // WITHIN GROUP adds its sort expressions to the arguments; VARIADIC hands over an array of any length.
  const exact = call.agg_within_group !== true && call.func_variadic !== true;
  // In FROM, unnest(a, b) stands for ROWS FROM (unnest(a), unnest(b)) (transformRangeFunction).
  const unnests = parts.at(-1) === 'unnest' && args.length > 1;
  const count = exact ? (unnests ? 1 : args.length) : null;
  let builtin = false;
  let found = false;
  for (const overloads of names.overloads(parts)) {
    const summary = summarizeCalls(overloads, count);
    if (summary.label === null) continue;
    found = true;
    builtin ||= overloads[0]?.schema === 'pg_catalog';
    noteCall(analysis, summary);
  }
  if (!found) {
    if (args.length === 1 && standsForOther(analysis, parts, args[0], env)) return;
    ledger.functions.add(parts.join('.'));
    return ledger.miss(`${parts.join('.')}()`, 'unknown_function');
  }
  if (builtin) argumentsOf(analysis, call);
}

/** The gravest of the overloads: which one Postgres picks depends on types that only it knows. */
function noteCall({ ledger }: Analysis, { label, effect, reasons, mayDefine }: CallSummary): void {
  if (label !== null) ledger.functions.add(label);
  ledger.raise(effect);
  for (const reason of reasons) ledger.conceal(reason);
  ledger.mayDefine ||= mayDefine;
}

/** A call with one argument that is not written as a call. False when no function of that name takes one. */
export function implicitCall(analysis: Analysis, name: string): boolean {
  let found = false;
  if (analysis.names.isChanged([name])) analysis.ledger.conceal('changed_in_text');
  for (const overloads of analysis.names.overloads([name])) {
    const summary = summarizeCalls(overloads, 1);
    if (summary.label === null) continue;
    found = true;
    noteCall(analysis, summary);
  }
  return found;
}

/** `name(x)` without such a function: a cast to type `name`, or the column `name` of row x. */
function standsForOther(
  analysis: Analysis,
  parts: readonly string[],
  arg: Node | undefined,
  env: Env,
): boolean {
  const type = analysis.names.type(parts);
  if (type !== undefined) {
    if (type.code) analysis.ledger.conceal('user_type');
    return true;
  }
  const row = nameParts(as(arg, 'ColumnRef')?.fields);
  const relation = row.at(-1);
  if (parts.length > 1 || relation === undefined || relation === '') return false;
  const item = findItem(env.level, relation, row.at(-2) ?? '');
  return item !== null && columnPosition(item, parts[0] ?? '') >= 0;
}

function argumentsOf(analysis: Analysis, call: FuncCall): void {
  const name = nameParts(call.funcname).at(-1);
  const args = call.args ?? [];
  switch (name) {
    case 'set_config':
      return setConfig(analysis, args);
    case 'nextval':
    case 'setval':
      return sequence(analysis, constantText(args[0]), analysis.ledger.writes);
    case 'currval':
      return sequence(analysis, constantText(args[0]), analysis.ledger.reads);
    default:
  }
}

/** set_config(name, value, is_local): a SET that hides in a query. */
function setConfig(analysis: Analysis, args: readonly Node[]): void {
  const { ledger, readOnly } = analysis;
  const name = settingValue(args[0]);
  if (name.kind !== 'constant' || args.some((arg) => as(arg, 'NamedArgExpr') !== undefined)) {
    return ledger.conceal('dynamic_setting');
  }
  applySetting(analysis, name.text, judgeSetting(name.text, settingValue(args[1]), readOnly));
}

/** A setting changes, however the text says so. */
export function applySetting(
  analysis: Analysis,
  name: string,
  verdict: ReturnType<typeof judgeSetting>,
): void {
  const { ledger } = analysis;
  ledger.settings.add(settingName(name));
  if (verdict.kind === 'refused') {
    ledger.raise('admin');
    return ledger.refuse(verdict.denial);
  }
  ledger.raise(verdict.kind);
  if (!verdict.state) return;
  ledger.movesPath = true;
  ledger.changes.push({ kind: 'state' });
}

function sequence(analysis: Analysis, name: string | null, found: Set<string>): void {
  if (name === null) return;
  const parts = qualifiedName(name);
  const relname = parts?.at(-1);
  if (relname === undefined) return;
  const schemaname = parts?.at(-2);
  const named = analysis.names.relation(
    schemaname === undefined ? { relname } : { relname, schemaname },
  );
  if (named.kind === 'found') found.add(named.info.label);
  else analysis.ledger.miss(name, 'unknown_relation');
}

/** `a."B".c` as its parts, folded as Postgres does (stringToQualifiedNameList in regproc.c); null if it is not a name. */
export function qualifiedName(name: string): string[] | null {
  const parts: string[] = [];
  const part = /\s*(?:"((?:[^"]|"")+)"|([^\s".]+))\s*(\.|$)/y;
  while (part.lastIndex < name.length || parts.length === 0) {
    const match = part.exec(name);
    if (match === null) return null;
    parts.push(match[1]?.replaceAll('""', '"') ?? match[2]?.toLowerCase() ?? '');
    if (match[3] === '') break;
  }
  return parts;
}
