import { assert, pre, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter, concatBytes, decodeUtf8, toHex, utf8 } from '../../core/bytes.ts';
import { ProtocolViolation } from '../../core/failure.ts';

const bytes = (...values: number[]) => new Uint8Array(values);

describe('ByteReader', () => {
  it.each<[string, Uint8Array, (r: ByteReader) => unknown, unknown]>([
    ['u8', bytes(0xff), (r) => r.u8(), 255],
    ['u16', bytes(0x12, 0x34), (r) => r.u16(), 0x1234],
    ['i16', bytes(0xff, 0xfe), (r) => r.i16(), -2],
    ['i32', bytes(0xff, 0xff, 0xff, 0xff), (r) => r.i32(), -1],
    ['u32', bytes(0xff, 0xff, 0xff, 0xff), (r) => r.u32(), 0xffff_ffff],
    ['cstring', bytes(0x61, 0xc3, 0xa9, 0, 0x62), (r) => r.cstring(), 'aé'],
    ['an empty cstring', bytes(0), (r) => r.cstring(), ''],
    [
      'a cstring with a byte order mark',
      bytes(0xef, 0xbb, 0xbf, 0x61, 0),
      (r) => r.cstring(),
      '\u{FEFF}a',
    ],
    ['rest', bytes(1, 2), (r) => [...r.rest()], [1, 2]],
  ])('reads %s', (_name, input, read, expected) => {
    expect(read(new ByteReader(input))).toEqual(expected);
  });

  it.each<[string, Uint8Array, (r: ByteReader) => unknown]>([
    ['u8 of nothing', bytes(), (r) => r.u8()],
    ['u16 of one byte', bytes(1), (r) => r.u16()],
    ['u32 of three bytes', bytes(1, 2, 3), (r) => r.u32()],
    ['more bytes than there are', bytes(1), (r) => r.bytes(2)],
    ['a negative length', bytes(1), (r) => r.bytes(-1)],
    ['a length that is no integer', bytes(1), (r) => r.bytes(0.5)],
    ['a string without its end', bytes(0x61), (r) => r.cstring()],
    ['a long string without its end', new Uint8Array(100).fill(0x61), (r) => r.cstring()],
    ['a string that is not UTF-8', bytes(0xff, 0), (r) => r.cstring()],
    ['an overlong encoding of a quote', bytes(0xc0, 0xa7, 0), (r) => r.cstring()],
    ['a surrogate', bytes(0xed, 0xa0, 0x80, 0), (r) => r.cstring()],
    ['the end before it', bytes(1), (r) => r.end()],
  ])('refuses %s', (_name, input, read) => {
    expect(() => read(new ByteReader(input))).toThrow(ProtocolViolation);
  });

  it('never reads into what follows its message', () => {
    const shared = bytes(0x61, 0x62, 0, 0x63, 0);
    expect(() => new ByteReader(shared, 0, 2).cstring()).toThrow(ProtocolViolation);
    expect(() => new ByteReader(shared, 0, 2).u32()).toThrow(ProtocolViolation);
    expect(() => new ByteReader(shared, 0, 9)).toThrow(RangeError);
  });

  it('reads back any string that a writer wrote', () => {
    assert(
      property(string({ unit: 'grapheme', maxLength: 80 }), (text) => {
        pre(!text.includes('\0'));
        const reader = new ByteReader(new ByteWriter().cstring(text).finish());
        expect(reader.cstring()).toBe(text);
        reader.end();
      }),
    );
  });
});

describe('ByteWriter', () => {
  it('grows, and patches lengths', () => {
    const writer = new ByteWriter(1).i32(0);
    for (let i = 0; i < 100; i++) writer.u8(i);
    const whole = writer.patch32(0, writer.length).finish();
    expect(whole.length).toBe(104);
    expect(new ByteReader(whole).u32()).toBe(104);
  });

  it.each<[string, (w: ByteWriter) => unknown]>([
    ['256 as a byte', (w) => w.u8(256)],
    ['70000 as 16 bits', (w) => w.i16(70_000)],
    ['2^32 as 32 bits', (w) => w.i32(2 ** 32)],
    ['a fraction', (w) => w.i32(1.5)],
    ['NaN', (w) => w.i16(Number.NaN)],
    ['a zero inside a string', (w) => w.cstring('a\0b')],
    ['a patch outside', (w) => w.patch32(0, 1)],
  ])('refuses %s', (_name, write) => {
    expect(() => write(new ByteWriter())).toThrow(RangeError);
  });
});

describe('texts', () => {
  it('tells UTF-8 from other bytes', () => {
    expect(decodeUtf8(utf8('\u{FEFF}é'))).toBe('\u{FEFF}é');
    expect(decodeUtf8(bytes(0x80))).toBeNull();
  });

  it('joins and prints bytes', () => {
    expect(toHex(concatBytes([bytes(0, 15), bytes(), bytes(255)]))).toBe('000fff');
  });
});
