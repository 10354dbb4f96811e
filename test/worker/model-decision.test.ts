// What has to be looked through by a model is refused before it runs, where it is known that the model cannot be asked.
import { describe, expect, it } from 'vitest';
import type { Decision } from '../../core/decision.ts';
import type { Effect } from '../../core/engine.ts';
import type { MaskSet } from '../../core/masking/mask.ts';
import type { StatementLineage } from '../../core/sql/lineage/lineage.ts';
import { maskedDecision, type MasksInForce } from '../../durable-objects/masked-decision.ts';

type Decide = Extract<Effect, { kind: 'decide' }>;

const ROWS: StatementLineage = {
  outputs: [{ name: 'note', direct: false, columns: new Set() }],
  uses: [],
  assignments: [],
  touches: new Set(),
  redefines: new Set(),
  unproven: [],
  untrusted: [],
  copyOut: null,
  copyIn: null,
};
const NO_ROWS: StatementLineage = { ...ROWS, outputs: null };

const MASKS: MaskSet = {
  column: () => null,
  fields: [],
  detect: [],
  models: [
    { ids: ['m'], model: 'pii', entity: 'person', kind: 'redact' },
    { ids: ['m'], model: 'pii', entity: 'address', kind: 'redact' },
    { ids: ['n'], model: 'llm', entity: 'person', kind: 'redact' },
  ],
  safeFunctions: new Set(),
  detectOnly: true,
};

const ALLOW: Decision = { kind: 'allow', rules: ['r'], revision: 3, observed: [] };
const APPROVE: Decision = { kind: 'approve', demands: [], revision: 3, observed: [] };

function asking(lineage: readonly StatementLineage[]): Decide {
  return {
    kind: 'decide',
    id: 1,
    action: { kind: 'sql', sql: {} },
    refusal: null,
    unresolved: [],
    content: () => null,
    lineage: () => lineage,
    quiet: true,
    preparing: false,
  } as unknown as Decide;
}

const inForce = (more: Partial<MasksInForce>): MasksInForce => ({
  masks: MASKS,
  keyed: true,
  ...more,
});

describe('statements that a model has to look into', () => {
  it('run while it can be asked, with what it is to find, and without words of the target', () => {
    const asked: (readonly string[])[] = [];
    const askable = (models: readonly string[]) => asked.push(models) > 0;
    expect(maskedDecision(asking([ROWS]), ALLOW, inForce({ askable }))).toMatchObject({
      kind: 'allow',
      masking: {
        results: [{ columns: [{ treatment: 'scan' }] }],
        models: MASKS.models,
        hushed: true,
        payloadsWithheld: true,
      },
    });
    expect(asked).toEqual([['pii', 'pii', 'llm']]);
  });

  it.each<[string, Decision, Partial<MasksInForce>]>([
    ['it cannot be asked', ALLOW, { askable: () => false }],
    ['nobody knows whether it can', ALLOW, {}],
    ['it cannot be asked, and people would be', APPROVE, { askable: () => false }],
  ])('are refused where %s', (_name, decision, more) => {
    expect(maskedDecision(asking([ROWS]), decision, inForce(more))).toMatchObject({
      kind: 'deny',
      code: 'mask_model_unavailable',
      revision: 3,
    });
    expect(maskedDecision(asking([NO_ROWS, ROWS]), decision, inForce(more)).kind).toBe('deny');
  });

  it('are not those without rows, whose errors are replaced all the same', () => {
    const decision = maskedDecision(asking([NO_ROWS]), ALLOW, inForce({ askable: () => false }));
    expect(decision).toMatchObject({ kind: 'allow', masking: { hushed: true } });
  });

  it('need the key where what is found is shown with one', () => {
    const masks = { ...MASKS, models: MASKS.models?.map((m) => ({ ...m, kind: 'hash' as const })) };
    const keyless = { masks: masks as MaskSet, keyed: false, askable: () => true };
    expect(maskedDecision(asking([ROWS]), ALLOW, keyless)).toMatchObject({
      code: 'mask_key_missing',
    });
  });
});
