// Access tokens of OAuth client credentials: asked for when a request needs one, kept in the isolate until shortly before their
// end, asked for once however many requests wait. They are never stored. core/http/client-credentials.ts words the request
// and reads the answer. An issuer's own words stay unread: they may quote what it was sent.
import {
  MAX_OAUTH_ANSWER_BYTES,
  MAX_OAUTH_TOKENS,
  OAUTH_MARGIN_MS,
  OAUTH_SETTLED_MS,
  OAUTH_TIMEOUT_MS,
  OAUTH_UNKNOWN_LIFE_MS,
} from '../core/limits.ts';
import type { Result } from '../core/failure.ts';
import {
  readTokenAnswer,
  tokenRequest,
  type ClientCredentials,
  type TokenAnswerCode,
  type TokenRequest,
} from '../core/http/client-credentials.ts';
import type { CredentialCode } from '../core/http/credential.ts';
import { isLoopback } from '../core/policy/web-address.ts';
import { nativeCrypto } from './crypto.ts';
import { withinMs } from './deadline.ts';
import { isDevelopment, secret, type Env } from './env.ts';

export type TokenCode =
  | CredentialCode
  | TokenAnswerCode
  | 'token_url' // not https
  | 'token_unreachable'
  | 'token_too_large';

export interface AccessToken {
  readonly token: string;
  /** Old enough that the target may have withdrawn it; a 401 to a younger one is about something else. */
  readonly doubtful: boolean;
  /** Forgets it where it is doubtful: whoever can make a target answer 401 must not be able to flood the issuer. */
  drop(): void;
}

interface Issued {
  readonly token: string;
  readonly issuedAtMs: number;
  readonly endsAtMs: number;
}
type Fetched = Result<Issued, TokenCode>;

interface Flight {
  readonly startedAtMs: number;
  readonly fetched: Promise<Fetched>;
}

const tokens = new Map<string, Issued>();
const flights = new Map<string, Flight>();

export async function accessToken(
  env: Env,
  target: string,
  client: ClientCredentials,
): Promise<Result<AccessToken, TokenCode>> {
  const value = secret(env, client.clientSecret);
  const request = tokenRequest(client, value === null ? {} : { [client.clientSecret]: value });
  if (!request.ok) return request;
  if (!safe(env, client.tokenUrl)) return { ok: false, error: 'token_url' };
  const key = keyOf(target, request.value);
  const known = tokens.get(key);
  if (known !== undefined && known.endsAtMs > Date.now()) {
    return { ok: true, value: tokenOf(key, known) };
  }
  const fetched = await shared(key, request.value);
  if (!fetched.ok) return fetched;
  return { ok: true, value: tokenOf(key, fetched.value) };
}

function tokenOf(key: string, issued: Issued): AccessToken {
  const doubtful = Date.now() - issued.issuedAtMs > OAUTH_SETTLED_MS;
  return {
    token: issued.token,
    doubtful,
    // Another request may have fetched a new one by now; that one stays.
    drop: () => {
      if (doubtful && tokens.get(key) === issued) tokens.delete(key);
    },
  };
}

/** Everything that the token depends on, the client's secret included; hashed, so that no map of this isolate holds one. */
function keyOf(target: string, { url, headers, body }: TokenRequest): string {
  const text = JSON.stringify([target, url, headers, body]);
  return String.fromCharCode(...nativeCrypto.sha256(new TextEncoder().encode(text)));
}

function safe(env: Env, url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:') return true;
  return protocol === 'http:' && isDevelopment(env) && isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

/** One request to the issuer at a time, whoever waits for it. */
async function shared(key: string, request: TokenRequest): Promise<Fetched> {
  const flight = flights.get(key);
  if (flight !== undefined && Date.now() - flight.startedAtMs < OAUTH_TIMEOUT_MS) {
    try {
      return await withinMs(OAUTH_TIMEOUT_MS, () => flight.fetched);
    } catch {
      // The Durable Object that asked was ended, and its request with it. This one asks for itself.
      return fetched(key, request);
    }
  }
  const own: Flight = { startedAtMs: Date.now(), fetched: fetched(key, request) };
  flights.set(key, own);
  try {
    return await own.fetched;
  } finally {
    if (flights.get(key) === own) flights.delete(key);
  }
}

/** Never rejects. */
async function fetched(key: string, request: TokenRequest): Promise<Fetched> {
  const askedAtMs = Date.now();
  const answer = await asked(request);
  if (!answer.ok) return answer;
  const { status, body } = answer.value;
  const issued = readTokenAnswer(status, body);
  if (!issued.ok) return issued;
  const { token, expiresInSeconds } = issued.value;
  const lifeMs = expiresInSeconds === null ? null : expiresInSeconds * 1000;
  const keptMs =
    lifeMs === null ? OAUTH_UNKNOWN_LIFE_MS : lifeMs - Math.min(OAUTH_MARGIN_MS, lifeMs / 2);
  const value = { token, issuedAtMs: askedAtMs, endsAtMs: askedAtMs + keptMs };
  const oldest = tokens.keys().next();
  if (tokens.size >= MAX_OAUTH_TOKENS && oldest.done !== true) tokens.delete(oldest.value);
  tokens.delete(key);
  tokens.set(key, value);
  return { ok: true, value };
}

async function asked(
  request: TokenRequest,
): Promise<Result<{ readonly status: number; readonly body: Uint8Array }, TokenCode>> {
  const { url, method, headers, body } = request;
  try {
    const response = await fetch(url, {
      method,
      headers: headers.map(([name, value]) => [name, value]),
      body,
      // Wherever a redirect leads, the client's secret must not.
      redirect: 'manual',
      cache: 'no-store',
      signal: AbortSignal.timeout(OAUTH_TIMEOUT_MS),
    });
    const bytes = await bounded(response);
    if (bytes === null) return { ok: false, error: 'token_too_large' };
    return { ok: true, value: { status: response.status, body: bytes } };
  } catch {
    // The issuer is away, too slow, or its answer broke off: one code, since texts of the runtime are no interface.
    return { ok: false, error: 'token_unreachable' };
  }
}

/** Null: larger than an answer may be. */
async function bounded({ body }: Response): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_OAUTH_ANSWER_BYTES) {
      await reader.cancel();
      return null;
    }
    chunks.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
