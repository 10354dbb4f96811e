import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { ProtocolViolation } from '../../../core/failure.ts';
import { ByteSink } from '../../../core/masking/byte-sink.ts';
import type { ColumnPlan, CopyOutFormat, MaskKind } from '../../../core/masking/mask.ts';
import { DETECTOR_IDS } from '../../../core/masking/detect/detector.ts';
import { createMaskers } from '../../../core/masking/maskers/maskers.ts';
import { createCopyMasker } from '../../../core/postgres/masked-copy.ts';
import { MaskMismatch, RowTooLarge } from '../../../core/postgres/masked-failure.ts';
import { i16, i32, join, text } from './wire.ts';

const maskers = createMaskers({ key: new Uint8Array(32).fill(7), crypto: nativeCrypto });
const tools = {
  maskers,
  detect: [{ ids: ['m'], detector: 'email', kind: 'redact' }] as const,
};
const plan = (treatment: ColumnPlan['treatment'], kind: MaskKind | null = null): ColumnPlan => ({
  treatment,
  kind,
  name: 'c',
  origins: new Set(),
});
const COLUMNS = [plan('pass'), plan('mask', 'partial'), plan('scan'), plan('redact')];
const TEXT: CopyOutFormat = {
  format: 'text',
  delimiter: '\t',
  null: '\\N',
  quote: '"',
  escape: '"',
  header: false,
};
const CSV: CopyOutFormat = { ...TEXT, format: 'csv', delimiter: ',', null: '' };
const BINARY: CopyOutFormat = { ...TEXT, format: 'binary' };

function through(
  format: CopyOutFormat,
  data: Uint8Array,
  cuts: readonly number[] = [],
  columns = COLUMNS,
  oids?: (number | null)[],
) {
  const masker = createCopyMasker(columns, format, tools, oids);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, data.length]) {
    // The chunk is only lent: it is written over as soon as it was pushed.
    const chunk = data.slice(from, Math.max(from, cut));
    parts.push(masker.push(chunk).slice());
    chunk.fill(0x7a);
    from = Math.max(from, cut);
  }
  parts.push(masker.end().slice());
  return join(...parts);
}
const line = (format: CopyOutFormat, data: string, columns = COLUMNS, oids?: (number | null)[]) =>
  new TextDecoder().decode(through(format, text(data), [], columns, oids));

describe('text', () => {
  test.each([
    ['1\tAda Lovelace\tclean\t12\n', '1\tA•••\tclean\t\\N\n'],
    ['a\\tb\tAda\\tLovelace\tx ada@lovelace.org\\ny\tt\n', 'a\\tb\tA•••\tx [masked]\\ny\t\\N\n'],
    ['\\N\t\\N\t\\N\t\\N\n', '\\N\t\\N\t\\N\t\\N\n'],
    ['1\tx\t{"m": "ada@lovelace.org"}\t{"a": 1}\n', '1\t•••\t{"m": "[masked]"}\t\\N\n'],
    ['1\tx\t{a,ada@lovelace.org}\t{1,2}\n', '1\t•••\t{a,"[masked]"}\t\\N\n'],
    ['1\tx\ty\t2020-01-02 03:04:05+00\n', '1\t•••\ty\t\\N\n'],
    ['1\tx\ty\t[1,5)\n', '1\t•••\ty\t\\N\n'],
    ['1\t\\\\x00\ty\t\\\\xdead\n', '1\t\\\\x5b6d61736b65645d\ty\t\\N\n'],
  ])('%j', (data, expected) => expect(line(TEXT, data)).toBe(expected));

  test('a type that is known counts, not how a value looks', () => {
    expect(line(TEXT, '5551234567\n', [plan('mask', 'partial')], [25])).toBe('••••••••67\n');
    expect(line(TEXT, '5551234567\n', [plan('mask', 'partial')])).toBe('0\n');
  });

  test('a table without columns has empty rows', () => expect(line(TEXT, '\n\n', [])).toBe('\n\n'));

  test('a header passes', () => {
    const header = 'a\tname\tnote\tn\n';
    expect(line({ ...TEXT, header: true }, `${header}1\tAda Lovelace\tx\t1\n`)).toBe(
      `${header}1\tA•••\tx\t\\N\n`,
    );
  });
});

