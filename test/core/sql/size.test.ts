// The estimate that keeps a text from filling the parser's memory: quoted text is one token, everything else counts.
import { describe, expect, it } from 'vitest';
import { tokenEstimate } from '../../../core/sql/size.ts';

describe('tokenEstimate', () => {
  it.each([
    ['', 0],
    ['  \n\t ', 0],
    ['SELECT 1', 2],
    ['a,b,c', 5],
    ["SELECT 'a, b, c'", 2],
    ["SELECT 'it''s, fine'", 3],
    ["SELECT E'it\\'s, one'", 2],
    ["SELECT e'\\\\', 1", 4],
    ['SELECT "a, b"', 2],
    ['SELECT $$a, b$$', 2],
    ['SELECT $tag$a, $$ b$tag$', 2],
    ['SELECT $1, $2', 6],
    ['-- a, b, c\n1', 2],
    ['/* a, b, c */ 1', 2],
    ["'never closed, at all", 1],
    ['$$never closed', 1],
    ['/* never closed', 1],
    ['é ü', 2],
  ])('%s', (sql, tokens) => expect(tokenEstimate(sql)).toBe(tokens));

  it('is quick on the largest texts', () => {
    expect(tokenEstimate("'".repeat(2_000_001))).toBeGreaterThan(0);
    expect(tokenEstimate('$'.repeat(2_000_000))).toBeGreaterThan(0);
    expect(tokenEstimate("E'\\".repeat(600_000))).toBeGreaterThan(0);
  });
});
