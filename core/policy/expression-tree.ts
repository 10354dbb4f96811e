// Looks through a parsed CEL expression for what its type checker cannot see: literals that can never match the field they
// are compared with, iteration variables that hide a declared one, calls of methods that need care. Knows the shape of
// the library's nodes and nothing else of it.
import { LITERALS, NULLABLE, TYPES } from './vocabulary.ts';

/** What this file needs of a node. `checkedType` is there after the check. */
export interface ExpressionNode {
  readonly op: string;
  readonly args: unknown;
  readonly start: number;
  readonly end: number;
  readonly checkedType?: { readonly name: string };
}

/** Names the policy file itself defines, by the field that holds them. */
export type LiteralSets = Readonly<Record<string, ReadonlySet<string>>>;

export interface TreeProblem {
  readonly message: string;
  /** Offset in the expression, in UTF-16 units. */
  readonly offset: number;
}

const ITERATING = new Set(['all', 'exists', 'exists_one', 'map', 'filter', 'bind']);

/** Every node, parents first. Macro calls stand as written: their expansion shares these nodes. */
export function walk(root: unknown): ExpressionNode[] {
  const nodes: ExpressionNode[] = [];
  const pending: unknown[] = [root];
  while (pending.length > 0) {
    const next = pending.pop();
    if (Array.isArray(next)) {
      pending.push(...(next as unknown[]).toReversed());
    } else if (isNode(next)) {
      nodes.push(next);
      // A literal's value can be bytes or a number, never a node.
      if (next.op !== 'value') pending.push(next.args);
    }
  }
  return nodes;
}

function isNode(value: unknown): value is ExpressionNode {
  return typeof value === 'object' && value !== null && 'op' in value && 'args' in value;
}

/** What `&&` joins at the top of a tree, in order; the tree itself when nothing is joined. */
export function conjuncts(root: ExpressionNode): ExpressionNode[] {
  if (root.op !== '&&' || !Array.isArray(root.args)) return [root];
  return (root.args as ExpressionNode[]).flatMap(conjuncts);
}

/** A tree as text, without positions: equal trees are equal texts. */
export function structure(node: unknown): string {
  if (isNode(node)) return `(${node.op} ${structure(node.args)})`;
  if (Array.isArray(node)) return `[${node.map(structure).join(' ')}]`;
  if (typeof node === 'bigint') return `${node}n`;
  if (node instanceof Uint8Array) return `bytes ${node.join()}`;
  // Unsigned integers are the one literal that is an object; its value is what it compares as.
  if (typeof node === 'object' && node !== null) return `uint ${Number(node)}`;
  return `${typeof node} ${JSON.stringify(node)}`;
}

/** A method call's name, receiver and arguments; null for other nodes. */
export function methodCall(
  node: ExpressionNode,
): { readonly name: string; readonly args: readonly ExpressionNode[] } | null {
  if (node.op !== 'rcall' || !Array.isArray(node.args)) return null;
  const [name, , args] = node.args as [string, ExpressionNode, ExpressionNode[]];
  return { name, args };
}

/** The string a literal node stands for; null for other nodes. */
export function text(node: unknown): string | null {
  return isNode(node) && node.op === 'value' && typeof node.args === 'string' ? node.args : null;
}

/** `[1].exists(sql, sql > 0)` would make `sql` mean two things, and the rule's place in the decision depends on it. */
export function shadowed(
  nodes: readonly ExpressionNode[],
  declared: ReadonlySet<string>,
): TreeProblem | null {
  for (const node of nodes) {
    const call = methodCall(node);
    const variable = call !== null && ITERATING.has(call.name) ? call.args[0] : undefined;
    if (variable?.op === 'id' && typeof variable.args === 'string' && declared.has(variable.args)) {
      return {
        message: `${variable.args} is taken: name the iteration variable otherwise`,
        offset: variable.start,
      };
    }
  }
  return null;
}

/** Iteration variables in force, each with the list field it runs over. */
type Bindings = ReadonlyMap<string, string>;

/**
 * `Type.field` when the node reads a declared field by dot or literal index, an element of a declared list, or an
 * iteration variable over one; null otherwise. An element is checked like the list's own literals.
 */
export function fieldOf(node: unknown, bindings: Bindings = new Map()): string | null {
  if (!isNode(node)) return null;
  if (node.op === 'id') return bindings.get(String(node.args)) ?? null;
  if (!Array.isArray(node.args)) return null;
  const [object, key] = node.args as [unknown, unknown];
  const type = typeOf(object, bindings);
  if (node.op === '.') return `${type}.${String(key)}`;
  if (node.op !== '[]') return null;
  const literal = text(key);
  if (literal !== null) return `${type}.${literal}`;
  return type === 'list<string>' ? fieldOf(object, bindings) : null;
}

