import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../core/audit/canonical.ts';

describe('canonical JSON', () => {
  it.each([
    [null, 'null'],
    [true, 'true'],
    [-0, '0'],
    [1e21, '1e+21'],
    ['a"\n\u0000é', '"a\\"\\n\\u0000é"'],
    ['\ud800', '"\\ud800"'],
    [[], '[]'],
    [{}, '{}'],
    [[1, [null]], '[1,[null]]'],
    [{ b: 1, a: { d: [], c: '' } }, '{"a":{"c":"","d":[]},"b":1}'],
    [{ b: undefined, a: 1 }, '{"a":1}'],
    // RFC 8785 section 3.2.3: by UTF-16 code units; numbers are no exception.
    [{ '10': 1, '9': 2, '': 3 }, '{"":3,"10":1,"9":2}'],
    [{ '\u{1F600}': 1, '\uFB33': 2, é: 3 }, '{"é":3,"\u{1F600}":1,"\uFB33":2}'],
    [JSON.parse('{"__proto__":{"x":1},"a":2}'), '{"__proto__":{"x":1},"a":2}'],
  ])('%j is written as %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it.each([[NaN], [Infinity], [undefined], [[undefined]], [1n], [() => 1], [Symbol('x')]])(
    'refuses what JSON cannot hold (%#)',
    (value) => {
      expect(() => canonicalJson(value)).toThrow(TypeError);
    },
  );

  it('gives equal values one text, whatever the order of their keys, and loses nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});

/** The same value with every object's keys in reverse. */
function shuffled(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  const reversed = Object.create(null) as Record<string, unknown>;
  for (const [key, member] of Object.entries(value).toReversed()) reversed[key] = shuffled(member);
  return reversed;
}
