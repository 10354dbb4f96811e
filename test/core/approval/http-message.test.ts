import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { standardBody } from '../../../adapters/webhook-body.ts';
import { cautions } from '../../../core/approval/cautions.ts';
import { headline, listLine } from '../../../core/approval/headline.ts';
import {
  graphqlDocuments,
  hexDump,
  readPath,
  shownBody,
  shownHeaders,
} from '../../../core/approval/http-message.ts';
import { laidOutJson } from '../../../core/approval/json-layout.ts';
import { approvalEvent, approvalRequest } from '../../support/approval-event.ts';
import { httpContent, REFUND, type RequestOptions } from '../../support/http-content.ts';

const asked = (options: RequestOptions = {}) =>
  approvalRequest({
    content: httpContent(options),
    facts: null,
    estimatedRows: null,
    target: { id: 'payments', kind: 'http', labels: {} },
  });
const JSON_TYPE = [['content-type', 'application/json']] as const;
const graphql = (query: string): RequestOptions => ({
  path: '/graphql',
  headers: JSON_TYPE,
  body: JSON.stringify({ query }),
});

describe('the headline', () => {
  it.each<[string, RequestOptions, string]>([
    ['a request', { query: 'a=b' }, 'POST /v1/refunds'],
    [
      'a mutation, aliases undone',
      graphql('mutation GetOrder { a: refund(id: 1) { id } }'),
      'GraphQL mutation refund by POST /graphql',
    ],
    [
      'many mutations',
      graphql('mutation { f e d c b a }'),
      'GraphQL mutation a, b, c, d and 2 more by POST /graphql',
    ],
    [
      'a WebSocket',
      { method: 'GET', path: '/live', body: null, webSocket: true },
      'Open a WebSocket at /live',
    ],
    [
      'a path that would fill the screen, by both ends and its length',
      { path: `/v1/${'x'.repeat(90)}/end` },
      `POST /v1/${'x'.repeat(36)}…${'x'.repeat(16)}/end (98 characters)`,
    ],
  ])('names %s', (_what, options, text) => {
    expect(headline(asked(options))).toBe(text);
    expect(listLine(asked(options))).toBe(`${text} at payments`);
  });
});

describe('JSON is laid out', () => {
  it.each([
    [
      '{"a":1,"b":[true,null],"c":{}}',
      '{\n  "a": 1,\n  "b": [\n    true,\n    null\n  ],\n  "c": {}\n}',
    ],
    // Neither numbers, nor escapes, nor the order of keys are anybody's to change.
    ['{"b":1.50,"10":1e2,"2":"\\u0041"}', '{\n  "b": 1.50,\n  "10": 1e2,\n  "2": "\\u0041"\n}'],
    ['[ ]', '[]'],
    ['{"a":"{"}', '{\n  "a": "{"\n}'],
    ['"{\\"a\\":1}"', '"{\\"a\\":1}"'],
  ])('%s', (text, shown) => {
    expect(laidOutJson(text)).toBe(shown);
  });

  it.each([
    ['a key that comes twice', '{"amount":1,"amount":1000}'],
    ['a key twice, once in escapes', '{"amount":1,"\\u0061mount":1000}'],
    ['a key twice, in another case', '{"amount":1,"Amount":1000}'],
    ['a number that is rounded', '{"amount":9007199254740993}'],
    ['half a character', '"\\ud800"'],
    ['what is no JSON', '{a:1}'],
    ['two values', '{} {}'],
    [
      'what would grow beyond measure',
      `[${'1,'.repeat(60_000)}1]`.replace(/^/, '['.repeat(40)) + ']'.repeat(40),
    ],
  ])('never where it has %s', (_what, text) => {
    expect(laidOutJson(text)).toBeNull();
  });

  it('and differs in white space between tokens alone', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const shown = laidOutJson(text);
        if (shown === null) return;
        const bare = (json: string) => json.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1');
        expect(bare(shown)).toBe(bare(text));
      }),
    );
  });
});

