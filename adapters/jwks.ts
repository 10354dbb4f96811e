// The signing keys of token issuers: OpenID Connect discovery or a fixed address, cached per isolate. Only values are
// cached, never promises: in workerd a promise belongs to the request that made it and can hang for another one. Whoever
// finds a fetch under way waits for its value, and takes over when it does not come.
//
// What a token may influence here is only *which* cached key is looked up. jku, x5u and jwk headers are never read.
import { importJWK, type CryptoKey, type JWK } from 'jose';
import type { Result } from '../core/failure.ts';
import { isLoopback, webAddress } from '../core/policy/web-address.ts';

export type KeyFailure = {
  readonly code: 'key_unknown' | 'keys_unavailable';
  readonly detail: string;
};

/** Where an issuer's keys are. `jwksUri: null`: ask its discovery document. */
export interface KeySource {
  readonly issuer: string;
  readonly jwksUri: string | null;
}

export interface KeyCache {
  /** The one key of this source that fits the token's header. `kid: null`: the only key for the algorithm. */
  find(
    source: KeySource,
    header: { readonly kid: string | null; readonly alg: string },
  ): Promise<Result<CryptoKey, KeyFailure>>;
}

/** Keys are read again after this time, so that a withdrawn key is forgotten. */
export const KEYS_REFRESH_MS = 10 * 60_000;
/** With the issuer away, its last keys serve this long. */
export const KEYS_MAX_AGE_MS = 60 * 60_000;
/** Between two fetches for one source: tokens with made-up key ids must not become a flood at the issuer. */
export const KEYS_COOL_DOWN_MS = 10_000;
const FETCH_TIMEOUT_MS = 5_000;
const MAX_RESPONSE_BYTES = 256 * 1024;
const MAX_KEYS = 100;
/** Between two looks at somebody else's fetch; doubled each time, up to the second number. */
const WAIT_STEP_MS = 20;
const MAX_WAIT_STEP_MS = 320;

interface Entry {
  keys: readonly JWK[];
  /** When `keys` were read; null: never. */
  readAt: number | null;
  triedAt: number | null;
  /** Fetches that have ended, well or badly. */
  tries: number;
  /** A fetch is under way until this time at the latest. */
  busyUntil: number;
  failure: string;
}

export interface KeyCacheOptions {
  readonly fetch: typeof fetch;
  readonly clock: () => number;
}

export function createKeyCache(
  options: KeyCacheOptions = { fetch: (...args) => fetch(...args), clock: () => Date.now() },
): KeyCache {
  const entries = new Map<string, Entry>();
  const { clock } = options;

  const entryOf = (source: KeySource): Entry => {
    // No URL has a space, so the two cannot run into each other.
    const name = `${source.issuer} ${source.jwksUri ?? ''}`;
    const known = entries.get(name);
    if (known !== undefined) return known;
    const fresh: Entry = {
      keys: [],
      readAt: null,
      triedAt: null,
      tries: 0,
      busyUntil: 0,
      failure: 'never read',
    };
    entries.set(name, fresh);
    return fresh;
  };

  const refresh = async (entry: Entry, source: KeySource): Promise<void> => {
    const before = entry.tries;
    for (let step = WAIT_STEP_MS; clock() < entry.busyUntil; step *= 2) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(step, MAX_WAIT_STEP_MS)));
    }
    // Someone else's fetch ended while this one waited: its result, good or bad, is the answer.
    if (entry.tries !== before) return;
    entry.busyUntil = clock() + 2 * FETCH_TIMEOUT_MS;
    try {
      entry.keys = await readKeys(source, options.fetch);
      entry.readAt = clock();
    } catch (error) {
      entry.failure = error instanceof KeysUnreadable ? error.message : 'the issuer did not answer';
    } finally {
      entry.triedAt = clock();
      entry.tries += 1;
      entry.busyUntil = 0;
    }
  };

  const coolingDown = (entry: Entry): boolean =>
    entry.triedAt !== null && clock() - entry.triedAt < KEYS_COOL_DOWN_MS;
  const age = (entry: Entry): number =>
    entry.readAt === null ? Number.POSITIVE_INFINITY : clock() - entry.readAt;

  return {
    async find(source, header) {
      const entry = entryOf(source);
      const usable = age(entry) <= KEYS_MAX_AGE_MS;
      // One caller pays for the refresh; the others go on with the keys that are there.
      const mine = !coolingDown(entry) && !(usable && clock() < entry.busyUntil);
      if (age(entry) > KEYS_REFRESH_MS && mine) await refresh(entry, source);
      const unavailable = {
        ok: false,
        error: { code: 'keys_unavailable', detail: entry.failure },
      } as const;
      if (age(entry) > KEYS_MAX_AGE_MS) return unavailable;
      let key = candidate(entry.keys, header);
      if (key === 'none' && !coolingDown(entry)) {
        const before = entry.readAt;
        await refresh(entry, source);
        if (entry.readAt === before)
          return { ok: false, error: { code: 'keys_unavailable', detail: entry.failure } };
        key = candidate(entry.keys, header);
      }
      if (key === 'none') return unknown('the issuer has no such key');
      if (key === 'several') return unknown('more than one key fits; the token names none');
      return imported(key, header.alg);
    },
  };
}

