// Which of two masks on one column wins: the strictest. `hash` keeps equality and hides the value, `partial` shows a part
// and breaks equality; neither is stricter than the other, so a column that gets both is refused at load.
import type { MaskDocument, TargetDocument } from './document.ts';
import type { DocumentProblem } from './problem.ts';

type MaskKind = MaskDocument['as'];

/** Kinds that `kind` is stricter than. */
const STRICTER: Readonly<Record<MaskKind, readonly MaskKind[]>> = {
  null: ['redact', 'hash', 'partial'],
  redact: ['hash', 'partial'],
  hash: [],
  partial: [],
};

/** The stricter of two; null when they cannot be ordered. */
export function strictestMask(a: MaskKind, b: MaskKind): MaskKind | null {
  if (a === b || STRICTER[a].includes(b)) return a;
  return STRICTER[b].includes(a) ? b : null;
}

/** Pairs of masks that meet on a column of a target and cannot be ordered. Detectors meet every column. */
export function maskProblems(
  masks: readonly MaskDocument[],
  targetsOf: (on: MaskDocument['on']) => readonly TargetDocument[],
): DocumentProblem[] {
  return masks.flatMap((mask, index) =>
    masks.slice(0, index).flatMap((other) => {
      if (strictestMask(mask.as, other.as) !== null) return [];
      const shared = targetsOf(other.on);
      if (!targetsOf(mask.on).some((target) => shared.includes(target))) return [];
      const column = meeting(mask, other);
      if (column === null) return [];
      const message = `${mask.id} (${mask.as}) and ${other.id} (${other.as}) meet on ${column}, and neither is the stricter`;
      return [{ path: ['masks', index, 'as'], message }];
    }),
  );
}

function meeting(a: MaskDocument, b: MaskDocument): string | null {
  for (const left of a.columns) {
    for (const right of b.columns) if (overlap(left, right)) return left;
  }
  const detector = a.detect.find((name) => b.detect.includes(name));
  return detector === undefined ? null : `what ${detector} detects`;
}

function overlap(a: string, b: string): boolean {
  const right = b.split('.');
  return a.split('.').every((part, i) => part === '*' || right[i] === '*' || part === right[i]);
}
