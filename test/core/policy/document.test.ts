import { describe, expect, it } from 'vitest';
import { policyJsonSchema } from '../../../core/policy/document.ts';
import { UNENFORCED } from '../../../core/policy/unenforced.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { fileWith, problems } from './fixtures.ts';

const GOOD = fileWith(['when: \'sql.effect == "read"\', then: allow']);

/** GOOD with one line changed; fails when the line is not there. */
function changed(from: string, to: string): string {
  if (!GOOD.includes(from)) throw new Error(`no line ${from}`);
  return GOOD.replace(from, to);
}

const ADDRESS = 'address: db.example:5432';
const ISSUER = 'issuer: https://ci.example';

describe('a file that is accepted', () => {
  it('gets its defaults', () => {
    const parsed = parsePolicy(GOOD, { development: false });
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        issuers: [
          {
            id: 'ci',
            audiences: ['https://gate.example'],
            subject: 'claims.sub',
            maxAgeSeconds: 3600,
            clockSkewSeconds: 30,
            jwksUri: null,
          },
          { id: 'people', audiences: ['gate'] },
        ],
        targets: [
          {
            id: 'shop',
            host: 'db.example',
            port: 5432,
            access: 'read-write',
            record: 'statements',
            route: { kind: 'tcp', tls: 'upgrade', serverName: null },
          },
          { id: 'lab' },
        ],
        // oxlint-disable-next-line unicorn/no-thenable -- data, never awaited
        rules: [{ id: 'r0', then: 'allow', state: 'enforce' }],
        audit: { read: null, kill: null },
      },
    });
  });

  it('never offers HMAC or none among the algorithms', () => {
    const parsed = parsePolicy(GOOD, { development: false });
    const algorithms = parsed.ok ? (parsed.value.issuers[0]?.algorithms ?? []) : [];
    expect(algorithms).toContain('RS256');
    expect(algorithms.filter((name) => /^(HS|none)/i.test(name))).toEqual([]);
  });

  it.each([
    [
      'via: { tunnel: https://t.example/x, access: TUNNEL_ACCESS }',
      { kind: 'tunnel', url: 'https://t.example/x', access: 'TUNNEL_ACCESS' },
    ],
    ['via: { vpc: SHOP_VPC }', { kind: 'vpc', binding: 'SHOP_VPC' }],
    ['via: { tcp: {} }', { kind: 'tcp', tls: 'upgrade', serverName: null }],
    [
      'via: { tcp: { tls: direct, serverName: pg.example } }',
      { kind: 'tcp', tls: 'direct', serverName: 'pg.example' },
    ],
  ])('%s', (via, route) => {
    const parsed = parsePolicy(changed(ADDRESS, `${ADDRESS}\n    ${via}`), { development: false });
    expect(parsed).toMatchObject({ ok: true, value: { targets: [{ route }, {}] } });
  });

  it('reaches loopback in plaintext in development only', () => {
    const local = changed(ADDRESS, 'address: 127.0.0.1:5432');
    expect(parsePolicy(local, { development: true })).toMatchObject({
      ok: true,
      value: { targets: [{ route: { kind: 'tcp', tls: 'off' } }, {}] },
    });
    expect(problems(local)).toEqual([
      'postern.yaml:16:14: targets.0.address: plaintext to loopback is for development',
    ]);
  });

  it('takes two blocks of one issuer with different audiences', () => {
    expect(
      problems(changed('issuer: https://people.example', 'issuer: https://ci.example')),
    ).toEqual([]);
  });
});

type Refusal = readonly [name: string, file: string, problem: string];

const refused = (rows: readonly Refusal[]) =>
  it.each(rows)('%s', (_name, file, problem) => {
    expect(problems(file).join('\n')).toContain(problem);
  });

