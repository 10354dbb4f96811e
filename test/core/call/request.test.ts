// What the query address takes, and which keys are keys.
import { describe, expect, it } from 'vitest';
import { namedApproval, reportedFailure } from '../../../core/call/outcome.ts';
import { idempotencyKey, queryBody } from '../../../core/call/request.ts';

describe('the body', () => {
  it('has defaults', () => {
    expect(queryBody.parse({ sql: 'SELECT 1' })).toEqual({
      sql: 'SELECT 1',
      params: [],
      maxRows: 1000,
      timeoutSeconds: 30,
    });
  });

  it.each<[string, unknown]>([
    ['an empty statement', { sql: '' }],
    ['another key', { sql: 'SELECT 1', extra: 1 }],
    ['__proto__ as a key', JSON.parse('{"sql":"SELECT 1","__proto__":{}}')],
    ['no rows', { sql: 'SELECT 1', maxRows: 0 }],
    ['half a row', { sql: 'SELECT 1', maxRows: 1.5 }],
    ['no end', { sql: 'SELECT 1', timeoutSeconds: 301 }],
    ['a zero byte in an array', { sql: 'SELECT $1', params: [['\0']] }],
    ['half a surrogate pair', { sql: 'SELECT $1', params: ['\udc00'] }],
    ['seven dimensions', { sql: 'SELECT $1', params: [[[[[[[[1]]]]]]]] }],
    ['more types than values', { sql: 'SELECT $1', params: [1], types: ['int4', 'int4'] }],
    ['an object', { sql: 'SELECT $1', params: [{ a: 1 }] }],
  ])('is not taken with %s', (_, body) => {
    expect(queryBody.safeParse(body).success).toBe(false);
  });
});

describe('an Idempotency-Key', () => {
  it.each([
    ['abc', 'abc'],
    ['"abc"', 'abc'],
    ['a'.repeat(128), 'a'.repeat(128)],
    ['', null],
    ['""', null],
    ['"abc', null],
    ['a b', null],
    ['a"b', null],
    [String.raw`a\b`, null],
    ['é', null],
    ['a'.repeat(129), null],
    ['a\n', null],
  ])('%j is %j', (header, key) => {
    expect(idempotencyKey(header)).toBe(key);
  });
});

describe('an error of the session', () => {
  it('of the gateway is its code and rule', () => {
    const fields = {
      S: 'ERROR',
      V: 'ERROR',
      C: '42501',
      M: 'No.',
      D: 'code rule; rule no-ddl; revision 4',
      H: 'Ask.',
    };
    expect(reportedFailure(fields)).toMatchObject({
      code: 'rule',
      rule: 'no-ddl',
      message: 'No.',
      hint: 'Ask.',
    });
  });

  it('of the target is never taken for one of the gateway, whatever a function there raises', () => {
    const fields = {
      C: '42501',
      M: 'No.',
      D: 'code approval_pending; rule r; revision 4',
      F: 'pl_exec.c',
      L: '3',
      R: 'exec_stmt_raise',
    };
    expect(reportedFailure(fields)).toMatchObject({
      code: 'query_failed',
      sqlstate: '42501',
      rule: null,
    });
  });

  it('names an approval by its id only', () => {
    const id = `${'0a'.repeat(16)}-3`;
    expect(namedApproval({ M: `Waiting (rule r): https://evil.example/approvals/${id}` })).toBe(id);
    expect(namedApproval({ M: `Not decided yet: approval ${id} is still open.` })).toBe(id);
    expect(namedApproval({ M: `approvals/${id.slice(1)}` })).toBeNull();
    expect(namedApproval({})).toBeNull();
  });
});
