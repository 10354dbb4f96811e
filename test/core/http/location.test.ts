import { assert, array, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewriteLinks, rewriteReference, type Mount } from '../../../core/http/location.ts';

const ROOT: Mount = {
  origin: 'https://api.acme.example',
  base: '',
  prefix: '/http/shop',
  paths: {},
  credentialParameter: 'api_key',
};
const BELOW: Mount = { ...ROOT, origin: 'https://api.acme.example:8443', base: '/api/v2' };

describe('rewriteReference', () => {
  it.each<[string, string | null]>([
    ['https://api.acme.example/x', '/http/shop/x'],
    ['https://API.acme.example:443/x?y=z#f', '/http/shop/x?y=z#f'],
    ['https://api.acme.example', '/http/shop/'],
    ['https://api.acme.example?y', '/http/shop/?y'],
    ['http://api.acme.example/x', '/http/shop/x'],
    ['http://api.acme.example:80/x', '/http/shop/x'],
    ['//api.acme.example/x', '/http/shop/x'],
    ['/x', '/http/shop/x'],
    ['x', '/http/shop/a/x'],
    ['./x', '/http/shop/a/x'],
    ['../x', '/http/shop/x'],
    ['../../../../v1/approvals', '/http/shop/v1/approvals'],
    ['..', '/http/shop/'],
    ['.', '/http/shop/a/'],
    ['?y=z', '/http/shop/a/b?y=z'],
    ['#f', '/http/shop/a/b#f'],
    ['/%2e%2e/%2E%2e/x', '/http/shop/x'],
    ['/x?api_key=s3cr3t', '/http/shop/x'],
    ['/x?a=1&API%5Fkey=s3cr3t&b=2', '/http/shop/x?a=1&b=2'],
    // elsewhere
    ['https://login.acme.example/', 'https://login.acme.example/'],
    ['//login.acme.example/x', 'https://login.acme.example/x'],
    ['https://api.acme.example:8443/x', 'https://api.acme.example:8443/x'],
    ['https://api.acme.example.evil.example/', 'https://api.acme.example.evil.example/'],
    // not to be followed
    ['javascript:alert(1)', null],
    ['data:text/html,x', null],
    ['ftp://api.acme.example/', null],
    ['https:/x', null],
    ['https:x', null],
    ['https://user:pass@api.acme.example/', null],
    ['https://api.acme.example@evil.example/', null],
    ['///evil.example', null],
    ['////evil.example', null],
    ['/\\evil.example', null],
    ['\\\\evil.example', null],
    ['/x\r\ny', null],
    ['/\tx', null],
    ['/x y', null],
    ['/é', null],
    ['//', null],
    ['/a//b', null],
    ['/a%2fb', null],
    ['/.%00./x', null],
  ])('makes %j %j', (reference, expected) => {
    expect(rewriteReference(reference, ROOT, '/a/b')).toBe(expected);
  });

  it.each<[string, string | null]>([
    ['/api/v2/x', '/http/shop/x'],
    ['/api/v2/', '/http/shop/'],
    ['https://api.acme.example:8443/api/v2/x', '/http/shop/x'],
    ['x', '/http/shop/a/x'],
    ['../x', '/http/shop/x'],
    ['?y', '/http/shop/a/b?y'],
    // Beside the address: the gateway has no way there.
    ['/login', null],
    ['/api/v2', null],
    ['/api/v22/x', null],
    ['../../x', null],
    ['../../../v1/approvals', null],
  ])('makes %j %j where the address has a path', (reference, expected) => {
    expect(rewriteReference(reference, BELOW, '/a/b')).toBe(expected);
  });

  it('never leads to another door of the gateway', () => {
    const pieces = constantFrom(
      '/',
      '..',
      '.',
      '%2e',
      '\\',
      'v1',
      'a',
      '//',
      '?',
      '#',
      ':',
      '@',
      '%2f',
    );
    assert(
      property(array(pieces, { maxLength: 12 }), (all) => {
        const result = rewriteReference(all.join(''), ROOT, '/a/b');
        if (result === null) return;
        const followed = new URL(result, 'https://gate.example/http/shop/a/b');
        if (followed.host !== 'gate.example') return;
        expect(followed.pathname).toMatch(/^\/http\/shop\//);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('rewriteLinks', () => {
  it.each<[string, string | null]>([
    ['</x>; rel=next', '</http/shop/x>; rel=next'],
    [
      '<x>;rel="next, last" , <https://e.example/>',
      '</http/shop/a/x>;rel="next, last", <https://e.example/>',
    ],
    ['</x>; title="a \\"quoted\\" >, <"', '</http/shop/x>; title="a \\"quoted\\" >, <"'],
    ['</x>; crossorigin', '</http/shop/x>; crossorigin'],
    ['', null],
    ['/x; rel=next', null],
    ['</x>; rel="next', null],
    ['</x', null],
    ['<javascript:x>; rel=next', null],
    ['</x>; rel=next </y>', null],
  ])('makes %j %j', (value, expected) => {
    expect(rewriteLinks(value, ROOT, '/a/b')).toBe(expected);
  });
});
