// The models that masks may ask what a text holds (docs/masking.md, "Models"): the shape in the file, what it means, and
// what is wrong with it. How a model is asked is adapters/analyzer.ts.
import type { PolicyDocument, ModelDocument } from './document.ts';
import { matchesTarget } from './document-conditions.ts';
import type { DocumentProblem } from './problem.ts';
import { bindingProblem, transportProblem } from './surroundings.ts';

export type PolicyModel =
  | {
      readonly id: string;
      readonly kind: 'presidio';
      /** Of the analyzer, without the slash at its end: `/analyze` follows. */
      readonly url: string;
      /** Names of Worker secrets: a service token of Cloudflare Access as `id:secret`, and a bearer token. */
      readonly access: string | null;
      readonly token: string | null;
      readonly language: string;
      /** 0 to 1: findings below are not reported. */
      readonly threshold: number;
    }
  | {
      readonly id: string;
      readonly kind: 'workersAi';
      /** Name of the binding. */
      readonly binding: string;
      readonly model: string;
    };

export function policyModel(document: ModelDocument): PolicyModel {
  const { id } = document;
  if ('workersAi' in document) return { id, kind: 'workersAi', ...document.workersAi };
  const { address, access, token, language, threshold } = document.presidio;
  return {
    id,
    kind: 'presidio',
    url: address.replace(/\/+$/, ''),
    access: access ?? null,
    token: token ?? null,
    language,
    threshold,
  };
}

export function modelProblems(document: PolicyDocument, development: boolean): DocumentProblem[] {
  const models = document.models ?? [];
  return [
    ...models.flatMap((model, index) => [
      ...twinProblem(models, index),
      ...reachProblems(model, index, development),
    ]),
    ...useProblems(document),
  ];
}

function twinProblem(models: readonly ModelDocument[], index: number): DocumentProblem[] {
  const id = models[index]?.id;
  return models.findIndex((model) => model.id === id) === index
    ? []
    : [{ path: ['models', index, 'id'], message: `${id} is already taken` }];
}

function reachProblems(
  model: ModelDocument,
  index: number,
  development: boolean,
): DocumentProblem[] {
  if ('workersAi' in model) {
    return bindingProblem(model.workersAi.binding, ['models', index, 'workersAi', 'binding']);
  }
  const at = (key: string) => ['models', index, 'presidio', key];
  const { address, access, token } = model.presidio;
  return [
    ...transportProblem(address, at('address'), development),
    ...(access === undefined ? [] : bindingProblem(access, at('access'))),
    ...(token === undefined ? [] : bindingProblem(token, at('token'))),
  ];
}

function useProblems(document: PolicyDocument): DocumentProblem[] {
  const known = new Set((document.models ?? []).map(({ id }) => id));
  return (document.masks ?? []).flatMap(({ model, on }, index) => {
    if (model === undefined) return [];
    const problems: DocumentProblem[] = [];
    if (!known.has(model.use)) {
      const message = `there is no model ${model.use} in models`;
      problems.push({ path: ['masks', index, 'model', 'use'], message });
    }
    // Elsewhere nobody would ask the model, and what it is to find would pass.
    const other = document.targets.find(
      (target) => target.kind !== 'postgres' && matchesTarget(on, target),
    );
    if (other !== undefined) {
      const path = ['masks', index, ...(on === undefined ? ['model'] : ['on'])];
      const message = `covers ${other.id}, and models look into results of postgres targets only`;
      problems.push({ path, message });
    }
    return problems;
  });
}
