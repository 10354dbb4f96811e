// GET /.well-known/postern: how people log in to this gateway, for `postern login`. Public, as every OAuth client's
// configuration is: the issuers that have a `login` in the policy file, and of those nothing but what a login needs.
import { Hono } from 'hono';
import { isDevelopment } from '../../adapters/env.ts';
import { policies } from '../../adapters/policy-store.ts';
import type { PolicyIssuer } from '../../core/policy/policy.ts';
import type { DoorEnv } from '../door-env.ts';
import { problem } from '../render-failure.ts';

/** Issuers change with the policy, and a login is rare. */
const CACHE = 'public, max-age=60';

export const discoveryRoutes = new Hono<DoorEnv>();

discoveryRoutes.get('/.well-known/postern', async (c) => {
  const active = await policies.current(c.env.DB, isDevelopment(c.env), Date.now());
  if (!active.ok) return problem(c, 'policy_unreadable');
  const gateway = new URL(c.req.url).origin;
  const issuers = active.value.policy.issuers.flatMap((issuer) => loginOf(issuer, gateway));
  return c.json({ gateway, issuers }, 200, { 'cache-control': CACHE });
});

/** One entry, or none for an issuer that people do not log in at. */
function loginOf(issuer: PolicyIssuer, gateway: string): object[] {
  if (issuer.login === null) return [];
  const { clientId, scopes } = issuer.login;
  // Of several audiences the gateway's own name is the one a client can ask for (RFC 8707); else the policy's first.
  const audience = issuer.audiences.find((audience) => audience === gateway) ?? issuer.audiences[0];
  return [{ id: issuer.id, issuer: issuer.issuer, clientId, scopes, audience }];
}
