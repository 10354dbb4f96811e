// Cells of every type through a model that knows a few names: found wherever they stand, in rows and in COPY data, and
// together with detectors and other masks.
import { describe, expect, it, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { ByteSink } from '../../../core/masking/byte-sink.ts';
import { ModelFindings, NotAnalyzed } from '../../../core/masking/detect/model-findings.ts';
import type { ModelEntity, ModelFinding } from '../../../core/masking/detect/model.ts';
import type {
  ColumnPlan,
  CopyOutFormat,
  DetectorMask,
  MaskKind,
  ModelMask,
} from '../../../core/masking/mask.ts';
import { createMaskers, MaskKeyMissing } from '../../../core/masking/maskers/maskers.ts';
import { createResultMaskers } from '../../../core/postgres/result-maskers.ts';
import { hex, i16, i32, join, text } from './wire.ts';

const NAMES: readonly (readonly [string, ModelEntity])[] = [
  ['Ada Lovelace', 'person'],
  ['Bo', 'person'],
  ['John', 'person'],
  ['Zoë "Zo" Ångström', 'person'],
  ['12 Foundry Lane', 'address'],
  ['Foundry', 'location'],
];
const EMAIL: readonly DetectorMask[] = [{ ids: ['d'], detector: 'email', kind: 'redact' }];
const maskers = createResultMaskers(() =>
  createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto }),
);

const asked = (kind: MaskKind, ...entities: ModelEntity[]): ModelMask[] =>
  entities.map((entity) => ({ ids: ['m'], model: 'pii', entity, kind }));
const PEOPLE = asked('redact', 'person', 'address', 'location');

function found(value: string): ModelFinding[] {
  return NAMES.flatMap(([name, entity]) => {
    const findings: ModelFinding[] = [];
    for (let start = value.indexOf(name); start !== -1; start = value.indexOf(name, start + 1)) {
      findings.push({ entity, start, end: start + name.length });
    }
    return findings;
  });
}

function answer(model: ModelFindings): string[] {
  const texts = model.missing.map((missing) => missing.text);
  model.answer(texts.map(found));
  return texts;
}

const plan = (name = 'note'): ColumnPlan => ({
  treatment: 'scan',
  kind: null,
  name,
  origins: new Set(),
});
const described = (typeOid: number, format: number) => ({
  name: 'note',
  table: 0,
  attribute: 0,
  typeOid,
  format,
});

/** One cell through both passes; `texts`: what the model was asked about. */
function through(
  typeOid: number,
  format: number,
  cell: Uint8Array,
  {
    models = PEOPLE,
    detect = EMAIL,
  }: { models?: ModelMask[]; detect?: readonly DetectorMask[] } = {},
): { cell: Uint8Array | null; texts: string[] } {
  const model = new ModelFindings(models);
  const rows = maskers.rows([plan()], [described(typeOid, format)], detect, model);
  const row = join(i16(1), i32(cell.length), cell);
  model.collect(() => rows.rewrite(row, 0, row.length, new ByteSink()));
  const texts = answer(model);
  const body = rows.mask(row);
  const size = new DataView(body.buffer, body.byteOffset).getInt32(2);
  return { cell: size < 0 ? null : body.slice(6, 6 + size), texts };
}

const read = (cell: Uint8Array | null) => (cell === null ? null : new TextDecoder().decode(cell));
const shown = (typeOid: number, cell: string, more = {}) =>
  read(through(typeOid, 0, text(cell), more).cell);

const TEXT = 25;
const CREATED = 99_999;

describe('cells in text', () => {
  test.each<[string, number, string, string | null]>([
    ['text', TEXT, 'Ada Lovelace has called', '[masked] has called'],
    ['short', TEXT, 'Bo', '[masked]'],
    ['nothing', TEXT, 'nobody', 'nobody'],
    ['empty', TEXT, '', ''],
    ['digits', TEXT, '12345', '12345'],
    ['varchar', 1043, 'of Bo, bo@example.org', 'of [masked], [masked]'],
    ['overlapping', TEXT, 'at 12 Foundry Lane!', 'at [masked]!'],
    ['json', 114, '{"a": "Ada \\u004covelace", "n": 1.50}', '{"a": "[masked]", "n": 1.50}'],
    [
      'jsonb',
      3802,
      '[{"Bo": 1}, "x\\\\", "\\"John\\""]',
      '[{"[masked]": 1}, "x\\\\", "\\"[masked]\\""]',
    ],
    ['json of one string', 114, '"Zoë \\"Zo\\" Ångström"', '"[masked]"'],
    ['array', 1009, '{x,"of Bo","Ada Lovelace"}', '{x,"of [masked]","[masked]"}'],
    ['array of two dimensions', 1009, '{{Bo,x},{y,NULL}}', '{{"[masked]",x},{y,NULL}}'],
    ['record', 2249, '(1,"Ada Lovelace",)', '(1,"[masked]",)'],
    ['record inside of a record', 2249, '(1,"(""Ada Lovelace"",2)")', '(1,"(\\"[masked]\\",2)")'],
    ['enum or citext', CREATED, 'Bo', '[masked]'],
    ['created record', CREATED, '("Ada Lovelace",3)', '("[masked]",3)'],
    ['created array', CREATED, '{"(Bo,1)",x}', '{"([masked],1)",x}'],
    ['hstore', CREATED, '"who"=>"Ada Lovelace"', '"who"=>"[masked]"'],
    ['xml', 142, '<a>Ada Lovelace</a>', '<a>[masked]</a>'],
    ['bytea', 17, `\\x${Buffer.from('of Ada Lovelace').toString('hex')}`, null],
    [
      'bytea without a name',
      17,
      `\\x${Buffer.from('of nobody').toString('hex')}`,
      '\\x6f66206e6f626f6479',
    ],
    ['bytea, escaped', 17, 'Ada Lovelace', null],
    ['tsvector', 3614, `'Ada Lovelace':1`, null],
    ['range', 3912, '[2020-01-01,)', '[2020-01-01,)'],
    ['int4', 23, '12', '12'],
    ['uuid', 2950, 'b0b0b0b0-0000-0000-0000-000000000000', 'b0b0b0b0-0000-0000-0000-000000000000'],
  ])('%s', (_name, oid, cell, expected) => {
    expect(shown(oid, cell)).toBe(expected);
    // Without detectors beside it.
    if (!cell.includes('@')) expect(shown(oid, cell, { detect: [] })).toBe(expected);
  });
});

