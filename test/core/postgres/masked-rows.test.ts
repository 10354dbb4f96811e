import { describe, expect, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { ByteSink } from '../../../core/masking/byte-sink.ts';
import type { DetectorId } from '../../../core/masking/detect/detector.ts';
import type { ColumnPlan, MaskKind } from '../../../core/masking/mask.ts';
import { createMaskers, MaskKeyMissing } from '../../../core/masking/maskers/maskers.ts';
import { MaskMismatch } from '../../../core/postgres/masked-failure.ts';
import { createRowMasker } from '../../../core/postgres/masked-rows.ts';
import { hex, i16, i32, join, text } from './wire.ts';

const maskers = createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto });
const ALL: readonly DetectorId[] = ['email', 'credit_card', 'us_ssn', 'iban'];
const tools = (kind: MaskKind = 'redact') => ({
  maskers,
  detect: ALL.map((detector) => ({ ids: ['m'], detector, kind })),
});

function plan(
  treatment: ColumnPlan['treatment'],
  kind: MaskKind | null = null,
  name = 'c',
): ColumnPlan {
  return { treatment, kind, name, origins: new Set() };
}

type Cell = string | Uint8Array | null;
const row = (...cells: readonly Cell[]) =>
  join(
    i16(cells.length),
    ...cells.map((cell) => {
      if (cell === null) return i32(-1);
      const bytes = typeof cell === 'string' ? text(cell) : cell;
      return join(i32(bytes.length), bytes);
    }),
  );

function cells(body: Uint8Array): (Uint8Array | null)[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const found: (Uint8Array | null)[] = [];
  let at = 2;
  for (let left = view.getInt16(0); left > 0; left--) {
    const size = view.getInt32(at);
    at += 4;
    found.push(size < 0 ? null : body.slice(at, at + size));
    at += Math.max(size, 0);
  }
  expect(at).toBe(body.length);
  return found;
}

const shown = (body: Uint8Array) =>
  cells(body).map((cell) => (cell === null ? null : new TextDecoder().decode(cell)));

/** One cell through one column. */
function one(
  column: ColumnPlan,
  typeOid: number,
  cell: Cell,
  format = 0,
  kind: MaskKind = 'redact',
) {
  const masker = createRowMasker([column], [{ typeOid, format }], tools(kind));
  return cells(masker.mask(row(cell)))[0]!;
}
const oneText = (...args: Parameters<typeof one>) => {
  const cell = one(...args);
  return cell === null ? null : new TextDecoder().decode(cell);
};

