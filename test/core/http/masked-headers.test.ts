import { describe, expect, test } from 'vitest';
import { maskedHeaders, messageMasker } from '../../../core/http/masked-headers.ts';
import { BodyMaskFailure } from '../../../core/http/masked-body.ts';
import { FOUND, keyless, maskers, masks } from './masked-fixtures.ts';

const DETECT = masks([], FOUND);

/** UTF-8 as fetch hands it over: a character for each byte. */
function received(text: string): string {
  return Buffer.from(text).toString('latin1');
}

describe('headers', () => {
  test.each([
    ['x-user-email', 'ada@lovelace.org', '[masked]'],
    ['x-user', 'Ada <ada@lovelace.org>; role=x', 'Ada <[masked]>; role=x'],
    ['x-card', '4111 1111 1111 1111', '[masked]'],
    ['x-note', 'plain words', 'plain words'],
    ['x-note', received('über'), received('über')],
    ['date', 'Tue, 24 Nov 2026 20:26:13 GMT', 'Tue, 24 Nov 2026 20:26:13 GMT'],
    ['content-length', '4111', '4111'],
    [
      'etag',
      '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
      '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
    ],
    ['location', '/http/shop/orders/7?page=2', '/http/shop/orders/7?page=2'],
    // Followed as a whole or not at all.
    ['location', '/http/shop/users?email=ada@lovelace.org', null],
    ['location', '/http/shop/users?email=ada%40lovelace.org', null],
    ['location', '/http/shop/users?email=ada%2540lovelace.org', null],
    ['location', '/http/shop/cards/%34111111111111111', null],
    ['content-location', '/u/ada@lovelace.org', null],
    ['link', '</u?m=ada%40lovelace.org>; rel=next', null],
    ['content-disposition', 'attachment; filename="ada@lovelace.org.pdf"', null],
    ['content-disposition', "attachment; filename*=UTF-8''ada%40lovelace.org", null],
    ['set-cookie', 'user=ada@lovelace.org; Path=/', null],
    ['content-type', 'text/plain; name="ada@lovelace.org"', null],
    ['etag', '"ada@lovelace.org"', null],
    // Spellings that cannot be masked in place.
    ['x-user', 'ada\\@lovelace.org', null],
    ['x-user', '"ada@love\\lace.org" 4111%201111%201111%201111', null],
    ['x-user', '=?UTF-8?B?YWRhQGxvdmVsYWNlLm9yZw==?=', null],
    ['x-user', '{"m":"ada\\u0040lovelace.org"}', null],
    ['x-form', '4111+1111+1111+1111%20', null],
    ['x-card', received('４１１１１１１１１１１１１１１１'), '[masked]'],
    ['x-user', received('ü ada@lovelace.org'), null],
    ['x-4111111111111111', 'x', null],
  ])('%s: %s', (name, value, expected) => {
    const shown = maskedHeaders(
      [
        ['x-first', 'a'],
        [name, value],
      ],
      DETECT,
      maskers,
    );
    expect(shown).toEqual([['x-first', 'a'], ...(expected === null ? [] : [[name, expected]])]);
  });

  test('a part is shown in ASCII, and NULL is no text', () => {
    const partly = maskedHeaders(
      [['x-user', 'ada@lovelace.org']],
      masks([], ['email'], 'partial'),
      maskers,
    );
    expect(partly).toEqual([['x-user', 'a***@***.org']]);
    const none = maskedHeaders(
      [['x-user', 'ada@lovelace.org']],
      masks([], ['email'], 'null'),
      maskers,
    );
    expect(none).toEqual([['x-user', '[masked]']]);
  });

  test('masks by field leave headers alone', () => {
    const headers = [['x-user', 'ada@lovelace.org']] as const;
    expect(maskedHeaders(headers, masks(['$.email']), maskers)).toBe(headers);
  });
});

describe('messages of a WebSocket', () => {
  const both = messageMasker(masks(['$.ssn'], FOUND), maskers);
  const detect = messageMasker(DETECT, maskers);
  if (!both.ok || !detect.ok) throw new Error('refused');

  test.each([
    ['{"ssn":"1", "a":1.0}', '{"ssn":"[masked]", "a":1.0}'],
    ['["ada\\u0040lovelace.org"]', '["[masked]"]'],
    ['4111111111111111', '0'],
    ['', ''],
  ])('%s', (message, expected) => expect(both.value.message(message)).toBe(expected));

  test.each([
    'ssn=1',
    '42["x",{"ssn":1}]',
    '{"ssn":1',
    '{"a":4111111111111111.0}',
    '{"a":"\ud800"}',
    '\uFEFF{"ssn":1}',
  ])('fields cannot be masked in %j', (message) =>
    expect(() => both.value.message(message)).toThrow(BodyMaskFailure),
  );

  test('text is for detectors', () => {
    expect(detect.value.message('to ada@lovelace.org')).toBe('to [masked]');
    expect(() => detect.value.message('42["x","ada\\u0040lovelace.org"]')).toThrow(BodyMaskFailure);
    expect(() => detect.value.message('4111\b1111\b1111\b1111')).toThrow(BodyMaskFailure);
  });

  test('binary and huge messages end it, a key that is missing keeps it from beginning', () => {
    expect(() => detect.value.message(new Uint8Array(2))).toThrow(BodyMaskFailure);
    expect(() => detect.value.message('x'.repeat(2_000_000))).toThrow(BodyMaskFailure);
    expect(messageMasker(masks(['$.a=hash']), keyless)).toMatchObject({
      ok: false,
      error: { code: 'mask_key_missing' },
    });
  });
});
