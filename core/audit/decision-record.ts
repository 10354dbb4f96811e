// The part of a decision that the journal keeps. One place for all protocols, so that a recording reads the same whoever
// wrote it.
import type { Decision } from '../decision.ts';
import { unreachable } from '../failure.ts';
import type { Masking } from '../masking/mask.ts';
import type { DecisionRecord } from './event.ts';

export function decisionRecord(decision: Decision): DecisionRecord {
  const { kind, revision, observed } = decision;
  switch (decision.kind) {
    case 'allow':
      return {
        kind,
        rules: decision.rules,
        code: null,
        ...(decision.approval === undefined ? {} : { approval: decision.approval.id }),
        ...(decision.masking === undefined ? {} : { masked: maskedNames(decision.masking) }),
        revision,
        observed,
      };
    case 'approve':
      return { kind, rules: decision.demands.map((d) => d.rule), code: null, revision, observed };
    case 'deny': {
      const rules = decision.rule === null ? [] : [decision.rule];
      return { kind, rules, code: decision.code, revision, observed };
    }
    default:
      return unreachable(decision);
  }
}

/** As DecisionRecord.masked has it. */
function maskedNames({ results, detect, fields, models = [] }: Masking): readonly string[] {
  const columns = results.flatMap((result) => result.columns ?? []);
  const names = columns.flatMap(({ treatment, kind, name }) =>
    treatment === 'mask' || treatment === 'redact' ? [`${name}:${kind ?? treatment}`] : [],
  );
  names.push(...(fields ?? []).map(({ path, kind }) => `${path}:${kind}`));
  const scanned = fields !== undefined || columns.some(({ treatment }) => treatment !== 'pass');
  if (scanned) {
    names.push(...detect.map(({ detector }) => `detect:${detector}`));
    names.push(...models.map(({ entity }) => `model:${entity}`));
  }
  return [...new Set(names)];
}