describe('masked columns in text', () => {
  test.each([
    ['text', 25, 'Ada Lovelace', '[masked]'],
    ['varchar', 1043, 'x', '[masked]'],
    ['int4', 23, '12345', '0'],
    ['int8', 20, '4111111111111111', '0'],
    ['numeric', 1700, '12.50', '0'],
    ['float8', 701, '1e10', '0'],
    ['bool', 16, 't', 'f'],
    ['date', 1082, '1980-02-03', '0001-01-01'],
    ['timestamptz', 1184, '2020-01-01 10:00:00+02', '0001-01-01 00:00:00+00'],
    ['uuid', 2950, '6f1b8f7e-0000-4000-8000-000000000001', '00000000-0000-0000-0000-000000000000'],
    ['jsonb', 3802, '{"a":1}', '"[masked]"'],
    ['bytea', 17, '\\xdeadbeef', '\\x5b6d61736b65645d'],
    ['text[]', 1009, '{a,b}', '{}'],
    ['inet', 869, '10.0.0.1', null],
    ['int4range', 3904, '[1,5)', null],
    ['an enum or citext', 70_000, 'happy', '[masked]'],
    ['a created array', 70_000, '{a}', '{}'],
    ['a created record', 70_000, '(1,a)', null],
  ])('%s is redacted to a value of its type', (_, oid, value, expected) => {
    expect(oneText(plan('mask', 'redact'), oid, value)).toBe(expected);
    // What is computed from it shows the same for NULL: a NULL among others would tell.
    const derived = oid === 70_000 ? null : expected;
    expect(oneText(plan('redact'), oid, value)).toBe(derived);
    expect(oneText(plan('redact'), oid, null)).toBe(derived);
    expect(oneText(plan('mask', 'null'), oid, value)).toBe(null);
    expect(oneText(plan('mask', 'redact'), oid, null)).toBe(null);
  });

  test('hash is the same for a value in every width, and in text its own digits', () => {
    const wide = BigInt(oneText(plan('mask', 'hash'), 20, '42')!);
    expect(oneText(plan('mask', 'hash'), 23, '42')).toBe(String(wide & 0x7fffffffn));
    expect(oneText(plan('mask', 'hash'), 21, '42')).toBe(String(wide & 0x7fffn));
    const digest = oneText(plan('mask', 'hash'), 25, '42')!;
    expect(digest).toMatch(/^hash:[0-9a-f]{32}$/);
    expect(BigInt(`0x${digest.slice(-16)}`) & 0x7fffffffffffffffn).toBe(wide);
    expect(oneText(plan('mask', 'hash'), 1042, '42   ')).toBe(digest);
  });

  test('text arrays are masked element by element', () => {
    expect(oneText(plan('mask', 'partial'), 1009, '{"Ada Lovelace",NULL,"a,\\"c"}')).toBe(
      '{"A•••",NULL,"•••"}',
    );
  });

  test('hash and fake without a key cannot be made', () => {
    const keyless = { ...tools(), maskers: createMaskers({ key: null, crypto: nativeCrypto }) };
    for (const kind of ['hash', 'fake'] as const) {
      expect(() =>
        createRowMasker([plan('mask', kind)], [{ typeOid: 25, format: 0 }], keyless),
      ).toThrow(MaskKeyMissing);
    }
  });
});

describe('masked columns in binary', () => {
  test.each([
    ['int2', 21, '04d2', '0000'],
    ['int8', 20, '0000000000000001', '0000000000000000'],
    ['float8', 701, '3ff0000000000000', '0000000000000000'],
    ['bool', 16, '01', '00'],
    ['numeric', 1700, '0001000000000000000c', '0000000000000000'],
    ['date', 1082, '00000001', 'fff4dbf9'],
    ['jsonb', 3802, '017b7d', '01225b6d61736b65645d22'],
    [
      'text[]',
      1009,
      '00000001000000000000001900000001000000010000000161',
      '000000000000000000000019',
    ],
    ['inet', 869, '0220000400000000', null],
    ['an enum', 70_000, '6162', null],
  ])('%s is redacted to a value of its type', (_, oid, value, expected) => {
    const cell = one(plan('mask', 'redact'), oid, hex(value), 1);
    expect(cell === null ? null : Buffer.from(cell).toString('hex')).toBe(expected);
  });

  test.each([
    [20, '42', '000000000000002a'],
    [23, '42', '0000002a'],
    [2950, '6f1b8f7e-0000-4000-8000-000000000001', '6f1b8f7e000040008000000000000001'],
  ])('type %i hashes and fakes as its text does', (oid, value, binary) => {
    for (const kind of ['hash', 'fake'] as const) {
      const cell = Buffer.from(one(plan('mask', kind), oid, hex(binary), 1)!).toString('hex');
      const expected = oneText(plan('mask', kind), oid, value)!;
      const plain =
        oid === 2950
          ? expected.replaceAll('-', '')
          : BigInt(expected).toString(16).padStart(binary.length, '0');
      expect(cell).toBe(plain);
    }
  });
});

