// What `postern login` reads, from a real D1. The policy cache is the isolate's own, so the order of the tests matters.
import { applyD1Migrations } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { discoveryRoutes } from '../../../worker/routes/discovery.ts';

const POLICY = `version: 1
issuers:
  - { id: ci, issuer: "https://ci.example", audience: https://gate.example, kind: workload }
  - id: people
    issuer: https://people.example
    audience: [0oa1, https://gate.example]
    kind: human
    login: { clientId: postern-cli, scopes: [openid, offline_access] }
  - id: staff
    issuer: https://staff.example
    audience: 0oa2
    kind: human
    login: { clientId: 0oa2 }
`;

async function discover(): Promise<Response> {
  return discoveryRoutes.request('https://gate.example/.well-known/postern', {}, env);
}

beforeAll(async () => {
  await applyD1Migrations(env.DB, env.TEST_MIGRATIONS);
  await env.DB.prepare('DELETE FROM policy_revisions').run();
});

describe('GET /.well-known/postern', () => {
  it('is refused while no policy can be read', async () => {
    const response = await discover();
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ code: 'policy_unreadable' });
  });

  it('names the issuers that people log in at, and of those nothing but what a login needs', async () => {
    await env.DB.prepare(
      'INSERT INTO policy_revisions (revision, hash, document, applied_at, applied_by) VALUES (1, ?1, ?2, 0, ?3)',
    )
      .bind(createHash('sha256').update(POLICY).digest('hex'), POLICY, 'test')
      .run();
    const response = await discover();
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      gateway: 'https://gate.example',
      issuers: [
        {
          id: 'people',
          issuer: 'https://people.example',
          clientId: 'postern-cli',
          scopes: ['openid', 'offline_access'],
          audience: 'https://gate.example',
        },
        {
          id: 'staff',
          issuer: 'https://staff.example',
          clientId: '0oa2',
          scopes: ['openid'],
          audience: '0oa2',
        },
      ],
    });
  });
});
