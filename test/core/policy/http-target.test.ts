import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { problems } from './fixtures.ts';
import { fileWithHttp } from './http-fixtures.ts';

const ADDRESS = 'address: https://api.acme.dev/api';

function targetOf(lines: readonly string[], development = false) {
  const parsed = parsePolicy(fileWithHttp(lines), { development });
  return parsed.ok ? parsed.value.targets.find(({ id }) => id === 'billing') : parsed.error;
}

describe('a target of kind http', () => {
  it('gets its defaults: nothing passes that needs to be asked for', () => {
    expect(targetOf([ADDRESS])).toEqual({
      id: 'billing',
      kind: 'http',
      labels: {},
      scheme: 'https',
      host: 'api.acme.dev',
      port: 443,
      base: '/api',
      route: { kind: 'tcp', tls: 'direct', serverName: null },
      credential: null,
      certificate: null,
      options: {
        cookies: false,
        challenges: false,
        headers: [],
        encodedDelimiters: false,
        graphql: [],
        webSocket: false,
      },
      record: 'statements',
    });
  });

  it.each([
    ['{ bearer: TOKEN }', { kind: 'bearer', token: 'TOKEN' }],
    ['{ basic: { user: app, password: PW } }', { kind: 'basic', user: 'app', password: 'PW' }],
    ['{ header: X-Api-Key, secret: KEY }', { kind: 'header', name: 'X-Api-Key', secret: 'KEY' }],
    [
      "{ header: Authorization, secret: KEY, value: 'Token {}' }",
      { kind: 'header', name: 'Authorization', secret: 'KEY', value: 'Token {}' },
    ],
    [
      "{ header: Cookie, secret: KEY, value: 'session={}' }",
      { kind: 'header', name: 'Cookie', secret: 'KEY', value: 'session={}' },
    ],
    ['{ query: api_key, secret: KEY }', { kind: 'query', parameter: 'api_key', secret: 'KEY' }],
    [
      '{ sigv4: { accessKeyId: ID, secretAccessKey: KEY, region: eu-central-1, service: execute-api } }',
      {
        kind: 'sigv4',
        accessKeyId: 'ID',
        secretAccessKey: 'KEY',
        region: 'eu-central-1',
        service: 'execute-api',
      },
    ],
    [
      '{ sigv4: { accessKeyId: ID, secretAccessKey: KEY, sessionToken: ST, region: us-east-1, service: s3 } }',
      {
        kind: 'sigv4',
        accessKeyId: 'ID',
        secretAccessKey: 'KEY',
        sessionToken: 'ST',
        region: 'us-east-1',
        service: 's3',
      },
    ],
    [
      '{ oauth: { tokenUrl: https://id.acme.dev/token, clientId: gate, clientSecret: CS } }',
      {
        kind: 'oauth',
        tokenUrl: 'https://id.acme.dev/token',
        clientId: 'gate',
        clientSecret: 'CS',
        scope: [],
        audience: null,
        resource: null,
        authentication: 'basic',
      },
    ],
    [
      '{ oauth: { tokenUrl: https://id.acme.dev/token, clientId: gate, clientSecret: CS, scope: [a, b:c], audience: billing, resource: https://api.acme.dev, authentication: post } }',
      {
        kind: 'oauth',
        tokenUrl: 'https://id.acme.dev/token',
        clientId: 'gate',
        clientSecret: 'CS',
        scope: ['a', 'b:c'],
        audience: 'billing',
        resource: 'https://api.acme.dev',
        authentication: 'post',
      },
    ],
  ])('takes the credential %s', (written, credential) => {
    expect(targetOf([ADDRESS, `credential: ${written}`])).toHaveProperty('credential', credential);
  });

  it.each([
    [
      'via: { tunnel: https://billing.acme.dev, access: TUNNEL }',
      { route: { kind: 'tunnel', url: 'https://billing.acme.dev', access: 'TUNNEL' } },
    ],
    ['via: { vpc: BILLING_VPC }', { route: { kind: 'vpc', binding: 'BILLING_VPC' } }],
    ['certificate: BILLING_CERT', { certificate: 'BILLING_CERT' }],
    [
      'http: { cookies: true, challenges: true, headers: [X-CSRF-Token, Origin, Access-Control-Allow-Origin], encodedDelimiters: true, graphql: [/graph, /v1/ql], webSocket: true }',
      {
        options: {
          cookies: true,
          challenges: true,
          headers: ['x-csrf-token', 'origin', 'access-control-allow-origin'],
          encodedDelimiters: true,
          graphql: ['/graph', '/v1/ql'],
          webSocket: true,
        },
      },
    ],
  ])('takes %s', (line, parts) => {
    expect(targetOf([ADDRESS, line])).toMatchObject(parts);
  });

  it.each([
    ['via: { vpc: BILLING_VPC }', 'vpc'],
    ['via: { tunnel: https://billing.acme.dev }', 'tunnel'],
  ])('is reached over plain http behind %s', (via, kind) => {
    expect(targetOf(['address: http://10.0.0.7:8080', via])).toMatchObject({
      scheme: 'http',
      port: 8080,
      route: { kind },
    });
  });

  it('is reached over plain http on loopback, in development', () => {
    expect(targetOf(['address: http://127.0.0.1:8080'], true)).toMatchObject({
      scheme: 'http',
      route: { kind: 'tcp', tls: 'off' },
    });
  });
});

