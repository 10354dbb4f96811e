// What can be read in a token without verifying it: when it ends and whom it names. Only the gateway verifies; nothing
// here may be used to allow anything.

/** A token ready to be sent, and its end when the token says it. */
export interface Token {
  readonly token: string;
  /** `iat` and `exp`, milliseconds since the epoch; null where the token does not tell. */
  readonly issuedAtMs: number | null;
  readonly expiresAtMs: number | null;
}

/** A request is over in a moment; a session lives no longer than the token that opened it. */
export type TokenUse = 'request' | 'session';

const REFRESH_BEFORE_MS = 60_000;

/** Whether a token need not be renewed: it has a minute left, and for a session at least half of its life. */
export function isFresh({ issuedAtMs, expiresAtMs }: Token, use: TokenUse, nowMs: number): boolean {
  if (expiresAtMs === null) return true;
  const left = expiresAtMs - nowMs;
  const life = issuedAtMs === null ? 0 : expiresAtMs - issuedAtMs;
  return left > REFRESH_BEFORE_MS && (use === 'request' || left >= life / 2);
}

/** Claims of a JWT (RFC 7519 section 7.2, steps 1 to 6 only), or null when it is not one. */
export function unverifiedClaims(token: string): Readonly<Record<string, unknown>> | null {
  const parts = token.split('.');
  const payload = parts[1];
  if (parts.length !== 3 || payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims)
      ? { ...claims }
      : null;
  } catch {
    return null; // not a JWT: an opaque token is sent as it is
  }
}

export function tokenOf(token: string): Token {
  const claims = unverifiedClaims(token);
  return {
    token,
    issuedAtMs: milliseconds(claims?.['iat']),
    expiresAtMs: milliseconds(claims?.['exp']),
  };
}

/** A NumericDate (RFC 7519 section 2). */
function milliseconds(seconds: unknown): number | null {
  return typeof seconds === 'number' ? seconds * 1000 : null;
}

/** RFC 7519 section 4.1.3: one string or an array of them. */
export function hasAudience(token: string, audience: string): boolean {
  const aud = unverifiedClaims(token)?.['aud'];
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience;
}
