// What a policy file must get right about its limits beyond their shape: a limit that limits nothing, one that covers no
// target, two that would be counted as one. Pure checks over the parsed document.
import type { LimitDocument, PolicyDocument } from './document.ts';
import { matchesTarget } from './document-conditions.ts';
import { limitKey } from './limit.ts';
import type { DocumentProblem } from './problem.ts';

export function limitProblems(document: PolicyDocument): DocumentProblem[] {
  const limits = document.limits ?? [];
  return limits.flatMap((limit, index) => [
    ...numberProblems(limit, index),
    ...coverageProblems(document, limit, index),
    ...twinProblems(limits, index),
  ]);
}

function numberProblems(limit: LimitDocument, index: number): DocumentProblem[] {
  const { sessions, actionsPerMinute, rowsPerHour } = limit;
  if (sessions !== undefined || actionsPerMinute !== undefined || rowsPerHour !== undefined)
    return [];
  const message = 'names none of sessions, actionsPerMinute and rowsPerHour';
  return [{ path: ['limits', index], message }];
}

/** What covers nothing would be believed in. */
function coverageProblems(
  document: PolicyDocument,
  { on }: LimitDocument,
  index: number,
): DocumentProblem[] {
  if (document.targets.some((target) => matchesTarget(on, target))) return [];
  const path = ['limits', index, ...(on === undefined ? [] : ['on'])];
  return [{ path, message: 'covers no target' }];
}

/** Each entry has a count of its own, kept under its id or under what it is about. */
function twinProblems(limits: readonly LimitDocument[], index: number): DocumentProblem[] {
  const limit = limits[index];
  if (limit === undefined) return [];
  const first = limits.findIndex((other) => limitKey(other) === limitKey(limit));
  if (first === index) return [];
  return limit.id === undefined
    ? [
        {
          path: ['limits', index],
          message: 'concerns the same callers and targets as an entry before it: give them ids',
        },
      ]
    : [{ path: ['limits', index, 'id'], message: `${limit.id} is already taken` }];
}
