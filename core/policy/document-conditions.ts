// Every CEL expression of a policy file: where it stands, what it must give, and what is wrong with it. Also checks that
// a rule's condition belongs to one kind of action, because the facts it names decide which actions ask it (judge.ts).
import { compileCondition, type Condition } from './condition.ts';
import type { PolicyDocument, RuleDocument } from './document.ts';
import type { LiteralSets } from './expression-tree.ts';
import type { DocumentProblem } from './problem.ts';
import { FACTS_OF_KIND, FACT_NAMES, TargetView, type Scope } from './vocabulary.ts';
import type { TargetIdentity } from '../identity.ts';

/** The names a file defines, for literals compared with them. Groups are only known when none comes from a token's list. */
export function literalSets(document: PolicyDocument): LiteralSets {
  const sets: Record<string, ReadonlySet<string>> = {
    'Target.id': new Set(document.targets.map(({ id }) => id)),
    'Principal.issuer': new Set(document.issuers.map(({ id }) => id)),
  };
  if (document.issuers.every(({ groupsFrom }) => groupsFrom === undefined)) {
    sets['Principal.groups'] = new Set(
      document.issuers.flatMap(({ groups }) => Object.keys(groups)),
    );
  }
  return sets;
}

type Path = readonly (string | number)[];
type Place = readonly [
  path: Path,
  source: string | undefined,
  scope: Scope,
  wanted: 'bool' | 'string' | 'names',
];

function places(document: PolicyDocument): Place[] {
  const issuers = document.issuers.flatMap((issuer, i): Place[] => [
    [['issuers', i, 'accept'], issuer.accept, 'claims', 'bool'],
    [['issuers', i, 'subject'], issuer.subject, 'claims', 'string'],
    [['issuers', i, 'groupsFrom'], issuer.groupsFrom, 'claims', 'names'],
    ...Object.entries(issuer.groups).map(([name, source]): Place => [
      ['issuers', i, 'groups', name],
      source,
      'claims',
      'bool',
    ]),
  ]);
  const rules = document.rules.flatMap((rule, i): Place[] => [
    [['rules', i, 'who'], rule.who, 'who', 'bool'],
    [['rules', i, 'on'], cel(rule.on), 'on', 'bool'],
    [['rules', i, 'when'], rule.when, 'when', 'bool'],
  ]);
  const masks = (document.masks ?? []).flatMap((mask, i): Place[] => [
    [['masks', i, 'who'], mask.who, 'mask', 'bool'],
    [['masks', i, 'on'], cel(mask.on), 'on', 'bool'],
    [['masks', i, 'except'], mask.except, 'mask', 'bool'],
  ]);
  const limits = (document.limits ?? []).flatMap(({ who, on }, i): Place[] => [
    [['limits', i, 'who'], who, 'mask', 'bool'],
    [['limits', i, 'on'], cel(on), 'on', 'bool'],
  ]);
  return [
    ...issuers,
    ...rules,
    ...masks,
    ...limits,
    [['audit', 'read'], document.audit?.read, 'audit', 'bool'],
    [['audit', 'kill'], document.audit?.kill, 'audit', 'bool'],
  ];
}

function cel(on: RuleDocument['on']): string | undefined {
  return typeof on === 'string' ? on : undefined;
}

export function conditionProblems(document: PolicyDocument, sets: LiteralSets): DocumentProblem[] {
  return places(document).flatMap(([path, source, scope, wanted]) => {
    if (source === undefined) return [];
    const compiled = compileCondition(source, scope, wanted, sets);
    if (!compiled.ok) return [{ path, ...compiled.error }];
    if (scope === 'on') return onProblems(document, path, compiled.value);
    if (scope === 'when') {
      const message = mixedFacts(compiled.value);
      return message === null ? [] : [{ path, message }];
    }
    return [];
  });
}

