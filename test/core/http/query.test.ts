import { describe, expect, it } from 'vitest';
import { methodCode } from '../../../core/http/method.ts';
import { doorUrl } from '../../../core/http/door.ts';
import { readQuery, type QueryCode } from '../../../core/http/query.ts';

describe('readQuery', () => {
  it.each<[string, Record<string, string[]>]>([
    ['', {}],
    ['a', { a: [''] }],
    ['a=1&a=2&b=', { a: ['1', '2'], b: [''] }],
    ['a=1=2', { a: ['1=2'] }],
    ['=x', { '': ['x'] }],
    ['&&a=1&', { a: ['1'] }],
    ['a+b=c%20d%2B', { 'a b': ['c d+'] }],
    ['%61=1&a=2', { a: ['1', '2'] }],
    ['filter[x]=1', { 'filter[x]': ['1'] }],
    ['q=caf%C3%A9%0A', { q: ['café\n'] }],
  ])('reads %j', (raw, parameters) => {
    expect(readQuery(raw)).toEqual({ ok: true, parameters });
  });

  it('keeps a parameter called __proto__ as one like any other', () => {
    const read = readQuery('__proto__=x&constructor=y');
    expect(read.ok && Object.entries(read.parameters)).toEqual([
      ['__proto__', ['x']],
      ['constructor', ['y']],
    ]);
  });

  it.each<[string, QueryCode]>([
    ['a=%', 'query_undecodable'],
    ['a=%zz', 'query_undecodable'],
    ['a=%u0041', 'query_undecodable'],
    ['a=%c0%af', 'query_undecodable'],
    ['%ff=1', 'query_undecodable'],
    ['a=%ed%a0%80', 'query_undecodable'],
    ['a=1;b=2', 'query_separator'],
    ['a=%00', 'query_nul'],
    ['a%00b=1', 'query_nul'],
    ['a=1#b', 'query_character'],
    ['a=1 b', 'query_character'],
    ['a=1\r\nX: y', 'query_character'],
    ['a=é', 'query_character'],
  ])('refuses %j as %s', (raw, code) => {
    expect(readQuery(raw)).toEqual({ ok: false, code });
  });
});

describe('readQuery at its bounds', () => {
  it.each<[string, string]>([
    ['a long text', `a=${'x'.repeat(16 * 1024)}`],
    ['many parameters', 'a&'.repeat(1_001)],
  ])('refuses %s', (_name, raw) => {
    expect(readQuery(raw)).toEqual({ ok: false, code: 'query_too_long' });
  });
});

describe('methodCode', () => {
  it.each<[string, ReturnType<typeof methodCode>]>([
    ['GET', null],
    ['PROPFIND', null],
    ['M-SEARCH', null],
    ['get', 'method_malformed'],
    ['Delete', 'method_malformed'],
    ['', 'method_malformed'],
    ['GET /', 'method_malformed'],
    ['GET\r\n', 'method_malformed'],
    ['CONNECT', 'method_refused'],
    ['TRACE', 'method_refused'],
    ['TRACK', 'method_refused'],
  ])('says of %j: %s', (method, code) => {
    expect(methodCode(method)).toBe(code);
  });
});

describe('doorUrl', () => {
  /** As the Worker gets it: through the WHATWG parser. */
  const arriving = (path: string) => doorUrl(new URL(path, 'https://gate.example').href, '/http');

  it.each<[string, ReturnType<typeof doorUrl>]>([
    ['/http/shop/a?b=c', { target: 'shop', path: '/a', query: 'b=c' }],
    ['/http/shop', { target: 'shop', path: '', query: null }],
    ['/http/shop?', { target: 'shop', path: '', query: '' }],
    ['/http/shop/a%2Fb', { target: 'shop', path: '/a%2Fb', query: null }],
    ['/http/shop//evil', { target: 'shop', path: '//evil', query: null }],
    ['/http/shop/%252e', { target: 'shop', path: '/%252e', query: null }],
    ['/http/shop/a#b?c', { target: 'shop', path: '/a', query: null }],
    // Climbing names another door, or another target with its own rules; never another path at the first one.
    ['/http/a/../b/x', { target: 'b', path: '/x', query: null }],
    ['/http/a/%2e%2e/b/x', { target: 'b', path: '/x', query: null }],
    ['/http/a\\..\\b\\x', { target: 'b', path: '/x', query: null }],
    ['/http/a/../../v1/approvals', null],
    ['/http/a/%2E%2e/.%2e/v1/approvals', null],
    ['/http/', null],
    ['/http', null],
    ['/http//x', null],
    ['/http/%61/x', null],
    ['/http/a%2fb/x', null],
    ['/http/A/x', null],
    ['/httpx/a', null],
  ])('takes %j apart', (path, parts) => {
    expect(arriving(path)).toEqual(parts);
  });

  it('takes nothing from what is no URL of the gateway', () => {
    expect(doorUrl('/http/shop/a', '/http')).toBeNull();
    expect(doorUrl('https://gate.example?/http/shop/a', '/http')).toBeNull();
    expect(doorUrl('https://gate.example\\/http/shop/a', '/http')).toBeNull();
  });
});
