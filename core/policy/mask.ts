// Masks, compiled; and which of them concern one caller on one target. maskSet() settles that once per session and revision:
// who, except and on depend on nothing else. An error in any of them means that the mask applies.
import { DETECTOR_IDS, expandDetectors, type DetectorId } from '../masking/detect/detector.ts';
import { MODEL_ENTITIES, type ModelUse } from '../masking/detect/model.ts';
import type {
  ColumnMask,
  DetectorMask,
  FieldMask,
  MaskKind,
  MaskSet,
  ModelMask,
  PredicateMode,
} from '../masking/mask.ts';
import type { Principal, TargetIdentity } from '../identity.ts';
import { parseJsonPath } from '../masking/json-path.ts';
import { strictestMode, strictestOf } from '../masking/strictness.ts';
import { columnPattern, covers, type ColumnPattern } from './column-pattern.ts';
import { compiled, coverage } from './compiled.ts';
import type { Condition, Verdict } from './condition.ts';
import type { MaskDocument } from './document.ts';
import type { CompiledPolicy } from './rule.ts';
import { PrincipalView } from './vocabulary.ts';

export interface Mask {
  readonly id: string;
  readonly kind: MaskKind;
  readonly predicates: PredicateMode;
  readonly columns: readonly ColumnPattern[];
  readonly detectors: readonly DetectorId[];
  /** JSONPath, as written. */
  readonly fields: readonly string[];
  /** What a model is to look for; null: no model is asked. */
  readonly model: ModelUse | null;
  /** `schema.name`. */
  readonly functions: readonly string[];
  readonly who: Condition | null;
  readonly except: Condition | null;
  covers(target: TargetIdentity): Verdict;
}

/** `mask` has passed parsePolicy; failing here is a bug. */
export function compileMask(mask: MaskDocument): Mask {
  const expanded = expandDetectors(mask.detect);
  if (!expanded.ok)
    throw new Error(`a parsed policy names detectors that do not exist: ${mask.id}`);
  return {
    id: mask.id,
    kind: mask.as,
    predicates: mask.predicates,
    columns: mask.columns.map((text) => {
      const pattern = columnPattern(text);
      if (pattern === null) throw new Error(`a parsed policy holds no pattern: ${text}`);
      return pattern;
    }),
    detectors: expanded.detectors,
    fields: mask.fields,
    model:
      mask.model === undefined ? null : { model: mask.model.use, entities: mask.model.entities },
    functions: mask.functions,
    who: compiled(mask.who ?? null, 'mask'),
    except: compiled(mask.except ?? null, 'mask'),
    covers: coverage(mask.on),
  };
}

/**
 * Null: no mask concerns this caller there, and results are passed on as they are. What a mask vouches for (`functions`) is
 * said of the target, and holds for every mask of it, whomever that mask concerns.
 */
export function maskSet(
  policy: CompiledPolicy,
  principal: Principal,
  target: TargetIdentity,
): MaskSet | null {
  const there = policy.masks.filter(
    (mask) => mask.covers(target) !== false && concerns(mask, target),
  );
  const variables = { principal: new PrincipalView(principal) };
  const masks = there.filter(
    ({ who, except }) =>
      (who === null || who.holds(variables) !== false) &&
      (except === null || except.holds(variables) !== true),
  );
  if (masks.length === 0) return null;
  return {
    column: (schema, relation, column) => columnMask(masks, schema, relation, column),
    detect: DETECTOR_IDS.flatMap((detector) => detectorMask(masks, detector) ?? []),
    ...modelMasks(masks),
    ...fieldMasks(masks),
    safeFunctions: new Set(there.flatMap(({ functions }) => functions)),
    detectOnly: masks.every(({ columns }) => columns.length === 0),
  };
}

/** Columns are a database's and fields those of bodies; detectors and models look into both. */
function concerns({ columns, fields, detectors, model }: Mask, { kind }: TargetIdentity): boolean {
  if (detectors.length > 0 || model !== null) return true;
  switch (kind) {
    case 'postgres':
      return columns.length > 0;
    case 'http':
    case 'mcp':
      return fields.length > 0;
    default:
      return true;
  }
}

/** Paths are compared as they are understood: `$.a` and `$['a']` are one. */
function fieldMasks(masks: readonly Mask[]): { readonly fields?: readonly FieldMask[] } {
  const byPath = new Map<string, FieldMask>();
  for (const { id, kind, fields } of masks) {
    for (const path of fields) {
      const key = JSON.stringify(parseJsonPath(path));
      const seen = byPath.get(key);
      byPath.set(key, {
        ids: seen === undefined ? [id] : [...new Set([...seen.ids, id])],
        path: seen?.path ?? path,
        kind: seen === undefined ? kind : strictestOf([seen.kind, kind]),
      });
    }
  }
  return byPath.size === 0 ? {} : { fields: [...byPath.values()] };
}

function columnMask(
  masks: readonly Mask[],
  schema: string,
  relation: string,
  column: string,
): ColumnMask | null {
  const meeting = masks.filter(({ columns }) =>
    columns.some((pattern) => covers(pattern, schema, relation, column)),
  );
  const [first, ...others] = meeting;
  if (first === undefined) return null;
  return {
    ids: meeting.map(({ id }) => id),
    kind: strictestOf([first.kind, ...others.map(({ kind }) => kind)]),
    predicates: meeting.map(({ predicates }) => predicates).reduce(strictestMode),
  };
}

function detectorMask(masks: readonly Mask[], detector: DetectorId): DetectorMask | null {
  const meeting = masks.filter(({ detectors }) => detectors.includes(detector));
  const [first, ...others] = meeting;
  if (first === undefined) return null;
  return {
    ids: meeting.map(({ id }) => id),
    detector,
    kind: strictestOf([first.kind, ...others.map(({ kind }) => kind)]),
  };
}

/** Two models may look for the same entity: the kind is then the strictest of both, whichever finds it. */
function modelMasks(masks: readonly Mask[]): { readonly models?: readonly ModelMask[] } {
  const models = MODEL_ENTITIES.flatMap((entity) => {
    const meeting = masks.flatMap((mask) =>
      mask.model?.entities.includes(entity) === true ? [{ ...mask, by: mask.model.model }] : [],
    );
    const [first, ...others] = meeting;
    if (first === undefined) return [];
    const kind = strictestOf([first.kind, ...others.map(({ kind }) => kind)]);
    const ids = meeting.map(({ id }) => id);
    return [...new Set(meeting.map(({ by }) => by))].map((model) => ({ ids, model, entity, kind }));
  });
  return models.length === 0 ? {} : { models };
}
