// The policies the stack brings along are valid, and their templates ask for nothing the stack does not have.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../core/policy/parse.ts';
import { expectedAudiences, fillTemplate } from '../../dev/policy.ts';

const VALUES = {
  GATEWAY: 'http://127.0.0.1:8787',
  ISSUER: 'http://127.0.0.1:8788',
  SHOP_PORT: '5544',
  TUNNEL: 'http://127.0.0.1:5545',
  BILLING: 'http://127.0.0.1:5546',
};

function filled(name: string): string {
  const file = join(import.meta.dirname, '../../dev', name);
  return fillTemplate(readFileSync(file, 'utf8'), VALUES);
}

describe('the policies that come along', () => {
  it.each(['postern.demo.yaml', 'postern.bare.yaml'])('%s is valid in development', (name) => {
    expect(parsePolicy(filled(name), { development: true })).toMatchObject({ ok: true });
  });

  it.each(['postern.demo.yaml', 'postern.bare.yaml'])('%s is refused in production', (name) => {
    expect(parsePolicy(filled(name), { development: false })).toMatchObject({ ok: false });
  });

  it('tell workloads and people apart by their issuer', () => {
    const parsed = parsePolicy(filled('postern.demo.yaml'), { development: true });
    const policy = parsed.ok ? parsed.value : null;
    expect(policy?.issuers.map(({ issuer, kind }) => [issuer, kind])).toEqual([
      ['http://127.0.0.1:8788', 'workload'],
      ['http://127.0.0.1:8788/people', 'human'],
    ]);
    expect([...(policy ? expectedAudiences(policy) : [])]).toEqual([
      ['http://127.0.0.1:8788', ['http://127.0.0.1:8787']],
      ['http://127.0.0.1:8788/people', ['http://127.0.0.1:8787']],
    ]);
  });
});

describe('fillTemplate', () => {
  it('refuses a name it has no value for', () => {
    expect(() => fillTemplate('a: ${NOBODY}', VALUES)).toThrow('NOBODY');
  });

  it('does not fill in what a value brings along', () => {
    expect(fillTemplate('${A}', { A: '${B}', B: 'x' })).toBe('${B}');
  });
});
