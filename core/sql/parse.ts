// The shape of a parsed text. The parser itself is a WASM module and therefore outside: adapters/sql-parser.ts in the
// Worker, test/support/sql-parser.ts on Node. The tree is libpg_query's JSON of Postgres 18's raw parse tree: every node
// is `{ Tag: fields }`, and fields that are zero, false or empty are left out.
import type { Node } from '@pgsql/types';

export type {
  A_Const,
  A_Expr,
  Alias,
  AlterTableCmd,
  ColumnRef,
  CommonTableExpr,
  DefElem,
  FuncCall,
  IntoClause,
  JoinExpr,
  JsonTable,
  LockingClause,
  MergeWhenClause,
  Node,
  ObjectType,
  OnConflictClause,
  RangeFunction,
  RangeSubselect,
  RangeTableFunc,
  RangeTableSample,
  RangeVar,
  ResTarget,
  ReturningClause,
  SelectStmt,
  SubLink,
  TypeName,
  VariableSetStmt,
  WindowDef,
  WithClause,
} from '@pgsql/types';

export type NodeTag = Node extends infer N ? (N extends unknown ? keyof N : never) : never;
/** Fields of the node with this tag. */
export type Ast<T extends NodeTag> = Extract<Node, Record<T, unknown>>[T];

export interface ParsedStatement {
  readonly node: Node;
  /** Where it stands in the text, in bytes of its UTF-8 form; a length of 0 means up to the end. */
  readonly location: number;
  readonly length: number;
}

export type ParseFailure =
  /** Postgres itself would not accept the text. `cursor` is the 1-based character position, 0 when unknown. */
  | { readonly kind: 'syntax'; readonly message: string; readonly cursor: number }
  /** Holds NUL or an unpaired surrogate: server and parser would not read the same text. */
  | { readonly kind: 'encoding' }
  | { readonly kind: 'too_large' }
  /** The parser crashed or ran out of room. Nothing is known about the text. */
  | { readonly kind: 'unclassifiable' };

export type ParseResult =
  | { readonly ok: true; readonly statements: readonly ParsedStatement[] }
  | { readonly ok: false; readonly failure: ParseFailure };

/** Never throws. */
export type ParseSql = (sql: string) => ParseResult;

/** The tag of a node: its only key. */
export function tagOf(node: Node): NodeTag {
  for (const tag in node) return tag as NodeTag;
  return EMPTY;
}

/** DISTINCT without ON is a list of one node without a tag; no table lists it. */
const EMPTY = '' as NodeTag;

export function isEmptyNode(node: Node): boolean {
  return tagOf(node) === EMPTY;
}

/** Fields of `node` when it carries `tag`. */
export function as<T extends NodeTag>(node: Node | undefined, tag: T): Ast<T> | undefined {
  return node === undefined ? undefined : (node as unknown as { [K in T]?: Ast<K> })[tag];
}

/** The string of a String node, else the empty string. */
export function text(node: Node | undefined): string {
  return as(node, 'String')?.sval ?? '';
}

/** A dotted name as its parts. */
export function nameParts(nodes: readonly Node[] | undefined): string[] {
  return nodes === undefined ? [] : nodes.map(text);
}

/** The part of `sql` that one statement takes, without the separating semicolon. */
export function statementText(sql: string, statement: ParsedStatement): string {
  const { location, length } = statement;
  if (location === 0 && length === 0) return sql;
  const bytes = new TextEncoder().encode(sql);
  const end = length === 0 ? bytes.length : location + length;
  return new TextDecoder().decode(bytes.subarray(location, end));
}