describe('scanned columns', () => {
  test('a clean row is the very view', () => {
    const masker = createRowMasker(
      [plan('scan'), plan('pass')],
      [
        { typeOid: 25, format: 0 },
        { typeOid: 23, format: 0 },
      ],
      tools(),
    );
    const body = row('nothing here', '17');
    expect(masker.mask(body)).toBe(body);
    expect(masker.idle).toBe(false);
  });

  test.each([
    ['text', 25, 'write to ada@lovelace.org now', 'write to [masked] now'],
    ['bigint', 20, '4111111111111111', '0'],
    ['jsonb', 3802, '{"mail": "ada@lovelace.org", "n": 1.0}', '{"mail": "[masked]", "n": 1.0}'],
    ['jsonb with escapes', 3802, '{"mail": "ada\\u0040lovelace.org"}', '{"mail": "[masked]"}'],
    ['text[]', 1009, '{a,ada@lovelace.org,"b c"}', '{a,"[masked]","b c"}'],
    ['record', 2249, '(1,"x ada@lovelace.org y",)', '(1,"x [masked] y",)'],
    ['hstore', 70_000, '"k"=>"ada@lovelace.org"', '"k"=>"[masked]"'],
    ['bytea', 17, `\\x${Buffer.from('ada@lovelace.org').toString('hex')}`, null],
    ['tsvector', 3614, "'ada@lovelace.org':1", null],
  ])('%s', (_, oid, value, expected) => {
    expect(oneText(plan('scan'), oid, value)).toBe(expected);
  });

  test('kind null makes a cell NULL that is nothing but the value', () => {
    expect(oneText(plan('scan'), 25, 'ada@lovelace.org', 0, 'null')).toBe(null);
    expect(oneText(plan('scan'), 25, 'to ada@lovelace.org', 0, 'null')).toBe('to [masked]');
  });

  const element = (value: string) => join(i32(value.length), text(value));
  test('binary arrays and records are searched element by element, whatever stands in front', () => {
    // 48 is the digit 0 in ASCII: the length must not hide the value behind it.
    const long = `4111111111111111${' '.repeat(32)}`;
    const array = join(i32(1), i32(0), i32(25), i32(1), i32(1), element(long));
    expect(Buffer.from(one(plan('scan'), 1009, array, 1)!).toString('latin1')).not.toContain(
      '41111',
    );
    const record = join(i32(2), i32(25), element(long), i32(23), i32(4), i32(7));
    for (const oid of [2249, 70_000]) {
      const cell = Buffer.from(one(plan('scan'), oid, record, 1)!);
      expect(cell.toString('latin1')).not.toContain('41111');
      expect(cell.subarray(-4)).toEqual(Buffer.from([0, 0, 0, 7]));
    }
    const hstore = join(i32(1), element('k'), element(long));
    expect(one(plan('scan'), 70_000, hstore, 1)).toBe(null);
  });
});

describe('whole rows', () => {
  const columns = [plan('mask', 'partial'), plan('pass'), plan('mask', 'null'), plan('scan')];
  const fields = [25, 23, 25, 25].map((typeOid) => ({ typeOid, format: 0 }));
  const masker = createRowMasker(columns, fields, tools());

  test('cells of other columns stay as they are', () => {
    expect(shown(masker.mask(row('Ada Lovelace', '5', 'x', 'ada@lovelace.org')))).toEqual([
      'A•••',
      '5',
      null,
      '[masked]',
    ]);
    expect(shown(masker.mask(row(null, null, null, null)))).toEqual([null, null, null, null]);
  });

  test('append writes the whole message', () => {
    const sink = new ByteSink();
    const body = row(null, '1', null, 'clean');
    expect(masker.append(body, 0, body.length, sink)).toBe(false);
    expect(sink.view()).toEqual(join(text('D'), i32(body.length + 4), body));
    sink.clear();
    const other = row('Ada Lovelace', '1', null, 'clean');
    expect(masker.append(join(i32(0), other), 4, 4 + other.length, sink)).toBe(true);
    const body2 = row('A•••', '1', null, 'clean');
    expect(sink.view()).toEqual(join(text('D'), i32(body2.length + 4), body2));
  });

  test.each([
    ['another number of columns', row('a'), MaskMismatch],
    ['a cell out of its row', join(i16(4), i32(5), text('ab')), /out of its row|shorter/],
    ['bytes left over', join(row('a', 'b', 'c', 'd'), text('x')), /left over/],
    ['nothing', new Uint8Array(0), /count/],
  ])('%s is refused', (_, body, expected) => {
    expect(() => masker.mask(body)).toThrow(expected);
  });

  test('another number of fields than planned is refused', () => {
    expect(() => createRowMasker(columns, fields.slice(1), tools())).toThrow(MaskMismatch);
  });
});
