// What a policy file must get right about its masks beyond their shape: a mask that masks nothing, a detector nobody has,
// two masks without an order. Pure checks over the parsed document.
import { DETECTOR_GROUPS, DETECTOR_IDS, expandDetectors } from '../masking/detect/detector.ts';
import type { MaskDocument, PolicyDocument } from './document.ts';
import { matchesTarget } from './document-conditions.ts';
import { orderProblems } from './mask-order.ts';
import type { DocumentProblem } from './problem.ts';

export function maskProblems(document: PolicyDocument): DocumentProblem[] {
  const masks = document.masks ?? [];
  const targetsOf = (on: MaskDocument['on']) =>
    document.targets.filter((target) => matchesTarget(on, target));
  return [
    ...masks.flatMap((mask, index) => [
      ...coverageProblems(mask, index, targetsOf(mask.on).length),
      ...detectorProblems(mask, index),
    ]),
    ...orderProblems(masks, targetsOf),
  ];
}

/** What covers nothing would be believed in. */
function coverageProblems(mask: MaskDocument, index: number, targets: number): DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  if (targets === 0) {
    const path = ['masks', index, ...(mask.on === undefined ? [] : ['on'])];
    problems.push({ path, message: 'covers no target' });
  }
  if (mask.columns.length === 0 && mask.detect.length === 0 && mask.model === undefined) {
    problems.push({ path: ['masks', index], message: 'names neither columns, detect nor model' });
  }
  return problems;
}

function detectorProblems({ detect }: MaskDocument, index: number): DocumentProblem[] {
  const known = [...Object.keys(DETECTOR_GROUPS), ...DETECTOR_IDS].join(', ');
  return detect.flatMap((name, i) =>
    expandDetectors([name]).ok
      ? []
      : [
          {
            path: ['masks', index, 'detect', i],
            message: `there is no detector ${name}; there are ${known}`,
          },
        ],
  );
}
