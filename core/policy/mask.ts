// Masks, compiled; and which of them concern one caller on one target. maskSet() settles that once per session and revision:
// who, except and on depend on nothing else. An error in any of them means that the mask applies.
import { DETECTOR_IDS, expandDetectors, type DetectorId } from '../masking/detect/detector.ts';
import type {
  ColumnMask,
  DetectorMask,
  MaskKind,
  MaskSet,
  PredicateMode,
} from '../masking/mask.ts';
import type { Principal, TargetIdentity } from '../identity.ts';
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
  const there = policy.masks.filter((mask) => mask.covers(target) !== false);
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
    safeFunctions: new Set(there.flatMap(({ functions }) => functions)),
    detectOnly: masks.every(({ columns }) => columns.length === 0),
  };
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
