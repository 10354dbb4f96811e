// Tokens inside workerd, with keys made here and an issuer that is a function. Every attack has its own line.
import {
  SignJWT,
  UnsecuredJWT,
  base64url,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type CryptoKey,
} from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  KEYS_COOL_DOWN_MS,
  KEYS_MAX_AGE_MS,
  KEYS_REFRESH_MS,
  createKeyCache,
} from '../../adapters/jwks.ts';
import { createTokenVerifier } from '../../adapters/tokens.ts';
import { MAX_TOKEN_BYTES } from '../../core/limits.ts';
import { parsePolicy } from '../../core/policy/parse.ts';
import type { PolicyIssuer } from '../../core/policy/policy.ts';

const ISSUER = 'https://ci.example';
const AUDIENCE = 'https://gate.example';
const NOW = Date.UTC(2026, 5, 1, 12);
const SECONDS = NOW / 1000;

interface Key {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

let rsa: Key;
let ec: Key;
let okp: Key;
let stranger: Key;

async function key(kid: string, alg: string): Promise<Key> {
  return { kid, alg, ...(await generateKeyPair(alg, { extractable: true })) };
}

beforeAll(async () => {
  rsa = await key('rsa-1', 'RS256');
  ec = await key('ec-1', 'ES256');
  okp = await key('okp-1', 'EdDSA');
  stranger = await key('rsa-1', 'RS256');
});

async function jwk({ publicKey, kid, alg }: Key, over: object = {}) {
  return { ...(await exportJWK(publicKey)), kid, alg, use: 'sig', ...over };
}

/** An issuer as HTTP sees it: answers by URL, counts what it is asked, and can be taken away. */
class FakeIssuer {
  readonly asked: string[] = [];
  answers = new Map<string, () => Response | Promise<Response>>();
  nowMs = NOW;
  readonly cache = createKeyCache({
    clock: () => this.nowMs,
    fetch: async (input, init) => {
      // A followed redirect would choose the keys' host; the runtime must not do it on its own.
      expect(init?.redirect).toBe('manual');
      expect(init?.signal).toBeInstanceOf(AbortSignal);
      const url = input instanceof Request ? input.url : String(input);
      this.asked.push(url);
      const answer = this.answers.get(url);
      if (answer === undefined) throw new TypeError('no such host');
      return answer();
    },
  });
  readonly verifier = createTokenVerifier(this.cache);

  serve(keys: readonly object[], issuer = ISSUER): this {
    this.answers.set(`${issuer}/.well-known/openid-configuration`, () =>
      Response.json({ issuer, jwks_uri: `${issuer}/keys` }),
    );
    this.answers.set(`${issuer}/keys`, () => Response.json({ keys }));
    return this;
  }

  keyReads(): number {
    return this.asked.filter((url) => url.endsWith('/keys')).length;
  }

  async verify(token: string, issuers = policyIssuers()): Promise<string> {
    const result = await this.verifier.verify(token, { issuers }, this.nowMs);
    if (result.ok) return `ok ${result.value.id}`;
    // Whatever is refused, the token is not in the reason.
    for (const part of token.split('.')) {
      if (part.length > 8) expect(result.error.detail).not.toContain(part);
    }
    return result.error.code;
  }
}

function policyIssuers(blocks?: string): readonly PolicyIssuer[] {
  const text = `version: 1\nissuers:\n${blocks ?? block('ci', ISSUER, AUDIENCE)}`;
  const parsed = parsePolicy(text, { development: true });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.issuers;
}

function block(id: string, issuer: string, audience: string, more = ''): string {
  return `  - { id: ${id}, issuer: "${issuer}", audience: ${audience}, kind: workload${more} }\n`;
}

const CLAIMS = {
  iss: ISSUER,
  aud: AUDIENCE,
  sub: 'agent-1',
  iat: SECONDS - 10,
  nbf: SECONDS - 10,
  exp: SECONDS + 300,
};

/** A token of the issuer; a claim of undefined is left out. */
async function sign(
  claims: Record<string, unknown> = {},
  by: Key = rsa,
  header: Record<string, unknown> = {},
): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims })
    .setProtectedHeader({ alg: by.alg, kid: by.kid, typ: 'JWT', ...header })
    .sign(by.privateKey, { crit: { 'x-evil': true } });
}

function forge(header: object, claims: object, signature = 'AAAA'): string {
  const part = (value: object) => base64url.encode(JSON.stringify(value));
  return `${part(header)}.${part(claims)}.${signature}`;
}

