// CEL, and the only importer of its library (https://cel.dev, @marcbachmann/cel-js). Expressions are parsed and type-checked
// once, at load: an unknown name, an unknown field or a literal that cannot match never reaches a decision. At run time a
// condition holds only if it gives exactly `true`; everything that goes wrong is a value with `error`, never an exception.
//
// The library's own matches() is JavaScript's backtracking RegExp. Every call of it is bound to RE2 instead (linear time),
// and its pattern must be a literal, so that no caller can bring one along.
import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';
import type { Result } from '../failure.ts';
import {
  comparisons,
  conjuncts,
  literalProblem,
  methodCall,
  shadowed,
  structure,
  text,
  unknownField,
  walk,
  type ExpressionNode,
  type LiteralSets,
  type TreeProblem,
} from './expression-tree.ts';
import { FUTURE_FACT_NAMES, SCOPES, TYPES, type Scope } from './vocabulary.ts';

/** Small enough to be read by a human, and to be evaluated in microseconds. */
const LIMITS = {
  maxAstNodes: 500,
  maxDepth: 32,
  maxListElements: 200,
  maxMapEntries: 50,
  maxCallArguments: 8,
};

/** What `matches` is renamed to in every parsed tree before it is checked. */
const LINEAR_MATCHES = 'matchesRe2';

export interface ConditionError {
  /** One sentence that names what the expression names, and no value from a token or a statement. */
  readonly error: string;
}

export type Verdict = boolean | ConditionError;
export type Variables = Readonly<Record<string, unknown>>;

/** A compiled expression; pure, and shared by every session of a policy revision. */
export interface Condition {
  readonly source: string;
  /** The parsed tree without its positions: equal for texts that mean the same by their grammar. */
  readonly tree: string;
  /** Declared variables it names. */
  readonly names: ReadonlySet<string>;
  /** String literals it compares `action.kind` with. */
  readonly actionKinds: ReadonlySet<string>;
  /** True only for exactly true, false only for exactly false; anything else is an error. */
  holds(variables: Variables): Verdict;
  /**
   * The expressions that `&&` joins at its top; empty when it joins none. All true: it is true. Any false: it is
   * false, whatever fails beside it (CEL's && is commutative). So each can be asked when what it names is known.
   */
  readonly parts: readonly Condition[];
  /** The bare value, for subject and groupsFrom. */
  value(variables: Variables): Result<unknown, ConditionError>;
}

export type ConditionProblem = TreeProblem;

/** What an expression must give: a boolean, a string, or a list of strings. `dyn` is checked when it is evaluated. */
type Wanted = keyof typeof WANTED;
const WANTED = {
  bool: ['bool', 'dyn'],
  string: ['string', 'dyn'],
  names: ['list<string>', 'list', 'dyn'],
} as const;

const patterns = new Map<string, RE2JS>();
const environments = new Map<Scope, Environment>();

function environment(scope: Scope): Environment {
  const known = environments.get(scope);
  if (known !== undefined) return known;
  const fresh = new Environment({ limits: LIMITS });
  for (const [name, { ctor, fields }] of Object.entries(TYPES)) {
    fresh.registerType(name, { ctor, fields });
  }
  for (const [name, type] of Object.entries(SCOPES[scope])) fresh.registerVariable(name, type);
  fresh.registerFunction(`string.${LINEAR_MATCHES}(string): bool`, linearMatch, { async: false });
  environments.set(scope, fresh);
  return fresh;
}

function linearMatch(input: string, pattern: string): boolean {
  const compiled = patterns.get(pattern);
  if (compiled === undefined) throw new Error('pattern was not compiled at load');
  return compiled.matcher(input).find();
}

/** Compiles and checks `source` for its place in the policy file. `sets` are the names the file itself defines. */
export function compileCondition(
  source: string,
  scope: Scope,
  wanted: Wanted = 'bool',
  sets: LiteralSets = {},
): Result<Condition, ConditionProblem> {
  const declared = new Set(Object.keys(SCOPES[scope]));
  let program: ReturnType<Environment['parse']>;
  try {
    program = environment(scope).parse(source);
  } catch (error) {
    return { ok: false, error: loadProblem(error) };
  }
  const nodes = walk(program.ast);
  const unsafe = shadowed(nodes, declared) ?? bindMatches(nodes) ?? zoneProblem(nodes);
  if (unsafe !== null) return { ok: false, error: unsafe };
  const { valid, type = 'dyn', error } = program.check();
  if (!valid) return { ok: false, error: loadProblem(error) };
  if (!(WANTED[wanted] as readonly string[]).includes(type)) {
    return {
      ok: false,
      error: { message: `must give ${WANTED[wanted][0]}, gives ${type}`, offset: 0 },
    };
  }
  const literal = unknownField(nodes) ?? literalProblem(program.ast, sets);
  if (literal !== null) return { ok: false, error: literal };
  return { ok: true, value: condition(source, program, nodes, scope) };
}

