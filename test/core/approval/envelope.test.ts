// Every effect-bearing field changes the digest; nothing else does; nothing ambiguous gets one.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { loadModule } from 'libpg-query';
import { beforeAll, describe, expect, it } from 'vitest';
import { encode, Unencodable, type Encodable } from '../../../core/approval/encoding.ts';
import { envelope, rowBound, type EnvelopeParts } from '../../../core/approval/envelope.ts';
import type { SqlContent } from '../../../core/approval/request.ts';
import type { SqlFacts } from '../../../core/facts.ts';
import { agent, content, demand, facts, request } from './fixtures.ts';
import { parse } from './parser.ts';

beforeAll(loadModule);

const crypto = {
  sha256: (...parts: readonly Uint8Array[]) => {
    const hash = createHash('sha256');
    for (const part of parts) hash.update(part);
    return new Uint8Array(hash.digest());
  },
};

function digest(parts: EnvelopeParts): string {
  const result = envelope(parts, parse, crypto);
  if (!result.ok) throw new Error(result.error.detail);
  return result.value.digest;
}

const withContent = (change: Partial<SqlContent>, more: Partial<SqlFacts> = {}): EnvelopeParts => ({
  ...request,
  content: { ...content, ...change },
  facts: { ...facts, ...more },
});

const base = (): string => digest(request);