const record = (...fields: readonly (readonly [oid: number, value: Uint8Array])[]) =>
  join(
    i32(fields.length),
    ...fields.flatMap(([oid, value]) => [i32(oid), i32(value.length), value]),
  );
const array = (oid: number, ...values: readonly string[]) =>
  join(
    i32(1),
    i32(0),
    i32(oid),
    i32(values.length),
    i32(1),
    ...values.flatMap((value) => [i32(text(value).length), text(value)]),
  );

it('JSON of megabytes, and what is no JSON at all', () => {
  const long = 'x'.repeat(1_000_000);
  expect(shown(114, `{"a": "${long} Bo", "b": "Bo"}`)).toBe(
    `{"a": "${long} [masked]", "b": "[masked]"}`,
  );
  expect(shown(114, `["${'\\\\'.repeat(200_000)}", "Bo"]`)).toMatch(/"\[masked\]"\]$/);
  expect(shown(114, '["Bo')).toBeNull();
});

describe('cells in binary', () => {
  const masked = text('[masked]');
  const int = hex('4a6f686e'); // reads like John
  test.each<[string, number, Uint8Array, Uint8Array | null]>([
    ['text', TEXT, text('Bo'), masked],
    ['jsonb', 3802, join(hex('01'), text('{"a":"Bo"}')), join(hex('01'), text('{"a":"[masked]"}'))],
    ['array', 1009, array(TEXT, 'x', 'Bo'), array(TEXT, 'x', '[masked]')],
    ['record', 2249, record([23, int], [TEXT, text('Bo')]), record([23, int], [TEXT, masked])],
    [
      'record inside of a created one',
      CREATED,
      record([2249, record([TEXT, text('Ada Lovelace')])], [23, int]),
      record([2249, record([TEXT, masked])], [23, int]),
    ],
    ['created array', CREATED, array(CREATED, 'Bo'), array(CREATED, '[masked]')],
    ['citext', CREATED, text('of Bo'), text('of [masked]')],
    ['bytea', 17, text('of Bo'), null],
    ['bytea that is no text', 17, hex('ff00426f'), hex('ff00426f')],
    ['tsvector', 3614, join(i32(1), text('Ada Lovelace'), hex('000001')), null],
    ['int4', 23, int, int],
  ])('%s', (_name, oid, cell, expected) => {
    expect(through(oid, 1, cell).cell).toEqual(expected);
  });
});

