// What the file format has and this version does not enforce. Each line is refused at load, so that nobody believes in a
// limit that is not applied. Building the feature means removing its line, and nothing else here.
import type { PolicyDocument } from './document.ts';
import type { DocumentProblem } from './problem.ts';

interface Unenforced {
  /** Keys from the root; `*` is every element of a list. */
  readonly at: readonly string[];
  /** Only these values are refused; without it, the key itself is. */
  readonly values?: readonly string[];
  readonly what: string;
}

export const UNENFORCED: readonly Unenforced[] = [
  { at: ['targets', '*', 'record'], values: ['results'], what: 'record: results is' },
];

/** Kinds of targets that have an engine. */
const SERVED_KINDS: readonly string[] = ['postgres', 'http', 'mcp'];

export function unenforcedProblems(document: PolicyDocument): DocumentProblem[] {
  const problems = UNENFORCED.flatMap(({ at, values, what }) =>
    found(document, at, []).flatMap(({ path, value }) => {
      if (values !== undefined && !values.includes(String(value))) return [];
      return [
        { path, message: `${what} not enforced by this version; remove it rather than rely on it` },
      ];
    }),
  );
  const kinds = document.targets.flatMap(({ kind }, index) =>
    SERVED_KINDS.includes(kind)
      ? []
      : [
          {
            path: ['targets', index, 'kind'],
            message: `targets of kind ${kind} are not served by this version`,
          },
        ],
  );
  return [...problems, ...kinds];
}

type Found = { readonly path: readonly (string | number)[]; readonly value: unknown };

function found(
  node: unknown,
  keys: readonly string[],
  path: readonly (string | number)[],
): Found[] {
  const [key, ...rest] = keys;
  if (key === undefined) return [{ path, value: node }];
  if (key === '*') {
    return Array.isArray(node)
      ? node.flatMap((item, index) => found(item, rest, [...path, index]))
      : [];
  }
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return [];
  const value = (node as Record<string, unknown>)[key];
  return value === undefined ? [] : found(value, rest, [...path, key]);
}