describe('an approval does not cover', () => {
  const changes: readonly (readonly [string, EnvelopeParts])[] = [
    ['another principal', { ...request, principal: { ...agent, id: 'github:repo:acme/other' } }],
    ['another issuer', { ...request, principal: { ...agent, issuer: 'gitlab' } }],
    ['another target', { ...request, target: { ...request.target, id: 'shop-db-2' } }],
    ['another kind of target', { ...request, target: { ...request.target, kind: 'http' } }],
    ['another policy', { ...request, policyHash: 'b'.repeat(64) }],
    ['another rule', { ...request, demands: [{ ...demand, rule: 'other' }] }],
    ['one rule more', { ...request, demands: [demand, { ...demand, rule: 'other' }] }],
    ['a higher row bound', { ...request, demands: [{ ...demand, maxRows: 101 }] }],
    ['no row bound', { ...request, demands: [{ ...demand, maxRows: null }] }],
    ['a row bound of zero', { ...request, demands: [{ ...demand, maxRows: 0 }] }],
    ['another statement', withContent({ text: 'DELETE FROM orders WHERE status <> $1' })],
    ['another constant', withContent({ text: "DELETE FROM orders WHERE status = $1 AND a = 'b'" })],
    ['another bind value', withContent({ binds: ['open'] })],
    ['another case of a bind value', withContent({ binds: ['Cancelled'] })],
    ['NULL for a value', withContent({ binds: [null] })],
    ["'' for a value", withContent({ binds: [''] })],
    ["'NULL' for a value", withContent({ binds: ['NULL'] })],
    ['another type', withContent({ bindTypes: [1043] })],
    ['no declared type', withContent({ bindTypes: [0] })],
    ['the bytes that a text spells', withContent({ bindFormats: [1] })],
    ['no types', withContent({ bindTypes: null })],
    ['no binds', withContent({ binds: null, bindFormats: null })],
    ['no values', withContent({ binds: [], bindFormats: [] })],
    ['one value more', withContent({ binds: ['cancelled', 'x'], bindFormats: [0, 0] })],
    ['another search path', withContent({ searchPath: ['pg_catalog', 'evil', 'public'] })],
    ['the search path in another order', withContent({ searchPath: ['public', 'pg_catalog'] })],
    ['another role', withContent({ role: 'admin' })],
    ['another database', withContent({ database: 'shop2' })],
    ['an open transaction', withContent({ transaction: 'active' })],
    [
      'another date style',
      withContent({ settings: { ...content.settings, DateStyle: 'ISO, DMY' } }),
    ],
    [
      'another time zone',
      withContent({ settings: { ...content.settings, TimeZone: 'Asia/Tokyo' } }),
    ],
    [
      'a setting of the application',
      withContent({ settings: { ...content.settings, 'app.tenant': '5' } }),
    ],
    [
      'a setting that is gone',
      withContent({ settings: { DateStyle: 'ISO, MDY', TimeZone: 'UTC' } }),
    ],
    ['the same name for another table', withContent({}, { writes: ['pg_temp_3.orders'] })],
    ['another table read', withContent({}, { reads: ['public.orders', 'public.users'] })],
    ['another column', withContent({}, { columns: ['public.orders.id'] })],
    ['another function', withContent({}, { functions: ['public.f'] })],
    ['another setting touched', withContent({}, { settings: ['work_mem'] })],
    ['another effect', withContent({}, { effect: 'schema' })],
    ['facts that are not known', { ...request, facts: null }],
    [
      'what a prepared name stands for',
      withContent({ stands: [{ kind: 'prepared', name: 'p', text: 'SELECT 1' }] }),
    ],
    [
      'connecting',
      { ...request, content: { kind: 'connect', protocol: 'postgres', seconds: null } },
    ],
  ];

  it.each(changes)('%s', (_what, parts) => {
    expect(digest(parts)).not.toBe(base());
  });

  it('any of these in the place of any other', () => {
    const digests = changes.map(([, parts]) => digest(parts));
    expect(new Set(digests).size).toBe(changes.length);
  });

  it('a longer or another window of access, or another protocol', () => {
    const connect = (protocol: string, seconds: number | null) =>
      digest({ ...request, content: { kind: 'connect', protocol, seconds }, facts: null });
    const all = [
      connect('postgres', 60),
      connect('postgres', 61),
      connect('postgres', null),
      connect('postgres', 0),
      connect('ssh', 60),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('an approval still covers', () => {
  it.each<[string, EnvelopeParts]>([
    [
      'other comments',
      withContent({ text: '/* why */ DELETE FROM orders -- really\nWHERE status = $1' }),
    ],
    ['other white space', withContent({ text: '\n DELETE\tFROM orders WHERE status=$1 ; ' })],
    ['another case of keywords', withContent({ text: 'delete from ORDERS where "status" = $1' })],
    [
      'new claims of the same principal',
      { ...request, principal: { ...agent, claims: {}, groups: [], expiresAtMs: 1 } },
    ],
    ['new labels of the target', { ...request, target: { ...request.target, labels: {} } }],
    [
      'another name of the client',
      withContent({ settings: { ...content.settings, application_name: 'task 2' } }),
    ],
    [
      'another timeout',
      withContent({ settings: { ...content.settings, statement_timeout: '5s' } }),
    ],
    [
      'settings in another order',
      withContent({ settings: Object.fromEntries(Object.entries(content.settings).reverse()) }),
    ],
    [
      'settings in another case',
      withContent({
        settings: { datestyle: 'ISO, MDY', INTERVALSTYLE: 'postgres', timezone: 'UTC' },
      }),
    ],
    ['rules in another order', { ...request, demands: [demand] }],
  ])('%s', (_what, parts) => {
    expect(digest(parts)).toBe(base());
  });

  it('another claimed reason, another estimate, another session', () => {
    const later = {
      ...request,
      claimed: 'x',
      estimatedRows: 1,
      session: 's2',
      action: 9,
      revision: 8,
      origin: 'https://x',
    };
    expect(digest(later)).toBe(base());
  });

  it('rules that come in another order', () => {
    const other = { ...demand, rule: 'z', maxRows: null };
    expect(digest({ ...request, demands: [demand, other] })).toBe(
      digest({ ...request, demands: [other, demand] }),
    );
  });
});

describe('a text that can read itself is bound to its comments', () => {
  const text = (n: number) => `DELETE FROM orders WHERE id = f(current_query()) /* ${n} */`;

  it.each<[string, Partial<SqlFacts> | null]>([
    ['current_query()', { functions: ['pg_catalog.current_query'] }],
    ['pg_stat_activity', { reads: ['pg_catalog.pg_stat_activity'] }],
    ['current_setting()', { functions: ['pg_catalog.current_setting'] }],
    ['a function of the database', { effect: 'opaque', opaque: ['user_function'] }],
    ['something opaque', { effect: 'opaque' }],
    ['unknown facts', null],
  ])('through %s', (_what, more) => {
    const of = (n: number) =>
      digest({
        ...withContent({ text: text(n) }),
        facts: more === null ? null : { ...facts, ...more },
      });
    expect(of(1)).not.toBe(of(2));
    expect(of(1)).toBe(of(1));
  });

  it('and to every setting', () => {
    const of = (name: string) =>
      digest(
        withContent(
          { settings: { application_name: name } },
          { functions: ['pg_catalog.current_setting'] },
        ),
      );
    expect(of('1')).not.toBe(of('2'));
  });

  it('and to the comments of what a name stands for', () => {
    const of = (n: number) =>
      digest(
        withContent(
          { text: 'EXECUTE p', stands: [{ kind: 'prepared', name: 'p', text: text(n) }] },
          { functions: ['pg_catalog.pg_prepared_statement'] },
        ),
      );
    expect(of(1)).not.toBe(of(2));
  });
});

describe('what has no envelope', () => {
  it.each<[string, EnvelopeParts, string]>([
    ['a text that does not parse', withContent({ text: 'DELETE FORM orders' }), 'sql_unparsable'],
    ['a NUL', withContent({ text: 'SELECT 1\0' }), 'sql_unparsable'],
    ['an unpaired surrogate in a bind', withContent({ binds: ['\ud800'] }), 'approval_unavailable'],
    ['an unpaired surrogate in a role', withContent({ role: 'a\udc00' }), 'approval_unavailable'],
    ['EXECUTE of an unknown name', withContent({ text: 'EXECUTE p(1)' }), 'approval_unavailable'],
    [
      'EXECUTE of another kind of name',
      withContent({
        text: 'EXECUTE p(1)',
        stands: [{ kind: 'cursor', name: 'p', text: 'SELECT 1' }],
      }),
      'approval_unavailable',
    ],
    ['FETCH of an unknown cursor', withContent({ text: 'FETCH 1 FROM c' }), 'approval_unavailable'],
    [
      'a row that only a cursor knows',
      withContent({ text: 'DELETE FROM t WHERE CURRENT OF c' }),
      'approval_unavailable',
    ],
    [
      'a name that stands for such a text',
      withContent({
        text: 'EXECUTE p',
        stands: [{ kind: 'prepared', name: 'p', text: 'DELETE FROM t WHERE CURRENT OF c' }],
      }),
      'approval_unavailable',
    ],
    [
      'a name that stands for what does not parse',
      withContent({
        text: 'EXECUTE p',
        stands: [{ kind: 'prepared', name: 'p', text: 'nonsense' }],
      }),
      'sql_unparsable',
    ],
    [
      'a row bound that is no number',
      { ...request, demands: [{ ...demand, maxRows: Number.NaN }] },
      'approval_unavailable',
    ],
    [
      'a negative window',
      { ...request, content: { kind: 'connect', protocol: 'x', seconds: -1 } },
      'approval_unavailable',
    ],
    ['a value of unknown format', withContent({ bindFormats: [] }), 'approval_unavailable'],
    ['formats without values', withContent({ binds: null }), 'approval_unavailable'],
    ['a fractional type', withContent({ bindTypes: [1.5] }), 'approval_unavailable'],
  ])('%s', (_what, parts, code) => {
    expect(envelope(parts, parse, crypto)).toMatchObject({ ok: false, error: { code } });
  });

  it('is the same for every text a name may stand for, in order', () => {
    const of = (...texts: string[]) =>
      digest(
        withContent({
          text: 'EXECUTE p',
          stands: texts.map((text) => ({ kind: 'prepared', name: 'p', text })),
        }),
      );
    expect(of('SELECT 1')).not.toBe(of('SELECT 2'));
    expect(of('SELECT 1', 'SELECT 2')).not.toBe(of('SELECT 1'));
    expect(of('select 1')).toBe(of('SELECT 1 -- one'));
  });
});

describe('the encoding', () => {
  const tree = fc.letrec<{ value: Encodable }>((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constant(null),
      fc.string({ unit: 'binary' }),
      fc.maxSafeNat(),
      fc.array(tie('value'), { maxLength: 4 }),
    ),
  })).value;

  it('gives different values different bytes', () => {
    fc.assert(
      fc.property(tree, tree, (a, b) => {
        const same = Buffer.compare(encode(a), encode(b)) === 0;
        return same === (JSON.stringify(a) === JSON.stringify(b));
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[string, Encodable, Encodable]>([
    ['a list cut elsewhere', [['a', 'b'], ['c']], [['a'], ['b', 'c']]],
    ['texts cut elsewhere', ['ab', 'c'], ['a', 'bc']],
    ['NULL and nothing', [null], []],
    ["NULL and ''", [null], ['']],
    ["NULL and 'NULL'", [null], ['NULL']],
    ['a number and its digits', [1], ['1']],
    ['an empty list and an empty text', [[]], ['']],
    ['a text that looks like two', ['a\u0001\0\0\0\u0001b'], ['a', 'b']],
  ])('keeps apart %s', (_what, a, b) => {
    expect(encode(a)).not.toEqual(encode(b));
  });

  it.each<[string, Encodable]>([
    ['half a surrogate pair', '\ud800'],
    ['a fraction', 0.5],
    ['a negative number', -1],
    ['a number that is not exact', 2 ** 53],
    ['not a number', Number.NaN],
  ])('refuses %s', (_what, value) => {
    expect(() => encode([value])).toThrow(Unencodable);
  });

  it('is documented: docs/approvals.md gives these bytes', () => {
    expect(Buffer.from(encode([null, 'é', 258, []])).toString('hex')).toBe(
      '0300000004' + '00' + '0100000002c3a9' + '020000000000000102' + '0300000000',
    );
  });
});

it('takes the smallest row bound', () => {
  expect(rowBound([])).toBeNull();
  expect(rowBound([{ ...demand, maxRows: null }])).toBeNull();
  expect(
    rowBound([
      { ...demand, maxRows: 5 },
      { ...demand, maxRows: null },
      { ...demand, maxRows: 0 },
    ]),
  ).toBe(0);
});
