// The OpenID Connect side of a login, on openid-client: discovery, which token is for the gateway, refresh. The two ways to
// log in are browser-login.ts and device-login.ts.
import * as oidc from 'openid-client';
import type { LoginIssuer } from './discovery.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';
import type { Login } from './login-store.ts';
import { isLoopback } from './settings.ts';
import { hasAudience, unverifiedClaims } from './token.ts';

const ISSUER_TIMEOUT_SECONDS = 15;

/** A public client (RFC 8252): PKCE instead of a secret. http is for issuers on loopback. */
export async function connectIssuer(issuer: string, clientId: string): Promise<oidc.Configuration> {
  const url = new URL(issuer);
  const insecure = url.protocol === 'http:' && isLoopback(url.hostname);
  try {
    return await oidc.discovery(url, clientId, undefined, oidc.None(), {
      timeout: ISSUER_TIMEOUT_SECONDS,
      ...(insecure ? { execute: [oidc.allowInsecureRequests] } : {}),
    });
  } catch (error) {
    throw new CliError(EXIT.failed, `The issuer ${issuer} cannot be used: ${reasonOf(error)}.`);
  }
}

/**
 * Names the gateway as the token's audience: `resource` (RFC 8707) where the audience is a URI, and `audience` for issuers
 * that know only that. An audience that is the client's own id means its ID token, and needs neither.
 */
export function audienceParameters(target: { clientId: string; audience: string }): {
  readonly resource?: string;
  readonly audience?: string;
} {
  const { clientId, audience } = target;
  if (audience === clientId) return {};
  const isUri = URL.canParse(audience) && !audience.includes('#');
  return isUri ? { resource: audience, audience } : { audience };
}

/** What a login keeps of the issuer's answer. */
export function loginFrom(
  issuer: LoginIssuer,
  answer: Answer,
  oldRefreshToken: string | null,
): Login {
  return {
    issuerId: issuer.id,
    issuer: issuer.issuer,
    clientId: issuer.clientId,
    scopes: issuer.scopes,
    audience: issuer.audience,
    token: gatewayToken(answer, issuer.audience),
    // RFC 6749 section 6: no new refresh token means that the old one stays.
    refreshToken: answer.refresh_token ?? oldRefreshToken,
  };
}

export type Answer = Pick<
  oidc.TokenEndpointResponse,
  'access_token' | 'id_token' | 'refresh_token'
>;

/** @throws CliError failed, when neither token is for the gateway: it would refuse it, with less to say */
export function gatewayToken(answer: Answer, audience: string): string {
  for (const token of [answer.access_token, answer.id_token]) {
    if (token !== undefined && hasAudience(token, audience)) return token;
  }
  const aud = JSON.stringify(unverifiedClaims(answer.access_token)?.['aud'] ?? null);
  throw new CliError(
    EXIT.failed,
    `The issuer gave no token for the audience ${audience} (the access token's is ${aud}).`,
    'The audience of this issuer in the policy file must be one that the issuer puts into tokens for this client.',
  );
}

/**
 * Trades the refresh token for new tokens.
 * @throws CliError unauthorized, when the issuer says that the login is over
 */
export async function refreshLogin(login: Login): Promise<Login> {
  if (login.refreshToken === null) {
    throw new CliError(EXIT.unauthorized, 'Your login has ended.', 'Run `postern login`.');
  }
  const configuration = await connectIssuer(login.issuer, login.clientId);
  try {
    const parameters = new URLSearchParams(audienceParameters(login));
    const answer = await oidc.refreshTokenGrant(configuration, login.refreshToken, parameters);
    return loginFrom({ ...login, id: login.issuerId }, answer, login.refreshToken);
  } catch (error) {
    if (error instanceof oidc.ResponseBodyError) {
      throw new CliError(
        EXIT.unauthorized,
        `Your login has ended (${error.error}).`,
        'Run `postern login`.',
      );
    }
    throw error;
  }
}

/** Best effort: tells the issuer to forget the login (RFC 7009). Answers with what went wrong, or null. */
export async function revokeLogin(login: Login): Promise<string | null> {
  if (login.refreshToken === null) return null;
  try {
    const configuration = await connectIssuer(login.issuer, login.clientId);
    if (configuration.serverMetadata().revocation_endpoint === undefined) return null;
    await oidc.tokenRevocation(configuration, login.refreshToken, {
      token_type_hint: 'refresh_token',
    });
    return null;
  } catch (error) {
    return reasonOf(error);
  }
}