describe('a file that is refused, with line and column: its shape', () => {
  refused([
    [
      'an unknown key',
      changed('    kind: workload', '    kind: workload\n    subjct: claims.sub'),
      'postern.yaml:7:5: issuers.0.subjct: there is no such key',
    ],
    [
      'an unknown key at the root',
      `${GOOD}mask: []\n`,
      'postern.yaml:28:1: mask: there is no such key',
    ],
    [
      'a duplicate key',
      changed('    kind: workload', '    kind: workload\n    kind: human'),
      'postern.yaml:7:5: Map keys must be unique',
    ],
    [
      'another version',
      changed('version: 1', 'version: 2'),
      'postern.yaml:1:10: version: expected 1',
    ],
    ['no version', changed('version: 1\n', ''), 'postern.yaml:1:1: version: expected 1'],
    [
      'a kind that does not exist',
      changed('kind: workload', 'kind: robot'),
      'postern.yaml:6:11: issuers.0.kind: Invalid option: expected one of "workload"|"human"',
    ],
    [
      'an id with capitals',
      changed('id: shop', 'id: Shop'),
      'postern.yaml:14:9: targets.0.id: must be 1 to 63 of a-z, 0-9 and -',
    ],
    [
      'an address without a port',
      changed(ADDRESS, 'address: db.example'),
      'postern.yaml:16:14: targets.0.address: must be host:port',
    ],
    [
      'a port that does not exist',
      changed(ADDRESS, 'address: db.example:70000'),
      'postern.yaml:16:14: targets.0.address: must be host:port',
    ],
    [
      'a label that is no string',
      changed('env: prod', 'env: 1'),
      'postern.yaml:19:20: targets.0.labels.env: expected string, received number',
    ],
    [
      'via with two routes',
      changed(ADDRESS, `${ADDRESS}\n    via: { vpc: A, tunnel: https://t.example }`),
      'postern.yaml:17:12: targets.0.via.vpc: there is no such key',
    ],
    [
      'TLS without verification',
      changed(ADDRESS, `${ADDRESS}\n    via: { tcp: { tls: require } }`),
      'postern.yaml:17:24: targets.0.via.tcp.tls: Invalid option: expected one of "verify-full"|"direct"|"off"',
    ],
    [
      'an HMAC algorithm',
      changed('kind: workload', 'kind: workload\n    algorithms: [HS256]'),
      'postern.yaml:7:18: issuers.0.algorithms.0: Invalid option: expected one of "RS256"|"RS384"|"RS512"|"PS256"|"PS384"|"PS512"|"ES256"|"ES384"|"ES512"|"EdDSA"|"Ed25519"',
    ],
    [
      'the algorithm none',
      changed('kind: workload', 'kind: workload\n    algorithms: [none]'),
      'postern.yaml:7:18: issuers.0.algorithms.0: Invalid option: expected one of "RS256"|"RS384"|"RS512"|"PS256"|"PS384"|"PS512"|"ES256"|"ES384"|"ES512"|"EdDSA"|"Ed25519"',
    ],
    [
      'a duration without a unit',
      changed('kind: workload', 'kind: workload\n    maxAge: "15"'),
      'postern.yaml:7:13: issuers.0.maxAge: must be a whole number and one of s, m, h, d: 15m, 1h, 400d',
    ],
    [
      'a condition that is no string',
      fileWith(['when: true, then: allow']),
      'postern.yaml:27:21: rules.0.when: expected string, received boolean',
    ],
    [
      'a message with an invisible character',
      fileWith(['then: deny, message: "no\\u202ewrites"']),
      'postern.yaml:27:36: rules.0.message: must not hold control or invisible characters',
    ],
    [
      'broken YAML',
      'version: [1',
      'postern.yaml:1:12: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    [
      'a second document',
      `${GOOD}---\nversion: 1\n`,
      'postern.yaml:28:1: Source contains multiple documents; please use YAML.parseAllDocuments()',
    ],
    [
      'an unknown tag',
      changed('version: 1', 'version: !secret 1'),
      'postern.yaml:1:10: Unresolved tag: !secret',
    ],
    ['a file that is empty', '', 'postern.yaml:1:1: expected object, received null'],
  ]);

  it.each([['constructor'], ['prototype'], ['toString']])(
    'the key %s, where keys are ours; where they are names, it is one',
    (key) => {
      expect(problems(`${GOOD}${key}: { x: 1 }\n`)).toEqual([
        `postern.yaml:28:1: ${key}: there is no such key`,
      ]);
      const groups = changed('kind: human', `kind: human\n    groups: { ${key}: claims.a == 1 }`);
      const parsed = parsePolicy(groups, { development: false });
      expect(parsed.ok && Object.keys(parsed.value.issuers[1]?.groups ?? {})).toEqual([key]);
    },
  );

  it('the key __proto__ anywhere, which would vanish without a word', () => {
    expect(problems(`${GOOD}__proto__: { x: 1 }\n`)).toEqual([
      'postern.yaml:28:1: __proto__ is no name',
    ]);
    expect(problems(changed('env: prod', '"__proto__": prod'))).toEqual([
      'postern.yaml:19:15: __proto__ is no name',
    ]);
  });

  it('a file that is too large', () => {
    expect(problems(`${GOOD}# ${'x'.repeat(90_000)}`)).toEqual([
      'postern.yaml:1:1: the file is larger than 90000 bytes',
    ]);
  });

  it('an alias bomb', () => {
    const level = (n: number) =>
      `  l${n}: &l${n} [${Array.from({ length: 9 }, () => `*l${n - 1}`).join(', ')}]\n`;
    const bomb = `x:\n  l0: &l0 [a]\n${[1, 2, 3, 4, 5, 6, 7, 8].map(level).join('')}`;
    expect(problems(bomb)).toEqual([
      'postern.yaml:1:1: Excessive alias count indicates a resource exhaustion attack',
    ]);
  });

  it('a pasted password, without repeating it', () => {
    const file = changed('password: SHOP_PASSWORD', 'password: hunter2-Very$ecret');
    expect(problems(file)).toEqual([
      'postern.yaml:18:40: targets.0.credential.password: must be the NAME of a Worker secret, in capitals, never its value',
    ]);
  });

  it('reports every problem of a stage at once', () => {
    const file = changed('kind: workload', 'kind: robot').replace(
      'database: shop',
      'databse: shop',
    );
    expect(problems(file)).toHaveLength(2);
  });
});

