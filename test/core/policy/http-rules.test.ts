import { describe, expect, it } from 'vitest';
import type { Action, GraphqlFacts, Json } from '../../../core/facts.ts';
import type { Decision } from '../../../core/decision.ts';
import { unreachable } from '../../../core/failure.ts';
import { reaches } from '../../../core/policy/judge.ts';
import { connect, problems, sql } from './fixtures.ts';
import { fileWithHttp, http, httpDecision } from './http-fixtures.ts';

const graphql = (over: Partial<GraphqlFacts> = {}): Action =>
  http({
    method: 'POST',
    path: '/graphql',
    contentType: 'application/json',
    graphql: { operation: 'query', name: '', fields: ['me'], roots: ['me'], ...over },
  });
const refund = (json: Json, over = {}): Action =>
  http({ method: 'POST', contentType: 'application/json', json, ...over });

function short(decision: Decision): string {
  switch (decision.kind) {
    default:
      return unreachable(decision);
    case 'allow':
      return `allow ${decision.rules.join('+')}`;
    case 'approve':
      return `approve ${decision.demands.map(({ rule }) => rule).join('+')}`;
    case 'deny':
      return `deny ${decision.code}${decision.rule === null ? '' : ` ${decision.rule}`}`;
  }
}

const SURE = 'http.opaque == []';
const GET_ONLY = [`id: get, when: 'http.method == "GET" && ${SURE}', then: allow`];
const MUTATIONS = [
  `id: queries, when: 'http.graphql != null && http.graphql.operation == "query" && ${SURE}', then: allow`,
  `id: mutations, when: 'http.graphql != null && http.graphql.operation != "query"', then: approve, approval: { by: [dba] }`,
];
const REFUNDS = [
  `id: refunds, when: 'http.method == "POST" && http.path == "/v1/refunds" && http.json.amount <= 100 && ${SURE}', then: allow`,
];
const NO_DOUBT = ['id: all, then: allow', "id: sure, when: 'size(http.opaque) > 0', then: deny"];

