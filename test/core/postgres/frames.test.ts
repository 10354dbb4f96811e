import { array, assert, constantFrom, nat, property, tuple, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolViolation } from '../../../core/failure.ts';
import { FrameReader } from '../../../core/postgres/frames.ts';
import { frame, hex, join, text } from './wire.ts';

const reader = () =>
  new FrameReader({
    limit: (tag) => (tag === 0x44 ? 0x3fff_ffff : tag >= 0x41 && tag <= 0x5a ? 1000 : 0),
    streams: (tag) => tag === 0x44,
  });

/** Feeds pieces and gives back what came out: whole frames, and streamed ones put together again. */
function read(pieces: readonly Uint8Array[]): string[] {
  const r = reader();
  const out: string[] = [];
  let open: Uint8Array[] = [];
  for (const piece of pieces) {
    // The chunk is lent: its owner may do anything with it afterwards.
    const lent = piece.slice();
    r.push(lent);
    while (r.next()) {
      open.push(r.buffer.slice(r.start, r.end));
      if (r.last) {
        out.push(Buffer.concat(open).toString('latin1'));
        open = [];
      }
      r.consume();
    }
    r.keep();
    lent.fill(0xee);
  }
  return out;
}

describe('FrameReader', () => {
  const stream = join(
    frame('A'),
    frame('B', text('hello')),
    frame('D', text('x'.repeat(40))),
    frame('Z', text('I')),
  );
  const whole = read([stream]);

  it('hands out frames', () => {
    expect(whole.map((f) => f.charAt(0))).toEqual(['A', 'B', 'D', 'Z']);
    expect(whole.join('')).toBe(Buffer.from(stream).toString('latin1'));
  });

  it('hands out the same frames wherever the stream is cut', () => {
    for (let a = 0; a <= stream.length; a++) {
      expect(read([stream.subarray(0, a), stream.subarray(a)])).toEqual(whole);
    }
    expect(read([...stream].map((byte) => new Uint8Array([byte])))).toEqual(whole);
  });

  it('hands out the same frames for any stream and any cuts', () => {
    const any = array(
      tuple(constantFrom('A', 'D', 'Q'), uint8Array({ maxLength: 300 })).map(([tag, body]) =>
        frame(tag, body),
      ),
      { maxLength: 12 },
    );
    assert(
      property(any, array(nat(200), { maxLength: 40 }), (list, cuts) => {
        const bytes = join(...list);
        const pieces: Uint8Array[] = [];
        let at = 0;
        for (const cut of cuts) {
          pieces.push(bytes.subarray(at, at + cut));
          at = Math.min(bytes.length, at + cut);
        }
        pieces.push(bytes.subarray(at));
        expect(read(pieces)).toEqual(list.map((f) => Buffer.from(f).toString('latin1')));
      }),
    );
  });

  it.each([
    ['0', '41 00000000'],
    ['3', '41 00000003'],
    ['over the limit', '41 000003e9'],
    ['2^31', '41 80000000'],
    ['2^32 - 1', '41 ffffffff'],
    ['2^31 of a streamed frame', '44 80000000'],
    ['2^32 - 1 of a streamed frame', '44 ffffffff'],
    ['3 of a streamed frame', '44 00000003'],
  ])('refuses a length of %s', (_name, bytes) => {
    const r = reader();
    r.push(hex(bytes));
    expect(() => r.next()).toThrow(ProtocolViolation);
  });

  it('refuses an unknown tag at its first byte', () => {
    const r = reader();
    r.push(hex('16'));
    expect(() => r.next()).toThrow(ProtocolViolation);
  });

  it('takes no memory for what a header only claims', () => {
    const r = new FrameReader({ limit: () => 0x3fff_ffff, streams: () => false });
    r.push(hex('41 3fffffff'));
    expect(r.next()).toBe(false);
    r.keep();
    r.push(new Uint8Array(10));
    r.keep();
    expect(r.held).toBe(15);
  });

  it('sees a tag behind held frames, and not inside them', () => {
    const r = reader();
    r.push(join(frame('Q', frame('X')), frame('Q', text('a'))));
    expect(r.sees(0x58)).toBe(false);
    r.keep();
    r.push(frame('X').subarray(0, 3));
    expect(r.sees(0x58)).toBe(false);
    r.keep();
    r.push(frame('X').subarray(3));
    expect(r.sees(0x58)).toBe(true);
    r.next();
    r.consume();
    expect(r.sees(0x58)).toBe(true);
  });
});
