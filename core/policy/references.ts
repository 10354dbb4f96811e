// What a policy file must get right beyond its shape: names that exist, rules that can have an effect, approvals that
// somebody can give, transport that production allows. Pure checks over the parsed document.
import type { PolicyDocument, RuleDocument } from './document.ts';
import {
  approvalProblems,
  conditionProblems,
  factProblems,
  literalSets,
} from './document-conditions.ts';
import { limitProblems } from './limit-problems.ts';
import { maskProblems } from './mask-problems.ts';
import { modelProblems } from './model.ts';
import { notifyProblems } from './notify.ts';
import type { DocumentProblem } from './problem.ts';
import { transportProblem, unapprovable } from './surroundings.ts';
import { targetProblems } from './target-problems.ts';

const MAX_CLOCK_SKEW_SECONDS = 60;
const MAX_TOKEN_AGE_SECONDS = 24 * 3600;

export function documentProblems(
  document: PolicyDocument,
  options: { readonly development: boolean },
): DocumentProblem[] {
  const sets = literalSets(document);
  return [
    ...duplicates(document),
    ...document.issuers.flatMap((_, i) => issuerProblems(document, i, options.development)),
    ...targetProblems(document, options.development),
    ...document.rules.flatMap((rule, i) => ruleProblems(document, rule, i)),
    ...conditionProblems(document, sets),
    ...approvalProblems(document),
    ...factProblems(document),
    ...maskProblems(document),
    ...modelProblems(document, options.development),
    ...limitProblems(document),
    ...danglingTargets(document),
    ...notifyProblems(document, options.development),
  ];
}

function duplicates(document: PolicyDocument): DocumentProblem[] {
  const lists = {
    issuers: document.issuers,
    targets: document.targets,
    rules: document.rules,
    masks: document.masks ?? [],
  };
  return Object.entries(lists).flatMap(([list, items]) =>
    items.flatMap(({ id }, index) =>
      items.findIndex((item) => item.id === id) === index
        ? []
        : [{ path: [list, index, 'id'], message: `${id} is already taken` }],
    ),
  );
}

function issuerProblems(
  document: PolicyDocument,
  index: number,
  development: boolean,
): DocumentProblem[] {
  const issuer = document.issuers[index];
  if (issuer === undefined) return [];
  const at = (key: string) => ['issuers', index, key];
  const problems: DocumentProblem[] = [
    ...transportProblem(issuer.issuer, at('issuer'), development),
    ...(issuer.jwksUri === undefined
      ? []
      : transportProblem(issuer.jwksUri, at('jwksUri'), development)),
  ];
  if (issuer.clockSkew > MAX_CLOCK_SKEW_SECONDS) {
    problems.push({ path: at('clockSkew'), message: 'is at most 60s' });
  }
  if (issuer.maxAge > MAX_TOKEN_AGE_SECONDS) {
    problems.push({ path: at('maxAge'), message: 'is at most 24h: a token is not a session' });
  }
  // Two blocks may share an issuer (people and workloads of one directory); a token must still fit exactly one.
  const twin = document.issuers
    .slice(0, index)
    .find(
      (other) => other.issuer === issuer.issuer && sharesAudience(other.audience, issuer.audience),
    );
  if (twin !== undefined) {
    problems.push({
      path: at('audience'),
      message: `${twin.id} already takes tokens of this issuer and audience`,
    });
  }
  return problems;
}

function sharesAudience(a: string | string[], b: string | string[]): boolean {
  const right = [b].flat();
  return [a].flat().some((audience) => right.includes(audience));
}

function ruleProblems(
  document: PolicyDocument,
  rule: RuleDocument,
  index: number,
): DocumentProblem[] {
  const at = (...keys: (string | number)[]) => ['rules', index, ...keys];
  const { approval } = rule;
  if (rule.then !== 'approve') {
    return approval === undefined
      ? []
      : [{ path: at('approval'), message: 'belongs to rules with then: approve' }];
  }
  if (approval === undefined) {
    return [
      { path: at('then'), message: 'approve needs approval.by: nobody is named who could approve' },
    ];
  }
  const problems = approval.by.flatMap((name, i) => {
    const why = unapprovable(document, name);
    return why === null ? [] : [{ path: at('approval', 'by', i), message: why }];
  });
  if (approval.wait > approval.expires) {
    problems.push({ path: at('approval', 'wait'), message: 'is longer than expires' });
  }
  return problems;
}

function danglingTargets(document: PolicyDocument): DocumentProblem[] {
  const known = new Set(document.targets.map(({ id }) => id));
  const lists = {
    rules: document.rules,
    masks: document.masks ?? [],
    limits: document.limits ?? [],
  };
  return Object.entries(lists).flatMap(([list, items]) =>
    items.flatMap(({ on }, index) =>
      (Array.isArray(on) ? on : []).flatMap((target, i) =>
        known.has(target)
          ? []
          : [{ path: [list, index, 'on', i], message: `there is no target ${target}` }],
      ),
    ),
  );
}