describe('csv', () => {
  test.each([
    ['1,Ada Lovelace,clean,12\n', '1,A•••,clean,\n'],
    ['1,"Ada, Countess",say ""x,5\n', '1,"A•••",say ""x,\n'],
    [
      '"a\nb","Ada ""the"" Lovelace","mail\nada@lovelace.org",\n',
      '"a\nb","•••","mail\n[masked]",\n',
    ],
    ['1,,"","x"\n', '1,,"",\n'],
  ])('%j', (data, expected) => expect(line(CSV, data)).toBe(expected));

  test('quote, escape, delimiter and NULL of its own', () => {
    const own = { ...CSV, delimiter: ';', quote: "'", escape: '\\', null: 'nil' };
    expect(line(own, "1;'Ada \\' Lovelace; x';'it\\\\s ada@lovelace.org \\' ';nil\n")).toBe(
      "1;'•••';'it\\\\s [masked] \\' ';nil\n",
    );
  });
});

const field = (value: Uint8Array | string | null) => {
  if (value === null) return i32(-1);
  const bytes = typeof value === 'string' ? text(value) : value;
  return join(i32(bytes.length), bytes);
};
const header = join(new Uint8Array([80, 71, 67, 79, 80, 89, 10, 255, 13, 10, 0]), i32(0), i32(0));
const tuple = (...values: (Uint8Array | string | null)[]) =>
  join(i16(values.length), ...values.map(field));
const trailer = i16(-1);

describe('binary', () => {
  test('known types are masked as in rows, unknown and derived ones become NULL', () => {
    const data = join(header, tuple(i32(7), 'Ada Lovelace', 'x ada@lovelace.org', i32(5)), trailer);
    const scanned = 'x [masked]';
    expect(through(BINARY, data, [], COLUMNS, [23, 25, 25, 23])).toEqual(
      join(header, tuple(i32(7), 'A•••', scanned, null), trailer),
    );
    expect(through(BINARY, data)).toEqual(
      join(header, tuple(i32(7), null, scanned, null), trailer),
    );
  });

  test.each([
    ['no signature', join(i32(1), header), ProtocolViolation],
    ['no trailer', join(header, tuple('a', 'b', 'c', 'd')), ProtocolViolation],
    ['something behind the trailer', join(header, trailer, i32(1)), ProtocolViolation],
    ['another count', join(header, tuple('a'), trailer), MaskMismatch],
    ['a huge field', join(header, i16(4), i32(0x7fffffff)), RowTooLarge],
    ['a negative field', join(header, i16(4), i32(-2)), ProtocolViolation],
  ])('%s is refused', (_, data, error) => {
    expect(() => through(BINARY, data)).toThrow(error);
  });
});

describe('any cut', () => {
  const samples: readonly (readonly [CopyOutFormat, Uint8Array])[] = [
    [TEXT, text('1\tAda\\\\ Lovelace\tx ada@lovelace.org\\ny\t12\n\\N\t\\N\té ü\t\n'.repeat(2))],
    [CSV, text('1,"Ada ""x"", \nLovelace","mail\nada@lovelace.org",1\n,,"é",t\n'.repeat(2))],
    [
      { ...CSV, quote: "'", escape: '\\' },
      text("1,'Ada \\' Lo\\\\','x ada@lovelace.org',1\n".repeat(2)),
    ],
    [
      BINARY,
      join(
        header,
        tuple('a', 'b', 'x ada@lovelace.org', null),
        tuple(null, null, 'c', 'd'),
        trailer,
      ),
    ],
  ];
  test.each(samples)('%j', (format, data) => {
    const whole = through(format, data);
    expect(new TextDecoder().decode(whole)).not.toContain('lovelace');
    for (let cut = 0; cut <= data.length; cut += 1)
      expect(through(format, data, [cut])).toEqual(whole);
    fc.assert(
      fc.property(fc.array(fc.nat(data.length)), (cuts) => {
        expect(
          through(
            format,
            data,
            cuts.sort((a, b) => a - b),
          ),
        ).toEqual(whole);
      }),
      { numRuns: 50 },
    );
  });
});

