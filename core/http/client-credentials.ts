// OAuth 2.0 client credentials (RFC 6749 section 4.4): the request for a token and the reading of its answer. Sending it, and
// keeping the token until shortly before its end, is the session's.
import { utf8 } from '../bytes.ts';
import type { Result } from '../failure.ts';
import { encodeBase64 } from '../base64.ts';
import type { HeaderList } from './header-list.ts';
import { percentEncoded } from './percent.ts';
import type { CredentialCode, SecretValues } from './credential.ts';
import { readJson } from './json-body.ts';

export interface ClientCredentials {
  /** https URL of the policy file. */
  readonly tokenUrl: string;
  readonly clientId: string;
  /** Name of a Worker secret. */
  readonly clientSecret: string;
  /** How the client proves itself (section 2.3.1). */
  readonly authentication: 'basic' | 'post';
  readonly scope: readonly string[];
  /** Auth0 and others; null where the issuer needs none. */
  readonly audience: string | null;
  /** Resource indicator (RFC 8707); null where there is none. */
  readonly resource: string | null;
}

export interface TokenRequest {
  readonly url: string;
  readonly method: 'POST';
  readonly headers: HeaderList;
  readonly body: string;
}

export interface IssuedToken {
  readonly token: string;
  /** Null: the issuer does not say, so it must not be kept for long. */
  readonly expiresInSeconds: number | null;
}

/** `token_refused`: the issuer said no, or something that is no token. Its words may quote the request; they stay there. */
export type TokenAnswerCode = 'token_refused' | 'token_answer';

export function tokenRequest(
  client: ClientCredentials,
  values: SecretValues,
): Result<TokenRequest, CredentialCode> {
  const secret = Object.hasOwn(values, client.clientSecret)
    ? values[client.clientSecret]
    : undefined;
  if (secret === undefined || secret === '') return { ok: false, error: 'credential_missing' };
  // Appendix A.2: visible ASCII and blanks.
  if (!/^[ -~]+$/.test(secret) || !/^[ -~]+$/.test(client.clientId)) {
    return { ok: false, error: 'credential_malformed' };
  }
  const form: [string, string][] = [['grant_type', 'client_credentials']];
  if (client.scope.length > 0) form.push(['scope', client.scope.join(' ')]);
  if (client.audience !== null) form.push(['audience', client.audience]);
  if (client.resource !== null) form.push(['resource', client.resource]);
  const headers: [string, string][] = [
    ['content-type', 'application/x-www-form-urlencoded'],
    ['accept', 'application/json'],
  ];
  if (client.authentication === 'basic') {
    // Both are form-encoded before they are joined: section 2.3.1, and often forgotten.
    const pair = `${formEncoded(client.clientId)}:${formEncoded(secret)}`;
    headers.push(['authorization', `Basic ${encodeBase64(utf8(pair))}`]);
  } else {
    form.push(['client_id', client.clientId], ['client_secret', secret]);
  }
  const body = form.map(([name, value]) => `${name}=${formEncoded(value)}`).join('&');
  return { ok: true, value: { url: client.tokenUrl, method: 'POST', headers, body } };
}

/** Section 5.1: a bearer token, or nothing. */
export function readTokenAnswer(
  status: number,
  body: Uint8Array,
): Result<IssuedToken, TokenAnswerCode> {
  if (status !== 200) return { ok: false, error: 'token_refused' };
  const read = readJson(body);
  const answer = read.ok ? read.value : null;
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    return { ok: false, error: 'token_answer' };
  }
  const { access_token, token_type, expires_in } = answer as Readonly<Record<string, unknown>>;
  const bearer = typeof token_type === 'string' && token_type.toLowerCase() === 'bearer';
  if (
    !bearer ||
    typeof access_token !== 'string' ||
    !/^[A-Za-z0-9\-._~+/]+=*$/.test(access_token)
  ) {
    return { ok: false, error: 'token_answer' };
  }
  const seconds = typeof expires_in === 'string' ? Number(expires_in) : expires_in;
  const known = typeof seconds === 'number' && Number.isSafeInteger(seconds) && seconds > 0;
  return { ok: true, value: { token: access_token, expiresInSeconds: known ? seconds : null } };
}

function formEncoded(text: string): string {
  return percentEncoded(text).replaceAll('%20', '+');
}
