import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../core/bytes.ts';
import { httpFacts, type FactsRequest, type HttpDoubt } from '../../../core/http/facts.ts';
import type { GraphqlFacts } from '../../../core/facts.ts';
import { readGraphql, type GraphqlDoubt } from '../../../core/http/graphql.ts';

type Expected = readonly [
  operation: GraphqlFacts['operation'],
  name: string,
  fields: readonly string[],
];

function told(facts: GraphqlFacts | null): Expected | null {
  return facts === null ? null : [facts.operation, facts.name, facts.fields];
}

describe('readGraphql', () => {
  it.each<[string, string, string | null, Expected]>([
    ['a bare selection', '{ user { name } }', null, ['query', '', ['user', 'user.name']]],
    ['a name', 'query Q { a }', null, ['query', 'Q', ['a']]],
    [
      'a mutation',
      'mutation M { deleteUser(id: 1) { id } }',
      null,
      ['mutation', 'M', ['deleteUser', 'deleteUser.id']],
    ],
    [
      'a subscription',
      'subscription { events { id } }',
      null,
      ['subscription', '', ['events', 'events.id']],
    ],
    [
      'an alias',
      '{ harmless: secrets { x: value } }',
      null,
      ['query', '', ['secrets', 'secrets.value']],
    ],
    [
      'a fragment',
      'query { user { ...F } } fragment F on User { email }',
      null,
      ['query', '', ['user', 'user.email']],
    ],
    ['a fragment before its use', 'fragment F on Q { a } { ...F }', null, ['query', '', ['a']]],
    [
      'nested fragments',
      '{ ...A } fragment A on Q { a { ...B } } fragment B on T { b }',
      null,
      ['query', '', ['a', 'a.b']],
    ],
    [
      'one fragment in two places',
      '{ a { ...F } b { ...F } } fragment F on T { c }',
      null,
      ['query', '', ['a', 'a.c', 'b', 'b.c']],
    ],
    [
      'an inline fragment',
      '{ node { ... on User { email } ... { id } } }',
      null,
      ['query', '', ['node', 'node.email', 'node.id']],
    ],
    [
      'directives',
      '{ a @skip(if: true) b @include(if: false) { c } ... @defer { d } }',
      null,
      ['query', '', ['a', 'b', 'b.c', 'd']],
    ],
    [
      'variables',
      'query ($id: ID! = 1) { user(id: $id) { name } }',
      null,
      ['query', '', ['user', 'user.name']],
    ],
    [
      'braces in strings',
      '{ a(x: "} mutation { b }", y: """{"b"}""") }',
      null,
      ['query', '', ['a']],
    ],
    ['comments', '{ a # } mutation { b }\n }', null, ['query', '', ['a']]],
    ['a byte order mark', '\u{FEFF}{ a }', null, ['query', '', ['a']]],
    [
      'introspection',
      '{ __schema { types { name } } __typename }',
      null,
      ['query', '', ['__schema', '__schema.types', '__schema.types.name', '__typename']],
    ],
    ['an operation that is named', 'query A { a } query B { b }', 'B', ['query', 'B', ['a', 'b']]],
    [
      'a mutation behind a query',
      'query A { a } mutation B { b }',
      'A',
      ['mutation', 'A', ['a', 'b']],
    ],
    [
      'a mutation before a query',
      'mutation B { b } query A { a }',
      'A',
      ['mutation', 'A', ['a', 'b']],
    ],
    [
      'a field called mutation',
      '{ mutation query subscription }',
      null,
      ['query', '', ['mutation', 'query', 'subscription']],
    ],
  ])('reads %s', (_name, text, operationName, expected) => {
    const read = readGraphql(text, operationName);
    expect(told(read.ok ? read.facts : null)).toEqual(expected);
  });

  it('names the roots', () => {
    const read = readGraphql('mutation { b { c } x: a { c } }', null);
    expect(read.ok && read.facts.roots).toEqual(['a', 'b']);
  });

  const deep = (depth: number) => '{a'.repeat(depth) + '}'.repeat(depth);
  const bomb = [
    '{ ...F0 }',
    ...Array.from(
      { length: 30 },
      (_, i) => `fragment F${i} on T { a { ...F${i + 1} } b { ...F${i + 1} } }`,
    ),
    'fragment F30 on T { z }',
  ].join('\n');

  /** 4,000 fields below names of 240,000 characters: a gigabyte of paths. */
  const wide = `${`{${'x'.repeat(5_000)}`.repeat(48)}{ ${Array.from({ length: 4_000 }, (_, i) => `y${i}`).join(' ')} ${'}'.repeat(49)}`;

  it.each<[string, string, string | null, GraphqlDoubt]>([
    ['paths that add up', wide, null, 'graphql_too_large'],
    ['nothing', '', null, 'graphql_unparsable'],
    ['what is no GraphQL', 'SELECT 1', null, 'graphql_unparsable'],
    ['a missing brace', '{ a', null, 'graphql_unparsable'],
    ['an unknown operation', 'upsert { a }', null, 'graphql_unparsable'],
    ['only a fragment', 'fragment F on T { a }', null, 'graphql_operation'],
    ['two operations and no name', 'query A { a } mutation B { b }', null, 'graphql_operation'],
    ['a name that is not there', 'query A { a }', 'B', 'graphql_operation'],
    ['a name twice', 'query A { a } mutation A { b }', 'A', 'graphql_operation'],
    ['a schema', '{ a } type T { a: Int }', null, 'graphql_operation'],
    ['an empty selection', 'mutation { }', null, 'graphql_operation'],
    ['a missing fragment', '{ ...F }', null, 'graphql_fragment'],
    [
      'a fragment twice',
      '{ ...F } fragment F on T { a } fragment F on T { b }',
      null,
      'graphql_fragment',
    ],
    ['a fragment in itself', '{ ...F } fragment F on T { a { ...F } }', null, 'graphql_fragment'],
    [
      'fragments in a ring',
      '{ ...A } fragment A on T { ...B } fragment B on T { ...A }',
      null,
      'graphql_fragment',
    ],
    ['deep nesting', deep(120), null, 'graphql_too_large'],
    ['many tokens', `{ ${'a '.repeat(10_001)} }`, null, 'graphql_unparsable'],
    ['many fields', `{ ${'a '.repeat(5_001)} }`, null, 'graphql_too_large'],
    ['fragments that multiply', bomb, null, 'graphql_too_large'],
  ])('doubts %s', (_name, text, operationName, doubt) => {
    expect(readGraphql(text, operationName)).toEqual({ ok: false, doubt });
  });

  it.each([4_900, 100_000])('survives a nesting of %i', (depth) => {
    expect(readGraphql(deep(depth), null).ok).toBe(false);
  });

  it('never throws', () => {
    assert(
      property(string({ unit: 'binary' }), string({ unit: 'binary' }), (text, name) => {
        readGraphql(text, name);
        readGraphql(`{ a(x: "${text}") }`, null);
      }),
    );
  });
});

describe('httpFacts of GraphQL', () => {
  function facts(request: Partial<Omit<FactsRequest, 'body'>> & { readonly body?: unknown }) {
    const { body, ...rest } = request;
    return httpFacts({
      method: body === undefined ? 'GET' : 'POST',
      host: 'api.acme.example',
      path: '/graphql',
      query: {},
      headers: body === undefined ? [] : [['content-type', 'application/json']],
      webSocket: false,
      graphqlPaths: [],
      ...rest,
      body:
        body === undefined ? null : utf8(typeof body === 'string' ? body : JSON.stringify(body)),
    });
  }

  it.each<[string, Parameters<typeof facts>[0], Expected | null, readonly HttpDoubt[]]>([
    ['a body', { body: { query: '{ a }', variables: { x: 1 } } }, ['query', '', ['a']], []],
    [
      'null members',
      { body: { query: '{ a }', operationName: null, extensions: null } },
      ['query', '', ['a']],
      [],
    ],
    [
      'a mutation hidden by a name',
      { body: { query: 'query A { a } mutation B { b }', operationName: 'A' } },
      ['mutation', 'A', ['a', 'b']],
      [],
    ],
    [
      'a batch',
      { body: [{ query: '{ a }' }, { query: 'mutation { b }' }] },
      ['mutation', '', ['a', 'b']],
      [],
    ],
    ['an escaped key', { body: '{"\\u0071uery":"{ a }"}' }, ['query', '', ['a']], []],
    [
      'an escaped document',
      { body: '{"query":"\\u006dutation { a }"}' },
      ['mutation', '', ['a']],
      [],
    ],
    ['GET', { query: { query: ['{ a }'] } }, ['query', '', ['a']], []],
    ['GET with a mutation', { query: { query: ['mutation { a }'] } }, ['mutation', '', ['a']], []],
    [
      'GET with a name',
      { query: { query: ['query A{a} query B{b}'], operationName: ['B'] } },
      ['query', 'B', ['a', 'b']],
      [],
    ],
    [
      'another path with a document',
      { path: '/api', body: { query: 'mutation { a }' } },
      ['mutation', '', ['a']],
      [],
    ],
    [
      'another path with a document in the query',
      { path: '/api', query: { query: ['{ a }'] } },
      ['query', '', ['a']],
      [],
    ],
    [
      'a path of Shopify',
      { path: '/admin/api/graphql.json', body: { query: '{ a }' } },
      ['query', '', ['a']],
      [],
    ],
    ['a path in capitals', { path: '/GraphQL/', body: {} }, null, ['graphql_persisted']],
    [
      'a bare document',
      { headers: [['content-type', 'application/graphql']], body: 'mutation { a }' },
      ['mutation', '', ['a']],
      [],
    ],
    [
      'a form',
      {
        headers: [['content-type', 'application/x-www-form-urlencoded']],
        body: 'query=mutation%7Ba%7D',
      },
      ['mutation', '', ['a']],
      [],
    ],
    ['a search elsewhere', { path: '/search', body: { query: 'cheap {shoes' } }, null, []],
    ['a Prometheus query', { path: '/api/v1/query', query: { query: ['up{job="x"}'] } }, null, []],
    ['plain JSON elsewhere', { path: '/orders', body: { query: { match: 'x' } } }, null, []],
    ['a preflight', { method: 'OPTIONS' }, null, []],
    // doubts
    ['a broken document', { body: { query: 'cheap shoes' } }, null, ['graphql_unparsable']],
    [
      'a declared path',
      { path: '/q', graphqlPaths: ['/q'], body: { query: 'x' } },
      null,
      ['graphql_unparsable'],
    ],
    ['no document', { body: { variables: {} } }, null, ['graphql_persisted']],
    [
      'a persisted query',
      { body: { extensions: { persistedQuery: { version: 1, sha256Hash: 'x' } } } },
      null,
      ['graphql_persisted'],
    ],
    [
      'a persisted query with a document',
      { body: { query: '{ a }', extensions: { persistedQuery: {} } } },
      null,
      ['graphql_persisted'],
    ],
    ['a document id', { body: { documentId: 'x' } }, null, ['graphql_persisted']],
    [
      'a document id with a document',
      { body: { query: '{ a }', doc_id: 'x' } },
      null,
      ['graphql_request'],
    ],
    [
      'GET of a persisted query',
      { query: { extensions: ['{"persistedQuery":{}}'] } },
      null,
      ['graphql_persisted'],
    ],
    [
      'GET of an escaped persisted query',
      { query: { query: ['{a}'], extensions: ['{"p\\u0065rsistedQuery":{}}'] } },
      null,
      ['graphql_request'],
    ],
    ['GET of nothing', {}, null, ['graphql_persisted']],
    [
      'GET with two documents',
      { query: { query: ['{ a }', 'mutation { b }'] } },
      null,
      ['graphql_request'],
    ],
    [
      'a document in body and query',
      { query: { query: ['mutation { b }'] }, body: { query: '{ a }' } },
      null,
      ['graphql_request'],
    ],
    [
      'a name in the query',
      { query: { operationName: ['B'] }, body: { query: 'query A { a }' } },
      null,
      ['graphql_request'],
    ],
    [
      'a key twice',
      { body: '{"query":"{ a }","query":"mutation { b }"}' },
      null,
      ['graphql_request', 'json_duplicate_key'],
    ],
    [
      'a key twice, escaped',
      { body: '{"query":"{ a }","quer\\u0079":"mutation { b }"}' },
      null,
      ['graphql_request', 'json_duplicate_key'],
    ],
    [
      'a key twice but for its case',
      { body: '{"query":"{ a }","Query":"mutation { b }"}' },
      null,
      ['graphql_request', 'json_duplicate_key'],
    ],
    ['an empty batch', { body: [] }, null, ['graphql_request']],
    [
      'a batch with one that is broken',
      { body: [{ query: '{ a }' }, { query: '{' }] },
      null,
      ['graphql_unparsable'],
    ],
    ['a batch in a batch', { body: [[{ query: '{ a }' }]] }, null, ['graphql_request']],
    [
      'a large batch',
      { body: Array.from({ length: 51 }, () => ({ query: '{ a }' })) },
      null,
      ['graphql_too_large'],
    ],
    [
      'a batch of many paths',
      {
        body: Array.from({ length: 40 }, () => ({
          query: `{${'x'.repeat(400)}{${Array.from({ length: 50 }, (_, i) => `y${i}`).join(' ')}}}`,
        })),
      },
      null,
      ['graphql_too_large'],
    ],
    ['a document that is no text', { body: { query: ['{ a }'] } }, null, ['graphql_request']],
    [
      'a name that is no text',
      { body: { query: '{ a }', operationName: 1 } },
      null,
      ['graphql_request'],
    ],
    [
      'text',
      { headers: [['content-type', 'text/plain']], body: '{"query":"{a}"}' },
      null,
      ['body_type', 'graphql_request'],
    ],
    [
      'a compressed body',
      {
        headers: [
          ['content-type', 'application/json'],
          ['content-encoding', 'gzip'],
        ],
        body: 'x',
      },
      null,
      ['body_encoded', 'graphql_request'],
    ],
    [
      'multipart',
      {
        headers: [['content-type', 'multipart/form-data; boundary=b']],
        body: '--b\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{}\r\n--b--',
      },
      null,
      ['graphql_request'],
    ],
    ['a WebSocket', { webSocket: true }, null, ['graphql_persisted', 'upgrade']],
  ])('judges %s', (_name, request, expected, opaque) => {
    const found = facts(request);
    expect(told(found.graphql)).toEqual(expected);
    expect(found.opaque).toEqual(opaque);
  });
});