function unknown(detail: string) {
  return { ok: false, error: { code: 'key_unknown', detail } } as const;
}

/** Imported keys by the JWK they came from, so that a key set read anew takes its imports with it. */
const imports = new WeakMap<JWK, Map<string, CryptoKey>>();

async function imported(key: JWK, alg: string): Promise<Result<CryptoKey, KeyFailure>> {
  const known = imports.get(key)?.get(alg);
  if (known !== undefined) return { ok: true, value: known };
  try {
    const fresh = await importJWK(key, alg);
    if (fresh instanceof Uint8Array) return unknown('not a public key');
    const byAlgorithm = imports.get(key) ?? new Map<string, CryptoKey>();
    imports.set(key, byAlgorithm.set(alg, fresh));
    return { ok: true, value: fresh };
  } catch {
    return unknown('the key cannot be used');
  }
}

/** RFC 7518 section 3.1 and RFC 8037 section 3.1: the kind of key an algorithm takes. */
const KEY_KINDS: Readonly<Record<string, { readonly kty: string; readonly crv?: string }>> = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  Ed25519: { kty: 'OKP', crv: 'Ed25519' },
};

function candidate(
  keys: readonly JWK[],
  { kid, alg }: { readonly kid: string | null; readonly alg: string },
): JWK | 'none' | 'several' {
  const kind = Object.hasOwn(KEY_KINDS, alg) ? KEY_KINDS[alg] : undefined;
  const fitting = keys.filter(
    (key) =>
      kind !== undefined &&
      key.kty === kind.kty &&
      (kind.crv === undefined || key.crv === kind.crv) &&
      (key.alg === undefined || sameAlgorithm(key.alg, alg)) &&
      (kid === null || key.kid === kid),
  );
  const [first, second] = fitting;
  if (first === undefined) return 'none';
  return second === undefined ? first : 'several';
}

/** RFC 9864 renames EdDSA over this curve to Ed25519; issuers are between the two. */
function sameAlgorithm(a: string, b: string): boolean {
  const name = (alg: string) => (alg === 'Ed25519' ? 'EdDSA' : alg);
  return name(a) === name(b);
}

class KeysUnreadable extends Error {
  override readonly name = 'KeysUnreadable';
}

/** Plain http is possible only where the policy file has it, and it may only for loopback in development. */
async function readKeys(source: KeySource, get: typeof fetch): Promise<readonly JWK[]> {
  const plain = webAddress(source.jwksUri ?? source.issuer)?.secure === false;
  const uri = source.jwksUri ?? (await discover(source.issuer, plain, get));
  const set = await readJson(uri, plain, get);
  const keys: unknown = isRecord(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys)) throw new KeysUnreadable('the key set has no keys');
  if (keys.length > MAX_KEYS)
    throw new KeysUnreadable(`the key set has more than ${MAX_KEYS} keys`);
  return keys.flatMap((key: unknown) => publicKey(key) ?? []);
}

/** OpenID Connect Discovery 1.0 section 4: the document must name the very issuer that was asked. */
async function discover(issuer: string, plain: boolean, get: typeof fetch): Promise<string> {
  const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = await readJson(address, plain, get);
  if (!isRecord(document) || document['issuer'] !== issuer) {
    throw new KeysUnreadable('the discovery document names another issuer');
  }
  const uri = document['jwks_uri'];
  if (typeof uri !== 'string') throw new KeysUnreadable('the discovery document has no jwks_uri');
  return uri;
}

/** Signature keys only, public members only; anything else in the set is passed over. */
function publicKey(key: unknown): JWK | null {
  if (!isRecord(key) || (key['use'] !== undefined && key['use'] !== 'sig')) return null;
  const operations = key['key_ops'];
  if (Array.isArray(operations) && !operations.includes('verify')) return null;
  const wanted = ['kty', 'kid', 'alg', 'crv', 'x', 'y', 'n', 'e'].filter(
    (name) => typeof key[name] === 'string',
  );
  return Object.fromEntries(wanted.map((name) => [name, key[name]])) as JWK;
}

async function readJson(url: string, plain: boolean, get: typeof fetch): Promise<unknown> {
  const address = webAddress(url);
  if (address === null || !(address.secure || (plain && isLoopback(address.host)))) {
    throw new KeysUnreadable('the address of the keys is not https');
  }
  const response = await get(url, {
    headers: { accept: 'application/json' },
    // A redirect would let whoever controls a path choose the host the keys come from.
    redirect: 'manual',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new KeysUnreadable(`the issuer answered ${response.status}`);
  }
  return JSON.parse(await boundedText(response)) as unknown;
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  for (;;) {
    const part = await reader?.read();
    if (part === undefined || part.done) break;
    total += part.value.length;
    if (total > MAX_RESPONSE_BYTES) {
      await reader?.cancel();
      throw new KeysUnreadable(`the issuer answered more than ${MAX_RESPONSE_BYTES} bytes`);
    }
    chunks.push(part.value);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
