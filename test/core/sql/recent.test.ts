// The memory of facts: bounded by count and by size, and what is used stays.
import { describe, expect, it } from 'vitest';
import { Recent } from '../../../core/sql/recent.ts';

describe('Recent', () => {
  it('keeps what is used and forgets what is not', () => {
    const recent = new Recent<number>(8, 1_000_000);
    recent.set('kept', 1, 0);
    for (let n = 0; n < 100; n++) {
      recent.set(`other ${n}`, n, 0);
      expect(recent.get('kept')).toBe(1);
    }
    expect(recent.get('other 0')).toBeUndefined();
    expect(recent.get('other 99')).toBe(99);
  });

  it('never holds more than it may', () => {
    const recent = new Recent<number>(1_000, 20_000);
    const keys = Array.from({ length: 500 }, (_, n) => `${n}`.padEnd(100));
    for (const [n, key] of keys.entries()) recent.set(key, n, 100);
    const held = keys.filter((key) => recent.get(key) !== undefined).length;
    expect(held).toBeGreaterThan(10);
    expect(held * 200).toBeLessThanOrEqual(20_000);
  });

  it('does not take what alone is too large', () => {
    const recent = new Recent<number>(10, 2_000);
    recent.set('x'.repeat(2_000), 1, 0);
    recent.set('small', 2, 2_000);
    expect(recent.get('x'.repeat(2_000))).toBeUndefined();
    expect(recent.get('small')).toBeUndefined();
  });
});
