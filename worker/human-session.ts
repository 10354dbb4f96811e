// People in a browser: a sealed cookie that says who they are for at most an hour, and another one for the ten minutes of a
// login. Both are encrypted with keys derived from the Worker secret SESSION_KEY; without it nobody is anybody here.
//
// The cookies are called __Host-…, which a browser takes only over https, for this host alone and for every path. A
// development gateway on http loopback has no https: there, and only there, they have another name and are not Secure.
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { EncryptJWT, jwtDecrypt } from 'jose';
import { z } from 'zod';
import { nativeCrypto } from '../adapters/crypto.ts';
import { isDevelopment, type Env } from '../adapters/env.ts';
import type { PendingLogin } from '../adapters/human-login.ts';
import type { ActivePolicy } from '../adapters/policy-store.ts';
import type { Principal } from '../core/identity.ts';
import { isLoopback } from '../core/policy/web-address.ts';
import type { DoorEnv } from './door-env.ts';

export const HUMAN_SESSION_SECONDS = 60 * 60;
export const LOGIN_SECONDS = 10 * 60;
export const MIN_SESSION_KEY_CHARS = 32;
/** Browsers drop a cookie of more than 4,096 bytes without a word. */
const MAX_COOKIE_CHARS = 3_800;

/** Claims worth keeping: they name the person on pages, and across issuers (core/approval/person.ts). */
const KEPT_CLAIMS = ['sub', 'name', 'email', 'preferred_username', 'upn'] as const;

export interface HumanSession {
  readonly principal: Principal;
  /** Random; what CSRF tokens are bound to. */
  readonly sid: string;
}

type Purpose = 'session' | 'login' | 'form';

/** Null when SESSION_KEY is missing or too short to be a secret. */
export function sessionKey(env: Env, purpose: Purpose): Uint8Array | null {
  const key = env.SESSION_KEY;
  if (typeof key !== 'string' || key.length < MIN_SESSION_KEY_CHARS) return null;
  const utf8 = new TextEncoder();
  // One expansion step of HKDF (RFC 5869 section 2.3): the secret is random, and each use gets its own key.
  return nativeCrypto.hmacSha256(utf8.encode(key), utf8.encode(`postern ${purpose} 1\u0001`));
}

interface CookieKind {
  readonly name: string;
  readonly prefix?: 'host';
  readonly secure: boolean;
}

/** Null where a cookie would travel in clear text: no session then. */
export function cookieKind(c: Context<DoorEnv>, purpose: 'session' | 'login'): CookieKind | null {
  const url = new URL(c.req.url);
  const suffix = purpose === 'session' ? '' : '-login';
  if (url.protocol === 'https:') return { name: `postern${suffix}`, prefix: 'host', secure: true };
  if (isDevelopment(c.env) && isLoopback(url.hostname)) {
    return { name: `postern-dev${suffix}`, secure: false };
  }
  return null;
}

/** False when the session cannot be kept: too many groups for a cookie, no key, no https. */
export async function startSession(
  c: Context<DoorEnv>,
  principal: Principal,
  active: ActivePolicy,
  nowMs: number,
): Promise<boolean> {
  const asked = new Set(active.policy.rules.flatMap(({ demand }) => demand?.by ?? []));
  return seal(c, 'session', HUMAN_SESSION_SECONDS, nowMs, {
    sid: Buffer.from(nativeCrypto.randomBytes(16)).toString('base64url'),
    id: principal.id,
    issuer: principal.issuer,
    subject: principal.subject,
    // Only the groups that some rule asks: a company's directory does not fit a cookie, and nothing else is decided here.
    groups: principal.groups.filter((group) => asked.has(group)),
    claims: Object.fromEntries(
      KEPT_CLAIMS.flatMap((name) => {
        const value = principal.claims[name];
        return typeof value === 'string' ? [[name, value.slice(0, 200)]] : [];
      }),
    ),
  });
}

