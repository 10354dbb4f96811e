// What a GraphQL document does: which operations, on which fields. graphql-js parses; there is no schema here, so fields are
// named by their path from the root (`user.repositories`), types unknown. A doubt never hides a field: directives are taken
// as if they let everything through, and every operation of a document counts, whichever is named to run.
// @see https://spec.graphql.org/September2025/#sec-Executable-Definitions
import {
  parse,
  type DocumentNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { GRAPHQL_OPERATIONS, type GraphqlFacts, type GraphqlOperation } from '../facts.ts';
import {
  MAX_GRAPHQL_CHARS,
  MAX_GRAPHQL_DEPTH,
  MAX_GRAPHQL_FIELDS,
  MAX_GRAPHQL_TOKENS,
} from '../limits.ts';

export type GraphqlDoubt =
  | 'graphql_unparsable'
  | 'graphql_too_large'
  | 'graphql_operation' // nothing to run, or not the operation that is named
  | 'graphql_fragment' // one that is missing, defined twice or contains itself
  | 'graphql_persisted' // the document is at the target, under a hash or an id
  | 'graphql_request'; // not the shape of a GraphQL request

export type ReadGraphql =
  | { readonly ok: true; readonly facts: GraphqlFacts }
  | { readonly ok: false; readonly doubt: GraphqlDoubt };

/** Facts of one document. `operationName` null: the document must have one operation only (section 6.1). */
export function readGraphql(text: string, operationName: string | null): ReadGraphql {
  let document: DocumentNode;
  try {
    document = parse(text, { noLocation: true, maxLexicalTokens: MAX_GRAPHQL_TOKENS });
  } catch {
    // A syntax error, too many tokens, or deeper than the parser's stack (the tokens bound that). Its words may quote the
    // text, so they go no further.
    return doubt('graphql_unparsable');
  }
  const fragments = new Map<string, FragmentDefinitionNode>();
  const operations: { kind: GraphqlOperation; name: string; body: SelectionSetNode }[] = [];
  for (const definition of document.definitions) {
    switch (definition.kind) {
      case 'OperationDefinition': {
        const kind = operationKind(definition.operation);
        if (kind === null) return doubt('graphql_operation');
        operations.push({
          kind,
          name: definition.name?.value ?? '',
          body: definition.selectionSet,
        });
        break;
      }
      case 'FragmentDefinition':
        if (fragments.has(definition.name.value)) return doubt('graphql_fragment');
        fragments.set(definition.name.value, definition);
        break;
      default:
        return doubt('graphql_operation');
    }
  }
  const named = operations.filter(({ name }) => name === operationName);
  const runs = operationName === null ? operations : named;
  if (runs.length !== 1) return doubt('graphql_operation');
  const walk = new FieldWalk(fragments);
  for (const { body } of operations) {
    const failed = walk.operation(body);
    if (failed !== null) return doubt(failed);
  }
  const name = runs[0]?.name ?? '';
  return {
    ok: true,
    facts: combined(
      operations.map(({ kind }) => kind),
      name,
      walk.fields,
    ),
  };
}

/** Facts of a batch: the gravest operation, the fields of all. */
export function batchedGraphql(all: readonly GraphqlFacts[]): GraphqlFacts {
  return combined(
    all.map(({ operation }) => operation),
    all.length === 1 ? (all[0]?.name ?? '') : '',
    new Set(all.flatMap(({ fields }) => fields)),
  );
}

function combined(
  kinds: readonly GraphqlOperation[],
  name: string,
  fields: ReadonlySet<string>,
): GraphqlFacts {
  const ranks = kinds.map((kind) => GRAPHQL_OPERATIONS.indexOf(kind));
  const sorted = [...fields].sort();
  return {
    operation: GRAPHQL_OPERATIONS[Math.max(...ranks)] ?? 'mutation',
    name,
    fields: sorted,
    roots: sorted.filter((path) => !path.includes('.')),
  };
}

/** Writes fragments out where they are spread, within bounds. */
class FieldWalk {
  readonly fields = new Set<string>();
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** Fragments that are being written out: meeting one again is a cycle. */
  readonly #open = new Set<string>();
  /** `prefix` and fragment of those that have been: the same twice adds nothing. */
  readonly #done = new Set<string>();
  #left = MAX_GRAPHQL_FIELDS;
  #charsLeft = MAX_GRAPHQL_CHARS;

  constructor(fragments: ReadonlyMap<string, FragmentDefinitionNode>) {
    this.#fragments = fragments;
  }

  operation(body: SelectionSetNode): GraphqlDoubt | null {
    const failed = this.#select(body, '', 0);
    // Empty selections exist in newer grammars only; an operation of nothing is not understood.
    return failed ?? (this.fields.size === 0 ? 'graphql_operation' : null);
  }

  #select(set: SelectionSetNode, prefix: string, depth: number): GraphqlDoubt | null {
    if (depth > MAX_GRAPHQL_DEPTH) return 'graphql_too_large';
    for (const selection of set.selections) {
      if (--this.#left < 0) return 'graphql_too_large';
      let failed: GraphqlDoubt | null;
      switch (selection.kind) {
        case 'Field': {
          const path = prefix + selection.name.value;
          this.#charsLeft -= path.length;
          if (this.#charsLeft < 0) return 'graphql_too_large';
          this.fields.add(path);
          const below = selection.selectionSet;
          failed = below === undefined ? null : this.#select(below, `${path}.`, depth + 1);
          break;
        }
        case 'InlineFragment':
          failed = this.#select(selection.selectionSet, prefix, depth + 1);
          break;
        case 'FragmentSpread':
          failed = this.#spread(selection.name.value, prefix, depth + 1);
          break;
        default:
          return 'graphql_unparsable';
      }
      if (failed !== null) return failed;
    }
    return null;
  }

  #spread(name: string, prefix: string, depth: number): GraphqlDoubt | null {
    const fragment = this.#fragments.get(name);
    if (fragment === undefined || this.#open.has(name)) return 'graphql_fragment';
    const mark = `${prefix} ${name}`;
    if (this.#done.has(mark)) return null;
    this.#done.add(mark);
    this.#open.add(name);
    const failed = this.#select(fragment.selectionSet, prefix, depth);
    this.#open.delete(name);
    return failed;
  }
}

function operationKind(word: string): GraphqlOperation | null {
  return GRAPHQL_OPERATIONS.find((kind) => kind === word) ?? null;
}

function doubt(word: GraphqlDoubt): ReadGraphql {
  return { ok: false, doubt: word };
}