/** What stands in a field, and how the server writes it (manual page COPY, "File Formats"), as plainly as can be said. */
const written = {
  text: (value: string | null) =>
    value === null
      ? '\\N'
      : value
          .replaceAll('\\', '\\\\')
          .replaceAll('\t', '\\t')
          .replaceAll('\n', '\\n')
          .replaceAll('\r', '\\r')
          .replaceAll('\b', '\\b')
          .replaceAll('\f', '\\f')
          .replaceAll('\v', '\\v'),
  csv: (value: string | null) =>
    value === null
      ? ''
      : value === '' || value === '\\.' || /[",\n\r]/.test(value)
        ? `"${value.replaceAll('"', '""')}"`
        : value,
};
const quotedAs = (original: string, shown: string) =>
  original.startsWith('"') && !shown.startsWith('"') ? `"${shown}"` : shown;

describe('random fields', () => {
  const piece = fc.oneof(
    fc.constantFrom('\t', '\n', '\r', '\\', '"', ',', '\\.', '\\N', '[', '{', 'é', '•', '@', '1'),
    fc.constantFrom('Ada Lovelace', 'ada@lovelace.org', '4111 1111 1111 1111', '5550123456'),
    fc.string({ maxLength: 4 }),
  );
  const value = fc.option(
    fc.array(piece, { maxLength: 5 }).map((parts) => parts.join('')),
    {
      nil: null,
    },
  );
  const detector = createMaskers({ key: null, crypto: nativeCrypto });
  test.each([
    [TEXT, written.text, '\t'],
    [CSV, written.csv, ','],
  ] as const)('are masked as values and written back, %j', (format, write, separator) => {
    const kinds: readonly (MaskKind | null)[] = [null, 'partial', 'redact', 'null'];
    const columns = kinds.map((kind) => plan(kind === null ? 'pass' : 'mask', kind));
    const row = fc.array(value, { minLength: kinds.length, maxLength: kinds.length });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 4 }), fc.array(fc.nat(120)), (rows, cuts) => {
        const lines = rows.map((cells) => cells.map(write));
        const expected = rows.map((cells, line) =>
          cells.map((cell, at) => {
            const kind = kinds[at] ?? null;
            const original = lines[line]?.[at] ?? '';
            if (kind === null || cell === null) return original;
            const shown = detector.mask(kind, cell, { type: { kind: 'text' }, detector: null });
            if (shown === null) return write(null);
            return format === CSV ? quotedAs(original, write(shown)) : write(shown);
          }),
        );
        const joined = (all: readonly (readonly string[])[]) =>
          all.map((cells) => `${cells.join(separator)}\n`).join('');
        const data = text(joined(lines));
        const out = through(
          format,
          data,
          cuts.filter((cut) => cut <= data.length).sort((a, b) => a - b),
          columns,
          [25, 25, 25, 25],
        );
        expect(new TextDecoder().decode(out)).toBe(joined(expected));
      }),
      { numRuns: 400 },
    );
  });

  test('appended to a sink as pushed', () => {
    const rows = fc.array(fc.array(value, { minLength: 4, maxLength: 4 }), { maxLength: 4 });
    fc.assert(
      fc.property(rows, fc.array(fc.nat(120)), (all, cuts) => {
        const data = text(all.map((row) => `${row.map(written.text).join('\t')}\n`).join(''));
        const masker = createCopyMasker(COLUMNS, TEXT, tools);
        const sink = new ByteSink(1);
        sink.text('kept');
        let from = 0;
        for (const cut of [...cuts.sort((a, b) => a - b), data.length]) {
          const to = Math.min(data.length, Math.max(from, cut));
          // The part is only lent, and stands between other bytes.
          const lent = join(text('x\t'), data.subarray(from, to), text('\ty\n'));
          masker.append(lent, 2, 2 + to - from, sink);
          lent.fill(0x7a);
          from = to;
        }
        masker.end();
        expect(new TextDecoder().decode(sink.view())).toBe(
          `kept${new TextDecoder().decode(through(TEXT, data))}`,
        );
      }),
      { numRuns: 300 },
    );
  });

  test('short integers and what is shorter than any finding pass all detectors', () => {
    const all = {
      maskers,
      detect: DETECTOR_IDS.map((id) => ({ ids: ['m'], detector: id, kind: 'redact' }) as const),
    };
    const short = fc.oneof(fc.stringMatching(/^[0-9]{1,12}$/), fc.string({ maxLength: 4 }));
    fc.assert(
      fc.property(short, (cell) => {
        const data = `${written.text(cell)}\n`;
        if (text(data).length > 5 && !/^[0-9]+\n$/.test(data)) return;
        const masker = createCopyMasker([plan('scan')], TEXT, all);
        expect(new TextDecoder().decode(masker.push(text(data)))).toBe(data);
      }),
    );
  });
});

describe('what is not the planned result', () => {
  test.each([
    [TEXT, 'a\tb\tc\n', MaskMismatch],
    [TEXT, 'a\tb\tc\td\te\n', MaskMismatch],
    [CSV, 'a,b,c\n', MaskMismatch],
    [CSV, 'a,b,c,"d', ProtocolViolation],
  ])('%j %j', (format, data, error) => {
    expect(() => line(format, data)).toThrow(error);
  });

  test('a row that never ends is not held without end', () => {
    const masker = createCopyMasker(COLUMNS, TEXT, tools);
    const chunk = new Uint8Array(1024 * 1024).fill(0x61);
    expect(() => {
      for (let i = 0; i < 20; i++) masker.push(chunk);
    }).toThrow(RowTooLarge);
  });
});
