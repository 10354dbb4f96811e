// Bearer tokens → Principal: JWS-signed JWTs of the policy's issuers, after RFC 7519 and the advice of RFC 8725. Everything
// read before the signature holds only chooses what the signature is checked against. Never throws; the detail names the
// check and, at most, an issuer of the policy file, never a part of the token.
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import type { Result, TokenCode } from '../core/failure.ts';
import type { Principal } from '../core/identity.ts';
import { createClaimsReader, type ClaimsReader } from '../core/identity-claims.ts';
import { MAX_TOKEN_BYTES } from '../core/limits.ts';
import type { PolicyIssuer } from '../core/policy/policy.ts';
import { createKeyCache, type KeyCache } from './jwks.ts';

export interface TokenFailure {
  readonly code: TokenCode;
  /** For the journal. */
  readonly detail: string;
}

export interface TokenVerifier {
  /** Milliseconds since the epoch. */
  verify(
    token: string,
    policy: { readonly issuers: readonly PolicyIssuer[] },
    nowMs: number,
  ): Promise<Result<Principal, TokenFailure>>;
}

/** Compact JWS: three base64url parts. Five parts are JWE, which nobody here could read before accepting it. */
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const MAX_KID_CHARS = 500;

/** RFC 8725 section 3.11: what other protocols sign (logout tokens, DPoP proofs, security events) is no access token. */
const DEFAULT_TYPES: readonly string[] = ['jwt', 'jose', 'at+jwt', 'application/at+jwt'];

/** One per isolate: the keys are shared by all requests. */
export const tokens: TokenVerifier = createTokenVerifier(createKeyCache());

export function createTokenVerifier(keys: KeyCache): TokenVerifier {
  const readers = new WeakMap<PolicyIssuer, ClaimsReader>();
  const readerOf = (issuer: PolicyIssuer): ClaimsReader => {
    const known = readers.get(issuer);
    if (known !== undefined) return known;
    const fresh = createClaimsReader(issuer);
    readers.set(issuer, fresh);
    return fresh;
  };

  return {
    async verify(token, policy, nowMs) {
      const opened = open(token);
      if (!opened.ok) return opened;
      const { header, claims } = opened.value;
      const chosen = chooseIssuer(policy.issuers, claims);
      if (!chosen.ok) return chosen;
      const issuer = chosen.value;
      const { alg, kid, typ } = header;
      if (!issuer.algorithms.includes(alg)) {
        return refuse('algorithm_refused', `not an algorithm of ${issuer.id}`);
      }
      if (typ !== null && !(issuer.typ ?? DEFAULT_TYPES).includes(typ)) {
        return refuse('token_malformed', `not a typ of ${issuer.id}`);
      }
      if (typ === null && issuer.typ !== null) {
        return refuse('token_malformed', `${issuer.id} requires a typ`);
      }
      const key = await keys.find(issuer, { kid, alg });
      if (!key.ok) return refuse(key.error.code, `${issuer.id}: ${key.error.detail}`);
      let verified: JWTPayload;
      try {
        const { payload } = await jwtVerify(token, key.value, {
          algorithms: [alg],
          issuer: issuer.issuer,
          audience: [...issuer.audiences],
          clockTolerance: issuer.clockSkewSeconds,
          maxTokenAge: issuer.maxAgeSeconds,
          requiredClaims: ['iss', 'aud', 'exp', 'iat'],
          currentDate: new Date(nowMs),
        });
        verified = payload;
      } catch (error) {
        const [code, detail] = describe(error);
        return refuse(code, `${issuer.id}: ${detail}`);
      }
      const { exp, iat } = verified;
      if (exp === undefined || iat === undefined)
        return refuse('claim_missing', `${issuer.id}: exp or iat`);
      const endsAtMs = Math.min(exp, iat + issuer.maxAgeSeconds) * 1000;
      const principal = readerOf(issuer).principal(verified, endsAtMs);
      if (principal.ok) return principal;
      return refuse(principal.error.code, `${issuer.id}: ${principal.error.detail}`);
    },
  };
}

