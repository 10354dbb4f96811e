// What only a model can find in a text, and the words that policy, engine and analyzer share about it. A model is asked
// from outside (adapters/analyzer.ts); what it answers is checked here before anything is masked by it.

/** Names without a checksum or a shape. The analyzer maps them to those that its model knows. */
export const MODEL_ENTITIES = [
  'person',
  'address',
  'location',
  'organization',
  'date_of_birth',
] as const;
export type ModelEntity = (typeof MODEL_ENTITIES)[number];

/** What one model, by its id in the policy, is asked to look for. */
export interface ModelUse {
  readonly model: string;
  readonly entities: readonly ModelEntity[];
}

/** A text, and the name of the column that holds it. */
export interface AnalyzedText {
  readonly text: string;
  readonly context: string;
}

/** Offsets are UTF-16 code units of the text as it was given, `end` exclusive. Findings may overlap. */
export interface ModelFinding {
  readonly entity: ModelEntity;
  readonly start: number;
  readonly end: number;
}

export function isModelEntity(name: string): name is ModelEntity {
  return MODEL_ENTITIES.some((entity) => entity === name);
}

/**
 * Whether these are findings in these texts: one list for each, offsets inside of it and on characters. Half of an emoji
 * would be neither masked nor readable; a model that counts otherwise than we do is wrong about everything.
 */
export function areFindings(
  texts: readonly AnalyzedText[],
  findings: readonly (readonly ModelFinding[])[],
): boolean {
  return (
    findings.length === texts.length &&
    findings.every((list, at) => {
      const text = texts[at]?.text ?? '';
      return list.every(
        ({ entity, start, end }) =>
          isModelEntity(entity) &&
          Number.isInteger(start) &&
          Number.isInteger(end) &&
          start >= 0 &&
          start < end &&
          end <= text.length &&
          !splitsPair(text, start) &&
          !splitsPair(text, end),
      );
    })
  );
}

function splitsPair(text: string, at: number): boolean {
  if (at === 0 || at === text.length) return false;
  const low = text.charCodeAt(at);
  const high = text.charCodeAt(at - 1);
  return low >= 0xdc00 && low <= 0xdfff && high >= 0xd800 && high <= 0xdbff;
}