describe('a file that is refused, with line and column: its meaning', () => {
  refused([
    [
      'two issuers of one name',
      changed('id: people', 'id: ci'),
      'postern.yaml:8:9: issuers.1.id: ci is already taken',
    ],
    [
      'two targets of one name',
      changed('id: lab', 'id: shop'),
      'postern.yaml:20:9: targets.1.id: shop is already taken',
    ],
    [
      'two rules of one name',
      fileWith(['id: a, then: deny', 'id: a, then: deny']),
      'postern.yaml:28:11: rules.1.id: a is already taken',
    ],
    [
      'a rule on a target that is not there',
      fileWith(['on: [shop, shp], then: allow']),
      'postern.yaml:27:26: rules.0.on.1: there is no target shp',
    ],
    [
      'one issuer and audience twice',
      changed(
        'issuer: https://people.example\n    audience: gate',
        'issuer: https://ci.example\n    audience: [other, https://gate.example]',
      ),
      'postern.yaml:10:15: issuers.1.audience: ci already takes tokens of this issuer and audience',
    ],
    [
      'an http issuer',
      changed(ISSUER, 'issuer: http://ci.example'),
      'postern.yaml:4:13: issuers.0.issuer: must be https',
    ],
    [
      'a loopback http issuer in production',
      changed(ISSUER, 'issuer: http://127.0.0.1:9400'),
      'postern.yaml:4:13: issuers.0.issuer: must be https: plain http is for loopback in development',
    ],
    [
      'an issuer with a user part',
      changed(ISSUER, 'issuer: https://ci.example@evil.example'),
      'postern.yaml:4:13: issuers.0.issuer: must be an https URL without user, query or fragment',
    ],
    [
      'an issuer with a query',
      changed(ISSUER, 'issuer: https://ci.example/?a=b'),
      'postern.yaml:4:13: issuers.0.issuer: must be an https URL without user, query or fragment',
    ],
    [
      'keys over http',
      changed('kind: workload', 'kind: workload\n    jwksUri: http://ci.example/jwks'),
      'postern.yaml:7:14: issuers.0.jwksUri: must be https',
    ],
    [
      'too much clock skew',
      changed('kind: workload', 'kind: workload\n    clockSkew: 61s'),
      'postern.yaml:7:16: issuers.0.clockSkew: is at most 60s',
    ],
    [
      'tokens that are too old',
      changed('kind: workload', 'kind: workload\n    maxAge: 2d'),
      'postern.yaml:7:13: issuers.0.maxAge: is at most 24h: a token is not a session',
    ],
    [
      'plaintext to another machine',
      changed(ADDRESS, `${ADDRESS}\n    via: { tcp: { tls: off } }`),
      'postern.yaml:17:24: targets.0.via.tcp.tls: off is for loopback addresses: use verify-full, a tunnel or a VPC',
    ],
    [
      'a tunnel over http',
      changed(ADDRESS, `${ADDRESS}\n    via: { tunnel: http://t.example }`),
      'postern.yaml:17:20: targets.0.via.tunnel: must be https',
    ],
    [
      'a postgres target without database',
      changed('    database: shop\n', ''),
      'postern.yaml:14:5: targets.0: a postgres target names its database',
    ],
    [
      'a postgres target without credential',
      changed('    credential: { user: app, password: SHOP_PASSWORD }\n', ''),
      'postern.yaml:14:5: targets.0: a postgres target names its credential',
    ],
    [
      'a credential that is a binding',
      changed('password: SHOP_PASSWORD', 'password: POSTERN_ENV'),
      'postern.yaml:18:40: targets.0.credential.password: POSTERN_ENV is a binding of the gateway itself',
    ],
    [
      'an approve rule that names nobody',
      fileWith(['then: approve']),
      'postern.yaml:27:21: rules.0.then: approve needs approval.by: nobody is named who could approve',
    ],
    [
      'an approve rule with an empty list',
      fileWith(['then: approve, approval: { by: [] }']),
      'postern.yaml:27:46: rules.0.approval.by: an approve rule names who may approve',
    ],
    [
      'an approval on an allow rule',
      fileWith(['then: allow, approval: { by: [dba] }']),
      'postern.yaml:27:38: rules.0.approval: belongs to rules with then: approve',
    ],
    [
      'a wait longer than the request lives',
      fileWith(['then: approve, approval: { by: [dba], expires: 5m, wait: 6m }']),
      'postern.yaml:27:72: rules.0.approval.wait: is longer than expires',
    ],
    [
      'an approver group that only workloads have',
      fileWith(['then: approve, approval: { by: [dba] }']).replace('kind: human', 'kind: workload'),
      'postern.yaml:27:47: rules.0.approval.by.0: no issuer is of kind human, and only humans approve',
    ],
    [
      'an approver group that no human issuer gives',
      fileWith(['then: approve, approval: { by: [dba] }']).replace(
        'kind: human\n    groupsFrom: claims.groups',
        'kind: human\n    groups: { sre: claims.a == 1 }',
      ),
      'postern.yaml:27:47: rules.0.approval.by.0: no human issuer gives the group dba',
    ],
    [
      'a window of access for a rule about statements',
      fileWith(['then: approve, approval: { by: [dba], grants: 1h }']),
      'postern.yaml:27:61: rules.0.approval.grants: is for rules about connecting: when: action.kind == "connect"',
    ],
    [
      'a number of rows for a rule about connecting',
      fileWith([
        'then: approve, approval: { by: [dba], maxRows: 5 }, when: \'action.kind == "connect"\'',
      ]),
      'postern.yaml:27:62: rules.0.approval.maxRows: is for rules about statements',
    ],
    [
      '`on` that fails for a target',
      fileWith(['on: \'target.labels.tier == "1"\', then: allow']),
      'postern.yaml:27:19: rules.0.on: fails for target shop: No such key: tier (has(target.labels.x) asks first)',
    ],
  ]);
});