describe('a body', () => {
  it.each<[string, RequestOptions, object]>([
    ['none', { body: null }, { kind: 'none' }],
    ['JSON', {}, { kind: 'text', raw: REFUND, bytes: 48, laidOut: expect.any(String) as string }],
    [
      'JSON with a key twice, as it is',
      { body: '{"a":1,"a":2}' },
      { kind: 'text', raw: '{"a":1,"a":2}', laidOut: null, bytes: 13 },
    ],
    [
      'JSON that does not say so, as it is',
      { body: REFUND, headers: [['content-type', 'text/plain']] },
      { kind: 'text', raw: REFUND, laidOut: null, bytes: 48 },
    ],
    [
      'bytes',
      { body: Uint8Array.of(0xff, 0, 0x41) },
      { kind: 'binary', content: Uint8Array.of(0xff, 0, 0x41), bytes: 3 },
    ],
  ])('%s', (_what, options, shown) => {
    const content = httpContent(options);
    expect(shownBody(content, content.facts.contentType)).toEqual(shown);
  });

  it.each([
    ['is not carried', null],
    ['is not what it says', { base64: '!' }],
  ])('that %s is missing, not none', (_what, body) => {
    const content = { ...httpContent(), body };
    expect(shownBody(content, 'application/json')).toEqual({ kind: 'missing' });
    expect(cautions(approvalRequest({ content, facts: null })).join()).toContain('not');
  });

  it('in hex shows every byte, and no byte as anything that acts', () => {
    const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const dump = hexDump(all, 8);
    expect(dump.split('\n')).toHaveLength(32);
    expect(dump).toContain('000040  40 41 42 43 44 45 46 47  @ABCDEFG');
    expect(dump).toMatch(/^[\n -~]*$/);
    expect(hexDump(Uint8Array.of(1), 2)).toBe('000000  01     .');
  });
});

describe('headers', () => {
  it('are those that count, then the others, and no keys', () => {
    const { effective, other } = shownHeaders([
      ['user-agent', 'x'],
      ['x-api-key', 'canary'],
      ['private_token', 'canary'],
      ['x-csrf-token', 'canary'],
      ['prefer', 'return=minimal'],
    ]);
    expect(JSON.stringify([effective, other])).not.toContain('canary');
    expect(effective).toContainEqual({ name: 'prefer', value: 'return=minimal', length: 14 });
    expect(other.map(({ name }) => name)).toEqual(['user-agent']);
  });

  it.each(['x-token-mode', 'x-secretive', 'x-author', 'destination', 'x-amz-copy-source'])(
    'cannot be hidden by a name such as %s',
    (name) => {
      expect(shownHeaders([[name, 'delete everything']]).effective[0]?.value).toBe(
        'delete everything',
      );
    },
  );
});

