// An OpenID Connect issuer on oidc-provider whose only user consents to everything, and a browser made of fetch to visit
// it with. Rotates refresh tokens and ends the login when one is used twice, as strict issuers do.
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider, errors } from 'oidc-provider';
import { memoryStorage } from '../../dev/issuer/storage.ts';

export interface FakeIssuer {
  readonly url: string;
  /** Life of access tokens issued from now on. */
  accessTokenSeconds: number;
  /** False: access tokens are opaque. */
  jwt: boolean;
  /** grant_type of every successful token request. */
  readonly grants: string[];
  /** Audiences that may be asked for. */
  readonly audiences: string[];
  close(): Promise<void>;
}

export async function startFakeIssuer(): Promise<FakeIssuer> {
  const server: Server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer: FakeIssuer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    accessTokenSeconds: 600,
    jwt: true,
    grants: [],
    audiences: [],
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig' };
  const provider = new Provider(issuer.url, {
    adapter: memoryStorage(),
    jwks: { keys: [key] },
    clients: [
      {
        client_id: 'postern-cli',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        grant_types: [
          'authorization_code',
          'refresh_token',
          'urn:ietf:params:oauth:grant-type:device_code',
        ],
        response_types: ['code'],
        redirect_uris: ['http://127.0.0.1/callback'],
      },
    ],
    scopes: ['openid', 'offline_access'],
    rotateRefreshToken: true,
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    interactions: { url: (_, interaction) => `/login/${interaction.uid}` },
    cookies: { keys: ['test'] },
    loadExistingGrant: async ({ oidc }) => {
      const { client, session } = oidc;
      if (!client || session?.accountId === undefined) return undefined;
      const grant = new oidc.provider.Grant({
        clientId: client.clientId,
        accountId: session.accountId,
      });
      grant.addOIDCScope('openid offline_access');
      for (const audience of issuer.audiences) grant.addResourceScope(audience, 'openid');
      await grant.save();
      return grant;
    },
    ttl: {
      IdToken: 600,
      RefreshToken: 86_400,
      Session: 600,
      Grant: 86_400,
      Interaction: 600,
      DeviceCode: 60,
    },
    features: {
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      revocation: { enabled: true, allowedPolicy: () => Promise.resolve(true) },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo(_, resource) {
          if (!issuer.audiences.includes(resource)) throw new errors.InvalidTarget();
          const common = {
            scope: 'openid',
            audience: resource,
            accessTokenTTL: issuer.accessTokenSeconds,
          };
          return issuer.jwt
            ? { ...common, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }
            : { ...common, accessTokenFormat: 'opaque' };
        },
      },
    },
  });
  provider.on('grant.success', ({ oidc }) =>
    issuer.grants.push(String(oidc.params?.['grant_type'])),
  );
  const serve = provider.callback();
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/login/') === true) {
      void provider.interactionFinished(request, response, {
        login: { accountId: 'ann' },
        consent: {},
      });
      return;
    }
    void serve(request, response);
  });
  return issuer;
}

/** Follows redirects with a cookie jar, and submits oidc-provider's own device forms. Answers with the last page. */
export async function browse(
  start: string,
): Promise<{ url: string; status: number; text: string }> {
  const cookies = new Map<string, string>();
  let url = start;
  let init: RequestInit = {};
  for (let step = 0; step < 20; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' },
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    const text = await response.text();
    init = {};
    if (location !== null) {
      url = new URL(location, url).href;
      continue;
    }
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(text)?.[1];
    const code =
      /name="user_code" value="([^"]+)"/.exec(text)?.[1] ??
      new URL(url).searchParams.get('user_code');
    if (xsrf === undefined || code === null) return { url, status: response.status, text };
    const action = /action="([^"]+)"/.exec(text)?.[1] ?? url;
    url = new URL(action.replaceAll('&amp;', '&'), url).href;
    init = { method: 'POST', body: new URLSearchParams({ xsrf, user_code: code, confirm: 'yes' }) };
  }
  throw new Error(`too many steps, at ${url}`);
}