/**
 * The parts of a conjunction, each compiled from its own text. Positions in the tree are the library's word; a text that
 * does not parse to the very same tree is not used, and the condition stays whole.
 */
function parts(source: string, root: ExpressionNode, scope: Scope): readonly Condition[] {
  const nodes = conjuncts(root);
  if (nodes.length === 1) return [];
  const compiled = nodes.flatMap((node) => {
    const own = compileCondition(source.slice(node.start, node.end), scope);
    return own.ok && own.value.tree === structure(node) ? [own.value] : [];
  });
  return compiled.length === nodes.length ? compiled : [];
}

function condition(
  source: string,
  program: ReturnType<Environment['parse']>,
  nodes: readonly ExpressionNode[],
  scope: Scope,
): Condition {
  const declared = new Set(Object.keys(SCOPES[scope]));
  const identifiers = nodes.flatMap(({ op, args }) =>
    op === 'id' && typeof args === 'string' && declared.has(args) ? [args] : [],
  );
  const kinds = comparisons(program.ast).flatMap(({ field, literal }) =>
    field === 'Action.kind' ? [literal] : [],
  );
  return {
    source,
    tree: structure(program.ast),
    names: new Set(identifiers),
    actionKinds: new Set(kinds),
    parts: parts(source, program.ast, scope),
    holds(variables) {
      try {
        const value: unknown = program(variables);
        return typeof value === 'boolean' ? value : { error: 'It gave no boolean.' };
      } catch (error) {
        return { error: runProblem(error, source) };
      }
    },
    value(variables) {
      try {
        return { ok: true, value: program(variables) as unknown };
      } catch (error) {
        return { ok: false, error: { error: runProblem(error, source) } };
      }
    },
  };
}

/** Binds every `matches` to RE2. The nodes are this parse's own, so renaming them in place touches nothing else. */
function bindMatches(nodes: readonly ExpressionNode[]): TreeProblem | null {
  for (const node of nodes) {
    const call = methodCall(node);
    if (call?.name !== 'matches' && call?.name !== LINEAR_MATCHES) continue;
    const pattern = call.args.length === 1 ? text(call.args[0]) : null;
    if (pattern === null) {
      return { message: 'matches() takes one string literal, in RE2 syntax', offset: node.start };
    }
    if (!patterns.has(pattern)) {
      try {
        patterns.set(pattern, RE2JS.compile(pattern));
      } catch (error) {
        const why = error instanceof Error ? error.message : 'not RE2 syntax';
        return { message: `"${pattern}" is no RE2 pattern: ${why}`, offset: node.start };
      }
    }
    (node.args as unknown[])[0] = LINEAR_MATCHES;
  }
  return null;
}

const CLOCK_METHOD =
  /^get(?:Date|DayOf(?:Month|Week|Year)|FullYear|Hours|Milliseconds|Minutes|Month|Seconds)$/;

/** A misspelt time zone would only show when the condition runs. */
function zoneProblem(nodes: readonly ExpressionNode[]): TreeProblem | null {
  for (const node of nodes) {
    const call = methodCall(node);
    if (call === null || !CLOCK_METHOD.test(call.name) || call.args.length === 0) continue;
    const zone = text(call.args[0]);
    if (zone === null)
      return { message: 'the time zone must be a string literal', offset: node.start };
    try {
      new Date(0).toLocaleString('en-US', { timeZone: zone });
    } catch {
      return { message: `"${zone}" is no time zone`, offset: node.start };
    }
  }
  return null;
}

interface LibraryError {
  readonly summary?: string;
  readonly code?: string;
  readonly range?: { readonly start: number };
}

function loadProblem(error: unknown): ConditionProblem {
  const { summary, range } = (error ?? {}) as LibraryError;
  const offset = range?.start ?? 0;
  const unknown = /^Unknown variable: (\w+)$/.exec(summary ?? '')?.[1];
  if (unknown !== undefined && FUTURE_FACT_NAMES.includes(unknown)) {
    return { message: `${unknown} facts are not served by this version`, offset };
  }
  return { message: summary ?? 'not a CEL expression', offset };
}

/** Codes whose text names types and keys only. The others may quote what a caller sent. */
const QUOTABLE = new Set([
  'no_such_key',
  'no_such_overload',
  'no_matching_overload',
  'invalid_logical_operand',
  'invalid_condition_type',
  'variable_type_mismatch',
  'unknown_variable',
  'index_out_of_bounds',
]);

function runProblem(error: unknown, source: string): string {
  const { summary, code = 'failed' } = (error ?? {}) as LibraryError;
  // A key can be computed from a claim; it is only repeated when the policy's author wrote it.
  const key = code === 'no_such_key' ? summary?.replace('No such key: ', '') : undefined;
  const quotable =
    summary !== undefined && QUOTABLE.has(code) && (key === undefined || source.includes(key));
  return quotable ? summary : `It could not be evaluated (${code}).`;
}
