// Models in the policy file: what they become, what is refused at load, and which of them concern a caller.
import { describe, expect, it } from 'vitest';
import { compilePolicy } from '../../../core/policy/rule.ts';
import { policyChanges } from '../../../core/policy/difference.ts';
import { maskSet } from '../../../core/policy/mask.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import type { Principal } from '../../../core/identity.ts';
import { fileWith, problems } from './fixtures.ts';

const PII = 'id: pii, presidio: { address: https://pii.acme.dev/ }';
const MASK = 'id: m, model: { use: pii, entities: [person] }, as: redact';

function file(models: readonly string[], masks: readonly string[] = [MASK]): string {
  const list = (key: string, items: readonly string[]) =>
    items.length === 0 ? '' : `${key}:\n${items.map((item) => `  - { ${item} }\n`).join('')}`;
  return `${fileWith([]).trimEnd()}\n${list('models', models)}${list('masks', masks)}`;
}

function parsed(text: string) {
  const policy = parsePolicy(text, { development: false });
  if (!policy.ok) throw new Error(JSON.stringify(policy.error));
  return policy.value;
}

describe('models', () => {
  it('become what the gateway asks', () => {
    const { models } = parsed(
      file([
        PII,
        `id: other, presidio: { address: https://pii.acme.dev/eu, access: PII_ACCESS, token: PII_TOKEN, language: de, threshold: 0.6 }`,
        `id: llm, workersAi: { binding: AI, model: '@cf/meta/llama-3.3-70b-instruct-fp8-fast' }`,
      ]),
    );
    const presidio = {
      kind: 'presidio',
      access: null,
      token: null,
      language: 'en',
      threshold: 0.5,
    };
    expect(models).toEqual([
      { ...presidio, id: 'pii', url: 'https://pii.acme.dev' },
      {
        id: 'other',
        kind: 'presidio',
        url: 'https://pii.acme.dev/eu',
        access: 'PII_ACCESS',
        token: 'PII_TOKEN',
        language: 'de',
        threshold: 0.6,
      },
      {
        id: 'llm',
        kind: 'workersAi',
        binding: 'AI',
        model: '@cf/meta/llama-3.3-70b-instruct-fp8-fast',
      },
    ]);
  });

  it.each<[string, string, string]>([
    ['no models at all', file([]), 'masks.0.model.use: there is no model pii in models'],
    [
      'a model that does not exist',
      file([PII], ['id: m, model: { use: pi, entities: [person] }, as: redact']),
      'masks.0.model.use: there is no model pi in models',
    ],
    [
      'an entity that does not exist',
      file([PII], ['id: m, model: { use: pii, entities: [persons] }, as: redact']),
      'masks.0.model.entities.0: ',
    ],
    [
      'nothing to look for',
      file([PII], ['id: m, model: { use: pii, entities: [] }, as: redact']),
      'masks.0.model.entities: names what to look for',
    ],
    ['an id that is taken', file([PII, PII]), 'models.1.id: pii is already taken'],
    [
      'an address without TLS',
      file(['id: pii, presidio: { address: http://pii.acme.dev }']),
      'models.0.presidio.address: must be https',
    ],
    [
      'an address on this machine, in production',
      file(['id: pii, presidio: { address: http://127.0.0.1:5002 }']),
      'models.0.presidio.address: must be https: plain http is for loopback in development',
    ],
    [
      'an address with a query',
      file(['id: pii, presidio: { address: "https://pii.acme.dev/?key=1" }']),
      'models.0.presidio.address: must be an https URL',
    ],
    [
      'the value of a secret',
      file(['id: pii, presidio: { address: https://pii.acme.dev, token: hunter2 }']),
      'models.0.presidio.token: must be the NAME of a Worker secret',
    ],
    [
      'a secret of the gateway itself',
      file(['id: pii, presidio: { address: https://pii.acme.dev, token: POSTERN_MASK_KEY }']),
      'models.0.presidio.token: POSTERN_MASK_KEY is a binding of the gateway itself',
    ],
    [
      'a binding of the gateway itself',
      file(["id: pii, workersAi: { binding: DB, model: '@cf/x' }"]),
      'models.0.workersAi.binding: DB is a binding of the gateway itself',
    ],
    [
      'a model that is none of Workers AI',
      file(['id: pii, workersAi: { binding: AI, model: gpt }']),
      'models.0.workersAi.model: must be a model of Workers AI',
    ],
    [
      'a threshold beyond certainty',
      file(['id: pii, presidio: { address: https://pii.acme.dev, threshold: 1.5 }']),
      'models.0.presidio.threshold: ',
    ],
    [
      'a key that does not exist',
      file(['id: pii, presidio: { address: https://pii.acme.dev, entities: [PERSON] }']),
      'models.0.presidio.entities: there is no such key',
    ],
    [
      'masks that meet and cannot be ordered',
      file(
        [PII],
        [
          'id: a, model: { use: pii, entities: [person, address] }, as: hash',
          'id: b, model: { use: pii, entities: [address] }, as: fake',
        ],
      ),
      'masks.1.as: b (fake) and a (hash) meet on what a model finds as address',
    ],
  ])('refuse %s', (_name, text, problem) => {
    const found = problems(text).join('\n');
    expect(found).toContain(problem);
    expect(found).toMatch(/^postern\.yaml:\d+:\d+: /);
  });

  it('refuse a target on which nobody would ask them', () => {
    const http = `  - id: api\n    kind: http\n    address: https://api.acme.dev\n`;
    const text = file([PII]).replace(/^targets:\n/m, `targets:\n${http}`);
    expect(problems(text).join('\n')).toContain(
      'covers api, and models look into results of postgres targets only',
    );
    const named = text.replace('id: m,', 'id: m, on: [shop],');
    expect(problems(named).join('\n')).not.toContain('models look into');
  });
});

