import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bindLines,
  characters,
  demandLines,
  duration,
  estimate,
  standing,
  subject,
  summary,
  surroundings,
  visible,
  visibleLine,
} from '../../../core/approval/message.ts';
import { approvalRequest, CONNECT, DEMAND, FACTS, SQL } from '../../support/approval-event.ts';

describe('what cannot be seen is written out', () => {
  it.each([
    ['a right-to-left override', 'a\u202eb', 'a⟦U+202E⟧b'],
    ['a bidirectional isolate', '\u2066x\u2069', '⟦U+2066⟧x⟦U+2069⟧'],
    ['a zero-width space', 'dr\u200bop', 'dr⟦U+200B⟧op'],
    ['a word joiner', '\u2060', '⟦U+2060⟧'],
    ['a byte order mark', '\ufeffselect', '⟦U+FEFF⟧select'],
    ['a soft hyphen', 'a\u00adb', 'a⟦U+00AD⟧b'],
    ['a no-break space', 'a\u00a0b', 'a⟦U+00A0⟧b'],
    ['an ideographic space', 'a\u3000b', 'a⟦U+3000⟧b'],
    ['a Hangul filler', '\u3164', '⟦U+3164⟧'],
    ['a blank Braille pattern', '\u2800', '⟦U+2800⟧'],
    ['a variation selector', 'a\ufe0f', 'a⟦U+FE0F⟧'],
    ['a tag character', 'a\u{e0041}', 'a⟦U+E0041⟧'],
    ['a carriage return', 'a\rb', 'a⟦U+000D⟧b'],
    ['a terminal escape', '\u001b[2J', '⟦U+001B⟧[2J'],
    ['NUL', '\u0000', '⟦U+0000⟧'],
    ['a line separator', 'a\u2028b', 'a⟦U+2028⟧b'],
    ['half of a surrogate pair', 'a\ud800b', 'a⟦U+D800⟧b'],
    ['a private code point', '\ue000', '⟦U+E000⟧'],
    ['the bracket of the marker itself', '⟦U+202E⟧', '⟦U+27E6⟧U+202E⟧'],
    ['marks piled over other lines', 'a\u0301\u0301\u0301\u0301', 'a\u0301\u0301\u0301⟦U+0301⟧'],
  ])('%s', (_name, text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  it.each([
    ['plain SQL over lines', "SELECT 'a'\n\tFROM t"],
    ['accents', 'Zürich, İstanbul, Ελλάδα, 東京'],
    ['emoji of one code point', '🚀'],
  ])('leaves %s as it is', (_name, text) => {
    expect(visible(text)).toBe(text);
  });

  it('leaves no line break in a name', () => {
    expect(visibleLine('a\nb\tc')).toBe('a⟦U+000A⟧b⟦U+0009⟧c');
  });

  it('can be read back, so no two texts are shown alike', () => {
    const read = (shown: string): string =>
      shown.replaceAll(/⟦U\+([0-9A-F]+)⟧/g, (_, hex: string) =>
        String.fromCodePoint(Number.parseInt(hex, 16)),
      );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(read(visible(text))).toBe(text);
      }),
    );
  }, 30_000);

  it('leaves nothing invisible, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(visible(text)).not.toMatch(/[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Co}\p{Cs}]/u);
      }),
    );
  }, 30_000);
});

describe('the sentence', () => {
  it('says who wants what where', () => {
    expect(summary(approvalRequest())).toBe(
      'ci:repo:acme/shop asks for DELETE on public.orders (write) at shop-db.',
    );
  });

  it('says that there is no WHERE', () => {
    const request = approvalRequest({ facts: { ...FACTS, whereless: true } });
    expect(subject(request)).toBe('DELETE on public.orders (write, without WHERE) at shop-db');
  });

  it('is about a session when that is asked for', () => {
    expect(subject(approvalRequest({ content: CONNECT, facts: null }))).toBe(
      'connecting to shop-db',
    );
  });

  it('takes a statement without facts for the gravest', () => {
    expect(subject(approvalRequest({ facts: null }))).toBe('the statement (opaque) at shop-db');
  });

  it('shows a principal that hides something', () => {
    const { principal } = approvalRequest();
    const request = approvalRequest({ principal: { ...principal, id: 'ci:a\u202eb\nc' } });
    expect(summary(request)).toMatch(/^ci:a⟦U\+202E⟧b⟦U\+000A⟧c asks for/);
  });
});

describe('where it stands', () => {
  it.each([
    ['pending', [], '', 'waiting for a decision'],
    ['approved', ['okta:ann', 'okta:bo'], '', 'approved by okta:ann, okta:bo'],
    ['consumed', ['okta:ann'], '', 'approved by okta:ann and used'],
    ['denied', ['okta:ann'], 'too many\nrows', 'denied by okta:ann: too many⟦U+000A⟧rows'],
    ['expired', [], '', 'expired: nobody decided in time'],
    ['cancelled', [], 'the caller left', 'cancelled: the caller left'],
  ] as const)('%s', (state, decidedBy, reason, sentence) => {
    expect(standing({ state, decidedBy, reason })).toBe(sentence);
  });
});

describe('the details', () => {
  it('names each rule with its quorum, message and bounds', () => {
    const grant = { ...DEMAND, rule: 'access', message: '', quorum: 2, by: ['sre', 'dba'] };
    const demands = [DEMAND, { ...grant, maxRows: null, grantSeconds: 3600 }];
    expect(demandLines(approvalRequest({ demands }))).toEqual([
      'rule writes-need-a-human, 1 of dba: Say which ticket this is for. At most 100 rows.',
      'rule access, 2 of sre, dba. Opens access for 60 min.',
    ]);
  });

  it.each([
    [null, ''],
    [0, 'about 0 rows'],
    [1, 'about 1 row'],
    [12_345, 'about 12,345 rows'],
  ])('estimates %s', (estimatedRows, text) => {
    expect(estimate(approvalRequest({ estimatedRows }))).toBe(text);
  });

  it('lists bind values so that none can be taken for another', () => {
    const binds = ['open', null, "o'clock", 'NULL', '', '\\x41', '\\x41'];
    expect(
      bindLines({ ...SQL, binds, bindTypes: [25, 0], bindFormats: [0, 0, 0, 0, 0, 0, 1] }),
    ).toEqual([
      "$1 = 'open' (type 25)",
      '$2 = NULL',
      "$3 = 'o''clock'",
      "$4 = 'NULL'",
      "$5 = ''",
      "$6 = '\\x41'",
      "$7 = '\\x41' (binary)",
    ]);
  });

  it('says what else gives the statement its meaning', () => {
    expect(surroundings({ ...SQL, transaction: 'active' })).toBe(
      'database shop · role app · search path public, pg_catalog · inside an open transaction · TimeZone = UTC',
    );
  });

  it.each([
    [0, '0 s'],
    [119.9, '119 s'],
    [900, '15 min'],
    [7200, '2 h'],
    [172_800, '2 d'],
    [-5, '0 s'],
  ])('%s seconds are %s', (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  it('counts characters as a reader does', () => {
    expect(characters('a🚀é')).toBe(3);
  });
});