/** The type of what a field is read from. What may be null is `dyn` for the checker, and has its own type here. */
function typeOf(object: unknown, bindings: Bindings): string {
  if (!isNode(object)) return '';
  const checked = object.checkedType?.name ?? '';
  if (checked !== '' && checked !== 'dyn') return checked;
  return NULLABLE[fieldOf(object, bindings) ?? ''] ?? checked;
}

/** A field that what may be null never has, such as http.graphql.operaton: the checker does not look behind `dyn`. */
export function unknownField(nodes: readonly ExpressionNode[]): TreeProblem | null {
  for (const node of nodes) {
    const [type, field] = fieldOf(node)?.split('.', 2) ?? [];
    const object = Array.isArray(node.args) ? (node.args as unknown[])[0] : null;
    if (type === undefined || field === undefined || node.op === 'id') continue;
    if (!Object.values(NULLABLE).some((name) => name === type) || !isNode(object)) continue;
    if (Object.hasOwn(TYPES[type as keyof typeof TYPES].fields, field)) continue;
    return { message: `No such key: ${field}`, offset: node.start };
  }
  return null;
}

export interface Comparison {
  readonly field: string;
  readonly literal: string;
  readonly offset: number;
}

/** Fields whose beginnings look like the whole: a wrong one is as useless in startsWith() as in ==. */
const BEGINNINGS: ReadonlySet<string> = new Set(['Http.path']);

/** Every pair of a declared field and a string literal that the expression compares by ==, != or in. */
export function comparisons(root: unknown, bindings: Bindings = new Map()): Comparison[] {
  if (Array.isArray(root)) return root.flatMap((child) => comparisons(child, bindings));
  if (!isNode(root) || root.op === 'value') return [];
  const call = methodCall(root);
  if (call !== null) {
    const [, receiver] = root.args as [string, unknown];
    const inner = bound(call, receiver, bindings);
    const field = call.name === 'startsWith' ? fieldOf(receiver, bindings) : null;
    const begun =
      field !== null && BEGINNINGS.has(field) ? paired(receiver, call.args[0], bindings) : [];
    return [...begun, ...comparisons(receiver, bindings), ...comparisons(call.args, inner)];
  }
  const [left, right] = Array.isArray(root.args) ? (root.args as [unknown, unknown]) : [];
  const own = ['==', '!=', 'in'].includes(root.op)
    ? [...paired(left, right, bindings), ...paired(right, left, bindings)]
    : [];
  return [...own, ...comparisons(root.args, bindings)];
}

/** `sql.tables.exists(t, …)` makes `t` stand for one of Sql.tables; any other use of the name hides that. */
function bound(
  { name, args }: { readonly name: string; readonly args: readonly ExpressionNode[] },
  receiver: unknown,
  bindings: Bindings,
): Bindings {
  const [variable] = args;
  if (!ITERATING.has(name) || variable?.op !== 'id') return bindings;
  const field = name === 'bind' ? fieldOf(args[1], bindings) : fieldOf(receiver, bindings);
  const inner = new Map(bindings);
  if (field === null) inner.delete(String(variable.args));
  else inner.set(String(variable.args), field);
  return inner;
}

function paired(side: unknown, other: unknown, bindings: Bindings): Comparison[] {
  const field = fieldOf(side, bindings);
  if (field === null) return [];
  const literals =
    isNode(other) && other.op === 'list' && Array.isArray(other.args) ? other.args : [other];
  return (literals as unknown[]).flatMap((node) => {
    const literal = text(node);
    return literal === null || !isNode(node) ? [] : [{ field, literal, offset: node.start }];
  });
}

/** The first literal that can never match; null when there is none. Needs a checked expression. */
export function literalProblem(root: unknown, sets: LiteralSets): TreeProblem | null {
  for (const { field, literal, offset } of comparisons(root)) {
    const rule = Object.hasOwn(LITERALS, field) ? LITERALS[field] : undefined;
    const name = field.replace(/^.*\./, '');
    if (rule !== undefined && !rule.pattern.test(literal)) {
      return { message: `"${literal}" never matches ${name}: expected ${rule.expected}`, offset };
    }
    const set = Object.hasOwn(sets, field) ? sets[field] : undefined;
    if (set !== undefined && !set.has(literal)) {
      return {
        message: `"${literal}" is no ${field.toLowerCase().replace('.', "'s ")} in this file`,
        offset,
      };
    }
  }
  return null;
}