describe('cautions', () => {
  it.each<[string, RequestOptions, readonly RegExp[]]>([
    ['nothing about a plain request', {}, []],
    ['DELETE', { method: 'DELETE', body: null }, [/^It deletes\.$/]],
    ['a mutation', graphql('mutation { refund }'), [/^GraphQL mutation refund\.$/]],
    ['nothing about a query', graphql('{ orders { id } }'), []],
    ['GraphQL that cannot be read', graphql('mutation {'), [/GraphQL cannot be read/]],
    [
      'GraphQL that only the server knows',
      { path: '/graphql', headers: JSON_TYPE, body: '{"id":"4711"}' },
      [/./],
    ],
    [
      'a method that another one hides behind',
      { query: '_method=DELETE' },
      [/some servers run another method/],
    ],
    [
      'a WebSocket before all else',
      { method: 'DELETE', webSocket: true, body: null },
      [/is not seen, and nobody is asked/, /deletes/],
    ],
    [
      'bytes of a type that is not read',
      { body: Uint8Array.of(0xff), headers: [['content-type', 'image/png']] },
      [/of a type that the gateway does not read/, /not text/],
    ],
    ['a key that comes twice', { body: '{"a":1,"a":2}' }, [/a key comes twice/]],
    ['words in escapes', { body: '{"\\u0064rop":1}' }, [/spells plain letters as escapes/]],
    ['no escapes that libraries write', { body: '{"a":"\\u003cb\\u003e \\\\u0064"}' }, []],
    ['encoded delimiters', { path: '/a%2Fb' }, [/encoded delimiters/]],
  ])('name %s', (_what, options, sentences) => {
    const found = cautions(asked(options));
    expect(found).toHaveLength(sentences.length);
    sentences.forEach((sentence, index) => expect(found[index]).toMatch(sentence));
  });

  it('have a sentence for every word of docs/http.md, each said once, and for words to come', () => {
    const content = httpContent();
    const words =
      'json_duplicate_key json_number json_text json_key json_unparsable json_too_deep form_unparsable multipart_unparsable body_too_large body_encoded body_type body_unexpected method_override graphql_persisted graphql_request graphql_unparsable graphql_operation graphql_fragment graphql_too_large upgrade';
    const opaque = [...words.split(' '), 'zzz_new'];
    const found = cautions(
      approvalRequest({
        content: { ...content, facts: { ...content.facts, opaque } },
        facts: null,
      }),
    );
    expect(found[0]).toBe('What it does cannot be wholly known (zzz_new).');
    // Sentences for people, not the words themselves.
    expect(found.slice(1).join().replaceAll('__proto__', '')).not.toContain('_');
    expect(new Set(found).size).toBe(found.length);
  });
});

describe('what reads otherwise than it is written', () => {
  it.each([
    ['/a/b', null],
    ['/a/%E2%80%AEb', '/a/\u202eb'],
    ['/%ff', null],
  ])('%s', (path, read) => {
    expect(readPath(path)).toBe(read);
  });

  it('is a GraphQL document in JSON, in a batch, in a query', () => {
    const of = (options: RequestOptions) => graphqlDocuments(httpContent(options).facts);
    expect(of(graphql('{\n  a\n}'))).toEqual(['{\n  a\n}']);
    const batch = '[{"query":"{ a }"},{"query":"mutation { b }"}]';
    expect(of({ ...graphql(''), body: batch })).toEqual(['{ a }', 'mutation { b }']);
    expect(of({ method: 'GET', path: '/graphql', query: 'query=%7Ba%7D', body: null })).toEqual([
      '{a}',
    ]);
    expect(of({})).toEqual([]);
  });
});

describe('a webhook', () => {
  const action = (options: RequestOptions) =>
    (standardBody(approvalEvent({ request: asked(options) })) as { data: { action: object } }).data
      .action;

  it('has the request as data', () => {
    expect(action({ query: 'a=b' })).toEqual({
      kind: 'http',
      method: 'POST',
      host: 'api.pay.example',
      path: '/v1/refunds',
      query: 'a=b',
      queryLength: 3,
      contentType: 'application/json',
      body: REFUND,
      bodyBytes: 48,
      webSocket: false,
      graphql: null,
      opaque: [],
    });
  });

  it.each<[string, RequestOptions, object]>([
    ['a long body', { body: `"${'x'.repeat(9_000)}"` }, { body: null, bodyBytes: 9_002 }],
    ['bytes', { body: Uint8Array.of(0xff) }, { body: null, bodyBytes: 1 }],
    ['none', { body: null }, { body: null, bodyBytes: 0 }],
    ['a long query', { query: `a=${'x'.repeat(9_000)}` }, { query: null, queryLength: 9_002 }],
    [
      'GraphQL',
      graphql('mutation { refund }'),
      { graphql: { operation: 'mutation', fields: ['refund'] } },
    ],
  ])('never cuts: %s', (_what, options, part) => {
    expect(action(options)).toMatchObject(part);
  });

  it('carries no header', () => {
    const headers = [['x-api-key', 'canary']] as const;
    expect(JSON.stringify(action({ headers }))).not.toContain('canary');
  });
});
