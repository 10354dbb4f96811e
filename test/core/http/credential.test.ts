import { assert, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../core/bytes.ts';
import {
  readTokenAnswer,
  tokenRequest,
  type ClientCredentials,
} from '../../../core/http/client-credentials.ts';
import {
  credentialHeaders,
  withCredentialParameter,
  type CredentialCode,
  type CredentialKind,
} from '../../../core/http/credential.ts';

const AWS = {
  kind: 'sigv4',
  accessKeyId: 'ID',
  secretAccessKey: 'KEY',
  region: 'eu-west-1',
  service: 's3',
} as const;

describe('credentialHeaders', () => {
  it.each<[string, CredentialKind, Record<string, string>, readonly (readonly [string, string])[]]>(
    [
      [
        'bearer',
        { kind: 'bearer', token: 'T' },
        { T: 'abc.DEF-1_~+/==' },
        [['authorization', 'Bearer abc.DEF-1_~+/==']],
      ],
      [
        'basic',
        { kind: 'basic', user: 'Aladdin', password: 'P' },
        { P: 'open sesame' },
        [['authorization', 'Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==']],
      ],
      [
        'basic in UTF-8',
        { kind: 'basic', user: 'test', password: 'P' },
        { P: '123£' },
        [['authorization', 'Basic dGVzdDoxMjPCow==']],
      ],
      [
        'basic with colons in the password',
        { kind: 'basic', user: '', password: 'P' },
        { P: 'a:b' },
        [['authorization', 'Basic OmE6Yg==']],
      ],
      [
        'header',
        { kind: 'header', name: 'X-Api-Key', secret: 'S' },
        { S: 'k$1' },
        [['x-api-key', 'k$1']],
      ],
      [
        'header in a pattern',
        { kind: 'header', name: 'authorization', secret: 'S', value: 'Token token={}' },
        { S: 'k$&' },
        [['authorization', 'Token token=k$&']],
      ],
      ['query', { kind: 'query', parameter: 'api_key', secret: 'S' }, { S: 'a b&c' }, []],
      ['sigv4', AWS, { ID: 'AKIA1', KEY: 'x/y+z' }, []],
    ],
  )('shapes %s', (_name, kind, values, headers) => {
    const shaped = credentialHeaders(kind, values);
    expect(shaped.ok && shaped.value.headers).toEqual(headers);
    expect(shaped.ok && shaped.value.secrets.length > 0).toBe(true);
  });

  it('describes signing without signing', () => {
    const shaped = credentialHeaders(
      { ...AWS, sessionToken: 'TOKEN' },
      { ID: 'AKIA1', KEY: 'k', TOKEN: 't' },
    );
    expect(shaped.ok && shaped.value.signing).toEqual({
      accessKeyId: 'AKIA1',
      secretAccessKey: 'k',
      sessionToken: 't',
      region: 'eu-west-1',
      service: 's3',
    });
  });

  it('lists every text under which a secret could come back', () => {
    const basic = credentialHeaders({ kind: 'basic', user: 'u', password: 'P' }, { P: 'pä "/ +' });
    expect(basic.ok && basic.value.secrets).toEqual(
      expect.arrayContaining([
        'pä "/ +',
        'p%C3%A4%20%22%2F%20%2B',
        'p%c3%a4%20%22%2f%20%2b',
        'p%C3%A4+%22%2F+%2B',
        'pä \\"/ +',
        'dTpww6QgIi8gKw==',
      ]),
    );
  });

  it.each<[string, CredentialKind, Record<string, string>, CredentialCode]>([
    ['no secret', { kind: 'bearer', token: 'T' }, {}, 'credential_missing'],
    ['an empty secret', { kind: 'bearer', token: 'T' }, { T: '' }, 'credential_missing'],
    [
      'a name that every object has',
      { kind: 'bearer', token: 'constructor' },
      {},
      'credential_missing',
    ],
    [
      'a line break at the end',
      { kind: 'bearer', token: 'T' },
      { T: 'abc\n' },
      'credential_malformed',
    ],
    ['a blank in a token', { kind: 'bearer', token: 'T' }, { T: 'a b' }, 'credential_malformed'],
    [
      'a colon in the user',
      { kind: 'basic', user: 'a:b', password: 'P' },
      { P: 'x' },
      'credential_malformed',
    ],
    [
      'a control in the password',
      { kind: 'basic', user: 'a', password: 'P' },
      { P: 'x\r\n' },
      'credential_malformed',
    ],
    [
      'a line break in a header',
      { kind: 'header', name: 'x-k', secret: 'S' },
      { S: 'a\r\nx-b: c' },
      'credential_malformed',
    ],
    [
      'a character beyond a byte',
      { kind: 'header', name: 'x-k', secret: 'S' },
      { S: 'a\u010A' },
      'credential_malformed',
    ],
    [
      'a line break in the pattern',
      { kind: 'header', name: 'x-k', secret: 'S', value: '{}\r\n' },
      { S: 'a' },
      'credential_malformed',
    ],
    [
      'the host as a header',
      { kind: 'header', name: 'Host', secret: 'S' },
      { S: 'a' },
      'credential_name',
    ],
    [
      'a length as a header',
      { kind: 'header', name: 'content-length', secret: 'S' },
      { S: '1' },
      'credential_name',
    ],
    [
      'a malformed header',
      { kind: 'header', name: 'x k', secret: 'S' },
      { S: 'a' },
      'credential_name',
    ],
    [
      'a malformed parameter',
      { kind: 'query', parameter: 'a&b', secret: 'S' },
      { S: 'a' },
      'credential_name',
    ],
    ['a key without its id', AWS, { KEY: 'k' }, 'credential_missing'],
    [
      'a session token that is not there',
      { ...AWS, sessionToken: 'TOKEN' },
      { ID: 'a', KEY: 'k' },
      'credential_missing',
    ],
    [
      'a region that is none',
      { ...AWS, region: 'eu/west' },
      { ID: 'a', KEY: 'k' },
      'credential_name',
    ],
    ['a kind that is none', { kind: 'none' } as never, {}, 'credential_malformed'],
  ])('refuses %s', (_name, kind, values, code) => {
    expect(credentialHeaders(kind, values)).toEqual({ ok: false, error: code });
  });
});

describe('withCredentialParameter', () => {
  const parameter = { name: 'api_key', value: 'a b&c=d' };

  it.each<[string | null, string]>([
    [null, 'api_key=a%20b%26c%3Dd'],
    ['', 'api_key=a%20b%26c%3Dd'],
    ['x=1&y', 'x=1&y&api_key=a%20b%26c%3Dd'],
    ['q=api_key', 'q=api_key&api_key=a%20b%26c%3Dd'],
    ['api_key2=1', 'api_key2=1&api_key=a%20b%26c%3Dd'],
  ])('adds it to %j', (query, expected) => {
    expect(withCredentialParameter(query, parameter)).toEqual({ ok: true, query: expected });
  });

  it.each(
    [
      'api_key=x',
      'a=1&api_key',
      'API_KEY=x',
      'api%5Fkey=x',
      '%61pi_key=x',
      'api_key[]=x',
      'api_key[a]=x',
      'api.key=x',
      'api-key=x',
      'api+key=x',
      '+api_key=x',
      'api_key%5B%5D=x',
      'a=%&%=1',
    ].map((query) => [query]),
  )("refuses the caller's own in %j", (query) => {
    expect(withCredentialParameter(query, parameter)).toEqual({
      ok: false,
      code: 'query_credential',
    });
  });

  it('reads back as the very value', () => {
    assert(
      property(string({ unit: 'grapheme' }), (value) => {
        const added = withCredentialParameter('a=1', { name: 'k', value });
        expect(added.ok && new URLSearchParams(added.query).get('k')).toBe(value);
      }),
    );
  });
});

describe('client credentials', () => {
  const CLIENT: ClientCredentials = {
    tokenUrl: 'https://login.example/token',
    clientId: 'shop:1',
    clientSecret: 'S',
    authentication: 'basic',
    scope: ['read', 'write'],
    audience: null,
    resource: null,
  };

  it('authenticates with a header, both parts form-encoded', () => {
    expect(tokenRequest(CLIENT, { S: 'p w%' })).toEqual({
      ok: true,
      value: {
        url: 'https://login.example/token',
        method: 'POST',
        headers: [
          ['content-type', 'application/x-www-form-urlencoded'],
          ['accept', 'application/json'],
          ['authorization', `Basic ${btoa('shop%3A1:p+w%25')}`],
        ],
        body: 'grant_type=client_credentials&scope=read+write',
      },
    });
  });

  it('authenticates in the body', () => {
    const client = {
      ...CLIENT,
      authentication: 'post',
      scope: [],
      audience: 'api',
      resource: 'https://a/b',
    } as const;
    const request = tokenRequest(client, { S: 'x&y' });
    expect(request.ok && request.value.headers.map(([name]) => name)).toEqual([
      'content-type',
      'accept',
    ]);
    expect(request.ok && request.value.body).toBe(
      'grant_type=client_credentials&audience=api&resource=https%3A%2F%2Fa%2Fb&client_id=shop%3A1&client_secret=x%26y',
    );
  });

  it.each<[string, string | undefined, CredentialCode]>([
    ['a missing secret', undefined, 'credential_missing'],
    ['a line break', 'x\n', 'credential_malformed'],
    ['what is no ASCII', 'é', 'credential_malformed'],
  ])('refuses %s', (_name, secret, code) => {
    expect(tokenRequest(CLIENT, secret === undefined ? {} : { S: secret })).toEqual({
      ok: false,
      error: code,
    });
  });

  it.each<[string, number, string, unknown]>([
    [
      'a token',
      200,
      '{"access_token":"a.b","token_type":"Bearer","expires_in":60}',
      { token: 'a.b', expiresInSeconds: 60 },
    ],
    [
      'seconds in quotes',
      200,
      '{"access_token":"a","token_type":"bearer","expires_in":"60"}',
      { token: 'a', expiresInSeconds: 60 },
    ],
    [
      'no end',
      200,
      '{"access_token":"a","token_type":"bearer"}',
      { token: 'a', expiresInSeconds: null },
    ],
    [
      'an end in the past',
      200,
      '{"access_token":"a","token_type":"bearer","expires_in":-1}',
      { token: 'a', expiresInSeconds: null },
    ],
    ['a refusal', 401, '{"error":"invalid_client"}', 'token_refused'],
    ['another status', 302, '{"access_token":"a","token_type":"bearer"}', 'token_refused'],
    ['another type', 200, '{"access_token":"a","token_type":"mac"}', 'token_answer'],
    ['no type', 200, '{"access_token":"a"}', 'token_answer'],
    ['no token', 200, '{"token_type":"bearer"}', 'token_answer'],
    [
      'a token with a line break',
      200,
      '{"access_token":"a\\r\\nb","token_type":"bearer"}',
      'token_answer',
    ],
    [
      'two tokens',
      200,
      '{"access_token":"a","access_token":"b","token_type":"bearer"}',
      'token_answer',
    ],
    ['a list', 200, '[]', 'token_answer'],
    ['a page', 200, '<html>', 'token_answer'],
  ])('reads %s', (_name, status, body, expected) => {
    const read = readTokenAnswer(status, utf8(body));
    expect(read.ok ? read.value : read.error).toEqual(expected);
  });
});
