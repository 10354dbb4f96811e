import { describe, expect, it } from 'vitest';
import { nativeCrypto } from '../../../adapters/crypto.ts';
import { definitionOf, enabledDefinitions } from '../../../core/mcp-target/definition.ts';
import { openedId, sealedId } from '../../../core/mcp-target/session-id.ts';

const options = { key: new Uint8Array(32).fill(7), principal: 'okta:ada', target: 'desk' };

describe('the session id of a server', () => {
  it('opens for the caller it was sealed for', () => {
    const sealed = sealedId('srv-1', options, nativeCrypto) ?? '';
    expect(sealed).not.toContain('srv-1');
    expect(openedId(sealed, options, nativeCrypto)).toBe('srv-1');
  });

  it.each([
    ['another caller', { ...options, principal: 'okta:eve' }],
    ['another target', { ...options, target: 'other' }],
    ['another key', { ...options, key: new Uint8Array(32).fill(8) }],
  ])('opens nothing for %s', (_, other) => {
    const sealed = sealedId('srv-1', options, nativeCrypto) ?? '';
    expect(openedId(sealed, other, nativeCrypto)).toBeNull();
  });

  it.each(['', 'srv-1', `${'0'.repeat(64)}.c3J2LTE=`, '.', 'x'.repeat(5_000)])(
    'is none as a caller makes it up: %s',
    (made) => {
      expect(openedId(made, options, nativeCrypto)).toBeNull();
    },
  );

  it('is not passed on where a header could not hold it', () => {
    expect(sealedId('a b', options, nativeCrypto)).toBeNull();
    expect(sealedId('a\r\nb', options, nativeCrypto)).toBeNull();
  });
});

describe('the tools that exist for callers', () => {
  const tool = (name: string, description: string) => {
    const found = definitionOf({ name, description, inputSchema: {} }, nativeCrypto);
    if (found === null) throw new Error('no tool');
    return found;
  };
  const named = (entries: readonly (readonly [string, string | null])[]) => ({
    tools: new Map(entries.map(([name, definition]) => [name, { name, definition }])),
  });

  it('are those the policy names, and that have not changed', () => {
    const search = tool('search', 'looks');
    const refund = tool('refund', 'pays');
    const names = (all: readonly (readonly [string, string | null])[]) =>
      enabledDefinitions([search, refund], named(all)).map(({ name }) => name);
    expect(names([['search', null]])).toEqual(['search']);
    expect(names([['refund', refund.digest]])).toEqual(['refund']);
    expect(names([['refund', tool('refund', 'pays twice').digest]])).toEqual([]);
    expect(names([])).toEqual([]);
  });

  it('are none of two that share a name', () => {
    const all = [tool('search', 'looks'), tool('search', 'deletes')];
    expect(enabledDefinitions(all, named([['search', null]]))).toEqual([]);
  });
});