describe('rules over requests', () => {
  it.each<[name: string, rules: readonly string[], action: Action, decision: string]>([
    ['GET only', GET_ONLY, http(), 'allow get'],
    ['GET only', GET_ONLY, http({ method: 'POST' }), 'deny no_rule'],
    ['GET only', GET_ONLY, http({ method: 'HEAD' }), 'deny no_rule'],
    ['GET only', GET_ONLY, http({ opaque: ['body_unexpected'] }), 'deny no_rule'],
    ['mutations are approved', MUTATIONS, graphql(), 'allow queries'],
    ['mutations are approved', MUTATIONS, graphql({ operation: 'mutation' }), 'approve mutations'],
    [
      'mutations are approved',
      MUTATIONS,
      graphql({ operation: 'subscription' }),
      'approve mutations',
    ],
    ['mutations are approved', MUTATIONS, http(), 'deny no_rule'],
    ['mutations are approved', MUTATIONS, http({ opaque: ['graphql_persisted'] }), 'deny no_rule'],
    ['refunds up to 100', REFUNDS, refund({ amount: 99 }), 'allow refunds'],
    ['refunds up to 100', REFUNDS, refund({ amount: 100 }), 'allow refunds'],
    ['refunds up to 100', REFUNDS, refund({ amount: 100.01 }), 'deny no_rule'],
    ['refunds up to 100', REFUNDS, refund({ amount: 101 }), 'deny no_rule'],
    ['refunds up to 100', REFUNDS, refund({ amount: 1e300 }), 'deny no_rule'],
    ['a missing member', REFUNDS, refund({}), 'deny condition_error refunds'],
    ['another spelling', REFUNDS, refund({ Amount: 5 }), 'deny condition_error refunds'],
    ['a number as text', REFUNDS, refund({ amount: '5' }), 'deny condition_error refunds'],
    ['null', REFUNDS, refund({ amount: null }), 'deny condition_error refunds'],
    ['a list', REFUNDS, refund([{ amount: 5 }]), 'deny condition_error refunds'],
    ['no body', REFUNDS, refund(null), 'deny condition_error refunds'],
    ['a doubt', REFUNDS, refund({ amount: 5 }, { opaque: ['json_duplicate_key'] }), 'deny no_rule'],
    ['a doubt beside an error', REFUNDS, refund({}, { opaque: ['json_number'] }), 'deny no_rule'],
    ['another path', REFUNDS, refund({ amount: 5 }, { path: '/v1/payouts' }), 'deny no_rule'],
    ['any doubt is refused', NO_DOUBT, http(), 'allow all'],
    [
      'any doubt is refused',
      NO_DOUBT,
      http({ opaque: ['upgrade'], webSocket: true }),
      'deny rule sure',
    ],
  ])('%s', (_name, rules, action, decision) => {
    expect(short(httpDecision(rules, action))).toBe(decision);
  });

  it.each<[condition: string, action: Action, decision: string]>([
    ['http.json.amount == 100', refund({ amount: 100 }), 'allow'],
    ['http.json.amount == 100.0', refund({ amount: 100 }), 'allow'],
    ['http.json.amount != 100', refund({ amount: 100 }), 'deny no_rule'],
    ['100 >= http.json.amount', refund({ amount: 100 }), 'allow'],
    ['http.json.amount in [50, 100]', refund({ amount: 100 }), 'allow'],
    ['http.json.amount > 0 && http.json.amount <= 100', refund({ amount: -5 }), 'deny no_rule'],
    ['http.json.items.all(i, i.amount <= 10)', refund({ items: [{ amount: 10 }] }), 'allow'],
    ['http.json.items.all(i, i.amount <= 10)', refund({ items: [{ amount: 11 }] }), 'deny no_rule'],
    ['size(http.json.items) == 1', refund({ items: ['a'] }), 'allow'],
    ['has(http.json.amount)', refund({ amount: 1 }), 'allow'],
    ['has(http.json.amount)', refund({}), 'deny no_rule'],
    ['!has(http.json.amount)', refund({}), 'allow'],
    ['has(http.json.a.b)', refund({ a: { b: 1 } }), 'allow'],
    ['http.json.a == {"b": [1, 2]}', refund({ a: { b: [1, 2] } }), 'allow'],
    ['http.json.constructor == null', refund({ amount: 1 }), 'deny condition_error'],
    ['has(http.json.toString)', refund({ amount: 1 }), 'deny no_rule'],
    ['http.json.on', refund({ on: true }), 'allow'],
    ['http.json.on', refund({ on: 'true' }), 'deny condition_error'],
    ['http.json.on', refund({ on: 1 }), 'deny condition_error'],
    ['http.query.page == ["1"]', http({ query: { page: ['1'] } }), 'allow'],
    ['http.query.page == ["1"]', http({ query: { page: ['1', '2'] } }), 'deny no_rule'],
    ['http.query.page == ["1"]', http(), 'deny condition_error'],
    ['"page" in http.query', http({ query: { page: ['1'] } }), 'allow'],
    ['"constructor" in http.query', http(), 'deny no_rule'],
    ['http.query.all(name, name in ["page"])', http({ query: { page: ['1'] } }), 'allow'],
    ['http.query.all(name, name in ["page"])', http({ query: { q: ['1'] } }), 'deny no_rule'],
    ['http.form.to == ["me"]', http({ method: 'POST', form: { to: ['me'] } }), 'allow'],
    ['"x-request-id" in http.headers', http({ headers: ['x-request-id'] }), 'allow'],
    ['http.path.startsWith("/v1/")', http(), 'allow'],
    ['http.path.matches("^/v1/[a-z]+$")', http(), 'allow'],
    ['http.graphql == null', http(), 'allow'],
    ['http.graphql.operation == "query"', http(), 'deny condition_error'],
    ['http.graphql.operation == "query"', graphql(), 'allow'],
    ['http.graphql.roots == ["me"]', graphql(), 'allow'],
    [
      'http.graphql.fields.all(f, f in ["me", "me.name"])',
      graphql({ fields: ['me.cards'] }),
      'deny no_rule',
    ],
    ['http.webSocket', http({ webSocket: true }), 'allow'],
    ['action.kind == "http"', http(), 'allow'],
    ['target.kind == "http"', http(), 'allow'],
    ['http.host == "api.acme.dev"', http(), 'allow'],
  ])('%s', (condition, action, decision) => {
    const rules = [`id: r, when: '${condition}', then: allow`];
    const expected = decision === 'allow' ? 'allow r' : decision;
    expect(short(httpDecision(rules, action)).replace('condition_error r', 'condition_error')).toBe(
      expected,
    );
  });

  it('allow no sums of a number of JSON and a whole number, which denies', () => {
    const rules = ["id: r, when: 'http.json.a + 1 == 2', then: allow"];
    expect(short(httpDecision(rules, refund({ a: 1 })))).toBe('deny condition_error r');
    const exact = ["id: r, when: 'http.json.a + 1.0 == 2.0', then: allow"];
    expect(short(httpDecision(exact, refund({ a: 1 })))).toBe('allow r');
  });
});

