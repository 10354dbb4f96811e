import { assert, jsonValue, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../core/bytes.ts';
import { httpFacts, type FactsRequest, type HttpDoubt } from '../../../core/http/facts.ts';
import type { HeaderList } from '../../../core/http/header-list.ts';
import { readJsonText, type JsonDoubt } from '../../../core/http/json-body.ts';
import { multipartFields } from '../../../core/http/multipart-body.ts';

const JSON_TYPE: HeaderList = [['content-type', 'application/json']];
const FORM_TYPE: HeaderList = [['content-type', 'application/x-www-form-urlencoded']];

function facts(
  request: Partial<Omit<FactsRequest, 'body'>> & { readonly body?: string | Uint8Array | null },
) {
  const { body = null, ...rest } = request;
  return httpFacts({
    method: 'POST',
    host: 'api.acme.example',
    path: '/orders',
    query: {},
    headers: [],
    webSocket: false,
    graphqlPaths: [],
    ...rest,
    body: typeof body === 'string' && body !== 'unread' ? utf8(body) : (body as Uint8Array | null),
  });
}

describe('httpFacts', () => {
  it('says what is asked for', () => {
    const headers: HeaderList = [
      ['x-b', '1'],
      ['content-type', 'application/json; charset=UTF-8'],
      ['x-b', '2'],
      ['accept-encoding', 'identity'],
      ['via', '1.1 postern'],
    ];
    expect(
      facts({ headers, query: { a: ['1', '2'] }, body: '{"amount":12,"to":{"id":"x"}}' }),
    ).toEqual({
      method: 'POST',
      host: 'api.acme.example',
      path: '/orders',
      query: { a: ['1', '2'] },
      headers: ['content-type', 'x-b'],
      contentType: 'application/json',
      json: { amount: 12, to: { id: 'x' } },
      form: {},
      fields: [],
      graphql: null,
      webSocket: false,
      opaque: [],
    });
  });

  it('reads forms', () => {
    const { form, fields, opaque } = facts({ headers: FORM_TYPE, body: 'b=2&a=1&a=%C3%A9+x' });
    expect({ form, fields, opaque }).toEqual({
      form: { a: ['1', 'é x'], b: ['2'] },
      fields: ['a', 'b'],
      opaque: [],
    });
  });

  it.each<[string, Parameters<typeof facts>[0], readonly HttpDoubt[]]>([
    ['no body', { method: 'GET' }, []],
    ['an empty body', { body: '' }, []],
    ['a body with GET', { method: 'GET', headers: JSON_TYPE, body: '{}' }, ['body_unexpected']],
    ['a body with HEAD', { method: 'HEAD', headers: JSON_TYPE, body: '{}' }, ['body_unexpected']],
    ['a large body', { headers: JSON_TYPE, body: `"${'x'.repeat(262_144)}"` }, ['body_too_large']],
    ['a body without a type', { body: '{}' }, ['body_type']],
    ['JSON called text', { headers: [['content-type', 'text/plain']], body: '{}' }, ['body_type']],
    [
      'a malformed type',
      { headers: [['content-type', 'application/json;']], body: '{}' },
      ['body_type'],
    ],
    ['a type twice', { headers: [...JSON_TYPE, ...JSON_TYPE], body: '{}' }, ['body_type']],
    [
      'a parameter twice',
      { headers: [['content-type', 'application/json;charset=utf-8;charset=utf-16']], body: '{}' },
      ['body_type'],
    ],
    [
      'another charset',
      { headers: [['content-type', 'application/json; charset=utf-16']], body: '{}' },
      ['body_encoded'],
    ],
    [
      'a compressed body',
      { headers: [...JSON_TYPE, ['content-encoding', 'gzip']], body: '{}' },
      ['body_encoded'],
    ],
    ['broken JSON', { headers: JSON_TYPE, body: '{"a":1' }, ['json_unparsable']],
    [
      'JSON that is no UTF-8',
      { headers: JSON_TYPE, body: Uint8Array.of(0x22, 0xff, 0x22) },
      ['json_unparsable'],
    ],
    [
      'JSON of a vendor',
      { headers: [['content-type', 'application/vnd.x+json']], body: '{"a":1,"a":2}' },
      ['json_duplicate_key'],
    ],
    ['a form with a semicolon', { headers: FORM_TYPE, body: 'a=1;b=2' }, ['form_unparsable']],
    ['a form with broken escapes', { headers: FORM_TYPE, body: 'a=%zz' }, ['form_unparsable']],
    ['a form that is no ASCII', { headers: FORM_TYPE, body: 'a=é' }, ['form_unparsable']],
    ['a form with a line break', { headers: FORM_TYPE, body: 'a=1\r\n' }, ['form_unparsable']],
    ['_method in a form', { headers: FORM_TYPE, body: '_method=DELETE' }, ['method_override']],
    [
      '_method in a form, escaped',
      { headers: FORM_TYPE, body: '%5Fmethod=DELETE' },
      ['method_override'],
    ],
    [
      '_method in JSON',
      { headers: JSON_TYPE, body: '{"\\u005fmethod":"DELETE"}' },
      ['method_override'],
    ],
    ['_method in the query', { query: { _METHOD: ['DELETE'] } }, ['method_override']],
    ['$httpMethod in the query', { query: { $httpMethod: ['DELETE'] } }, ['method_override']],
    ['a WebSocket', { method: 'GET', webSocket: true }, ['upgrade']],
    [
      'binary',
      { headers: [['content-type', 'application/octet-stream']], body: 'x' },
      ['body_type'],
    ],
  ])('judges %s', (_name, request, opaque) => {
    const found = facts(request);
    expect(found.opaque).toEqual(opaque);
    if (opaque.some((doubt) => doubt !== 'method_override')) expect(found.json).toBeNull();
  });

  it('says that a streamed body was not read', () => {
    const request = {
      method: 'PUT',
      host: '',
      path: '/',
      query: {},
      headers: JSON_TYPE,
      webSocket: false,
    };
    expect(httpFacts({ ...request, body: 'unread', graphqlPaths: [] }).opaque).toEqual([
      'body_too_large',
    ]);
  });
});

describe('readJsonText', () => {
  it.each<[string, JsonDoubt]>([
    ['{"a":1,"a":2}', 'json_duplicate_key'],
    ['{"a":1,"\\u0061":2}', 'json_duplicate_key'],
    ['{"a":1,"A":2}', 'json_duplicate_key'],
    ['{"s":1,"\u017F":2}', 'json_duplicate_key'],
    ['{"k":1,"\u212A":2}', 'json_duplicate_key'],
    ['{"é":1,"e\u0301":2}', 'json_duplicate_key'],
    ['{"x":[{"y":{"a":1,"b":{"a":0},"a":2}}]}', 'json_duplicate_key'],
    ['{"a":{"b":1},"c":[],"a":{}}', 'json_duplicate_key'],
    ['{"a":"}","a":"{"}', 'json_duplicate_key'],
    ['{"":1,"":2}', 'json_duplicate_key'],
    ['{"a\\"":1,"a\\"":2}', 'json_duplicate_key'],
    ['{"__proto__":{"admin":true}}', 'json_key'],
    ['{"\\u005f_proto__":1}', 'json_key'],
    ['9007199254740993', 'json_number'],
    ['{"a":9007199254740993.0}', 'json_number'],
    ['[1e400]', 'json_number'],
    ['[1e-400]', 'json_number'],
    ['[0.1234567890123456789]', 'json_number'],
    ['"\\ud800"', 'json_text'],
    ['{"\\udc00":1}', 'json_text'],
    ['"\\u0000"', 'json_text'],
    ['{"a\\u0000":1}', 'json_text'],
    ['\u{FEFF}{}', 'json_text'],
    ['', 'json_unparsable'],
    ['{"a":1,}', 'json_unparsable'],
    ["{'a':1}", 'json_unparsable'],
    ['{a:1}', 'json_unparsable'],
    ['{"a":1}//x', 'json_unparsable'],
    ['{"a":NaN}', 'json_unparsable'],
    ['{}{}', 'json_unparsable'],
    ['[01]', 'json_unparsable'],
  ])('doubts %s: %s', (text, doubt) => {
    expect(readJsonText(text)).toEqual({ ok: false, doubt });
  });

  it.each([10, 100, 10_000, 1_000_000].map((depth) => [depth]))(
    'bounds a nesting of %i',
    (depth) => {
      const read = readJsonText('['.repeat(depth) + ']'.repeat(depth));
      if (depth === 10) expect(read.ok).toBe(true);
      // Past some depth JSON.parse itself may give up; either way it is a doubt.
      else expect(read.ok ? '' : read.doubt).toMatch(/^json_(?:too_deep|unparsable)$/);
    },
  );

  it.each([
    '{"a":1,"b":{"a":2}}',
    '[{"a":1},{"a":2}]',
    '[-0,1.5e3,9007199254740991,0.1]',
    '"\\ud83d\\ude00"',
    'null',
  ])('reads %s', (text) => {
    expect(readJsonText(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it('reads what JSON.stringify writes, or doubts it', () => {
    assert(
      property(jsonValue(), (value) => {
        const text = JSON.stringify(value);
        const read = readJsonText(text);
        if (read.ok) expect(JSON.stringify(read.value)).toBe(text);
        else expect(read.doubt).not.toBe('json_unparsable');
      }),
    );
  });
});

describe('multipartFields', () => {
  const part = (head: string, content = 'x') => `--b\r\n${head}\r\n\r\n${content}\r\n`;
  const named = (name: string) => part(`Content-Disposition: form-data; name="${name}"`);
  const fields = (text: string, boundary = 'b') => multipartFields(utf8(text), boundary);

  it('names fields and files', () => {
    const file = part(
      'content-disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain',
      '\r\n\r\n--c\r\n',
    );
    expect(fields(`${named('b')}${file}${named('a')}${named('b')}--b--\r\n`)).toEqual([
      'a',
      'b',
      'f',
    ]);
    expect(fields(`${named('é')}--b--`)).toEqual(['é']);
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['no part', '--b--\r\n'],
    ['no end', named('a')],
    ['text before', `x\r\n${named('a')}--b--`],
    ['text behind', `${named('a')}--b--\r\nx`],
    ['bare line feeds', `${named('a')}--b--`.replaceAll('\r\n', '\n')],
    [
      'a delimiter behind a bare line feed',
      `${part('Content-Disposition: form-data; name="a"', `x\n${named('_method')}`)}--b--`,
    ],
    ['a boundary with more behind it', `${named('a').replace('--b', '--bc')}--b--`],
    ['blanks behind a boundary', `${named('a').replace('--b', '--b ')}--b--`],
    ['two names', `${part('Content-Disposition: form-data; name="a"; name="b"')}--b--`],
    [
      'an extended name',
      `${part(`Content-Disposition: form-data; name="a"; name*=UTF-8''b`)}--b--`,
    ],
    ['a name without quotes', `${part('Content-Disposition: form-data; name=a')}--b--`],
    ['an escaped quote', `${named('a\\"b')}--b--`],
    ['an escape', `${named('a%22b')}--b--`],
    [
      'two dispositions',
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Disposition: form-data; name="b"')}--b--`,
    ],
    ['a folded line', `${part('Content-Disposition: form-data;\r\n name="a"')}--b--`],
    ['no disposition', `${part('Content-Type: text/plain')}--b--`],
    [
      'a transfer encoding',
      `${part('Content-Disposition: form-data; name="a"\r\nContent-Transfer-Encoding: base64')}--b--`,
    ],
  ])('does not read %s', (_name, text) => {
    expect(fields(text)).toBeNull();
  });

  it('does not read a boundary that none may be', () => {
    expect(fields('--\r\n', '')).toBeNull();
    expect(fields(`${named('a')}--b--`, 'b\r\n')).toBeNull();
  });

  it('names an override in a multipart form', () => {
    const headers: HeaderList = [['content-type', 'multipart/form-data; boundary="b"']];
    const found = facts({ headers, body: `${named('_method')}--b--\r\n` });
    expect(found.fields).toEqual(['_method']);
    expect(found.opaque).toEqual(['method_override']);
    expect(facts({ headers, body: 'x' }).opaque).toEqual(['multipart_unparsable']);
  });
});