describe('what this version does not enforce', () => {
  refused([
    [
      'recording results',
      changed('database: shop', 'database: shop\n    record: results'),
      'postern.yaml:18:13: targets.0.record: record: results is not enforced by this version; remove it rather than rely on it',
    ],
    [
      'another kind of target',
      changed('kind: postgres', 'kind: kubernetes'),
      'postern.yaml:15:11: targets.0.kind: targets of kind kubernetes are not served by this version',
    ],
    [
      'facts of another protocol',
      fileWith(['when: \'k8s.verb == "get"\', then: allow']),
      'postern.yaml:27:22: rules.0.when: k8s facts are not served by this version',
    ],
  ]);

  it('has a refusal for every entry of the list, and the list is what the tests above cover', () => {
    expect(UNENFORCED.map(({ at }) => at.join('.'))).toEqual(['targets.*.record']);
  });
});

describe('masks', () => {
  const masks = (...lines: readonly string[]) =>
    `${GOOD}masks:\n${lines.map((line) => `  - { ${line} }\n`).join('')}`;

  it('get their defaults', () => {
    const file = masks('id: m, columns: [public.customers.email], as: fake');
    expect(parsePolicy(file, { development: false })).toMatchObject({
      ok: true,
      value: {
        masks: [{ id: 'm', as: 'fake', predicates: 'equality', detect: [], functions: [] }],
      },
    });
  });

  it.each([
    ['public.customers.email'],
    ['*.*.ssn'],
    ['"odd.schema"."a ""table"""."*"'],
    ['Public.Customers.E-Mail'],
  ])('take the pattern %s', (pattern) => {
    expect(problems(masks(`id: m, columns: ['${pattern}'], as: redact`))).toEqual([]);
  });

  it.each([
    ['customers.email'],
    ['a.b.c.d'],
    ['a.b.'],
    ['.b.c'],
    ['a.b.card_*'],
    ['a.b."c'],
    ['a.b.""'],
    ['a.b c.d'],
    ['a."b"x.c'],
  ])('refuse the pattern %s', (pattern) => {
    expect(problems(masks(`id: m, columns: ['${pattern}'], as: redact`)).join('\n')).toContain(
      'masks.0.columns.0: must be schema.table.column',
    );
  });

  refused([
    [
      'a mask that names nothing',
      masks('id: m, as: redact'),
      'postern.yaml:29:5: masks.0: names neither columns, fields, detect nor model',
    ],
    [
      'a mask of a target that does not exist',
      masks('id: m, on: [shp], columns: [a.b.c], as: redact'),
      'postern.yaml:29:19: masks.0.on.0: there is no target shp',
    ],
    [
      'a mask that covers no target',
      masks(`id: m, on: 'target.labels.env == "none"', columns: [a.b.c], as: redact`),
      'postern.yaml:29:18: masks.0.on: covers no target',
    ],
    [
      'a detector that does not exist',
      masks('id: m, detect: [emial], as: redact'),
      'postern.yaml:29:23: masks.0.detect.0: there is no detector emial; there are pii,',
    ],
    [
      'a function without its schema',
      masks('id: m, columns: [a.b.c], as: redact, functions: [vat]'),
      'masks.0.functions.0: must be schema.function',
    ],
    [
      'an exception over the time, which a session could outlive',
      masks("id: m, columns: [a.b.c], as: redact, except: 'now.getHours() > 8'"),
      'masks.0.except: Unknown variable: now',
    ],
    [
      'an id that is taken',
      masks('id: m, columns: [a.b.c], as: redact', 'id: m, columns: [a.b.d], as: redact'),
      'masks.1.id: m is already taken',
    ],
    [
      'detectors that meet inside a group',
      masks('id: a, detect: [pii], as: hash', 'id: b, detect: [email], as: fake'),
      'masks.1.as: b (fake) and a (hash) meet on what email detects, and neither is the stricter',
    ],
    [
      'the key of the masks as a password',
      changed('password: SHOP_PASSWORD', 'password: POSTERN_MASK_KEY'),
      'POSTERN_MASK_KEY is a binding of the gateway itself',
    ],
  ]);

  it.each([
    ['hash', 'partial', true],
    ['partial', 'hash', true],
    ['redact', 'hash', false],
    ['null', 'partial', false],
    ['fake', 'hash', true],
    ['partial', 'fake', true],
    ['fake', 'redact', false],
    ['hash', 'hash', false],
  ])('%s and %s on one column: refused for having no order: %s', (a, b, tie) => {
    const file = `${GOOD}masks:\n  - { id: a, columns: [public.cards.number], as: ${a} }\n  - { id: b, columns: ["*.*.number"], as: ${b} }\n`;
    const found = problems(file).some((problem) => problem.includes('neither is the stricter'));
    expect(found).toBe(tie);
  });

  it('does not mind masks without order that never meet', () => {
    const file = `${GOOD}masks:\n  - { id: a, on: [shop], columns: [a.b.c], as: hash }\n  - { id: b, on: [lab], columns: [a.b.c], as: partial }\n  - { id: c, on: [shop], columns: [a.b.d], as: partial }\n`;
    expect(problems(file).filter((problem) => problem.includes('stricter'))).toEqual([]);
  });
});

describe('the JSON Schema', () => {
  it('describes the file as it is written and refuses unknown keys', () => {
    const schema = policyJsonSchema() as {
      additionalProperties: boolean;
      required: string[];
      properties: Record<string, unknown>;
    };
    expect(schema.additionalProperties).toBe(false);
    expect(schema.required).toEqual(['version', 'issuers']);
    expect(Object.keys(schema.properties)).toEqual([
      'version',
      'issuers',
      'targets',
      'rules',
      'models',
      'masks',
      'limits',
      'notify',
      'retention',
      'audit',
    ]);
  });
});
