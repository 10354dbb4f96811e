import { describe, expect, it } from 'vitest';
import type { Denial } from '../../../core/decision.ts';
import { HEADER_CODES } from '../../../core/http/headers.ts';
import { PATH_CODES } from '../../../core/http/path.ts';
import { QUERY_CODES } from '../../../core/http/query.ts';
import { denialRefusal, held, requestRefusal } from '../../../core/http/refusal.ts';

const DENIAL: Denial = {
  kind: 'deny',
  code: 'rule',
  rule: 'no-deletes',
  message: 'Orders are not deleted.',
  hint: 'Cancel it: POST /orders/{id}/cancel.',
};

describe('refusals', () => {
  it.each([...PATH_CODES, ...QUERY_CODES, ...HEADER_CODES].map((code) => [code]))(
    'have words for %s',
    (code) => {
      const { status, headers, body } = requestRefusal(code);
      const document = JSON.parse(body) as Record<string, unknown>;
      expect(status).toBeGreaterThanOrEqual(400);
      expect(headers).toContainEqual(['content-type', 'application/problem+json']);
      expect(document).toMatchObject({ type: `urn:postern:problem:${code}`, status, code });
      expect(document['detail']).toMatch(/\. Nothing was sent\.$/);
    },
  );

  it('name the header that is meant', () => {
    expect(JSON.parse(requestRefusal('header_value', 'x-a').body)).toMatchObject({ header: 'x-a' });
    expect(JSON.parse(requestRefusal('header_value').body)).not.toHaveProperty('header');
  });

  it('say which rule refused and what to do', () => {
    const { status, body } = denialRefusal(DENIAL, 7);
    expect(status).toBe(403);
    expect(JSON.parse(body)).toEqual({
      type: 'urn:postern:problem:rule',
      title: 'Refused',
      status: 403,
      code: 'rule',
      detail: 'Orders are not deleted.',
      rule: 'no-deletes',
      revision: 7,
      hint: 'Cancel it: POST /orders/{id}/cancel.',
    });
  });

  it.each<[Denial['code'], number, boolean]>([
    ['no_rule', 403, false],
    ['limit_exceeded', 429, true],
    ['limit_unavailable', 503, true],
    ['journal_unavailable', 503, true],
    ['approval_pending', 409, false],
  ])('answer %s with %i', (code, status, retry) => {
    const answer = denialRefusal({ ...DENIAL, code, rule: null, hint: '' }, 7);
    expect(answer.status).toBe(status);
    expect(answer.headers.some(([name]) => name === 'retry-after')).toBe(retry);
    expect(JSON.parse(answer.body)).not.toHaveProperty('rule');
    expect(JSON.parse(answer.body)).not.toHaveProperty('hint');
  });

  it('tell a caller how to wait for people', () => {
    const { status, headers, body } = held({
      approval: 'a-1',
      link: 'https://gate.example/approvals/a-1',
      poll: '/v1/approvals/a-1',
      rules: ['refunds'],
      expiresAtMs: 0,
    });
    expect(status).toBe(202);
    expect(headers).toContainEqual(['location', '/v1/approvals/a-1']);
    expect(JSON.parse(body)).toMatchObject({
      status: 'pending',
      approval: 'a-1',
      expiresAt: '1970-01-01T00:00:00.000Z',
    });
  });
});
