import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { createJsonMasker, JsonFailure } from '../../../core/masking/json-stream.ts';
import type { JsonPathMask } from '../../../core/masking/json-path.ts';
import type { DetectorMask } from '../../../core/masking/mask.ts';
import { createMaskers } from '../../../core/masking/maskers/maskers.ts';

const maskers = createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto });
const DETECT: readonly DetectorMask[] = (['email', 'credit_card', 'us_ssn'] as const).map(
  (detector) => ({ ids: ['m'], detector, kind: 'redact' }),
);

function through(
  json: string,
  paths: readonly JsonPathMask[],
  cuts: readonly number[] = [],
  detect = DETECT,
) {
  const masker = createJsonMasker({ maskers, detect, paths, context: null });
  const data = new TextEncoder().encode(json);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, data.length]) {
    const chunk = data.slice(from, Math.max(from, cut));
    parts.push(masker.push(chunk).slice());
    chunk.fill(0x7a);
    from = Math.max(from, cut);
  }
  parts.push(masker.end().slice());
  return Buffer.concat(parts).toString();
}

const PATHS: readonly JsonPathMask[] = [
  { path: '$.user.name', kind: 'partial' },
  { path: '$..token', kind: 'redact' },
  { path: '$.items[*].id', kind: 'hash' },
  { path: '$.gone', kind: 'null' },
  { path: "$['odd key'][0]", kind: 'redact' },
];

describe('paths', () => {
  test.each([
    ['{"user": {"name" : "Ada Lovelace", "n":1}}', '{"user": {"name" : "A•••", "n":1}}'],
    ['{"a":[{"token":{"x":["deep"]}, "b": 1.0}]}', '{"a":[{"token":"[masked]", "b": 1.0}]}'],
    ['{"token":17,"b":{"token":true}}', '{"token":0,"b":{"token":false}}'],
    ['{"gone":[1,{"a":2}],"gone":"x","here":null}', '{"gone":null,"gone":null,"here":null}'],
    ['{"odd key":[1,2]}', '{"odd key":[0,2]}'],
    ['{"us\\u0065r":{"name":"Ada Lovelace"}}', '{"us\\u0065r":{"name":"A•••"}}'],
    [
      '{"user":{"name":{"first":"Ada Lovelace","n":[5]}}}',
      '{"user":{"name":{"first":"A•••","n":[0]}}}',
    ],
    ['[{"token":null}]', '[{"token":null}]'],
  ])('%s', (json, expected) => expect(through(json, PATHS)).toBe(expected));

  test('hash of a number is one that JavaScript reads exactly', () => {
    const shown = JSON.parse(through('{"items":[{"id":42},{"id":42},{"id":"42"}]}', PATHS)) as {
      items: { id: number | string }[];
    };
    expect(shown.items[0]!.id).toBe(shown.items[1]!.id);
    expect(Number.isSafeInteger(shown.items[0]!.id)).toBe(true);
    expect(shown.items[2]!.id).toMatch(/^hash:/);
  });
});

describe('detectors', () => {
  test.each([
    ['{"mail":"ada@lovelace.org"}', '{"mail":"[masked]"}'],
    ['{"mail":"ada\\u0040lovelace.org\\n"}', '{"mail":"[masked]\\n"}'],
    ['{"card":4111111111111111}', '{"card":0}'],
    ['4111111111111111', '0'],
    ['{"ada@lovelace.org":1}', '{"[masked]":1}'],
    ['{"ssn":"078-05-1121"} {"ssn":["536-22-8145"]}\n', null],
    [
      '[ "clean \\/ \\ud83d\\ude00", -1.50e+3 , true,{} ,[]]\n',
      '[ "clean \\/ \\ud83d\\ude00", -1.50e+3 , true,{} ,[]]\n',
    ],
  ])('%s', (json, expected) => {
    const shown = through(json, []);
    if (expected === null) expect(shown).not.toMatch(/\d{4}/);
    else expect(shown).toBe(expected);
  });

  test('a string longer than what is held is searched as a stream', () => {
    const long = `${'word \\" é '.repeat(20_000)} ada@lovelace.org ${'x '.repeat(50_000)}`;
    const json = `{"t":"${long}","u":1}`;
    const expected = JSON.parse(json.replace('ada@lovelace.org', '[masked]')) as unknown;
    const step = 10_007;
    const cuts = Array.from({ length: Math.ceil(json.length / step) }, (_, i) => i * step);
    expect(JSON.parse(through(json, [], cuts))).toEqual(expected);
    const masked = through(json, [{ path: '$.t', kind: 'hash' }], cuts);
    expect(masked).toBe('{"t":"[masked]","u":1}');
  });
});

describe('any cut gives the same', () => {
  const json =
    '{"user":{"name":"Ada é \\"x\\" Lovelace","n":-12.5e1},"a":[{"token":[1,"}",{"b":"]\\\\"}]},true,null,4111111111111111],"odd key":["x",1],"mail":"ada\\u0040lovelace.org","items":[{"id":7}]}\n{"gone":{"x":1}}\n17 [] ';
  test('one cut, and many', () => {
    const whole = through(json, PATHS);
    const size = new TextEncoder().encode(json).length;
    expect(whole).not.toMatch(/ovelace|4111/);
    for (let cut = 0; cut <= size; cut += 1) expect(through(json, PATHS, [cut])).toBe(whole);
    const every = Array.from({ length: size }, (_, i) => i);
    expect(through(json, PATHS, every)).toBe(whole);
  });

  test('JSON without anything to mask goes on byte for byte', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.array(fc.nat(200)),
        fc.constantFrom(0, 1, 4),
        (json, cuts, space) => {
          const text = JSON.stringify(JSON.parse(json), null, space);
          expect(
            through(
              text,
              [{ path: '$.never.there', kind: 'redact' }],
              cuts.sort((a, b) => a - b),
              [],
            ),
          ).toBe(text);
        },
      ),
    );
  });

  test('what is masked is JSON of the same shape', () => {
    const canary = 'Kanarienvogel-canary';
    const leaf = fc.constantFrom(canary, 12345678, true, null);
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        leaf,
        fc.array(tie('any')),
        fc.dictionary(fc.string(), tie('any')),
      ),
    })).any;
    fc.assert(
      fc.property(
        value,
        fc.constantFrom('redact', 'null', 'hash', 'partial', 'fake'),
        (document, kind) => {
          const shown = through(JSON.stringify({ secret: document }), [{ path: '$.secret', kind }]);
          JSON.parse(shown);
          expect(shown).not.toContain('canary');
          expect(shown).not.toContain('12345678');
        },
      ),
    );
  });
});

describe('what is not JSON is never passed', () => {
  test.each([
    '{',
    '[1',
    '"abc',
    '{"a" 1}',
    '{"a":1,}',
    '[1 2]',
    '{a:1}',
    ']',
    '{"a":]',
    '[}',
    "{'a':1}",
    '{"a":"\\x"}',
    ',',
    ':',
  ])('%s', (json) => {
    const deep: JsonPathMask[] = [{ path: '$.a', kind: 'partial' }];
    expect(() => through(json, deep)).toThrow(JsonFailure);
  });
  test('nested without end', () =>
    expect(() => through('['.repeat(5000), [])).toThrow(JsonFailure));
});