describe('COPY', () => {
  const format = (name: 'text' | 'csv' | 'binary'): CopyOutFormat => ({
    format: name,
    delimiter: name === 'csv' ? ',' : '\t',
    null: name === 'csv' ? '' : '\\N',
    quote: '"',
    escape: '"',
    header: name === 'csv',
  });

  function copied(
    how: CopyOutFormat,
    columns: number,
    data: Uint8Array,
    cut = data.length,
  ): Uint8Array {
    const model = new ModelFindings(PEOPLE);
    const plans = Array.from({ length: columns }, () => plan());
    const [ahead, copy] = [0, 1].map(() => maskers.copy(plans, how, EMAIL, model)) as [
      ReturnType<typeof maskers.copy>,
      ReturnType<typeof maskers.copy>,
    ];
    const out: Uint8Array[] = [];
    for (let at = 0; at < data.length; at += cut) {
      const chunk = data.slice(at, at + cut);
      model.collect(() => ahead.push(chunk));
      answer(model);
      out.push(copy.push(chunk).slice());
    }
    return join(...out, copy.end());
  }

  test.each<['text' | 'csv', string, string]>([
    ['text', '1\tAda\\\\ Bo\t\\N\n', '1\tAda\\\\ [masked]\t\\N\n'],
    [
      'text',
      '{"of Bo",x}\t{"a": "Ada Lovelace"}\t(Bo,2)\n',
      '{"of [masked]",x}\t{"a": "[masked]"}\t("[masked]",2)\n',
    ],
    [
      'text',
      `\\\\x${Buffer.from('Bo').toString('hex')}\t1980-01-01\tbo@example.org\n`,
      '\\N\t1980-01-01\t[masked]\n',
    ],
    ['csv', 'id,Bo,note\n7,"Zoë ""Zo"" Ångström",Bo\n', 'id,Bo,note\n7,"[masked]",[masked]\n'],
  ])('%s: %j', (name, data, expected) => {
    const how = format(name);
    expect(read(copied(how, 3, text(data)))).toBe(expected);
    for (const cut of [1, 2, 3, 7, 20])
      expect(read(copied(how, 3, text(data), cut))).toBe(expected);
  });

  it('binary', () => {
    const header = join(hex('5047434f50590aff0d0a00'), i32(0), i32(0));
    const row = (...cells: Uint8Array[]) =>
      join(i16(cells.length), ...cells.flatMap((cell) => [i32(cell.length), cell]));
    const int = hex('4a6f686e');
    const data = join(
      header,
      row(text('Ada Lovelace called'), array(TEXT, 'Bo'), join(hex('01'), text('["Bo"]'))),
      row(int, hex('00000007'), text('nobody')),
      i16(-1),
    );
    const masked = join(
      header,
      row(text('[masked] called'), array(TEXT, '[masked]'), join(hex('01'), text('["[masked]"]'))),
      // Four bytes that read like a name may be a number: what stands in their place fits both.
      join(i16(3), i32(-1), i32(4), hex('00000007'), i32(6), text('nobody')),
      i16(-1),
    );
    expect(copied(format('binary'), 3, data)).toEqual(masked);
    for (const cut of [1, 5, 19, 40])
      expect(copied(format('binary'), 3, data, cut)).toEqual(masked);
  });
});

describe('what is shown in place of a finding', () => {
  test.each<[MaskKind, RegExp]>([
    ['null', /^of \[masked\]$/],
    ['redact', /^of \[masked\]$/],
    ['hash', /^of hash:[0-9a-f]{32}$/],
    ['fake', /^of [A-Z][a-z]{2} [A-Z][a-z]{7}$/],
    ['partial', /^of (?!Ada Lovelace).+$/],
  ])('%s', (kind, expected) => {
    expect(shown(TEXT, 'of Ada Lovelace', { models: asked(kind, 'person') })).toMatch(expected);
  });

  it('is the strictest of the kinds that meet in one place', () => {
    const models = [...asked('partial', 'address'), ...asked('redact', 'location')];
    expect(shown(TEXT, 'at 12 Foundry Lane', { models })).toBe('at [masked]');
  });

  it('needs the key where a kind does', () => {
    const keyless = createResultMaskers(() => createMaskers({ key: null, crypto: nativeCrypto }));
    const model = new ModelFindings(asked('hash', 'person'));
    expect(() => keyless.rows([plan()], [described(TEXT, 0)], [], model)).toThrow(MaskKeyMissing);
  });
});

describe('what the model is asked', () => {
  it('is what detectors have left, each text once, and nothing without a letter', () => {
    const { texts } = through(1009, 0, text('{Bo,Bo,"x bo@example.org",123,"[masked]"}'));
    expect(texts).toEqual(['Bo', 'x [masked]']);
  });

  it('is digits too where it looks for dates', () => {
    expect(through(TEXT, 0, text('1815-12-10')).texts).toEqual([]);
    const models = asked('redact', 'date_of_birth');
    expect(through(TEXT, 0, text('1815-12-10'), { models }).texts).toEqual(['1815-12-10']);
  });

  it('is remembered, up to a bound', () => {
    const model = new ModelFindings(PEOPLE);
    const texts = model.texts(createMaskers({ key: null, crypto: nativeCrypto }));
    const ask = (value: string) => {
      model.collect(() => texts.part(value, 'note'));
      const missing = answer(model).length;
      const part = texts.part(value, 'note');
      model.release();
      return [missing, part];
    };
    expect(ask('of Bo')).toEqual([1, 'of [masked]']);
    expect(ask('of Bo')).toEqual([0, 'of [masked]']);
    for (let at = 0; at < 5000; at += 1) ask(`note ${at}`);
    expect(ask('of Bo')).toEqual([1, 'of [masked]']);
    // Long ones are asked about every time.
    const long = `${'x'.repeat(2000)} Bo`;
    expect([ask(long)[0], ask(long)[0]]).toEqual([1, 1]);
  });

  it('is needed: what nobody was asked about does not leave', () => {
    const model = new ModelFindings(PEOPLE);
    const rows = maskers.rows([plan()], [described(TEXT, 0)], [], model);
    expect(() => rows.mask(join(i16(1), i32(2), text('Bo')))).toThrow(NotAnalyzed);
    model.collect(() => rows.mask(join(i16(1), i32(2), text('Bo'))));
    expect(() => rows.mask(join(i16(1), i32(2), text('Bo')))).toThrow(NotAnalyzed);
  });
});