/** What an approval grants fits what its rule is about: a window fits connecting, a number of rows fits a statement. */
export function approvalProblems(document: PolicyDocument): DocumentProblem[] {
  return document.rules.flatMap(({ approval, when, on }, index): DocumentProblem[] => {
    if (approval === undefined) return [];
    const compiled = when === undefined ? null : compileCondition(when, 'when');
    const condition = compiled?.ok === true ? compiled.value : null;
    const connecting = namesConnect(condition);
    const at = (key: string) => ['rules', index, 'approval', key];
    if (approval.grants !== undefined && !connecting) {
      const message = 'is for rules about connecting: when: action.kind == "connect"';
      return [{ path: at('grants'), message }];
    }
    if (approval.maxRows !== undefined && connecting) {
      return [{ path: at('maxRows'), message: 'is for rules about statements' }];
    }
    const kinds = kindsCovered(document, on);
    const rowless = kinds.length > 0 && !kinds.includes('postgres');
    if (approval.maxRows !== undefined && (aboutRequests(condition) || rowless)) {
      const message = 'is for rules about statements: a request has no rows';
      return [{ path: at('maxRows'), message }];
    }
    return [];
  });
}

/** A rule about facts that no target has which it covers would never be asked, and a deny rule be a hole. */
export function factProblems(document: PolicyDocument): DocumentProblem[] {
  return document.rules.flatMap(({ on, when }, index): DocumentProblem[] => {
    if (on === undefined || when === undefined) return [];
    const compiled = compileCondition(when, 'when');
    const [facts] = factsOf(compiled.ok ? compiled.value : null);
    const kinds = kindsCovered(document, on).filter((kind) => FACTS_OF_KIND.has(kind));
    if (facts === undefined || kinds.length === 0) return [];
    if (kinds.some((kind) => FACTS_OF_KIND.get(kind)?.includes(facts) === true)) return [];
    const message = `names ${facts} facts, which no target has that the rule covers (${kinds.join(', ')})`;
    return [{ path: ['rules', index, 'when'], message }];
  });
}

/** Kinds of the targets that `on` covers; each once. */
function kindsCovered(document: PolicyDocument, on: RuleDocument['on']): readonly string[] {
  const covered = document.targets.filter((target) => matchesTarget(on, target));
  return [...new Set(covered.map(({ kind }) => kind))];
}

function aboutRequests(condition: Condition | null): boolean {
  return (
    condition !== null &&
    ['http', 'mcp'].some((kind) => condition.names.has(kind) || condition.actionKinds.has(kind))
  );
}

/** `on` is settled by the file alone, so an error in it is one too. */
function onProblems(document: PolicyDocument, path: Path, on: Condition): DocumentProblem[] {
  return document.targets.flatMap((target) => {
    const verdict = on.holds({ target: new TargetView(target) });
    if (typeof verdict === 'boolean') return [];
    return [
      {
        path,
        message: `fails for target ${target.id}: ${verdict.error} (has(target.labels.x) asks first)`,
      },
    ];
  });
}

/** The kinds of action whose facts a condition names. */
export function factsOf(condition: Condition | null): readonly (typeof FACT_NAMES)[number][] {
  return condition === null ? [] : FACT_NAMES.filter((name) => condition.names.has(name));
}

/** Whether a condition is about opening a session: it names those facts, or compares action.kind with "connect". */
export function namesConnect(condition: Condition | null): boolean {
  return (
    condition !== null && (condition.names.has('connect') || condition.actionKinds.has('connect'))
  );
}

/** No action has two kinds of facts: a rule over both would never be asked, and a deny rule would be a hole. */
function mixedFacts(condition: Condition): string | null {
  const facts = factsOf(condition);
  if (facts.length > 1)
    return `names the facts of ${facts.join(' and ')}, which no action has together: write two rules`;
  const kinds = [...condition.actionKinds].filter((kind) => kind !== facts[0]);
  if (facts.length === 1 && kinds.length > 0) {
    return `names ${facts[0]} facts and action.kind "${kinds[0]}": write two rules`;
  }
  return null;
}

/** Whether `on` covers a target. An error counts as covered: the rule is then asked, and denies. */
export function matchesTarget(on: RuleDocument['on'], target: TargetIdentity): boolean {
  if (on === undefined) return true;
  if (typeof on !== 'string') return on.includes(target.id);
  const compiled = compileCondition(on, 'on');
  return !compiled.ok || compiled.value.holds({ target: new TargetView(target) }) !== false;
}