async function issuer(): Promise<FakeIssuer> {
  return new FakeIssuer().serve([await jwk(rsa), await jwk(ec), await jwk(okp)]);
}

describe('a token that is accepted', () => {
  it.each([['RS256'], ['ES256'], ['EdDSA']])('signed with %s', async (alg) => {
    const by = [rsa, ec, okp].find((candidate) => candidate.alg === alg);
    expect(await (await issuer()).verify(await sign({}, by))).toBe('ok ci:agent-1');
  });

  it('makes a principal with groups, verified claims and an end', async () => {
    const issuers = policyIssuers(
      block(
        'ci',
        ISSUER,
        AUDIENCE,
        ', groups: { deploy: \'claims.ref == "main"\', never: \'claims.ref == "x"\' }, groupsFrom: claims.teams',
      ),
    );
    const { verifier } = await issuer();
    const result = await verifier.verify(
      await sign({ ref: 'main', teams: ['b', 'a', 'deploy'] }),
      { issuers },
      NOW,
    );
    expect(result).toMatchObject({
      ok: true,
      value: {
        id: 'ci:agent-1',
        issuer: 'ci',
        subject: 'agent-1',
        kind: 'workload',
        groups: ['a', 'b', 'deploy'],
        claims: { ref: 'main', iss: ISSUER },
        expiresAtMs: NOW + 300_000,
      },
    });
  });

  it('ends at the latest when it reaches its greatest age', async () => {
    const { verifier } = await issuer();
    const result = await verifier.verify(
      await sign({ exp: SECONDS + 90_000 }),
      { issuers: policyIssuers() },
      NOW,
    );
    expect(result).toMatchObject({ ok: true, value: { expiresAtMs: NOW - 10_000 + 3_600_000 } });
  });

  it.each([
    ['a list with the audience', { aud: ['other', AUDIENCE] }, 'ok ci:agent-1'],
    ['a little clock skew', { nbf: SECONDS + 20, iat: SECONDS + 20 }, 'ok ci:agent-1'],
    ['just expired, within the skew', { exp: SECONDS - 20 }, 'ok ci:agent-1'],
  ])('%s', async (_name, claims, code) => {
    expect(await (await issuer()).verify(await sign(claims))).toBe(code);
  });

  it.each([['at+jwt'], ['application/at+jwt'], ['jwt'], ['JOSE'], [undefined]])(
    'typ %s',
    async (typ) => {
      expect(await (await issuer()).verify(await sign({}, rsa, { typ }))).toBe('ok ci:agent-1');
    },
  );

  it('without a kid, when one key alone fits', async () => {
    expect(await (await issuer()).verify(await sign({}, ec, { kid: undefined }))).toBe(
      'ok ci:agent-1',
    );
  });

  it('signed with EdDSA under its newer name', async () => {
    expect(await (await issuer()).verify(await sign({}, okp, { alg: 'Ed25519' }))).toBe(
      'ok ci:agent-1',
    );
  });

  it('of an issuer whose name ends with a slash', async () => {
    const slashed = `${ISSUER}/`;
    const gate = new FakeIssuer();
    gate.answers.set(`${ISSUER}/.well-known/openid-configuration`, () =>
      Response.json({ issuer: slashed, jwks_uri: `${ISSUER}/keys` }),
    );
    gate.answers.set(`${ISSUER}/keys`, async () => Response.json({ keys: [await jwk(rsa)] }));
    const issuers = policyIssuers(block('ci', slashed, AUDIENCE));
    expect(await gate.verify(await sign({ iss: slashed }), issuers)).toBe('ok ci:agent-1');
    expect(await gate.verify(await sign(), issuers)).toBe('issuer_unknown');
  });

  it('of the right one of several issuers', async () => {
    const other = 'https://other.example';
    const gate = (await issuer()).serve([await jwk(ec)], other);
    const issuers = policyIssuers(block('ci', ISSUER, AUDIENCE) + block('other', other, 'x'));
    expect(await gate.verify(await sign(), issuers)).toBe('ok ci:agent-1');
    expect(await gate.verify(await sign({ iss: other, aud: 'x' }, ec), issuers)).toBe(
      'ok other:agent-1',
    );
    // Each issuer's keys are its own.
    expect(await gate.verify(await sign({ iss: other, aud: 'x' }, rsa), issuers)).toBe(
      'key_unknown',
    );
  });

  it('of the right one of two blocks of one issuer, by audience', async () => {
    const issuers = policyIssuers(block('ci', ISSUER, 'one') + block('people', ISSUER, 'two'));
    const gate = await issuer();
    expect(await gate.verify(await sign({ aud: 'two' }), issuers)).toBe('ok people:agent-1');
    expect(await gate.verify(await sign({ aud: ['one', 'two'] }), issuers)).toBe(
      'audience_mismatch',
    );
  });
});

