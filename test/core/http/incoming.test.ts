import { describe, expect, it } from 'vitest';
import type { HeaderList } from '../../../core/http/header-list.ts';
import { readIncoming, type IncomingOptions } from '../../../core/http/incoming.ts';
import { recordedHeaders, shortened } from '../../../core/http/record.ts';

const PLAIN: IncomingOptions = {
  cookies: false,
  headers: [],
  own: [],
  encodedDelimiters: false,
  credentialParameter: null,
};

const read = (
  method: string,
  url: { path: string; query?: string },
  headers: HeaderList = [],
  options: Partial<IncomingOptions> = {},
) => readIncoming(method, { query: null, ...url }, headers, { ...PLAIN, ...options });

describe('a request as it came', () => {
  it('is brought into the form that is judged and sent', () => {
    expect(
      read('GET', { path: '/%61/b', query: 'x=1&x=2' }, [
        ['Authorization', 'Bearer caller'],
        ['Cookie', 'a=b'],
        ['X-Thing', ' yes '],
      ]),
    ).toEqual({
      ok: true,
      value: {
        method: 'GET',
        path: '/a/b',
        query: 'x=1&x=2',
        parameters: { x: ['1', '2'] },
        headers: [
          ['x-thing', 'yes'],
          ['accept-encoding', 'identity'],
          ['via', '1.1 postern'],
        ],
        webSocket: false,
      },
    });
  });

  it('takes a target without a path for its root', () => {
    expect(read('GET', { path: '' })).toMatchObject({ ok: true, value: { path: '/' } });
  });

  it.each([
    ['a method in lower case', 'get', { path: '/' }, [], {}, 'method_malformed'],
    ['TRACE', 'TRACE', { path: '/' }, [], {}, 'method_refused'],
    ['a path that climbs', 'GET', { path: '/a/../b' }, [], {}, 'path_dot_segment'],
    ['an encoded slash', 'GET', { path: '/a%2fb' }, [], {}, 'path_encoded_delimiter'],
    [
      'a query that servers split differently',
      'GET',
      { path: '/', query: 'a;b' },
      [],
      {},
      'query_separator',
    ],
    [
      "the credential's parameter",
      'GET',
      { path: '/', query: 'Api[Key]=mine' },
      [],
      { credentialParameter: 'api' },
      'query_credential',
    ],
    [
      'an override',
      'POST',
      { path: '/' },
      [['X-HTTP-Method-Override', 'DELETE']],
      {},
      'header_override',
    ],
    ['a loop', 'GET', { path: '/' }, [['Via', '1.1 postern']], {}, 'header_loop'],
  ] as const)('is refused with %s', (_, method, url, headers, options, code) => {
    expect(read(method, url, headers, options)).toMatchObject({ ok: false, code });
  });

  it('is seen to ask for a WebSocket', () => {
    const asked = read('GET', { path: '/' }, [['Upgrade', 'WebSocket']]);
    expect(asked).toMatchObject({ ok: true, value: { webSocket: true } });
  });
});

describe('what the journal keeps of a request', () => {
  it('has names of what may hold secrets, and no values', () => {
    expect(
      recordedHeaders([
        ['accept', 'text/plain'],
        ['x-api-key', 'k'],
        ['cookie', 'session=1'],
        ['x-my-token', 't'],
        ['private-token', 't'],
        ['via', '1.1 postern'],
      ]),
    ).toEqual([
      ['accept', 'text/plain'],
      ['x-api-key', ''],
      ['cookie', ''],
      ['x-my-token', ''],
      ['private-token', ''],
    ]);
  });

  it('is no longer than anybody reads', () => {
    expect(shortened('/a')).toBe('/a');
    expect(shortened('x'.repeat(10_000))).toHaveLength(2_001);
  });
});
