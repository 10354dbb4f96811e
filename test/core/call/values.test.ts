// Postgres' text format to JSON and back, without a database: what is exact stays exact, and what is not understood stays text.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatArray, parseArray, type ArrayValue } from '../../../core/call/array-text.ts';
import { bindParams } from '../../../core/call/params.ts';
import { typeName, typeOid } from '../../../core/call/types.ts';
import { jsonValue } from '../../../core/call/values.ts';

function shown(type: string, text: string | null): unknown {
  return jsonValue(typeOid(type) ?? 0, text);
}

describe('a value of a result', () => {
  it.each<[string, string | null, unknown]>([
    ['bool', 't', true],
    ['bool', 'f', false],
    ['int4', '-2147483648', -2147483648],
    ['oid', '4294967295', 4294967295],
    ['int8', '9223372036854775807', '9223372036854775807'],
    ['numeric', '0.10', '0.10'],
    ['numeric', 'NaN', 'NaN'],
    ['float8', '1e+308', 1e308],
    ['float8', '-0', -0],
    ['float4', 'Infinity', 'Infinity'],
    ['bytea', String.raw`\x`, ''],
    ['bytea', String.raw`\xDEADbeef`, '3q2+7w=='],
    ['bytea', String.raw`a\000\\\377`, 'YQBc/w=='],
    ['timestamp', '2024-02-29 01:02:03.5', '2024-02-29T01:02:03.5'],
    ['timestamp', 'infinity', 'infinity'],
    ['timestamp', '0044-03-15 00:00:00 BC', '0044-03-15 00:00:00 BC'],
    ['timestamptz', '2024-02-29 01:02:03+00', '2024-02-29T01:02:03Z'],
    ['timestamptz', '2024-02-29 01:02:03.123456+05:30', '2024-02-29T01:02:03.123456+05:30'],
    ['timestamptz', '2024-02-29 01:02:03-03', '2024-02-29T01:02:03-03:00'],
    ['timestamptz', '1850-01-01 00:00:00+00:19:32', '1850-01-01 00:00:00+00:19:32'],
    ['timetz', '01:02:03+02', '01:02:03+02:00'],
    ['date', '2024-02-29', '2024-02-29'],
    ['interval', '1 day 02:00:00', '1 day 02:00:00'],
    ['jsonb', '[1,{"a":null}]', [1, { a: null }]],
    ['json', 'null', null],
    ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
    ['int4[]', '[0:1]={1,NULL}', [1, null]],
    ['int8[]', '{{1},{2}}', [['1'], ['2']]],
    ['bool[]', '{}', []],
    ['bytea[]', String.raw`{"\\x00"}`, ['AA==']],
    ['jsonb[]', String.raw`{"{\"a\": 1}"}`, [{ a: 1 }]],
    ['text', null, null],
  ])('of type %s: %s', (type, text, value) => {
    expect(shown(type, text)).toEqual(value);
  });

  it.each<[string, string]>([
    ['bool', '***'],
    ['int4', '4111********1111'],
    ['float8', '1.2.3'],
    ['jsonb', '{masked'],
    ['timestamptz', 'redacted'],
    ['int4[]', '{1,2'],
    ['int4[]', '{1}2}'],
    ['text[]', '{a,}'],
    ['bytea', String.raw`\xabc`],
  ])('that a mask left in a %s is shown as it is: %s', (type, text) => {
    expect(shown(type, text)).toBe(text);
  });

  it('is text where its type is the database’s own', () => {
    expect(jsonValue(16_412, '{a,b}')).toBe('{a,b}');
    expect(typeName(16_412)).toBe('oid:16412');
  });
});

describe('an array', () => {
  const element = fc.oneof(
    fc.constant(null),
    fc.string(),
    fc.constantFrom('NULL', 'null', '{', '"', '\\', ',', ''),
  );
  const { array } = fc.letrec<{ array: readonly ArrayValue[] }>((tie) => ({
    array: fc.array(fc.oneof({ maxDepth: 3 }, element, tie('array')), { maxLength: 4 }),
  }));

  it('is read back as it was written', () => {
    fc.assert(
      fc.property(array, (items) => {
        expect(parseArray(formatArray(items))).toEqual(items);
      }),
    );
  });

  it('is never read from other text, and reading always ends', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = parseArray(text);
        if (read !== null) expect(text).toMatch(/^(\[.*\]=)?\{.*\}$/s);
      }),
    );
    expect(parseArray('{'.repeat(100_000))).toBeNull();
  });
});

describe('a parameter', () => {
  it.each<[unknown, string | null, string | null, number]>([
    [null, 'int4', null, 23],
    [1.5, null, '1.5', 0],
    [true, 'bool', 'true', 16],
    ['AP8=', 'bytea', String.raw`\x00ff`, 17],
    ['AP8=', null, 'AP8=', 0],
    [['AP8='], 'bytea[]', String.raw`{"\\x00ff"}`, 1001],
    [[1, [2]], 'jsonb', '[1,[2]]', 3802],
    ['{"a":1}', 'json', '{"a":1}', 114],
    [7, 'jsonb', '7', 3802],
    [[[1], 'x'], 'jsonb[]', String.raw`{"[1]","x"}`, 3807],
    [['a', null], null, '{"a",NULL}', 0],
    [9, 'bigint', '9', 20],
  ])('%j as %s', (param, type, text, oid) => {
    expect(bindParams([param as never], [type])).toEqual({
      ok: true,
      value: { values: [text], types: [oid] },
    });
  });

  it.each<[unknown, string]>([
    ['not base64', 'bytea'],
    [['%'], 'bytea[]'],
    [[1], 'int4'],
  ])('%j is none of type %s', (param, type) => {
    expect(bindParams(['ok', param as never], [null, type])).toEqual({ ok: false, param: 2 });
  });

  it('has no type that objects inherit', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'toString[]'])
      expect(typeOid(name)).toBeNull();
  });
});
