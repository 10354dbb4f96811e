// Masks that meet on a column or a detector of a target and cannot be ordered (core/masking/strictness.ts): refused at load.
import { expandDetectors } from '../masking/detect/detector.ts';
import { parseJsonPath } from '../masking/json-path.ts';
import { strictestMask } from '../masking/strictness.ts';
import { columnPattern, overlap } from './column-pattern.ts';
import type { MaskDocument, TargetDocument } from './document.ts';
import type { DocumentProblem } from './problem.ts';

/** Each pair once, at the later of the two. Whom they concern is not compared: claims decide that, and are not known here. */
export function orderProblems(
  masks: readonly MaskDocument[],
  targetsOf: (on: MaskDocument['on']) => readonly TargetDocument[],
): DocumentProblem[] {
  return masks.flatMap((mask, index) =>
    masks.slice(0, index).flatMap((other) => {
      if (strictestMask(mask.as, other.as) !== null) return [];
      const shared = targetsOf(other.on);
      if (!targetsOf(mask.on).some((target) => shared.includes(target))) return [];
      const place = meeting(mask, other);
      if (place === null) return [];
      const message = `${mask.id} (${mask.as}) and ${other.id} (${other.as}) meet on ${place}, and neither is the stricter`;
      return [{ path: ['masks', index, 'as'], message }];
    }),
  );
}

function meeting(a: MaskDocument, b: MaskDocument): string | null {
  for (const left of a.columns) {
    const pattern = columnPattern(left);
    for (const right of b.columns) {
      const other = columnPattern(right);
      if (pattern !== null && other !== null && overlap(pattern, other)) return left;
    }
  }
  const path = a.fields.find((left) => b.fields.some((right) => pathsMeet(left, right)));
  if (path !== undefined) return path;
  const entity = a.model?.entities.find((name) => b.model?.entities.includes(name) === true);
  if (entity !== undefined) return `what a model finds as ${entity}`;
  const [mine, others] = [a, b].map(({ detect }) => expandDetectors(detect));
  if (mine?.ok !== true || others?.ok !== true) return null;
  const detector = mine.detectors.find((id) => others.detectors.includes(id));
  return detector === undefined ? null : `what ${detector} detects`;
}

/** Whether some value of some document is at both paths. */
function pathsMeet(left: string, right: string): boolean {
  const [a, b] = [parseJsonPath(left) ?? [], parseJsonPath(right) ?? []];
  const seen = new Set<string>();
  const meet = (i: number, j: number): boolean => {
    const [one, other] = [a[i], b[j]];
    if (one === undefined || other === undefined) return one === other;
    const key = `${i} ${j}`;
    if (seen.has(key)) return false;
    seen.add(key);
    const alike = one.at === null || other.at === null || one.at === other.at;
    return (
      (alike && meet(i + 1, j + 1)) ||
      (one.deep && meet(i, j + 1)) ||
      (other.deep && meet(i + 1, j))
    );
  };
  return meet(0, 0);
}
