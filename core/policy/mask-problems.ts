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
      ...effectProblems(mask, index, targetsOf(mask.on)),
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
  const named = [...mask.columns, ...mask.fields, ...mask.detect];
  if (named.length === 0 && mask.model === undefined) {
    const message = 'names neither columns, fields, detect nor model';
    problems.push({ path: ['masks', index], message });
  }
  return problems;
}

/** Columns are a database's, fields those of the bodies that HTTP targets answer with. */
function effectProblems(
  { columns, fields }: MaskDocument,
  index: number,
  targets: readonly { readonly kind: string }[],
): DocumentProblem[] {
  if (targets.length === 0) return [];
  const kinds = new Set(targets.map(({ kind }) => kind));
  const problems: DocumentProblem[] = [];
  if (columns.length > 0 && !kinds.has('postgres')) {
    const message = 'masks nothing: no target of kind postgres is covered; bodies have fields';
    problems.push({ path: ['masks', index, 'columns'], message });
  }
  if (fields.length > 0 && !kinds.has('http') && !kinds.has('mcp')) {
    const message = 'masks nothing: no target of kind http or mcp is covered; tables have columns';
    problems.push({ path: ['masks', index, 'fields'], message });
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