const storedSession = z.strictObject({
  sid: z.string().min(16),
  id: z.string().min(1),
  issuer: z.string().min(1),
  subject: z.string().min(1),
  groups: z.array(z.string()),
  claims: z.record(z.string(), z.string()),
});

/**
 * Who the browser says it is; null for nobody. The policy is asked again each time: an issuer that is gone, or is no longer
 * one of people, ends its sessions.
 */
export async function humanSession(
  c: Context<DoorEnv>,
  active: ActivePolicy,
  nowMs: number,
): Promise<HumanSession | null> {
  const opened = await unseal(c, 'session', nowMs);
  const parsed = storedSession.safeParse(opened?.value);
  if (opened === null || !parsed.success) return null;
  const { sid, ...identity } = parsed.data;
  const issuer = active.policy.issuers.find(({ id }) => id === identity.issuer);
  if (issuer?.kind !== 'human' || issuer.login === null) return null;
  return { sid, principal: { ...identity, kind: 'human', expiresAtMs: opened.expiresAtMs } };
}

export function endSession(c: Context<DoorEnv>): void {
  clear(c, 'session');
}

export async function startLogin(
  c: Context<DoorEnv>,
  pending: PendingLogin,
  returnTo: string,
  nowMs: number,
): Promise<boolean> {
  return seal(c, 'login', LOGIN_SECONDS, nowMs, { ...pending, returnTo });
}

const storedLogin = z.strictObject({
  issuer: z.string(),
  state: z.string().min(16),
  nonce: z.string().min(16),
  verifier: z.string().min(43),
  returnTo: z.string(),
});

/** The login this browser has begun; good for one attempt. */
export async function takeLogin(
  c: Context<DoorEnv>,
  nowMs: number,
): Promise<z.output<typeof storedLogin> | null> {
  const opened = await unseal(c, 'login', nowMs);
  clear(c, 'login');
  const parsed = storedLogin.safeParse(opened?.value);
  return parsed.success ? parsed.data : null;
}

async function seal(
  c: Context<DoorEnv>,
  purpose: 'session' | 'login',
  seconds: number,
  nowMs: number,
  value: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const key = sessionKey(c.env, purpose);
  const kind = cookieKind(c, purpose);
  if (key === null || kind === null) return false;
  const now = Math.floor(nowMs / 1000);
  const sealed = await new EncryptJWT({ value })
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .setIssuedAt(now)
    .setExpirationTime(now + seconds)
    .encrypt(key);
  if (sealed.length > MAX_COOKIE_CHARS) return false;
  setCookie(c, kind.name, sealed, {
    path: '/',
    httpOnly: true,
    secure: kind.secure,
    // Lax: the browser comes back from the issuer by a link, and a cookie that stayed behind would end every login.
    sameSite: 'Lax',
    maxAge: seconds,
    ...(kind.prefix === undefined ? {} : { prefix: kind.prefix }),
  });
  return true;
}

async function unseal(
  c: Context<DoorEnv>,
  purpose: 'session' | 'login',
  nowMs: number,
): Promise<{ readonly value: unknown; readonly expiresAtMs: number } | null> {
  const key = sessionKey(c.env, purpose);
  const kind = cookieKind(c, purpose);
  if (key === null || kind === null) return null;
  const sealed = getCookie(c, kind.name, kind.prefix);
  if (sealed === undefined || sealed === '') return null;
  try {
    const { payload } = await jwtDecrypt(sealed, key, {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
      requiredClaims: ['iat', 'exp'],
      currentDate: new Date(nowMs),
    });
    return { value: payload['value'], expiresAtMs: (payload.exp ?? 0) * 1000 };
  } catch {
    // Forged, expired or sealed with another key: nobody.
    return null;
  }
}

function clear(c: Context<DoorEnv>, purpose: 'session' | 'login'): void {
  const kind = cookieKind(c, purpose);
  if (kind === null) return;
  deleteCookie(c, kind.name, {
    path: '/',
    secure: kind.secure,
    httpOnly: true,
    sameSite: 'Lax',
    ...(kind.prefix === undefined ? {} : { prefix: kind.prefix }),
  });
}
