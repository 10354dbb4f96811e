// GET /.well-known/postern: how people log in to this gateway, for `postern login`. Public, as every OAuth client's
// configuration is: the issuers that have a `login` in the policy file, and of those nothing but what a login needs.
// GET /.well-known/oauth-protected-resource: the same for any OAuth client, as RFC 9728 has it.
import { Hono } from 'hono';
import { gatewayOrigin, isDevelopment } from '../../adapters/env.ts';
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

/**
 * The gateway as an OAuth resource. `resource` is what a client names when it asks for a token (RFC 8707), and therefore an
 * audience that an issuer of the policy accepts. Issuers that people log in at come first: clients take the first.
 */
discoveryRoutes.get('/.well-known/oauth-protected-resource', async (c) => {
  const active = await policies.current(c.env.DB, isDevelopment(c.env), Date.now());
  if (!active.ok) return problem(c, 'policy_unreadable');
  const { issuers } = active.value.policy;
  const people = issuers.filter(({ login }) => login !== null);
  const scopes = people.flatMap(({ login }) => login?.scopes ?? []);
  const metadata = {
    resource: gatewayOrigin(c.env, c.req.url),
    resource_name: 'Postern',
    authorization_servers: [...new Set([...people, ...issuers].map(({ issuer }) => issuer))],
    bearer_methods_supported: ['header'],
    ...(scopes.length === 0 ? {} : { scopes_supported: [...new Set(scopes)] }),
  };
  return c.json(metadata, 200, { 'cache-control': CACHE });
});

/** One entry, or none for an issuer that people do not log in at. */
function loginOf(issuer: PolicyIssuer, gateway: string): object[] {
  if (issuer.login === null) return [];
  const { clientId, scopes } = issuer.login;
  // Of several audiences the gateway's own name is the one a client can ask for (RFC 8707); else the policy's first.
  const audience = issuer.audiences.find((audience) => audience === gateway) ?? issuer.audiences[0];
  return [{ id: issuer.id, issuer: issuer.issuer, clientId, scopes, audience }];
}