it('show in a plan: a model elsewhere, or one that is surer before it speaks, masks otherwise', () => {
  const one = parsed(file([PII]));
  const other = parsed(
    file(
      ['id: pii, presidio: { address: https://pii.acme.dev/, threshold: 0.9 }'],
      ['id: m, model: { use: pii, entities: [person, address] }, as: redact'],
    ),
  );
  expect(policyChanges(one, other)).toEqual([
    {
      section: 'model',
      id: 'pii',
      kind: 'changed',
      fields: [{ field: 'threshold', before: '0.5', after: '0.9' }],
    },
    {
      section: 'mask',
      id: 'm',
      kind: 'changed',
      fields: [{ field: 'model.entities', before: '["person"]', after: '["person","address"]' }],
    },
  ]);
});

describe('the masks of a caller', () => {
  const principal = (group: string) =>
    ({
      id: 'ci:x',
      issuer: 'ci',
      subject: 'x',
      kind: 'workload',
      groups: [group],
      claims: {},
    }) as unknown as Principal;

  it('name each model with each of its entities, the strictest kind first', () => {
    const policy = compilePolicy(
      parsed(
        file(
          [PII, `id: llm, workersAi: { binding: AI, model: '@cf/x' }`],
          [
            'id: a, model: { use: pii, entities: [person, location] }, as: partial',
            "id: b, model: { use: llm, entities: [person] }, as: 'null'",
            `id: c, who: '"staff" in principal.groups', model: { use: llm, entities: [organization] }, as: redact`,
          ],
        ),
      ),
      7,
    );
    const target = policy.targets.get('shop');
    if (target === undefined) throw new Error('the fixture has no target shop');
    const models = maskSet(policy, principal('ci'), target)?.models;
    expect(models).toEqual([
      { ids: ['a', 'b'], model: 'pii', entity: 'person', kind: 'null' },
      { ids: ['a', 'b'], model: 'llm', entity: 'person', kind: 'null' },
      { ids: ['a'], model: 'pii', entity: 'location', kind: 'partial' },
    ]);
    expect(maskSet(policy, principal('staff'), target)?.models?.length).toBe(4);
    expect(maskSet(policy, principal('ci'), target)?.detectOnly).toBe(true);
  });
});
