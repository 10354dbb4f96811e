// HTTP targets and requests for the policy tests.
import type { Action, HttpFacts } from '../../../core/facts.ts';
import { judge, ruleSet } from '../../../core/policy/judge.ts';
import { parsePolicy } from '../../../core/policy/parse.ts';
import { compilePolicy, type CompiledPolicy } from '../../../core/policy/rule.ts';
import { AGENT, NOON, fileWith, problems } from './fixtures.ts';

/** A whole file with the target `billing` besides those of fixtures.ts; `lines` are its keys but `id` and `kind`. */
export function fileWithHttp(
  lines: readonly string[] = ['address: https://api.acme.dev/api'],
  rules: readonly string[] = [],
): string {
  const own = ['  - id: billing', '    kind: http', ...lines.map((line) => `    ${line}`), ''];
  return fileWith(rules).replace('rules:', `${own.join('\n').replace(/^ {2}/, '  ')}rules:`);
}

export function httpPolicyOf(rules: readonly string[]): CompiledPolicy {
  const file = fileWithHttp(undefined, rules);
  const parsed = parsePolicy(file, { development: false });
  if (!parsed.ok) throw new Error(problems(file).join('\n'));
  return compilePolicy(parsed.value, 7);
}

export function httpFacts(over: Partial<HttpFacts> = {}): HttpFacts {
  return {
    method: 'GET',
    host: 'api.acme.dev',
    path: '/v1/refunds',
    query: {},
    headers: ['accept'],
    contentType: '',
    json: null,
    form: {},
    fields: [],
    graphql: null,
    webSocket: false,
    opaque: [],
    ...over,
  };
}

export const http = (over: Partial<HttpFacts> = {}): Action => ({
  kind: 'http',
  http: httpFacts(over),
});

export function httpDecision(rules: readonly string[], action: Action, target = 'billing') {
  const policy = httpPolicyOf(rules);
  const known = policy.targets.get(target);
  if (known === undefined) throw new Error('no such target');
  return judge(ruleSet(policy, AGENT, known, { client: 'curl', country: 'DE' }), action, NOON);
}
