// What the routes of calls say when the ledger itself cannot be reached.
import { describe, expect, it } from 'vitest';
import { HttpFailure } from '../../worker/render-failure.ts';
import { reached } from '../../worker/call-answer.ts';

describe('a ledger that is away', () => {
  it('is told as call_unavailable, without its own words', async () => {
    const asked = reached(() => Promise.reject(new Error('internal error; reference = secret')));
    await expect(asked).rejects.toBeInstanceOf(HttpFailure);
    await expect(asked).rejects.toMatchObject({ code: 'call_unavailable' });
    await expect(asked).rejects.not.toThrow('secret');
  });

  it('is not told when it answers', async () => {
    expect(await reached(() => Promise.resolve(7))).toBe(7);
  });
});
