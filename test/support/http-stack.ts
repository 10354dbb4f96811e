// A stack whose policy has the stand-in for HTTP targets in it (http-target.ts), for end-to-end tests of /http: targets with
// and without masks, rules for what agents of these tests may do.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changePolicy } from './held-statement.ts';
import { startHttpTargets, type Arrived, type HttpTargets } from './http-target.ts';
import { startStack, type TestStack } from './stack.ts';

/** The credential that no caller may ever see. */
export const API_KEY = 'canary-key-4f9c1d7e2b8a';

export interface HttpStack {
  readonly stack: TestStack;
  readonly targets: HttpTargets;
  /** Of an agent that may GET and POST, and has to ask for DELETE. */
  readonly agent: string;
  readonly dana: string;
  /** What the target has got under this name (`x-test-name`). */
  arrived(name: string): Promise<readonly Arrived[]>;
  request(path: string, init?: RequestInit, token?: string): Promise<Response>;
  stop(): Promise<void>;
}

const policyOf = (plain: number, raw: number): { targets: string; rules: string } => ({
  targets: `
  - id: api
    kind: http
    address: http://127.0.0.1:${plain}/base
    credential: { header: X-Api-Key, secret: TEST_API_KEY }
    http: { webSocket: true, graphql: [/v2/q] }
    labels: { env: test }
  - id: closed
    kind: http
    address: http://127.0.0.1:${plain}
    credential: { bearer: TEST_API_KEY }
    labels: { env: test }
  - id: masked
    kind: http
    address: http://127.0.0.1:${plain}
    credential: { query: api_key, secret: TEST_API_KEY }
    http: { webSocket: true }
    labels: { env: test }
  - id: raw
    kind: http
    address: http://127.0.0.1:${raw}
    labels: { env: test }
  - id: gone
    kind: http
    address: http://127.0.0.1:1
    labels: { env: test }
`,
  rules: `
  - id: web-use
    who: '"web" in principal.groups'
    on: [api, masked, raw, gone]
    when: http.method != "DELETE" && (http.graphql == null || http.graphql.operation == "query")
    then: allow
  - id: web-delete
    who: '"web" in principal.groups'
    on: [api]
    when: http.method == "DELETE" || (http.graphql != null && http.graphql.operation == "mutation")
    then: approve
    approval: { by: [dba], expires: 15m, wait: 40s }
`,
});

const MASKS = `
  - id: web-fields
    on: [masked]
    fields: ['$..email']
    detect: [credit_card]
    as: partial
`;

/** `extra`: more rules, targets' tokens and masks are these tests' own. */
export async function startHttpStack(more: { rules?: string } = {}): Promise<HttpStack> {
  const targets = await startHttpTargets();
  const secrets = join(mkdtempSync(join(tmpdir(), 'postern-secrets-')), 'secrets.json');
  writeFileSync(secrets, JSON.stringify({ TEST_API_KEY: API_KEY }), { mode: 0o600 });
  const stack = await startStack({ args: ['--secrets', secrets] });
  const policy = policyOf(targets.plainPort, targets.rawPort);
  await changePolicy(stack, (document) =>
    document
      .replace(/^targets:\n/m, `targets:${policy.targets}`)
      .replace(/^rules:\n/m, `rules:${policy.rules}${more.rules ?? ''}`)
      .replace(/^masks:\n/m, `masks:${MASKS}`),
  );
  const agent = await stack.token('web-agent', ['web']);
  const dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
  return {
    stack,
    targets,
    agent,
    dana,
    async arrived(name) {
      const response = await fetch(`http://127.0.0.1:${targets.plainPort}/control/${name}`);
      return (await response.json()) as readonly Arrived[];
    },
    request: (path, init = {}, token = agent) =>
      fetch(`${stack.gateway}/http${path}`, {
        redirect: 'manual',
        ...init,
        headers: { authorization: `Bearer ${token}`, ...init.headers },
      }),
    async stop() {
      await stack.stop();
      await targets.close();
    },
  };
}