interface Opened {
  readonly header: {
    readonly alg: string;
    readonly kid: string | null;
    readonly typ: string | null;
  };
  /** Not verified. */
  readonly claims: JWTPayload;
}

/** Takes the token apart without believing any of it. */
function open(token: string): Result<Opened, TokenFailure> {
  if (token === '') return refuse('token_missing', 'empty');
  // Every accepted character is one byte, so a longer string is a larger token.
  if (token.length > MAX_TOKEN_BYTES)
    return refuse('token_too_large', `over ${MAX_TOKEN_BYTES} bytes`);
  if (!COMPACT_JWS.test(token)) return refuse('token_malformed', 'not a signed JWT');
  try {
    const header = decodeProtectedHeader(token);
    const claims = decodeJwt(token);
    const { alg, kid = null, typ = null } = header;
    if (typeof alg !== 'string') return refuse('token_malformed', 'no alg');
    // An extension that must be understood, and is not: RFC 7515 section 4.1.11.
    if (header.crit !== undefined) return refuse('token_malformed', 'crit');
    if (kid !== null && (typeof kid !== 'string' || kid.length > MAX_KID_CHARS)) {
      return refuse('token_malformed', 'kid');
    }
    if (typ !== null && typeof typ !== 'string') return refuse('token_malformed', 'typ');
    return { ok: true, value: { header: { alg, kid, typ: typ?.toLowerCase() ?? null }, claims } };
  } catch {
    return refuse('token_malformed', 'not JSON');
  }
}

/** By the exact `iss`; where one issuer has several blocks, by the audience. Verified again with the signature. */
function chooseIssuer(
  issuers: readonly PolicyIssuer[],
  claims: JWTPayload,
): Result<PolicyIssuer, TokenFailure> {
  const { iss, aud } = claims;
  const same = issuers.filter(({ issuer }) => issuer === iss);
  if (same.length === 0) return refuse('issuer_unknown', 'no issuer of the policy has this iss');
  const audiences: unknown[] = Array.isArray(aud) ? aud : [aud];
  if (aud === undefined) return refuse('claim_missing', 'aud');
  if (!audiences.every((audience) => typeof audience === 'string')) {
    return refuse('token_malformed', 'aud');
  }
  const [issuer, other] = same.filter((candidate) =>
    candidate.audiences.some((audience) => audiences.includes(audience)),
  );
  if (issuer === undefined)
    return refuse('audience_mismatch', `not an audience of ${same[0]?.id ?? ''}`);
  if (other !== undefined)
    return refuse('audience_mismatch', `fits both ${issuer.id} and ${other.id}`);
  return { ok: true, value: issuer };
}

/** jose's errors as codes. Its messages are constants, yet only its codes and claim names are used. */
function describe(error: unknown): readonly [TokenCode, string] {
  if (error instanceof errors.JWTExpired) {
    return error.claim === 'iat' ? ['token_too_old', 'iat'] : ['token_expired', 'exp'];
  }
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.reason === 'missing') return ['claim_missing', error.claim];
    switch (error.claim) {
      case 'aud':
        return ['audience_mismatch', 'aud'];
      case 'iss':
        return ['issuer_unknown', 'iss'];
      case 'nbf':
      case 'iat':
        return error.reason === 'check_failed'
          ? ['token_not_yet_valid', error.claim]
          : ['token_malformed', error.claim];
      default:
        return ['token_malformed', error.claim];
    }
  }
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return ['signature_invalid', 'signature'];
  if (error instanceof errors.JOSEAlgNotAllowed) return ['algorithm_refused', 'alg'];
  if (error instanceof errors.JOSEError) return ['token_malformed', error.code];
  // Web Crypto's own refusals: a key too weak for its algorithm, for one.
  return ['signature_invalid', 'the key could not verify it'];
}

function refuse(code: TokenCode, detail: string) {
  return { ok: false, error: { code, detail } } as const;
}