describe('a token that is refused: its form', () => {
  it.each([
    ['nothing', '', 'token_missing'],
    ['no JWT', 'hello', 'token_malformed'],
    ['an opaque token', 'ya29.a0Af', 'token_malformed'],
    ['four parts', 'a.b.c.d', 'token_malformed'],
    ['an encrypted token', 'a.b.c.d.e', 'token_malformed'],
    ['other characters', 'a.b.c ', 'token_malformed'],
    ['two tokens', 'a.b.c,d.e.f', 'token_malformed'],
    ['a line break', 'a.b.c\n', 'token_malformed'],
    ['parts that are no JSON', 'e30.aaaa.aaaa', 'token_malformed'],
    [
      'a payload that is a list',
      `${base64url.encode('{"alg":"RS256"}')}.${base64url.encode('[]')}.AAAA`,
      'token_malformed',
    ],
    ['an oversize token', `${'a'.repeat(MAX_TOKEN_BYTES - 3)}.b.c`, 'token_too_large'],
  ])('%s', async (_name, token, code) => {
    const gate = await issuer();
    expect(await gate.verify(token)).toBe(code);
    expect(gate.asked).toEqual([]);
  });
});

describe('a token that is refused: its signature', () => {
  it('alg none', async () => {
    const gate = await issuer();
    expect(await gate.verify(forge({ alg: 'none' }, CLAIMS))).toBe('algorithm_refused');
    expect(await gate.verify(new UnsecuredJWT(CLAIMS).encode())).toBe('token_malformed');
    for (const alg of ['None', 'NONE', 'nOnE', '']) {
      expect(await gate.verify(forge({ alg, kid: rsa.kid }, CLAIMS))).toBe('algorithm_refused');
    }
    expect(gate.asked).toEqual([]);
  });

  it('HS256 with the public key as the secret, in every form somebody might use', async () => {
    const spki = await exportSPKI(rsa.publicKey);
    const public_ = await jwk(rsa);
    for (const secret of [
      spki,
      spki.trim(),
      JSON.stringify(public_),
      public_.n ?? '',
      public_.kid,
    ]) {
      const token = await new SignJWT(CLAIMS)
        .setProtectedHeader({ alg: 'HS256', kid: rsa.kid })
        .sign(new TextEncoder().encode(secret));
      expect(await (await issuer()).verify(token)).toBe('algorithm_refused');
    }
  });

  it('a symmetric key that the issuer itself publishes', async () => {
    const secret = new TextEncoder().encode('s'.repeat(32));
    const gate = new FakeIssuer().serve([
      { kty: 'oct', kid: 'h', alg: 'HS256', k: base64url.encode(secret) },
    ]);
    const token = await new SignJWT(CLAIMS)
      .setProtectedHeader({ alg: 'HS256', kid: 'h' })
      .sign(secret);
    expect(await gate.verify(token)).toBe('algorithm_refused');
  });

  it.each([
    ['another key of the same name', async () => sign({}, stranger), 'signature_invalid'],
    ['a changed payload', async () => swap(await sign(), { sub: 'root' }), 'signature_invalid'],
    [
      'no signature',
      async () => `${(await sign()).split('.').slice(0, 2).join('.')}.AA`,
      'signature_invalid',
    ],
    [
      'an algorithm the issuer’s block does not list',
      async () => sign({}, ec),
      'algorithm_refused',
    ],
    [
      'a key of another kind than its algorithm',
      async () => forge({ alg: 'RS256', kid: ec.kid }, CLAIMS),
      'key_unknown',
    ],
    [
      'PS256 with a key that is for RS256',
      async () => forge({ alg: 'PS256', kid: rsa.kid }, CLAIMS),
      'key_unknown',
    ],
    ['no kid when several keys fit', async () => sign({}, rsa, { kid: undefined }), 'key_unknown'],
    [
      'a kid that is a path',
      async () => sign({}, rsa, { kid: '../../../../dev/null' }),
      'key_unknown',
    ],
    [
      'a kid that is a URL',
      async () => sign({}, rsa, { kid: 'https://evil.example/key' }),
      'key_unknown',
    ],
    ['a kid that is SQL', async () => sign({}, rsa, { kid: "x' UNION SELECT 'k" }), 'key_unknown'],
    [
      'a kid that is a property of objects',
      async () => sign({}, rsa, { kid: '__proto__' }),
      'key_unknown',
    ],
    [
      'a kid that is no string',
      async () => forge({ alg: 'RS256', kid: { $ne: null } }, CLAIMS),
      'token_malformed',
    ],
    [
      'a kid that is huge',
      async () => forge({ alg: 'RS256', kid: 'k'.repeat(501) }, CLAIMS),
      'token_malformed',
    ],
    [
      'a critical extension',
      async () => sign({}, rsa, { crit: ['x-evil'], 'x-evil': 1 }),
      'token_malformed',
    ],
    [
      'an unencoded payload',
      async () => forge({ alg: 'RS256', kid: rsa.kid, b64: false, crit: ['b64'] }, CLAIMS),
      'token_malformed',
    ],
    ['a logout token', async () => sign({}, rsa, { typ: 'logout+jwt' }), 'token_malformed'],
    ['a DPoP proof', async () => sign({}, rsa, { typ: 'dpop+jwt' }), 'token_malformed'],
    ['an alg that is no string', async () => forge({ alg: ['RS256'] }, CLAIMS), 'token_malformed'],
  ])('%s', async (_name, token, code) => {
    const gate = new FakeIssuer().serve([
      await jwk(rsa),
      await jwk(ec),
      await jwk({ ...stranger, kid: 'rsa-2' }),
    ]);
    const issuers = policyIssuers(block('ci', ISSUER, AUDIENCE, ', algorithms: [RS256, PS256]'));
    expect(await gate.verify(await token(), issuers)).toBe(code);
  });

  it('keys that the token brings along or points to are never looked at', async () => {
    const gate = await issuer();
    const own = await jwk(stranger);
    for (const header of [
      { jwk: own },
      { jku: 'https://evil.example/keys' },
      { x5u: 'https://evil.example/cert' },
      { x5c: ['MIIB'] },
    ]) {
      expect(await gate.verify(await sign({}, stranger, header))).toBe('signature_invalid');
      // A good signature is not spoilt by them either: they are nothing.
      expect(await gate.verify(await sign({}, rsa, header))).toBe('ok ci:agent-1');
    }
    expect(gate.asked.filter((url) => !url.startsWith(`${ISSUER}/`))).toEqual([]);
  });

  it.each([
    ['for encryption', { use: 'enc' }],
    ['for signing only', { key_ops: ['sign'] }],
    ['for another algorithm', { alg: 'RS512' }],
    ['of a broken kind', { n: 'AQ' }],
  ])('a published key %s', async (_name, over) => {
    const gate = new FakeIssuer().serve([await jwk(rsa, over)]);
    expect(await gate.verify(await sign())).toMatch(/^(key_unknown|signature_invalid)$/);
  });

  it('two published keys of one name', async () => {
    const gate = new FakeIssuer().serve([await jwk(rsa), await jwk(stranger)]);
    expect(await gate.verify(await sign())).toBe('key_unknown');
  });

  it('an RSA key that is too short for its algorithm', async () => {
    const pair = await crypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: 1024,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-256',
      },
      true,
      ['sign', 'verify'],
    );
    const { publicKey, privateKey } = pair as CryptoKeyPair;
    const body = (await sign()).split('.').slice(0, 2).join('.');
    const signature = await crypto.subtle.sign(
      'RSASSA-PKCS1-v1_5',
      privateKey,
      new TextEncoder().encode(body),
    );
    const gate = new FakeIssuer().serve([
      { ...(await exportJWK(publicKey)), kid: rsa.kid, alg: 'RS256' },
    ]);
    expect(await gate.verify(`${body}.${base64url.encode(new Uint8Array(signature))}`)).toBe(
      'signature_invalid',
    );
  });
});

