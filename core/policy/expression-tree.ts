// Looks through a parsed CEL expression for what its type checker cannot see: literals that can never match the field they
// are compared with, iteration variables that hide a declared one, calls of methods that need care. Knows the shape of
// the library's nodes and nothing else of it.
import { LITERALS } from './vocabulary.ts';

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

/** `Type.field` when the node reads a declared field, by dot or by literal index; null otherwise. */
export function fieldOf(node: unknown): string | null {
  if (!isNode(node) || !Array.isArray(node.args)) return null;
  const [object, key] = node.args as [unknown, unknown];
  const type = isNode(object) ? object.checkedType?.name : undefined;
  if (type === undefined) return null;
  if (node.op === '.') return `${type}.${String(key)}`;
  const literal = node.op === '[]' ? text(key) : null;
  return literal === null ? null : `${type}.${literal}`;
}

/** Every pair of a declared field and a string literal that the expression compares by ==, != or in. */
export function comparisons(
  nodes: readonly ExpressionNode[],
): { readonly field: string; readonly literal: string; readonly offset: number }[] {
  return nodes.flatMap((node) => {
    if (!['==', '!=', 'in'].includes(node.op) || !Array.isArray(node.args)) return [];
    const [left, right] = node.args as [unknown, unknown];
    return [...paired(left, right), ...paired(right, left)];
  });
}

function paired(side: unknown, other: unknown) {
  const field = fieldOf(side);
  if (field === null) return [];
  const literals =
    isNode(other) && other.op === 'list' && Array.isArray(other.args) ? other.args : [other];
  return (literals as unknown[]).flatMap((node) => {
    const literal = text(node);
    return literal === null || !isNode(node) ? [] : [{ field, literal, offset: node.start }];
  });
}

/** The first literal that can never match; null when there is none. Needs a checked expression. */
export function literalProblem(
  nodes: readonly ExpressionNode[],
  sets: LiteralSets,
): TreeProblem | null {
  for (const { field, literal, offset } of comparisons(nodes)) {
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
