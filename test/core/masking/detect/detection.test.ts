import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { createDetection, suspicious } from '../../../../core/masking/detect/detection.ts';
import { DETECTOR_IDS, expandDetectors } from '../../../../core/masking/detect/detector.ts';
import { labelled } from '../../../fixtures/detection/labelled.ts';

const utf8 = new TextEncoder();
const all = createDetection(DETECTOR_IDS);
const corpus = labelled(12);

describe('what is found', () => {
  it.each(DETECTOR_IDS)('finds %s in the corpus, in full', (id) => {
    const missed = corpus.filter(({ text, value, detector, context }) => {
      if (detector !== id) return false;
      const found = createDetection([id], context === undefined ? {} : { context }).find(text);
      const at = text.indexOf(value);
      return !found.some(({ start, end }) => start <= at && end >= at + value.length);
    });
    expect(missed).toEqual([]);
  });

  it.each(DETECTOR_IDS)('is not tempted to see %s where there is none', (id) => {
    const tempted = corpus
      .filter(
        ({ detector, tempts }) => detector === null && (tempts === undefined || tempts === id),
      )
      .filter(({ text }) => createDetection([id]).find(text).length > 0);
    expect(tempted).toEqual([]);
  });

  it('needs a word or a column to take nine digits for a social security number', () => {
    expect(createDetection(['us_ssn']).find('219099999')).toEqual([]);
    expect(createDetection(['us_ssn'], { context: 'customer_ssn' }).find('219099999')).toHaveLength(
      1,
    );
    expect(createDetection(['us_ssn']).find('SSN: 219099999')).toHaveLength(1);
  });

  it('unites overlapping findings, so that nothing of either is left over', () => {
    const text = 'see https://bob:hunter22@mail.example.com/x';
    const [finding, ...rest] = all.find(text);
    expect(rest).toEqual([]);
    expect(text.slice(finding!.start, finding!.end)).toBe('hunter22@mail.example.com');
  });

  it('gives findings in order, none overlapping, within the text', () => {
    const text = corpus.map((each) => each.text).join('\n');
    let last = 0;
    for (const { start, end } of all.find(text)) {
      expect(start).toBeGreaterThanOrEqual(last);
      expect(end).toBeGreaterThan(start);
      last = end;
    }
    expect(last).toBeLessThanOrEqual(text.length);
  });
});

/** Pieces of which values are made, clean or not, in any order. */
const piece = fc.oneof(
  fc.constantFrom(...corpus.map(({ text }) => text)),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom(
    ' ',
    '-',
    '.',
    '4',
    '@',
    '\u200b',
    '１',
    '\u00a0',
    '–',
    '::',
    '=',
    'password',
    '…',
    '\u{1d7d9}',
  ),
);
const anyText = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));

describe('the pre-filter', () => {
  it('never passes what would be found', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const bytes = utf8.encode(text);
        if (all.find(new TextDecoder().decode(bytes)).length > 0)
          expect(suspicious(bytes)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('never passes it for one detector either, at the lowest confidence', () => {
    for (const id of DETECTOR_IDS) {
      const detection = createDetection([id], { minimumConfidence: 0 });
      for (const { text } of corpus) {
        if (detection.find(text).length > 0)
          expect([id, text, detection.suspicious(utf8.encode(text))]).toEqual([id, text, true]);
      }
    }
  });

  it('agrees with the decoder about ill-formed bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 8 }),
        fc.uint8Array({ maxLength: 8 }),
        (left, right) => {
          const bytes = Uint8Array.from([
            ...left,
            0x20,
            ...utf8.encode('4111111111111111'),
            0x20,
            ...right,
          ]);
          if (all.find(new TextDecoder().decode(bytes)).length > 0)
            expect(suspicious(bytes)).toBe(true);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('passes prose, in other scripts too', () => {
    for (const text of [
      'Nothing to see here, move along.',
      'Größe: naïve café',
      '他买了三本书。',
      'in 2024 we had 15 people',
    ]) {
      expect([text, suspicious(utf8.encode(text))]).toEqual([text, false]);
    }
  });
});

describe('hostile texts', () => {
  const unit = 40_000;
  it.each([
    ['1'],
    ['1 '],
    ['a@'],
    ['-----BEGIN'],
    ['-----BEGIN PRIVATE KEY-----'],
    ['QUJD+/'],
    ['eyJ'],
    ['eyJhbGciOiJIUzI.'],
    ['a:'],
    ['password='],
    ['gh' + 'p_'],
    ['1.'],
    ['://a:'],
    ['+1 '],
    ['GB29 '],
    ['\u200b'],
    ['４'],
    ['4111 '],
    ['%40'],
  ])('take time in proportion to their length: %s', (part) => {
    const time = (length: number): number => {
      const text = part.repeat(Math.ceil(length / part.length));
      const begin = performance.now();
      all.find(text);
      return performance.now() - begin;
    };
    time(unit);
    // Eight times the length would be 64 times the time if it were quadratic; noise on a shared machine is generous.
    const small = Math.max(5, Math.min(time(unit), time(unit)));
    expect(Math.min(time(unit * 8), time(unit * 8)) / small).toBeLessThan(40);
  });
});

describe('names in a policy', () => {
  it('expands groups, each detector once and in a fixed order', () => {
    expect(expandDetectors(['email', 'pii', 'email'])).toEqual(expandDetectors(['pii']));
    const everything = expandDetectors(['secrets', 'pii']);
    expect(everything).toEqual({ ok: true, detectors: DETECTOR_IDS });
    expect(expandDetectors(['all'])).toEqual(everything);
  });

  it('returns what nobody knows instead of skipping it', () => {
    expect(expandDetectors(['email', 'constructor', 'ssn'])).toEqual({
      ok: false,
      unknown: ['constructor', 'ssn'],
    });
  });
});