describe('which rules a request asks', () => {
  const READ = 'id: read, when: \'sql.effect == "read"\', then: allow';
  const NO_DDL = 'id: ddl, when: \'sql.effect == "schema"\', then: deny';
  const GET = 'id: get, when: \'http.method == "GET"\', then: allow';
  const dialled: Action = {
    kind: 'connect',
    connect: { protocol: 'http', client: '', country: '' },
  };

  it.each<
    [name: string, rules: readonly string[], action: Action, target: string, decision: string]
  >([
    ['those about http', [READ, NO_DDL, GET], http(), 'billing', 'allow get'],
    ['not those about sql', [READ], http(), 'billing', 'deny no_rule'],
    ['those without facts', ['id: all, then: allow'], http(), 'billing', 'allow all'],
    [
      'an approve without facts',
      ['id: all, then: approve, approval: { by: [dba] }'],
      http(),
      'billing',
      'approve all',
    ],
    ['statements ask none about http', [GET], sql('read'), 'shop', 'deny no_rule'],
    ['opening is implied by rules about http', [GET], dialled, 'billing', 'allow get'],
    ['opening is not implied by rules about sql', [READ], dialled, 'billing', 'deny no_rule'],
    [
      'a deny about http does not concern opening',
      [GET, 'id: d, when: \'http.method != "GET"\', then: deny'],
      dialled,
      'billing',
      'allow get',
    ],
    ['a deny without facts does', [GET, 'id: d, then: deny'], dialled, 'billing', 'deny rule d'],
  ])('%s', (_name, rules, action, target, decision) => {
    expect(short(httpDecision(rules, action, target))).toBe(decision);
  });

  it.each<[name: string, action: Action, target: string]>([
    ['a request at a database', http(), 'shop'],
    ['a statement at a service', sql('read'), 'billing'],
    ['a harmless statement at a service', sql('session'), 'billing'],
    ['a database login at a service', connect(), 'billing'],
    ['an http session at a database', dialled, 'shop'],
  ])('%s is refused, whatever is allowed', (_name, action, target) => {
    const allowed = [
      'id: all, then: allow',
      'id: c, when: \'action.kind == "connect"\', then: allow',
    ];
    expect(short(httpDecision(allowed, action, target))).toBe('deny no_rule');
    expect(reaches({ kind: target === 'shop' ? 'postgres' : 'http' }, action)).toBe(false);
  });

  it('answers for a kind that it does not know with no', () => {
    expect(reaches({ kind: 'constructor' }, http())).toBe(false);
  });
});

describe('what a refusal says', () => {
  const message = (action: Action, rules: readonly string[] = GET_ONLY) => {
    const decision = httpDecision(rules, action);
    return decision.kind === 'deny' ? `${decision.message} ${decision.hint}` : decision.kind;
  };

  it.each<[action: Action, sentence: string]>([
    [refund({ a: 1 }), 'No rule allows POST /v1/refunds at billing (application/json).'],
    [http({ method: 'DELETE' }), 'No rule allows DELETE /v1/refunds at billing.'],
    [
      graphql({ operation: 'mutation', roots: ['refund', 'log'] }),
      'No rule allows GraphQL mutation refund, log (POST /graphql) at billing (application/json).',
    ],
    [
      http({ webSocket: true, opaque: ['upgrade'] }),
      'No rule allows a WebSocket on /v1/refunds at billing, not fully readable: upgrade.',
    ],
    [
      refund(null, { opaque: ['body_too_large', 'json_number'] }),
      'No rule allows POST /v1/refunds at billing (application/json), not fully readable: body_too_large, json_number.',
    ],
  ])('%o', (action, sentence) => {
    expect(message(action)).toContain(sentence);
  });

  it('tells of what is allowed there, and nothing of databases', () => {
    const rules = [...GET_ONLY, 'id: read, when: \'sql.effect == "read"\', then: allow'];
    expect(message(http({ method: 'PUT' }), rules)).toContain(
      'You may, on billing — get: allowed when http.method == "GET" && http.opaque == [].',
    );
  });

  it('shortens what a caller has made long', () => {
    expect(message(http({ method: 'PUT', path: `/${'a'.repeat(5000)}` })).length).toBeLessThan(600);
  });

  it('holds no value of a query, a body or a header', () => {
    const action = refund({ card: 'SECRET' }, { query: { token: ['SECRET'] } });
    expect(message(action)).not.toContain('SECRET');
  });
});

