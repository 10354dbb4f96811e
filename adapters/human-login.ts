// A person's login in a browser: OpenID Connect authorization code flow with PKCE, state and nonce (OpenID Connect Core 1.0
// section 3.1, RFC 9700), on openid-client. Keeps nothing: what must survive the trip to the issuer travels in a sealed
// cookie (worker/human-session.ts).
//
// The ID token says that this login is real: signature, issuer, times, audience = our client. Who it is, and in which
// groups, is read from the same kind of token that the API takes: the access token where the issuer made one for this
// gateway, else the ID token.
import * as oidc from 'openid-client';
import type { Result, TokenCode } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import type { PolicyIssuer } from '../core/policy/policy.ts';
import { isLoopback, webAddress } from '../core/policy/web-address.ts';
import { isDevelopment, secret, type Env } from './env.ts';
import { tokens } from './tokens.ts';

export type LoginCode =
  | 'login_unavailable' // not configured, or configured with a secret that is not set
  | 'login_issuer' // the issuer cannot be reached, or is not what its metadata says
  | 'login_refused' // the issuer, or the person there, said no; or the answer is not to our question
  | TokenCode;

export interface LoginFailure {
  readonly code: LoginCode;
  /** For the log: names the issuer and the check, never a token. */
  readonly detail: string;
}

/** What must be the same when the browser comes back. */
export interface PendingLogin {
  readonly issuer: string;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

const TIMEOUT_SECONDS = 10;

/** Issuers at which people can log in in a browser. */
export function loginIssuers(policy: {
  readonly issuers: readonly PolicyIssuer[];
}): readonly PolicyIssuer[] {
  return policy.issuers.filter(({ kind, login }) => kind === 'human' && login !== null);
}

/** Where to send the browser. `redirectUri` is this gateway's /callback. */
export async function beginLogin(
  env: Env,
  issuer: PolicyIssuer,
  redirectUri: string,
): Promise<Result<{ readonly url: string; readonly pending: PendingLogin }, LoginFailure>> {
  const connected = await connect(env, issuer);
  if (!connected.ok) return connected;
  const verifier = oidc.randomPKCECodeVerifier();
  const pending = {
    issuer: issuer.id,
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
    verifier,
  };
  const url = oidc.buildAuthorizationUrl(connected.value, {
    redirect_uri: redirectUri,
    scope: scopes(issuer).join(' '),
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...audience(issuer),
  });
  return { ok: true, value: { url: url.href, pending } };
}

/** `callback` is the URL the browser came back to, with its query. */
export async function finishLogin(
  env: Env,
  issuer: PolicyIssuer,
  callback: URL,
  pending: PendingLogin,
  nowMs: number,
): Promise<Result<Principal, LoginFailure>> {
  const connected = await connect(env, issuer);
  if (!connected.ok) return connected;
  let answer: oidc.TokenEndpointResponse;
  try {
    answer = await oidc.authorizationCodeGrant(
      connected.value,
      callback,
      {
        pkceCodeVerifier: pending.verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      },
      audience(issuer),
    );
  } catch (error) {
    return failure('login_refused', `${issuer.id}: ${reason(error)}`);
  }
  return principalOf(issuer, answer, nowMs);
}

async function principalOf(
  issuer: PolicyIssuer,
  answer: oidc.TokenEndpointResponse,
  nowMs: number,
): Promise<Result<Principal, LoginFailure>> {
  const { web } = issuer.login ?? { web: { clientId: '' } };
  const forUs = { ...issuer, audiences: [web.clientId] };
  // Groups and the rest may not be in this token; that it is genuine and for us does not depend on them.
  const bare = {
    ...forUs,
    accept: null,
    subject: 'claims.sub',
    groups: {},
    groupsFrom: null,
    typ: null,
  };
  const identity = await tokens.verify(answer.id_token ?? '', { issuers: [bare] }, nowMs);
  if (!identity.ok) return identity;
  const access = await tokens.verify(answer.access_token, { issuers: [issuer] }, nowMs);
  if (access.ok && access.value.claims['sub'] === identity.value.claims['sub']) return access;
  return tokens.verify(answer.id_token ?? '', { issuers: [{ ...forUs, typ: null }] }, nowMs);
}

async function connect(
  env: Env,
  issuer: PolicyIssuer,
): Promise<Result<oidc.Configuration, LoginFailure>> {
  if (issuer.kind !== 'human' || issuer.login === null) {
    return failure('login_unavailable', `${issuer.id} has no login`);
  }
  const { clientId, secret: name } = issuer.login.web;
  const value = name === null ? null : secret(env, name);
  if (name !== null && value === null) {
    return failure('login_unavailable', `secret ${name} is not set`);
  }
  const address = webAddress(issuer.issuer);
  const insecure = address !== null && !address.secure;
  if (address === null || (insecure && !(isDevelopment(env) && isLoopback(address.host)))) {
    return failure('login_issuer', `${issuer.id} is not https`);
  }
  try {
    const configuration = await oidc.discovery(
      new URL(issuer.issuer),
      clientId,
      undefined,
      value === null ? oidc.None() : withSecret(value),
      {
        timeout: TIMEOUT_SECONDS,
        ...(insecure ? { execute: [oidc.allowInsecureRequests] } : {}),
      },
    );
    return { ok: true, value: configuration };
  } catch (error) {
    return failure('login_issuer', `${issuer.id}: ${reason(error)}`);
  }
}

/** client_secret_basic is the default of OpenID Connect Discovery 1.0 section 3; some issuers only know the other one. */
function withSecret(value: string): oidc.ClientAuth {
  const basic = oidc.ClientSecretBasic(value);
  const post = oidc.ClientSecretPost(value);
  return (server, client, body, headers) => {
    const supported = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    (supported.includes('client_secret_basic') ? basic : post)(server, client, body, headers);
  };
}

/** A session of a browser ends with its cookie: nothing is renewed, so no refresh token is asked for. */
function scopes({ login }: PolicyIssuer): readonly string[] {
  const wanted = (login?.scopes ?? []).filter((scope) => scope !== 'offline_access');
  return wanted.includes('openid') ? wanted : ['openid', ...wanted];
}

/** RFC 8707, where the policy's audience is not the client itself but a resource. */
function audience({ audiences, login }: PolicyIssuer): { readonly resource?: string } {
  if (login === null || audiences.includes(login.web.clientId)) return {};
  const resource = audiences.find((name) => URL.canParse(name) && !name.includes('#'));
  return resource === undefined ? {} : { resource };
}

/** openid-client's codes and OAuth's; never a description, which is the issuer's text. */
function reason(error: unknown): string {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return error.error.slice(0, 100);
  }
  if (error instanceof oidc.ClientError) return error.code ?? 'client error';
  return error instanceof Error ? error.name : 'failed';
}

function failure(code: LoginCode, detail: string): Result<never, LoginFailure> {
  return { ok: false, error: { code, detail } };
}
