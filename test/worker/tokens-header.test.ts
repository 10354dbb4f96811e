// Where a request's token comes from: one Authorization header, one scheme, one token.
import { describe, expect, it } from 'vitest';
import { bearerToken } from '../../worker/authenticate.ts';

const TOKEN = 'eyJh.eyJz.c2ln';

function of(...values: string[]): string | null {
  const headers = new Headers();
  for (const value of values) headers.append('authorization', value);
  const token = bearerToken(headers);
  if (token === null) return null;
  return token.ok ? token.value : token.error.code;
}

describe('the bearer token of a request', () => {
  it.each([
    [[`Bearer ${TOKEN}`], TOKEN],
    [[`bearer ${TOKEN}`], TOKEN],
    [[`BEARER  ${TOKEN}`], TOKEN],
    [[], null],
    [[''], 'token_malformed'],
    [[TOKEN], 'token_malformed'],
    [['Bearer'], 'token_malformed'],
    [[`Basic ${TOKEN}`], 'token_malformed'],
    [[`Bearer${TOKEN}`], 'token_malformed'],
    [[`Bearer ${TOKEN} ${TOKEN}`], 'token_malformed'],
    [[`Bearer ${TOKEN}, Bearer ${TOKEN}`], 'token_malformed'],
    [[`Bearer ${TOKEN}`, `Bearer ${TOKEN}`], 'token_malformed'],
    [[`Bearer ${TOKEN}`, 'Basic eA=='], 'token_malformed'],
    [[`X Bearer ${TOKEN}`], 'token_malformed'],
    [[`Bearer "${TOKEN}"`], 'token_malformed'],
    [['Bearer \u00e9'], 'token_malformed'],
  ])('%j is %s', (values, token) => {
    expect(of(...values)).toBe(token);
  });
});