async function swap(token: string, over: object): Promise<string> {
  const [header = '', , signature = ''] = token.split('.');
  return `${header}.${base64url.encode(JSON.stringify({ ...CLAIMS, ...over }))}.${signature}`;
}

describe('a token that is refused: its claims', () => {
  it.each([
    ['another audience', { aud: 'https://other.example' }, 'audience_mismatch'],
    [
      'an audience that only begins like ours',
      { aud: `${AUDIENCE}.evil.example` },
      'audience_mismatch',
    ],
    ['an audience in capitals', { aud: AUDIENCE.toUpperCase() }, 'audience_mismatch'],
    ['an empty list of audiences', { aud: [] }, 'audience_mismatch'],
    ['a list of other audiences', { aud: ['a', 'a', 'b'] }, 'audience_mismatch'],
    ['a nested list of audiences', { aud: [[AUDIENCE]] }, 'token_malformed'],
    ['an audience that is no string', { aud: 5 }, 'token_malformed'],
    ['no audience', { aud: undefined }, 'claim_missing'],
    ['another issuer', { iss: 'https://evil.example' }, 'issuer_unknown'],
    ['an issuer with a slash at its end', { iss: `${ISSUER}/` }, 'issuer_unknown'],
    ['an issuer that only begins like ours', { iss: `${ISSUER}.evil.example` }, 'issuer_unknown'],
    ['an issuer with a user part', { iss: 'https://ci.example@evil.example' }, 'issuer_unknown'],
    ['an issuer in capitals', { iss: 'https://CI.example' }, 'issuer_unknown'],
    ['an issuer over http', { iss: 'http://ci.example' }, 'issuer_unknown'],
    ['an issuer that is a list', { iss: [ISSUER] }, 'issuer_unknown'],
    ['no issuer', { iss: undefined }, 'issuer_unknown'],
    ['expired', { exp: SECONDS - 31 }, 'token_expired'],
    ['expired long ago', { exp: 1, iat: 0, nbf: 0 }, 'token_expired'],
    ['no expiry', { exp: undefined }, 'claim_missing'],
    ['an expiry that is no number', { exp: '9999999999' }, 'token_malformed'],
    ['not yet valid', { nbf: SECONDS + 31 }, 'token_not_yet_valid'],
    ['issued in the future', { iat: SECONDS + 31 }, 'token_not_yet_valid'],
    ['too old, though not expired', { iat: SECONDS - 3_700 }, 'token_too_old'],
    ['no time of issue', { iat: undefined }, 'claim_missing'],
    ['no subject', { sub: undefined }, 'claim_missing'],
    ['an empty subject', { sub: '' }, 'claims_expression'],
    ['a subject that is no string', { sub: 7 }, 'token_malformed|claims_expression'],
    ['a subject with a line break', { sub: 'agent\nsession.end' }, 'claims_expression'],
    ['a subject with a bidirectional override', { sub: 'agent\u202e1' }, 'claims_expression'],
    ['a subject that is huge', { sub: 'a'.repeat(501) }, 'claims_expression'],
  ])('%s', async (_name, claims, code) => {
    expect(await (await issuer()).verify(await sign(claims))).toMatch(new RegExp(`^(?:${code})$`));
  });

  it.each([
    ['accept that does not hold', ', accept: \'claims.env == "prod"\'', { env: 'test' }],
    ['accept over a claim that is missing', ', accept: \'claims.env == "prod"\'', {}],
    ['a group over a claim that is missing', ', groups: { a: \'claims.env == "prod"\' }', {}],
    ['a group that is truthy and no boolean', ', groups: { a: claims.env }', { env: 'yes' }],
    ['groupsFrom over a claim that is missing', ', groupsFrom: claims.groups', {}],
    ['groupsFrom that is no list', ', groupsFrom: claims.groups', { groups: 'admins' }],
    [
      'groupsFrom with something that is no string',
      ', groupsFrom: claims.groups',
      { groups: ['a', 5] },
    ],
    [
      'groupsFrom with an invisible character',
      ', groupsFrom: claims.groups',
      { groups: ['adm\u200bins'] },
    ],
    [
      'groupsFrom with too many names',
      ', groupsFrom: claims.groups',
      { groups: Array.from({ length: 1001 }, (_, i) => `${i}`) },
    ],
    ['a subject that is computed from nothing', ", subject: 'claims.repository'", {}],
  ])('%s', async (_name, more, claims) => {
    const issuers = policyIssuers(block('ci', ISSUER, AUDIENCE, more));
    expect(await (await issuer()).verify(await sign(claims), issuers)).toBe('claims_expression');
  });

  it('a typ that the block does not list', async () => {
    const issuers = policyIssuers(block('ci', ISSUER, AUDIENCE, ', typ: [at+jwt]'));
    const gate = await issuer();
    expect(await gate.verify(await sign(), issuers)).toBe('token_malformed');
    expect(await gate.verify(await sign({}, rsa, { typ: undefined }), issuers)).toBe(
      'token_malformed',
    );
    expect(await gate.verify(await sign({}, rsa, { typ: 'at+JWT' }), issuers)).toBe(
      'ok ci:agent-1',
    );
  });
});

