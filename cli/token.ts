// What can be read in a token without verifying it: when it ends and whom it names. Only the gateway verifies; nothing
// here may be used to allow anything.

/** A token ready to be sent, and its end when the token says it. */
export interface Token {
  readonly token: string;
  /** `exp`, milliseconds since the epoch; null for an opaque token. */
  readonly expiresAtMs: number | null;
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
  const exp = unverifiedClaims(token)?.['exp'];
  return { token, expiresAtMs: typeof exp === 'number' ? exp * 1000 : null };
}

/** RFC 7519 section 4.1.3: one string or an array of them. */
export function hasAudience(token: string, audience: string): boolean {
  const aud = unverifiedClaims(token)?.['aud'];
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience;
}
