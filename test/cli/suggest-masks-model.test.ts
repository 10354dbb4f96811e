// Names that a model finds in samples, as proposals: counts and columns, never a value.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { analyzerAddress, namesIn } from '../../cli/suggest-masks-model.ts';
import { proposeMasks, type SampledColumn } from '../../cli/suggest-masks-proposal.ts';
import { parsePolicy } from '../../core/policy/parse.ts';
import { fileWith } from '../core/policy/fixtures.ts';
import {
  startPresidioStandIn,
  type Behaviour,
  type PresidioStandIn,
} from '../support/presidio-stand-in.ts';

let presidio: PresidioStandIn;

beforeAll(async () => {
  presidio = await startPresidioStandIn();
});

afterAll(() => presidio.close());

const column = (name: string, ...values: readonly string[]): SampledColumn => ({
  schema: 'public',
  relation: 'calls',
  name,
  type: 'text',
  category: 'S',
  values,
});

describe('names in samples', () => {
  it('become a mask of their column, or one that asks the model', async () => {
    const columns = [
      column('caller', 'Ada Lovelace', '𝕎illa 🦊 Fox', 'n/a'),
      column(
        'note',
        'asked for Quillon Ybarrez',
        'at 12 Foundry Lane',
        ...Array(70).fill('nobody'),
      ),
      column('plain', 'nothing', '12'),
    ];
    const address = `${presidio.url}/well/cli`;
    const names = await namesIn(columns, address);
    const yaml = proposeMasks('shop', columns, { address, names });
    const policy = parsePolicy(`${fileWith([])}${yaml}`, { development: true });
    expect(policy).toMatchObject({
      ok: true,
      value: {
        models: [{ id: 'pii', url: address }],
        masks: [
          { id: 'shop-person-name', columns: ['public.calls.caller'], as: 'redact' },
          { id: 'shop-names-in-texts', model: { use: 'pii', entities: ['person', 'address'] } },
        ],
      },
    });
    expect(yaml).toContain('2 of 3 sampled values, by the model');
    expect(yaml).toContain('person in public.calls.note: 1 of 72 sampled values');
    expect(yaml).not.toMatch(/Ada|Quillon|Foundry|nobody/);
    for (const { body } of presidio.received('cli')) {
      expect((body['text'] as string[]).length).toBeLessThanOrEqual(64);
    }
  });

  it('are not guessed at where the model does not answer', async () => {
    const columns = [column('note', 'Ada Lovelace')];
    const broken: readonly Behaviour[] = [
      'failing',
      'garbage',
      'shapeless',
      'short',
      'redirecting',
      'cut',
    ];
    for (const behaviour of broken) {
      await expect(namesIn(columns, `${presidio.url}/${behaviour}/cli`)).rejects.toThrow(
        /^The analyzer (?!.*Lovelace)/,
      );
    }
  });

  it('are sent to no address that could be read on the way', () => {
    expect(analyzerAddress('https://pii.acme.dev/')).toBe('https://pii.acme.dev');
    expect(analyzerAddress('http://127.0.0.1:5002')).toBe('http://127.0.0.1:5002');
    for (const text of [
      'http://pii.acme.dev',
      'https://u:p@pii.acme.dev',
      'file:///etc/passwd',
      'x',
    ])
      expect(() => analyzerAddress(text)).toThrow('--model is an https URL');
  });
});
