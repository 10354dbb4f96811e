// Who sends a request: the bearer token of the Authorization header, verified against the policy's issuers. Routes see a
// Principal or nothing; which check a token failed is for the log, never for the caller.
import type { Context, MiddlewareHandler } from 'hono';
import { isDevelopment } from '../adapters/env.ts';
import { policies } from '../adapters/policy-store.ts';
import { tokens, type TokenFailure } from '../adapters/tokens.ts';
import type { Result } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import type { DoorEnv } from './door-env.ts';
import { problem } from './render-failure.ts';

export interface AuthenticationFailure {
  readonly code: TokenFailure['code'] | 'policy_unreadable';
  readonly detail: string;
}

/**
 * The token of `Authorization: Bearer` (RFC 6750 section 2.1); null when there is no such header. Headers joins repeated
 * ones with a comma, which no token has: two tokens are malformed, never a choice.
 */
export function bearerToken(headers: Headers): Result<string, TokenFailure> | null {
  const value = headers.get('authorization');
  if (value === null) return null;
  const match = /^bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(value);
  if (match?.[1] === undefined) {
    return { ok: false, error: { code: 'token_malformed', detail: 'not one bearer token' } };
  }
  return { ok: true, value: match[1] };
}

/** Null when the request brings no token; then the protocol inside may still bring one. */
export async function authenticateOptional(
  c: Context<DoorEnv>,
): Promise<Result<Principal, AuthenticationFailure> | null> {
  const token = bearerToken(c.req.raw.headers);
  if (token === null || !token.ok) return token;
  const now = Date.now();
  const active = await policies.current(c.env.DB, isDevelopment(c.env), now);
  if (!active.ok) return active;
  return tokens.verify(token.value, active.value.policy, now);
}

/** Middleware: sets `principal`, or answers 401 (503 when the policy cannot be read). */
export const requirePrincipal: MiddlewareHandler<DoorEnv> = async (c, next) => {
  const principal = await authenticateOptional(c);
  if (principal === null) return problem(c, 'token_missing');
  if (!principal.ok) {
    console.warn(JSON.stringify({ event: 'token_refused', ...principal.error }));
    return problem(c, principal.error.code);
  }
  c.set('principal', principal.value);
  return next();
};
