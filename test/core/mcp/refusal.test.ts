// What a model reads of a limit: how long to wait, and not to try in a loop. And how the seconds get there.
import { describe, expect, it } from 'vitest';
import { reportedFailure } from '../../../core/call/outcome.ts';
import type { Denial } from '../../../core/decision.ts';
import { refusalText } from '../../../core/mcp/refusal.ts';
import { refusalFields } from '../../../core/postgres/refusal.ts';
import { LIMIT_UNAVAILABLE, limitDenial } from '../../../core/quota/wording.ts';

const refusal = { kind: 'refused', key: 'k', limit: 'actionsPerMinute', most: 5 } as const;
const told = (denial: Denial) =>
  refusalText(reportedFailure(refusalFields(denial, 7)), 'shop', null, 'n');

describe('a limit, told to a model', () => {
  it.each<[string, Denial, string[]]>([
    [
      'that passes',
      limitDenial({ ...refusal, againMs: 12_300 }, 'pace'),
      ['Refused, nothing ran', '5 actions a minute', 'code limit_exceeded', 'Wait 13 seconds'],
    ],
    [
      'that never passes',
      limitDenial({ ...refusal, againMs: null }, null),
      ['A limit of the policy', 'Send it in parts', 'Next: Wait, then'],
    ],
    ['that cannot be asked', LIMIT_UNAVAILABLE, ['Not available now', 'Try again']],
  ])('%s', (_name, denial, words) => {
    for (const word of words) expect(told(denial)).toContain(word);
  });
});

it.each<[string, string, number | null]>([
  ['seconds', 'code limit_exceeded; revision 3; retry 12', 12],
  ['a rule and seconds', 'code limit_exceeded; rule r; revision 3; retry 5', 5],
  ['no seconds', 'code limit_exceeded; revision 3', null],
  ['what is no number', 'code limit_exceeded; revision 3; retry soon', null],
])('a failure with %s', (_name, D, seconds) => {
  expect(reportedFailure({ C: '53400', M: 'No.', D }).retryAfterSeconds).toBe(seconds);
});
