// Facts of every row, and of the statements that administer.
import { describe, expect, it } from 'vitest';
import { check, look } from './judging.ts';
import { ADMINISTERING, TABLES } from './rows.ts';

for (const [title, rows] of Object.entries(TABLES)) {
  describe(title, () => {
    it.each(rows)('%s', (sql, effect, expected) => check(look(sql), effect, expected));
  });
}

describe('administering', () => {
  it.each(ADMINISTERING)('%s is %s', (sql, effect) => {
    const { facts, refusal } = look(sql);
    expect([facts.effect, refusal]).toEqual([effect, null]);
  });
});
