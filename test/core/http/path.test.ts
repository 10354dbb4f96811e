import { assert, constantFrom, array, property, string, oneof } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalisePath, readablePath, type PathCode } from '../../../core/http/path.ts';

const REFUSED: readonly [raw: string, code: PathCode][] = [
  // absolute form and lookalikes
  ['https://evil.example/', 'path_absolute_form'],
  ['http:/evil', 'path_absolute_form'],
  ['javascript:alert(1)', 'path_absolute_form'],
  ['HTTP://evil.example', 'path_absolute_form'],
  ['a/b', 'path_not_rooted'],
  ['%2Fa', 'path_not_rooted'],
  ['?x', 'path_not_rooted'],
  ['*', 'path_not_rooted'],
  ['.', 'path_not_rooted'],
  ['..', 'path_not_rooted'],
  ['\\a', 'path_backslash'],
  ['\\\\evil.example\\share', 'path_backslash'],
  // dot segments
  ['/.', 'path_dot_segment'],
  ['/..', 'path_dot_segment'],
  ['/./', 'path_dot_segment'],
  ['/../', 'path_dot_segment'],
  ['/a/../b', 'path_dot_segment'],
  ['/a/./b', 'path_dot_segment'],
  ['/a/..', 'path_dot_segment'],
  ['/a/../../v1/approvals', 'path_dot_segment'],
  ['/...', 'path_dot_segment'],
  ['/a/..../b', 'path_dot_segment'],
  ['/..%20/b', 'path_dot_segment'],
  ['/%20../b', 'path_dot_segment'],
  ['/.%20./b', 'path_dot_segment'],
  ['/%20/b', 'path_empty_segment'],
  ['/.%e2%80%8b./b', 'path_dot_segment'],
  ['/..%ef%b8%80/b', 'path_dot_segment'],
  ['/..%c2%a0/b', 'path_dot_segment'],
  ['/%e2%80%8b/b', 'path_empty_segment'],
  // encoded dots
  ['/%2e', 'path_encoded_dot'],
  ['/%2e%2e/a', 'path_encoded_dot'],
  ['/%2E%2E/a', 'path_encoded_dot'],
  ['/.%2e/a', 'path_encoded_dot'],
  ['/%2e./a', 'path_encoded_dot'],
  ['/a/%2e%2e%2fb', 'path_encoded_dot'],
  ['/a%2eb', 'path_encoded_dot'],
  // empty segments
  ['//', 'path_empty_segment'],
  ['//evil.example/', 'path_empty_segment'],
  ['///', 'path_empty_segment'],
  ['/a//b', 'path_empty_segment'],
  ['/a//', 'path_empty_segment'],
  // backslashes
  ['/\\', 'path_backslash'],
  ['/a\\b', 'path_backslash'],
  ['/..\\..\\a', 'path_backslash'],
  ['/\\evil.example', 'path_backslash'],
  ['/%5c', 'path_backslash'],
  ['/%5C..%5C', 'path_backslash'],
  ['/a%5cb', 'path_backslash'],
  // encoded delimiters
  ['/a%2fb', 'path_encoded_delimiter'],
  ['/a%2Fb', 'path_encoded_delimiter'],
  ['/%2f', 'path_encoded_delimiter'],
  ['/..%2fb', 'path_encoded_delimiter'],
  ['/%2f%2fevil.example', 'path_encoded_delimiter'],
  ['/admin%3fx=1', 'path_encoded_delimiter'],
  ['/admin%23', 'path_encoded_delimiter'],
  // parameters
  ['/a;b', 'path_parameter'],
  ['/a;jsessionid=1', 'path_parameter'],
  ['/..;/manager', 'path_parameter'],
  ['/admin;/x', 'path_parameter'],
  ['/a%3bb', 'path_parameter'],
  ['/a/;/b', 'path_parameter'],
  // query and fragment
  ['/a?b', 'path_query'],
  ['/a#b', 'path_fragment'],
  ['/#', 'path_fragment'],
  // controls
  ['/a\r\nHost: evil', 'path_control'],
  ['/a\0', 'path_control'],
  ['/a\tb', 'path_control'],
  ['/a\u007F', 'path_control'],
  ['/a%00', 'path_control'],
  ['/a%00.png', 'path_control'],
  ['/a%0d%0aSet-Cookie:x', 'path_control'],
  ['/a%0A', 'path_control'],
  ['/a%09', 'path_control'],
  ['/a%7f', 'path_control'],
  ['/a%1b', 'path_control'],
  ['/a%c2%80', 'path_control'],
  ['/a%c2%85', 'path_control'],
  // characters
  ['/a b', 'path_character'],
  ['/a"b', 'path_character'],
  ['/<script>', 'path_character'],
  ['/a|b', 'path_character'],
  ['/a[0]', 'path_character'],
  ['/a{b}', 'path_character'],
  ['/a^b', 'path_character'],
  ['/a`b', 'path_character'],
  ['/é', 'path_non_ascii'],
  ['/\u{FF0E}\u{FF0E}/', 'path_non_ascii'],
  ['/a\u{202E}b', 'path_non_ascii'],
  ['/\u010A', 'path_non_ascii'],
  // percent signs
  ['/%', 'path_percent'],
  ['/a%', 'path_percent'],
  ['/a%2', 'path_percent'],
  ['/a%zz', 'path_percent'],
  ['/a%2g', 'path_percent'],
  ['/a%u002e', 'path_percent'],
  ['/%u002e%u002e/', 'path_percent'],
  ['/a%%32e', 'path_percent'],
  ['/%2%65', 'path_percent'],
  ['/%c3%', 'path_utf8'],
  // double encoding
  ['/%252e', 'path_double_encoded'],
  ['/%252e%252e%252f', 'path_double_encoded'],
  ['/%252f', 'path_double_encoded'],
  ['/%255c', 'path_double_encoded'],
  ['/%2500', 'path_double_encoded'],
  ['/%25252e', 'path_double_encoded'],
  ['/%25%32%65', 'path_double_encoded'],
  ['/%25%32e', 'path_double_encoded'],
  ['/%25u002e', 'path_double_encoded'],
  ['/%25%75002e', 'path_double_encoded'],
  ['/%25%2565', 'path_double_encoded'],
  // bytes that are no UTF-8
  ['/%c0%af', 'path_utf8'],
  ['/%c0%ae%c0%ae/', 'path_utf8'],
  ['/%e0%80%af', 'path_utf8'],
  ['/%f0%80%80%af', 'path_utf8'],
  ['/%c1%9c', 'path_utf8'],
  ['/%ed%a0%80', 'path_utf8'],
  ['/%f4%90%80%80', 'path_utf8'],
  ['/%ff', 'path_utf8'],
  ['/%80', 'path_utf8'],
  ['/%c3', 'path_utf8'],
  ['/%c3/%a9', 'path_utf8'],
  ['/%c3a%a9', 'path_utf8'],
  ['/%e9', 'path_utf8'],
  // lookalikes that become delimiters
  ['/%ef%bc%8f', 'path_confusable'],
  ['/%ef%bc%8e%ef%bc%8e', 'path_confusable'],
  ['/%ef%bc%bc', 'path_confusable'],
  ['/%e2%80%a4%e2%80%a4', 'path_confusable'],
  ['/%e2%80%a5', 'path_confusable'],
  ['/%e2%80%a6', 'path_confusable'],
  ['/%ef%bc%85', 'path_confusable'],
  ['/%ef%bc%9b', 'path_confusable'],
  ['/%ef%bc%9f', 'path_confusable'],
  ['/%e2%88%95', 'path_confusable'],
  ['/%e2%81%84', 'path_confusable'],
  ['/%e3%80%82', 'path_confusable'],
];