describe('conditions over requests that are refused at load', () => {
  it.each([
    ['http.method == "get"', '"get" never matches method: expected a method in upper case'],
    ['http.method in ["GET", "post"]', '"post" never matches method'],
    ['http.path == "v1/refunds"', '"v1/refunds" never matches path: expected a path'],
    ['http.path.startsWith("v1")', '"v1" never matches path'],
    ['http.path == "/a%2fb"', '"/a%2fb" never matches path'],
    ['http.path == "/a?b=1"', '"/a?b=1" never matches path'],
    ['"Accept" in http.headers', '"Accept" never matches headers: expected the name of a header'],
    ['http.headers.exists(h, h == "X-A")', '"X-A" never matches headers'],
    ['http.contentType == "Application/json"', 'never matches contentType: expected a media type'],
    ['http.contentType == "text/html; charset=utf-8"', 'never matches contentType'],
    [
      'http.graphql.operation == "mutate"',
      '"mutate" never matches operation: expected one of query',
    ],
    ['http.graphql.operaton == "query"', 'No such key: operaton'],
    ['has(http.graphql.operaton)', 'No such key: operaton'],
    ['"refund.id" in http.graphql.roots', '"refund.id" never matches roots'],
    ['http.host == "API.acme.dev"', 'never matches host: expected a host in lower case'],
    ['http.opaque == ["Upgrade"]', '"Upgrade" never matches opaque'],
    ['http.bodyy == ""', 'No such key: bodyy'],
    ['http.method == 5', 'no such overload'],
    ['http.query.a == "1"', 'no such overload'],
    ['action.kind == "https"', '"https" never matches kind: expected one of connect, sql, http'],
    [
      'http.webSocket || sql.whereless',
      'names the facts of sql and http, which no action has together',
    ],
    ['http.webSocket || action.kind == "sql"', 'names http facts and action.kind "sql": write two'],
    ['http.webSocket || action.kind == "connect"', 'names http facts and action.kind "connect"'],
    ['[1].exists(http, http > 0)', 'http is taken: name the iteration variable otherwise'],
  ])('%s', (condition, problem) => {
    const file = fileWithHttp(undefined, [`when: '${condition}', then: deny`]);
    expect(problems(file).join('\n')).toContain(problem);
  });

  it.each([
    [
      "on: [shop], when: 'http.webSocket', then: deny",
      'names http facts, which no target has that the rule covers (postgres)',
    ],
    [
      "on: [billing], when: 'sql.whereless', then: deny",
      'names sql facts, which no target has that the rule covers (http)',
    ],
    [
      "on: 'target.kind == \"http\"', when: 'sql.whereless', then: deny",
      'names sql facts, which no target has that the rule covers (http)',
    ],
    [
      "when: 'http.webSocket', then: approve, approval: { by: [dba], maxRows: 5 }",
      'approval.maxRows: is for rules about statements: a request has no rows',
    ],
    [
      'when: \'action.kind == "http"\', then: approve, approval: { by: [dba], maxRows: 5 }',
      'approval.maxRows: is for rules about statements: a request has no rows',
    ],
    [
      'on: [billing], then: approve, approval: { by: [dba], maxRows: 5 }',
      'approval.maxRows: is for rules about statements: a request has no rows',
    ],
    [
      "when: 'http.webSocket', then: approve, approval: { by: [dba], grants: 1h }",
      'approval.grants: is for rules about connecting',
    ],
  ])('%s', (rule, problem) => {
    expect(problems(fileWithHttp(undefined, [rule])).join('\n')).toContain(problem);
  });

  it.each([
    ["when: 'http.webSocket', then: deny"],
    ["when: 'sql.whereless', then: deny"],
    ["on: [shop, billing], when: 'http.webSocket', then: deny"],
    ['then: approve, approval: { by: [dba], maxRows: 5 }'],
    ['when: \'http.contentType == ""\', then: deny'],
  ])('but not %s', (rule) => {
    expect(problems(fileWithHttp(undefined, [rule]))).toEqual([]);
  });
});
