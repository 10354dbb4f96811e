// postern.yaml → Policy, or everything that is wrong with it, with line and column. YAML 1.2, one document, no unknown
// keys, no unknown tags; nothing is guessed. The same function runs in `postern plan` and in the gateway.
import {
  LineCounter,
  isNode,
  isPair,
  isMap,
  isScalar,
  parseDocument,
  visit,
  type Document,
} from 'yaml';
import type { z } from 'zod';
import type { Result } from '../failure.ts';
import { policyDocument, type PolicyDocument } from './document.ts';
import { policyModel } from './model.ts';
import { policyNotify } from './notify.ts';
import { policyIssuer, type Policy } from './policy.ts';
import type { DocumentProblem, PolicyProblem } from './problem.ts';
import { documentProblems } from './references.ts';
import { policyTarget } from './target.ts';
import { unenforcedProblems } from './unenforced.ts';

/** A D1 statement is limited to 100 KB, and a revision is written by one. */
export const MAX_POLICY_BYTES = 90_000;

/** An alias is copied where it is used; this many copies are enough for shared lists and too few for a bomb. */
const MAX_ALIASES = 100;

/**
 * `development` accepts loopback http issuers and plaintext loopback targets. All problems of the first stage that finds
 * any are reported: syntax, then shape, then meaning.
 */
export function parsePolicy(
  text: string,
  options: { readonly development: boolean },
): Result<Policy, readonly PolicyProblem[]> {
  const loaded = load(text);
  if (!loaded.ok) return loaded;
  const { source, document } = loaded.value;
  const problems = [...documentProblems(document, options), ...unenforcedProblems(document)];
  if (problems.length > 0)
    return { ok: false, error: problems.map((problem) => source.locate(problem)) };
  return {
    ok: true,
    value: {
      issuers: document.issuers.map(policyIssuer),
      targets: document.targets.flatMap((target) => policyTarget(target) ?? []),
      rules: document.rules,
      models: (document.models ?? []).map(policyModel),
      masks: document.masks ?? [],
      limits: document.limits ?? [],
      audit: { read: document.audit?.read ?? null, kill: document.audit?.kill ?? null },
      retention: {
        indexSeconds: document.retention?.index ?? null,
        recordingsSeconds: document.retention?.recordings ?? null,
      },
      notify: policyNotify(document.notify),
    },
  };
}

function load(
  text: string,
): Result<
  { readonly source: Source; readonly document: PolicyDocument },
  readonly PolicyProblem[]
> {
  if (new TextEncoder().encode(text).length > MAX_POLICY_BYTES) {
    const message = `the file is larger than ${MAX_POLICY_BYTES} bytes`;
    return { ok: false, error: [{ message, line: 1, column: 1, path: '' }] };
  }
  const lines = new LineCounter();
  const yaml = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    schema: 'core',
  });
  const source = new Source(text, yaml, lines);
  const faults = [...yaml.errors, ...yaml.warnings];
  if (faults.length > 0) {
    return { ok: false, error: faults.map(({ message, pos }) => source.at(pos[0], message, '')) };
  }
  const special = specialKeys(yaml);
  if (special.length > 0) {
    return {
      ok: false,
      error: special.map((offset) => source.at(offset, '__proto__ is no name', '')),
    };
  }
  let plain: unknown;
  try {
    plain = yaml.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    const message = error instanceof Error ? error.message : 'not readable';
    return { ok: false, error: [source.at(0, message, '')] };
  }
  const parsed = policyDocument.safeParse(plain);
  if (!parsed.success) {
    return {
      ok: false,
      error: parsed.error.issues.flatMap((issue) => shape(issue, [])).map((p) => source.locate(p)),
    };
  }
  return { ok: true, value: { source, document: parsed.data } };
}

/** Offsets of keys that JavaScript objects, and so zod, would drop without a word. */
function specialKeys(yaml: Document): number[] {
  const offsets: number[] = [];
  visit(yaml, {
    Pair(_, { key }) {
      if (isScalar(key) && key.value === '__proto__') offsets.push(key.range?.[0] ?? 0);
    },
  });
  return offsets;
}

type Issue = z.core.$ZodIssue;
type Key = string | number;

/** One zod issue as the problems it stands for: each unknown key on its own, and the nearest branch of a union. */
function shape(issue: Issue, prefix: readonly Key[]): DocumentProblem[] {
  const path = [
    ...prefix,
    ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key)),
  ];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: [...path, key],
        message: 'there is no such key',
        atKey: true,
      }));
    case 'invalid_union': {
      const nearest = issue.errors.toSorted((a, b) => misfit(a) - misfit(b))[0] ?? [];
      return nearest.flatMap((inner) => shape(inner, path));
    }
    case 'invalid_key':
      return [{ path, message: issue.issues[0]?.message ?? issue.message, atKey: true }];
    default:
      return [{ path, message: issue.message.replace(/^Invalid input: /, '') }];
  }
}

/** How far a value is from a branch of a union: a wrong type at its root is the farthest, then unknown keys. */
function misfit(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => {
    if (issue.path.length === 0) return sum + (issue.code === 'unrecognized_keys' ? 10 : 100);
    return sum + 1;
  }, 0);
}

/** The text with its syntax tree: turns paths into positions. */
class Source {
  readonly #text: string;
  readonly #yaml: Document;
  readonly #lines: LineCounter;

  constructor(text: string, yaml: Document, lines: LineCounter) {
    this.#text = text;
    this.#yaml = yaml;
    this.#lines = lines;
  }

  at(offset: number, message: string, path: string): PolicyProblem {
    const { line, col } = this.#lines.linePos(offset);
    return { message, line: Math.max(line, 1), column: Math.max(col, 1), path };
  }

  locate(problem: DocumentProblem): PolicyProblem {
    const offset = this.#offset(problem);
    return this.at(offset, problem.message, problem.path.join('.'));
  }

  #offset({ path, offset, atKey = false }: DocumentProblem): number {
    if (atKey) {
      const key = this.#keyOffset(path);
      if (key !== null) return key;
    }
    // A value that is missing has no place of its own; its nearest ancestor has.
    for (let depth = path.length; depth >= 0; depth--) {
      const node = depth === 0 ? this.#yaml.contents : this.#yaml.getIn(path.slice(0, depth), true);
      if (!isNode(node) || !node.range) continue;
      const start = node.range[0];
      return depth === path.length ? start + this.#inside(node, offset) : start;
    }
    return 0;
  }

  #keyOffset(path: readonly Key[]): number | null {
    const parent =
      path.length === 1 ? this.#yaml.contents : this.#yaml.getIn(path.slice(0, -1), true);
    if (!isMap(parent)) return null;
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && item.key.value === path.at(-1),
    );
    return isNode(pair?.key) && pair.key.range ? pair.key.range[0] : null;
  }

  /** Offset within a string, when it is written as it is read (plain or quoted without escapes); else its start. */
  #inside(node: unknown, offset: number | undefined): number {
    if (offset === undefined || !isScalar(node) || typeof node.value !== 'string' || !node.range)
      return 0;
    const [start, end] = node.range;
    const written = this.#text.slice(start, end);
    const quote = written.startsWith("'") || written.startsWith('"') ? 1 : 0;
    return written.slice(quote, quote + node.value.length) === node.value ? quote + offset : 0;
  }
}
