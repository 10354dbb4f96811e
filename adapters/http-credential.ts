// A target's credential at the moment it is used: values are read from the Worker's secrets by the names in the policy, tokens
// are fetched, and what is to be set on the request comes out. core/http/credential.ts shapes it.
import type { Result } from '../core/failure.ts';
import {
  credentialHeaders,
  type CredentialCode,
  type CredentialKind,
  type ShapedCredential,
} from '../core/http/credential.ts';
import type { HttpCredential, WebTarget } from '../core/policy/policy.ts';
import { secret, type Env } from './env.ts';
import { reportAuthFailure, UpstreamFailure } from './http-failure.ts';
import { accessToken, type AccessToken } from './http-token.ts';

export interface UsableCredential extends ShapedCredential {
  /** Where the credential is an OAuth token. */
  readonly token: AccessToken | null;
}

/**
 * Null where the target asks for none.
 * @throws UpstreamFailure target_auth_failed; the operator is told why
 */
export async function httpCredential(
  env: Env,
  { id, credential }: WebTarget,
): Promise<UsableCredential | null> {
  if (credential === null) return null;
  if (credential.kind !== 'oauth') return { ...taken(id, shaped(env, credential)), token: null };
  const token = await accessToken(env, id, credential);
  if (!token.ok) throw unusable(id, token.error);
  const bearer = { kind: 'bearer', token: 'token' } as const;
  return {
    ...taken(id, credentialHeaders(bearer, { token: token.value.token })),
    token: token.value,
  };
}

function shaped(env: Env, credential: CredentialKind): Result<ShapedCredential, CredentialCode> {
  const values: Record<string, string> = {};
  for (const name of secretNames(credential)) {
    const value = secret(env, name);
    if (value !== null) values[name] = value;
  }
  return credentialHeaders(credential, values);
}

/** Names of the Worker secrets that a credential is made of. */
export function secretNames(credential: HttpCredential): readonly string[] {
  switch (credential.kind) {
    case 'bearer':
      return [credential.token];
    case 'basic':
      return [credential.password];
    case 'header':
    case 'query':
      return [credential.secret];
    case 'sigv4': {
      const { accessKeyId, secretAccessKey, sessionToken } = credential;
      return [accessKeyId, secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])];
    }
    case 'oauth':
      return [credential.clientSecret];
    default:
      return [];
  }
}

function taken(target: string, shape: Result<ShapedCredential, CredentialCode>): ShapedCredential {
  if (!shape.ok) throw unusable(target, shape.error);
  // The runtime warns of other characters in its log, and quotes the value.
  if (shape.value.headers.some(([, value]) => /[^\t -~]/.test(value))) {
    throw unusable(target, 'credential_malformed');
  }
  return shape.value;
}

function unusable(target: string, reason: string): UpstreamFailure {
  reportAuthFailure(target, reason);
  return new UpstreamFailure('target_auth_failed', `no usable credential: ${reason}`, false);
}
