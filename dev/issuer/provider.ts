// One OpenID Connect issuer on oidc-provider: authorization code with PKCE, device flow, refresh and client credentials,
// JWT access tokens (RFC 9068) for the gateway with a `groups` claim. Consent is given for everybody: what is being
// developed here is the gateway, not the issuer.
import { Provider, errors } from 'oidc-provider';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { JWK } from 'jose';
import { devicePages } from './device-pages.ts';
import { PEOPLE, WORKLOADS } from './people.ts';
import { memoryStorage } from './storage.ts';

export interface IssuerSettings {
  /** The `iss` of its tokens and the base of its discovery document; no trailing slash. */
  readonly url: string;
  readonly name: string;
  readonly keys: readonly JWK[];
  /** Audiences it issues access tokens for; the first is the one of a request that names none. */
  audiences(): readonly string[];
}

const ACCESS_TOKEN_SECONDS = 600;
const DAY_SECONDS = 86_400;

export function createIssuer(settings: IssuerSettings): Provider {
  const provider = new Provider(settings.url, configuration(settings));
  // Its own errors are answered in the protocol; what reaches this event is a bug worth seeing.
  provider.on('server_error', (_context: KoaContextWithOIDC, error: Error) => {
    process.stderr.write(`issuer: ${error.stack ?? error.message}\n`);
  });
  return provider;
}

function configuration(settings: IssuerSettings): Configuration {
  const { name } = settings;
  return {
    adapter: memoryStorage(),
    jwks: { keys: [...settings.keys] as never },
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
        // RFC 8252 section 7.3: any port of a loopback redirect is accepted.
        redirect_uris: ['http://127.0.0.1/callback'],
      },
      ...WORKLOADS.map(({ clientId, clientSecret }) => ({
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ['client_credentials'],
        response_types: [],
        redirect_uris: [],
      })),
    ],
    scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
    conformIdTokenClaims: false,
    clientDefaults: { id_token_signed_response_alg: 'RS256' },
    pkce: { required: () => true },
    issueRefreshToken: (_context, client, code) =>
      client.grantTypeAllowed('refresh_token') && code.scopes.has('offline_access'),
    ttl: {
      AccessToken: ACCESS_TOKEN_SECONDS,
      ClientCredentials: ACCESS_TOKEN_SECONDS,
      IdToken: ACCESS_TOKEN_SECONDS,
      DeviceCode: 600,
      Interaction: 3600,
      Session: DAY_SECONDS,
      Grant: DAY_SECONDS,
      RefreshToken: DAY_SECONDS,
    },
    findAccount: (_context, subject) => account(subject),
    loadExistingGrant: grantEverything,
    extraTokenClaims: (_context, token) => {
      const subject = 'accountId' in token ? token.accountId : undefined;
      const groups = subject === undefined ? clientGroups(token.clientId) : personGroups(subject);
      return { groups };
    },
    interactions: { url: (_context, interaction) => `${settings.url}/login/${interaction.uid}` },
    cookies: {
      keys: settings.keys.map((key) => String(key.d)),
      // Both issuers answer on one host and port: their cookies must not overwrite each other.
      names: { session: `${name}_session`, interaction: `${name}_login`, resume: `${name}_resume` },
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      deviceFlow: { enabled: true, ...devicePages },
      userinfo: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => settings.audiences()[0] ?? settings.url,
        useGrantedResource: () => true,
        getResourceServerInfo(_context, resource) {
          if (!settings.audiences().includes(resource)) throw new errors.InvalidTarget();
          return {
            scope: 'openid profile email groups offline_access',
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: ACCESS_TOKEN_SECONDS,
            jwt: { sign: { alg: 'ES256' } },
          };
        },
      },
    },
  };
}

function account(subject: string) {
  const person = PEOPLE.find((candidate) => candidate.subject === subject);
  if (person === undefined) return undefined;
  return {
    accountId: subject,
    claims: () => ({
      sub: subject,
      name: person.name,
      email: `${subject}@example.com`,
      groups: [...person.groups],
    }),
  };
}

function personGroups(subject: string): readonly string[] {
  return PEOPLE.find((person) => person.subject === subject)?.groups ?? [];
}

function clientGroups(clientId: string | undefined): readonly string[] {
  return WORKLOADS.find((workload) => workload.clientId === clientId)?.groups ?? [];
}

async function grantEverything(context: KoaContextWithOIDC) {
  const { oidc } = context;
  const { client, session, provider } = oidc;
  if (client === undefined || session?.accountId === undefined) return undefined;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  const scope = [...oidc.requestParamScopes].join(' ');
  grant.addOIDCScope(scope);
  for (const resource of Object.keys(oidc.resourceServers ?? {})) {
    grant.addResourceScope(resource, scope);
  }
  await grant.save();
  return grant;
}
