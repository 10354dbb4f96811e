import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../../core/bytes.ts';
import { ByteSink } from '../../../core/masking/byte-sink.ts';
import { appendPartial } from '../../../core/masking/maskers/partial-bytes.ts';
import { partial } from '../../../core/masking/maskers/partial.ts';

/** Of the value inside of a larger buffer, where digits and letters stand around it; null: left to partial.ts. */
function shown(value: string): string | null {
  const sink = new ByteSink(1);
  sink.text('before ');
  const bytes = utf8(`1a@${value}.5b`);
  const done = appendPartial(bytes, 3, bytes.length - 3, sink);
  const text = new TextDecoder().decode(sink.view());
  expect(text.startsWith('before ')).toBe(true);
  if (!done) expect(text).toBe('before ');
  return done ? text.slice(7) : null;
}

test.each([
  ['ada.lovelace@analytical.org', 'a•••@•••.org'],
  ['a@b.io', 'a•••@•••'],
  ['4111 1111 1111 1111', '•••• •••• •••• 1111'],
  ['+49 170 1234567', '+•• ••• •••••67'],
  ['123456', '•••'],
  ['Ada Lovelace', 'A•••'],
])('%j is taken and shows %j', (value, expected) => {
  expect(shown(value)).toBe(expected);
  expect(partial(value, null)).toBe(expected);
});

test.each([
  '12345',
  'Žofie Nováková',
  '192.0.2.10',
  '2001:db8::1',
  'a b@c.org',
  'DE89370400440532013000',
])('%j is left to strings', (value) => expect(shown(value)).toBe(null));

describe('shows what partial.ts shows', () => {
  const pieces = fc.constantFrom(..."0189azAZ@@..-+ ()/,':_•é\t", 'org', 'DE89', '4111');
  test.each([
    ['mixtures', fc.array(pieces, { maxLength: 24 }).map((parts) => parts.join(''))],
    ['ASCII', fc.string({ unit: 'binary-ascii', maxLength: 70 })],
    ['addresses', fc.emailAddress()],
    ['numbers', fc.stringMatching(/^\+?[0-9 ()/-]{3,26}$/)],
    ['cards', fc.stringMatching(/^4(?:111[ -]?){3}[0-9]{4}$/)],
    ['names', fc.stringMatching(/^[A-Za-z][A-Za-z ',.-]{3,30}$/)],
    ['anything', fc.string({ unit: 'grapheme', maxLength: 70 })],
  ])('of %s', (_, values) => {
    fc.assert(
      fc.property(values, (value) => {
        const fast = shown(value);
        if (fast !== null) expect(fast).toBe(partial(value, null));
      }),
      { numRuns: 3_000 },
    );
  });
});