describe('a target of kind http that is refused', () => {
  it.each([
    ['address: api.acme.dev:443', 'address: must be an http or https URL without user'],
    ['address: https://u:p@api.acme.dev', 'address: must be an http or https URL without user'],
    ['address: https://api.acme.dev/a/../b', 'address: has a path that no target can have'],
    ['address: http://api.acme.dev', 'address: must be https: plain http is for services behind'],
    ['address: http://127.0.0.1:80', 'address: must be https: plain http to loopback is for dev'],
    ['address: https://169.254.169.254/latest', 'address: names a link-local or metadata address'],
    ['address: https://[fd00:ec2::254]/', 'address: names a link-local or metadata address'],
    ['address: https://metadata.google.internal', 'address: names a link-local or metadata'],
    ['address: https://0xA9FEA9FE/', 'address: has an address that is not written as four'],
  ])('%s', (line, problem) => {
    expect(problems(fileWithHttp([line])).join('\n')).toContain(`targets.2.${problem}`);
  });

  it('at a metadata address even behind a VPC', () => {
    const file = fileWithHttp(['address: http://169.254.169.254', 'via: { vpc: BILLING_VPC }']);
    expect(problems(file).join('\n')).toContain('targets.2.address: names a link-local');
  });

  it.each([
    ['database: shop', 'database: is for targets of kind postgres'],
    ['access: read-only', 'access: read-only is for targets of kind postgres'],
    ['via: { tcp: { tls: direct } }', 'via.tcp: tcp is for databases'],
    ['via: { tunnel: http://billing.acme.dev }', 'via.tunnel: must be https'],
    ['via: { tunnel: https://169.254.169.254 }', 'via.tunnel: names a link-local'],
    ['via: { vpc: DB }', 'via.vpc: DB is a binding of the gateway itself'],
    ['certificate: RECORDINGS', 'certificate: RECORDINGS is a binding of the gateway itself'],
    ['record: results', 'record: results is not enforced by this version'],
    ['credential: { user: app, password: PW }', 'credential: an http target takes bearer, basic'],
    ['credential: { bearer: s3cret }', 'credential.bearer: must be the NAME of a Worker secret'],
    ['credential: { bearer: SESSION_KEY }', 'credential.bearer: SESSION_KEY is a binding of the'],
    ['credential: { token: TOKEN }', 'credential.token: there is no such key'],
    ['credential: { bearer: A, secret: B }', 'credential.secret: there is no such key'],
    ['credential: { basic: { user: a:b, password: PW } }', 'basic.user: must not hold a colon'],
    ['credential: { header: "X Key", secret: K }', 'credential.header: no credential can be sent'],
    ['credential: { header: Host, secret: K }', 'credential.header: no credential can be sent in'],
    ['credential: { header: Content-Type, secret: K }', 'credential.header: no credential can be'],
    ['credential: { header: Connection, secret: K }', 'credential.header: no credential can be'],
    ['credential: { header: X_HTTP_Method_Override, secret: K }', 'header: no credential can be'],
    [
      'credential: { header: X-K, secret: K, value: Token }',
      'value: must hold {} where the secret',
    ],
    ["credential: { header: X-K, secret: K, value: ' {}' }", 'value: must be what a header can'],
    ['credential: { header: X-K, secret: K, value: "a\\n{}" }', 'value: must be what a header can'],
    ['credential: { query: "a b", secret: K }', 'credential.query: must be the name of a query'],
    ['credential: { query: key }', 'credential.secret: expected string'],
    [
      'credential: { sigv4: { accessKeyId: A, secretAccessKey: B, region: EU West, service: s3 } }',
      'credential.sigv4.region: must be a region',
    ],
    [
      'credential: { sigv4: { accessKeyId: A, secretAccessKey: B, region: eu-west-1, service: a/b } }',
      'credential.sigv4.service: must be the name that AWS signs for',
    ],
    [
      'credential: { oauth: { tokenUrl: http://id.acme.dev/t, clientId: g, clientSecret: C } }',
      'credential.oauth.tokenUrl: must be https',
    ],
    [
      'credential: { oauth: { tokenUrl: https://169.254.169.254/t, clientId: g, clientSecret: C } }',
      'credential.oauth.tokenUrl: names a link-local',
    ],
    [
      'credential: { oauth: { tokenUrl: "https://id.acme.dev/t?a=1", clientId: g, clientSecret: C } }',
      'credential.oauth.tokenUrl: must be an https URL',
    ],
    [
      'credential: { oauth: { tokenUrl: https://id.acme.dev/t, clientId: g, clientSecret: C, scope: ["a b"] } }',
      'credential.oauth.scope.0: must be one scope',
    ],
    [
      'credential: { oauth: { tokenUrl: https://id.acme.dev/t, clientId: g, clientSecret: DB } }',
      'credential.oauth.clientSecret: DB is a binding of the gateway itself',
    ],
    ['http: { headers: [Host] }', 'http.headers.0: never passes, whatever the policy says'],
    ['http: { headers: [X_Forwarded_For] }', 'http.headers.0: never passes'],
    ['http: { headers: [Authorization] }', 'http.headers.0: never passes'],
    ['http: { headers: [X-Original-URL] }', 'http.headers.0: asks for another method or path'],
    ['http: { headers: [Cookie] }', 'http.headers.0: cookies pass by http.cookies: true'],
    ['http: { headers: [set-cookie] }', 'http.headers.0: cookies pass by http.cookies: true'],
    ['http: { headers: [WWW-Authenticate] }', 'http.headers.0: challenges pass by http.challenges'],
    ['http: { headers: [Accept] }', 'http.headers.0: passes without being named'],
    ['http: { headers: ["X-Auth-*"] }', 'http.headers.0: must be the name of one header'],
    ['http: { headers: ["a b"] }', 'http.headers.0: must be the name of one header'],
    ['http: { graphql: [graph] }', 'http.graphql.0: must begin with a slash'],
    ['http: { graphql: ["/a//b"] }', 'http.graphql.0: no request has such a path'],
    ['http: { graphql: ["/%61"] }', 'http.graphql.0: is judged as /a: write it so'],
    ['http: { graphql: ["/a/"] }', 'http.graphql.0: is meant with and without a slash'],
    ['http: { cookie: true }', 'http.cookie: there is no such key'],
  ])('%s', (line, problem) => {
    const found = problems(fileWithHttp([ADDRESS, line])).join('\n');
    expect(found).toContain(problem);
    expect(found).toContain('targets.2.');
  });

  it.each([
    [['via: { vpc: V }', 'certificate: C'], 'certificate: needs https straight to the address'],
    [['via: { tunnel: https://t.dev }', 'certificate: C'], 'certificate: needs https straight'],
    [['via: { tunnel: https://t.dev/x }'], 'via.tunnel: is a host name without a path'],
  ])('%j', (lines, problem) => {
    expect(problems(fileWithHttp([ADDRESS, ...lines])).join('\n')).toContain(problem);
  });

  it('names a header that the credential fills', () => {
    const lines = [
      ADDRESS,
      'credential: { header: X-Api-Key, secret: K }',
      'http: { headers: [x_api_key] }',
    ];
    expect(problems(fileWithHttp(lines)).join('\n')).toContain(
      'http.headers.0: is the header of the credential',
    );
  });

  it.each([
    [['certificate: BILLING', 'credential: { bearer: BILLING }']],
    [['certificate: BILLING', 'via: { vpc: BILLING }']],
    [['credential: { bearer: SHOP_PASSWORD }', 'certificate: SHOP_PASSWORD']],
  ])('has one name for two things: %j', (lines) => {
    expect(problems(fileWithHttp([ADDRESS, ...lines])).join('\n')).toMatch(
      /is (?:a secret|a VPC binding|a certificate binding) of target (?:shop|billing), and cannot be/,
    );
  });

  it('may share a secret with another target', () => {
    expect(problems(fileWithHttp([ADDRESS, 'credential: { bearer: SHOP_PASSWORD }']))).toEqual([]);
  });
});

describe('a target of kind postgres', () => {
  const file = (line: string) =>
    fileWithHttp().replace('    database: shop\n', `    database: shop\n    ${line}\n`);

  it.each([
    ['http: { cookies: true }', 'targets.0.http: is for targets of kind http'],
    ['certificate: CERT', 'targets.0.certificate: is for targets of kind http'],
  ])('%s is refused', (line, problem) => {
    expect(problems(file(line)).join('\n')).toContain(problem);
  });

  it.each([
    [
      'credential: { bearer: TOKEN }',
      'credential: a postgres target logs in with {user, password}',
    ],
    ['address: https://db.example', 'address: must be host:port'],
  ])('%s is refused', (line, problem) => {
    const [key = ''] = line.split(':');
    const changed = fileWithHttp().replace(new RegExp(`    ${key}: .*`), `    ${line}`);
    expect(problems(changed).join('\n')).toContain(`targets.0.${problem}`);
  });
});
