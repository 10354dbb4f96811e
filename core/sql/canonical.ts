// One spelling per meaning of an SQL text: its raw parse tree as JSON with sorted keys, without positions. White space,
// comments, the case of keywords and unquoted names, needless quotes and semicolons are gone by then; constants, their
// types and the order of everything stay. What Postgres runs is made from this tree and from nothing else of the text,
// with the exception that core/approval/envelope.ts takes care of: a text that can read itself.
import type { Result } from '../failure.ts';
import type { ParseFailure, ParseSql } from './parse.ts';

/**
 * Names of position fields (ParseLoc and its kin in parsenodes.h of Postgres 18). Dropped only where they hold a number:
 * CREATE TABLESPACE has a `location` of its own, which is a path.
 */
const POSITIONS: ReadonlySet<string> = new Set([
  'location',
  'name_location',
  'list_start',
  'list_end',
  'rexpr_list_start',
  'rexpr_list_end',
  'stmt_location',
  'stmt_len',
]);

export interface CanonicalSql {
  /** A JSON list with one tree per statement. */
  readonly form: string;
  /** Names that EXECUTE, FETCH and MOVE go through: what they stand for is not in the text. */
  readonly names: readonly NamedText[];
  /** UPDATE or DELETE … WHERE CURRENT OF: which row that is, no text says. */
  readonly currentOf: boolean;
}

export interface NamedText {
  readonly kind: 'prepared' | 'cursor';
  readonly name: string;
}

export function canonicalSql(parse: ParseSql, sql: string): Result<CanonicalSql, ParseFailure> {
  const parsed = parse(sql);
  if (!parsed.ok) return { ok: false, error: parsed.failure };
  const names: NamedText[] = [];
  let currentOf = false;
  const form = canonicalTree(
    parsed.statements.map((statement) => statement.node),
    (tag, fields) => {
      if (tag === 'ExecuteStmt') names.push({ kind: 'prepared', name: field(fields, 'name') });
      if (tag === 'FetchStmt') names.push({ kind: 'cursor', name: field(fields, 'portalname') });
      if (tag === 'CurrentOfExpr') currentOf = true;
    },
  );
  return { ok: true, value: { form, names, currentOf } };
}

function field(fields: unknown, name: string): string {
  const value =
    typeof fields === 'object' && fields !== null
      ? (fields as Readonly<Record<string, unknown>>)[name]
      : null;
  return typeof value === 'string' ? value : '';
}

type Visit = (tag: string, fields: unknown) => void;

/** A list or an object that is being written; `keys` is null for a list. */
interface Frame {
  readonly value: Readonly<Record<string, unknown>> | readonly unknown[];
  readonly keys: readonly string[] | null;
  next: number;
}

/**
 * Written with a stack of its own: an expression of thousands of ANDs is thousands of nodes deep, and a text must not be
 * unapprovable, or worse, because a call stack is short.
 */
function canonicalTree(root: readonly unknown[], visit: Visit): string {
  let text = '[';
  const stack: Frame[] = [{ value: root, keys: null, next: 0 }];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const { value, keys, next } = frame;
    if (next === (keys ?? (value as readonly unknown[])).length) {
      text += keys === null ? ']' : '}';
      stack.pop();
      continue;
    }
    if (next > 0) text += ',';
    frame.next = next + 1;
    const key = keys?.[next];
    const member =
      key === undefined ? (value as readonly unknown[])[next] : (value as Members)[key];
    if (key !== undefined) {
      text += `"${key}":`;
      visit(key, member);
    }
    if (typeof member !== 'object' || member === null) {
      text += scalar(member);
    } else if (Array.isArray(member)) {
      text += '[';
      stack.push({ value: member, keys: null, next: 0 });
    } else {
      text += '{';
      stack.push({ value: member as Members, keys: keysOf(member as Members), next: 0 });
    }
  }
  return text;
}

type Members = Readonly<Record<string, unknown>>;

/** Keys of the parser's own: identifiers, never text of the caller. */
function keysOf(members: Members): readonly string[] {
  const keys: string[] = [];
  for (const key in members) {
    if (members[key] === undefined) continue;
    if (POSITIONS.has(key) && typeof members[key] === 'number') continue;
    keys.push(key);
  }
  return keys.length < 2 ? keys : keys.sort();
}

function scalar(value: unknown): string {
  switch (typeof value) {
    case 'string':
    case 'number':
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    default:
      // Null stands where the tree has an empty list element, such as an omitted array bound.
      if (value !== null) throw new TypeError('a parse tree holds JSON values only');
      return 'null';
  }
}