const KEPT: readonly [raw: string, path: string][] = [
  ['', '/'],
  ['/', '/'],
  ['/a', '/a'],
  ['/a/', '/a/'],
  ['/a/b.json', '/a/b.json'],
  ['/.well-known/x', '/.well-known/x'],
  ['/a..b/..c/d..', '/a..b/..c/d..'],
  ['/-._~', '/-._~'],
  ["/!$&'()*,=:@+", "/!$&'()*,=:@+"],
  ['/%41%62', '/Ab'],
  ['/%7Ea', '/~a'],
  ['/v1/items%3Adelete', '/v1/items:delete'],
  ['/users/a%40b.example', '/users/a@b.example'],
  ['/a%2bb', '/a%2Bb'],
  ['/a+b', '/a+b'],
  ['/a%20b', '/a%20b'],
  ['/a%5b0%5d', '/a%5B0%5D'],
  ['/100%25', '/100%25'],
  ['/100%25-off', '/100%25-off'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['/%f0%9f%98%80', '/%F0%9F%98%80'],
  ['/a%e2%80%aeb', '/a%E2%80%AEb'],
];

describe('normalisePath', () => {
  it.each(REFUSED)('refuses %j as %s', (raw, code) => {
    expect(normalisePath(raw)).toEqual({ ok: false, code });
  });

  it.each(KEPT)('takes %j as %j', (raw, path) => {
    expect(normalisePath(raw)).toEqual({ ok: true, path });
  });

  it('refuses a long path', () => {
    expect(normalisePath(`/${'a'.repeat(8 * 1024)}`)).toEqual({ ok: false, code: 'path_too_long' });
    expect(normalisePath(`/${'.'.repeat(8 * 1024 - 2)}a`).ok).toBe(true);
  });

  it('has a table of more than a hundred tricks', () => {
    expect(REFUSED.length).toBeGreaterThan(100);
  });

  describe('with encoded delimiters allowed', () => {
    it.each<[string, string]>([
      ['/projects/acme%2fshop', '/projects/acme%2Fshop'],
      ['/labels/c%23', '/labels/c%23'],
      ['/x%3Fy', '/x%3Fy'],
    ])('takes %j as %j', (raw, path) => {
      expect(normalisePath(raw, { encodedDelimiters: true })).toEqual({ ok: true, path });
    });

    it.each<[string, PathCode]>([
      ['/a/..%2f..%2fadmin', 'path_dot_segment'],
      ['/a%2f..', 'path_dot_segment'],
      ['/a%2f.%2fb', 'path_dot_segment'],
      ['/a%2f%2fb', 'path_empty_segment'],
      ['/%2fevil.example', 'path_empty_segment'],
      ['/a/%2fb', 'path_empty_segment'],
      ['/a%2f/b', 'path_empty_segment'],
      ['/a%2f', 'path_empty_segment'],
      ['/a%5cb', 'path_backslash'],
      ['/a%252fb', 'path_double_encoded'],
    ])('still refuses %j as %s', (raw, code) => {
      expect(normalisePath(raw, { encodedDelimiters: true })).toEqual({ ok: false, code });
    });
  });

  const hostile = array(
    oneof(
      constantFrom(
        '/',
        '.',
        '..',
        '%2e',
        '%2f',
        '%5c',
        '%25',
        '%2',
        '%',
        '\\',
        ';',
        '//',
        '%00',
        '%c0%af',
        '%ef%bc%8f',
        'a',
        'B',
        '%41',
        '%20',
        '%c3%a9',
        '+',
        '%2B',
        ':',
        '%3A',
        '2e',
        '32',
        'u',
      ),
      string({ unit: 'binary', maxLength: 3 }),
    ),
    { maxLength: 12 },
  ).map((pieces) => `/${pieces.join('')}`);

  it.each([false, true])('is idempotent and clean (encodedDelimiters: %s)', (encodedDelimiters) => {
    assert(
      property(hostile, (raw) => {
        const result = normalisePath(raw, { encodedDelimiters });
        if (!result.ok) return;
        const { path } = result;
        expect(normalisePath(path, { encodedDelimiters })).toEqual(result);
        expect(path).toMatch(/^\/[!-~]*$/);
        expect(path).not.toMatch(/[\\;?#]|%(?![0-9A-F]{2})/);
        const segments = path.slice(1).split('/');
        expect(segments).not.toContain('.');
        expect(segments).not.toContain('..');
        expect(segments.slice(0, -1)).not.toContain('');
        // What any URL parser makes of it, and what is left after decoding it twice, climbs nowhere.
        expect(new URL(`https://target.example${path}`).pathname).toBe(path);
        const once = decodeURIComponent(path);
        expect(once).not.toMatch(/(?:^|[/\\])\.\.?(?:[/\\]|$)|\\|\p{Cc}/u);
        expect(once).not.toMatch(/%[0-9a-f]{2}/i);
      }),
      { numRuns: 20_000 },
    );
  });

  it('shows names as people write them', () => {
    expect(readablePath('/caf%C3%A9/a%20b')).toBe('/café/a%20b');
  });
});
