import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SLICE_LENGTH } from '../../../core/audit/chain.ts';
import type { ChainedEvent } from '../../../core/audit/event.ts';
import {
  encodeLine,
  encodeManifest,
  encodeManifestLine,
  isManifestLine,
  lineChunks,
  parseLine,
  parseManifest,
  parseManifestLine,
  partKey,
  recordingFolder,
} from '../../../core/recording/format.ts';
import { createLineReader } from '../../../core/recording/lines.ts';
import { chained, recorded } from '../../support/chained.ts';
import { sessionStart, SESSION_END } from '../../support/session-events.ts';
import { at } from '../../support/present.ts';

const EVENTS = chained('s1', [sessionStart('s1'), SESSION_END]);
const EVENT = at(EVENTS, 0);
const { manifest } = recorded(EVENTS);

const joined = (event: ChainedEvent) => Buffer.concat([...lineChunks(event)]).toString();

describe('a line', () => {
  it('gives back the event it was made of', () => {
    expect(parseLine(encodeLine(EVENT))).toEqual(EVENT);
    expect(encodeLine(EVENT)).toBe(JSON.stringify(EVENT));
  });

  it('is the same in pieces, however long', () => {
    const long = { ...EVENT, json: `{"x":"${'"\\😀é\u0000'.repeat(SLICE_LENGTH / 2)}"}` };
    for (const event of [EVENT, long]) expect(joined(event)).toBe(`${encodeLine(event)}\n`);
  });

  const line = encodeLine(EVENT);
  it.each([
    ['nothing', ''],
    ['no JSON', 'x'],
    [
      'another order of fields',
      JSON.stringify(Object.fromEntries(Object.entries(EVENT).toReversed())),
    ],
    ['a field too many', line.replace('{', '{"note":"x",')],
    ['a doubled field', line.replace('{', '{"seq":9,')],
    ['white space', ` ${line}`],
    ['a carriage return', `${line}\r`],
    ['an escape where none is needed', line.replace('session', '\\u0073ession')],
    ['a missing field', JSON.stringify({ ...EVENT, hash: undefined })],
    ['a number as text', line.replace('"seq":1', '"seq":"1"')],
    ['another spelling of a number', line.replace('"seq":1', '"seq":1.0')],
    ['a list', '[]'],
  ])('is refused with %s', (_name, text) => {
    expect(text).not.toBe(line);
    expect(parseLine(text)).toBeNull();
  });
});

describe('a manifest', () => {
  it('is read as it was written, alone and as the first line of an export', () => {
    expect(parseManifest(encodeManifest(manifest))).toEqual(manifest);
    expect(parseManifestLine(encodeManifestLine(manifest))).toEqual(manifest);
    expect(isManifestLine(encodeManifestLine(manifest))).toBe(true);
    expect(isManifestLine(encodeLine(EVENT))).toBe(false);
  });

  const text = encodeManifest(manifest);
  it.each([
    ['an unknown key', text.replace('{', '{"aaa":1,')],
    ['a doubled key', text.replace('{', '{"complete":true,')],
    ['another format', text.replace('recording.v1', 'recording.v2')],
    ['a count that is none', text.replace('"events":2', '"events":-2')],
    ['no line feed', text.trim()],
    ['nothing', ''],
  ])('is refused with %s', (_name, changed) => {
    expect(changed).not.toBe(text);
    expect(parseManifest(changed)).toBeNull();
  });
});

describe('keys', () => {
  it('are by UTC day of the start', () => {
    const folder = recordingFolder(Date.UTC(2026, 10, 24, 23, 59, 59, 999), 'abc_-9');
    expect(partKey(folder, 7)).toBe('recordings/2026-11-24/abc_-9/000007.ndjson.gz');
  });

  it.each(['', '../x', 'a/b', 'a b', 'é', 'x'.repeat(129)])('refuse the session id %j', (id) => {
    expect(() => recordingFolder(0, id)).toThrow(RangeError);
  });
});

describe('the line reader', () => {
  it('gives the same lines wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll('\n', ''))),
        fc.array(fc.nat(200)),
        (lines, cuts) => {
          const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''));
          const reader = createLineReader();
          const got: string[] = [];
          const marks = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b)];
          marks.forEach((mark, i) => got.push(...reader.push(bytes.subarray(mark, marks[i + 1]))));
          expect(got).toEqual(lines);
          expect(reader.rest()).toBe('');
        },
      ),
    );
  });

  it('keeps what has no line feed apart, and a byte order mark where it is', () => {
    const reader = createLineReader();
    expect(reader.push(new TextEncoder().encode('\uFEFFa\nb'))).toEqual(['\uFEFFa']);
    expect(reader.rest()).toBe('b');
  });

  it.each([[[0xff]], [[0xc3]], [[0xed, 0xa0, 0x80]]])(
    'refuses bytes that are not UTF-8 (%j)',
    (bytes) => {
      const reader = createLineReader();
      expect(() => {
        reader.push(new Uint8Array(bytes));
        reader.rest();
      }).toThrow(TypeError);
    },
  );
});