describe('the issuer’s keys', () => {
  it('are read once and used again', async () => {
    const gate = await issuer();
    for (let i = 0; i < 5; i++) expect(await gate.verify(await sign())).toBe('ok ci:agent-1');
    expect(gate.asked).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/keys`]);
  });

  it('are read once for many tokens at the same time', async () => {
    const gate = await issuer();
    const slow = gate.answers.get(`${ISSUER}/keys`);
    gate.answers.set(`${ISSUER}/keys`, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return slow?.() ?? new Response(null, { status: 500 });
    });
    const token = await sign();
    const results = await Promise.all(Array.from({ length: 20 }, () => gate.verify(token)));
    expect(new Set(results)).toEqual(new Set(['ok ci:agent-1']));
    expect(gate.keyReads()).toBe(1);
  });

  it('that are due serve everybody but the one who reads them anew', async () => {
    const gate = await issuer();
    expect(await gate.verify(await sign())).toBe('ok ci:agent-1');
    let release = (): void => undefined;
    const stalled = new Promise<void>((resolve) => (release = resolve));
    gate.answers.set(`${ISSUER}/keys`, async () => {
      await stalled;
      return new Response(null, { status: 503 });
    });
    gate.nowMs += KEYS_REFRESH_MS + 1;
    const token = await sign({ exp: gate.nowMs / 1000 + 60 });
    const first = gate.verify(token);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await Promise.all([gate.verify(token), gate.verify(token)])).toEqual([
      'ok ci:agent-1',
      'ok ci:agent-1',
    ]);
    release();
    expect(await first).toBe('ok ci:agent-1');
    expect(gate.keyReads()).toBe(2);
  });

  it('are read exactly once more for an unknown kid, and again only after the cool-down', async () => {
    const gate = await issuer();
    await gate.verify(await sign());
    gate.nowMs += KEYS_COOL_DOWN_MS;
    const unknown = await sign({}, stranger, { kid: 'made-up' });
    for (let i = 0; i < 10; i++) {
      expect(await gate.verify(await sign({}, stranger, { kid: `made-up-${i}` }))).toBe(
        'key_unknown',
      );
    }
    expect(gate.keyReads()).toBe(2);
    gate.nowMs += KEYS_COOL_DOWN_MS;
    await gate.verify(unknown);
    expect(gate.keyReads()).toBe(3);
  });

  it('are found when the issuer has rotated to a new one', async () => {
    const gate = new FakeIssuer().serve([await jwk(ec)]);
    expect(await gate.verify(await sign({}, ec))).toBe('ok ci:agent-1');
    gate.serve([await jwk(ec), await jwk(rsa)]);
    gate.nowMs += KEYS_COOL_DOWN_MS;
    expect(await gate.verify(await sign())).toBe('ok ci:agent-1');
  });

  it('are forgotten when the issuer withdraws one', async () => {
    const gate = await issuer();
    expect(await gate.verify(await sign())).toBe('ok ci:agent-1');
    gate.serve([await jwk(ec)]);
    gate.nowMs += KEYS_REFRESH_MS + 1;
    expect(await gate.verify(await sign({ exp: gate.nowMs / 1000 + 60 }))).toBe('key_unknown');
  });

  it('of another content under the same name replace the old ones', async () => {
    const gate = await issuer();
    expect(await gate.verify(await sign())).toBe('ok ci:agent-1');
    gate.serve([await jwk(stranger)]);
    gate.nowMs += KEYS_REFRESH_MS + 1;
    const exp = gate.nowMs / 1000 + 60;
    expect(await gate.verify(await sign({ exp }))).toBe('signature_invalid');
    expect(await gate.verify(await sign({ exp }, stranger))).toBe('ok ci:agent-1');
  });

  it('serve while the issuer is away, up to their age limit', async () => {
    const gate = await issuer();
    expect(await gate.verify(await sign())).toBe('ok ci:agent-1');
    gate.answers.clear();
    gate.nowMs = NOW + KEYS_MAX_AGE_MS - 1_000;
    const fresh = async () => sign({ iat: gate.nowMs / 1000, exp: gate.nowMs / 1000 + 60 });
    expect(await gate.verify(await fresh())).toBe('ok ci:agent-1');
    gate.nowMs = NOW + KEYS_MAX_AGE_MS + KEYS_COOL_DOWN_MS;
    expect(await gate.verify(await fresh())).toBe('keys_unavailable');
    const tries = gate.asked.length;
    expect(await gate.verify(await fresh())).toBe('keys_unavailable');
    expect(gate.asked.length).toBe(tries);
    gate.serve([await jwk(rsa)]);
    gate.nowMs += KEYS_COOL_DOWN_MS;
    expect(await gate.verify(await fresh())).toBe('ok ci:agent-1');
  });

  it('that were never read make tokens refused, not accepted', async () => {
    expect(await new FakeIssuer().verify(await sign())).toBe('keys_unavailable');
  });

  it('come from jwksUri without asking for discovery', async () => {
    const gate = new FakeIssuer();
    gate.answers.set('https://keys.example/set', async () =>
      Response.json({ keys: [await jwk(rsa)] }),
    );
    const issuers = policyIssuers(
      block('ci', ISSUER, AUDIENCE, ', jwksUri: "https://keys.example/set"'),
    );
    expect(await gate.verify(await sign(), issuers)).toBe('ok ci:agent-1');
    expect(gate.asked).toEqual(['https://keys.example/set']);
  });

  it.each<[string, (gate: FakeIssuer) => void]>([
    [
      'a discovery document of another issuer',
      (gate) =>
        replace(gate, 'openid-configuration', () =>
          Response.json({ issuer: 'https://evil.example', jwks_uri: `${ISSUER}/keys` }),
        ),
    ],
    [
      'a discovery document without keys',
      (gate) => replace(gate, 'openid-configuration', () => Response.json({ issuer: ISSUER })),
    ],
    [
      'keys over http',
      (gate) =>
        replace(gate, 'openid-configuration', () =>
          Response.json({ issuer: ISSUER, jwks_uri: 'http://ci.example/keys' }),
        ),
    ],
    [
      'keys on loopback',
      (gate) =>
        replace(gate, 'openid-configuration', () =>
          Response.json({ issuer: ISSUER, jwks_uri: 'http://127.0.0.1/keys' }),
        ),
    ],
    [
      'keys at no URL',
      (gate) =>
        replace(gate, 'openid-configuration', () =>
          Response.json({ issuer: ISSUER, jwks_uri: 'file:///etc/passwd' }),
        ),
    ],
    [
      'a redirect',
      (gate) =>
        replace(
          gate,
          'keys',
          () =>
            new Response(null, { status: 302, headers: { location: 'https://evil.example/keys' } }),
        ),
    ],
    [
      'an error',
      (gate) => replace(gate, 'keys', () => Response.json({ keys: [] }, { status: 500 })),
    ],
    ['HTML', (gate) => replace(gate, 'keys', () => new Response('<html>'))],
    ['no list', (gate) => replace(gate, 'keys', () => Response.json({ keys: 'none' }))],
    [
      'too many keys',
      (gate) =>
        replace(gate, 'keys', () =>
          Response.json({ keys: Array.from({ length: 101 }, () => ({ kty: 'RSA' })) }),
        ),
    ],
    [
      'too many bytes',
      (gate) =>
        replace(gate, 'keys', () => new Response(`{"keys":[],"x":"${'x'.repeat(300_000)}"}`)),
    ],
  ])('are not taken from %s', async (_name, spoil) => {
    const gate = await issuer();
    spoil(gate);
    expect(await gate.verify(await sign())).toBe('keys_unavailable');
    expect(gate.asked.filter((url) => url.includes('evil') || url.startsWith('http:'))).toEqual([]);
  });

  it('of a loopback http issuer are read in development', async () => {
    const local = 'http://127.0.0.1:9400';
    const gate = new FakeIssuer().serve([await jwk(rsa)], local);
    const issuers = policyIssuers(block('dev', local, AUDIENCE));
    expect(await gate.verify(await sign({ iss: local }), issuers)).toBe('ok dev:agent-1');
  });
});

function replace(gate: FakeIssuer, name: string, answer: () => Response): void {
  for (const url of gate.answers.keys())
    if (url.endsWith(`/${name}`)) gate.answers.set(url, answer);
}
