// A browser without a screen, and the issuer it logs in at: cookies are kept and sent as a browser would, forms are posted
// with the fields that the page has. The Worker is the real one.
import { createExecutionContext } from 'cloudflare:test';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { vi } from 'vitest';
import type { Env } from '../../adapters/env.ts';
import worker from '../../worker/index.ts';
import { gateway } from './approval-support.ts';

export const ORIGIN = 'https://gate.example';
export const ISSUER = 'https://people.example';
export const KEYED: Env = { ...gateway, SESSION_KEY: 'a-secret-of-more-than-32-characters!' };

export interface Person {
  readonly sub: string;
  readonly groups?: readonly string[];
  readonly email?: string;
  /** Changes to the ID token. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** In place of an access token for the gateway. */
  readonly accessToken?: string;
}

export interface StandInIssuer {
  /** The person who logs in next. */
  person: Person;
  /** What was sent to the token endpoint. */
  readonly exchanges: URLSearchParams[];
  /** A bearer token for the gateway. */
  token(person: Person, audience?: string, issuer?: string): Promise<string>;
}

interface Keys {
  readonly people: CryptoKeyPair;
  readonly ci: CryptoKeyPair;
}

/** The gateway keeps keys: one set for all tests of a file. */
let kept: Keys | null = null;

async function issuerKeys(): Promise<Keys> {
  kept ??= {
    people: (await generateKeyPair('ES256', { extractable: true })) as CryptoKeyPair,
    ci: (await generateKeyPair('ES256', { extractable: true })) as CryptoKeyPair,
  };
  return kept;
}

/** Takes the place of fetch for the issuer, and refuses everything else. */
export async function standInIssuer(): Promise<StandInIssuer> {
  const pairs = await issuerKeys();
  const { publicKey, privateKey } = pairs.people;
  const { publicKey: ciPublic, privateKey: ciPrivate } = pairs.ci;
  const jwk = async (key: CryptoKey) => ({
    ...(await exportJWK(key)),
    kid: 'k1',
    use: 'sig',
    alg: 'ES256',
  });
  const keys = { people: await jwk(publicKey), ci: await jwk(ciPublic) };
  const issued: StandInIssuer = {
    person: { sub: 'nobody' },
    exchanges: [],
    async token(person, audience = ORIGIN, issuer = ISSUER) {
      const { sub, groups = [], email, claims } = person;
      return new SignJWT({ groups, ...(email === undefined ? {} : { email }), ...claims })
        .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
        .setIssuer(issuer)
        .setSubject(sub)
        .setAudience(audience)
        .setIssuedAt()
        .setExpirationTime('10m')
        .sign(issuer === ISSUER ? privateKey : ciPrivate);
    },
  };
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const url = new URL(request.url);
    if (url.href.startsWith('https://ci.example/')) {
      return url.pathname.endsWith('jwks')
        ? Response.json({ keys: [keys.ci] })
        : Response.json({ issuer: 'https://ci.example', jwks_uri: 'https://ci.example/jwks' });
    }
    if (url.origin !== ISSUER) throw new Error(`no such host: ${url.origin}`);
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return Response.json({
          issuer: ISSUER,
          authorization_endpoint: `${ISSUER}/authorize`,
          token_endpoint: `${ISSUER}/token`,
          jwks_uri: `${ISSUER}/jwks`,
          response_types_supported: ['code'],
          subject_types_supported: ['public'],
          id_token_signing_alg_values_supported: ['ES256'],
          code_challenge_methods_supported: ['S256'],
        });
      case '/jwks':
        return Response.json({ keys: [keys.people] });
      case '/token': {
        const sent = new URLSearchParams(await request.text());
        issued.exchanges.push(sent);
        const { person } = issued;
        const now = Math.floor(Date.now() / 1000);
        const idToken = await new SignJWT({
          nonce: sent.get('code') ?? '',
          email: person.email,
          iss: ISSUER,
          sub: person.sub,
          aud: 'web-client',
          iat: now,
          exp: now + 600,
          ...person.claims,
        })
          .setProtectedHeader({ alg: 'ES256', kid: 'k1' })
          .sign(person.claims?.['forged'] === true ? ciPrivate : privateKey);
        return Response.json({
          token_type: 'bearer',
          access_token: person.accessToken ?? (await issued.token(person)),
          id_token: idToken,
        });
      }
      default:
        return new Response('not here', { status: 404 });
    }
  });
  return issued;
}

export class Browser {
  readonly cookies = new Map<string, string>();
  /** As the server set them, for tests of their attributes. */
  readonly setCookies: string[] = [];
  readonly #env: Env;
  readonly #origin: string;

  constructor(env: Env = KEYED, origin: string = ORIGIN) {
    this.#env = env;
    this.#origin = origin;
  }

  async get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return this.#send(new Request(new URL(path, this.#origin), { headers, redirect: 'manual' }));
  }

  async post(
    path: string,
    fields: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {
      origin: this.#origin,
      'sec-fetch-site': 'same-origin',
    },
  ): Promise<Response> {
    const body = new URLSearchParams(fields).toString();
    const type = { 'content-type': 'application/x-www-form-urlencoded' };
    return this.#send(
      new Request(new URL(path, this.#origin), {
        method: 'POST',
        body,
        headers: { ...type, ...headers },
      }),
    );
  }

  /** Logs in as `person`, from the redirect to the issuer to the page it comes back to. */
  async signIn(issuer: StandInIssuer, person: Person, returnTo = '/approvals'): Promise<Response> {
    const begun = await this.get(`/login?return=${encodeURIComponent(returnTo)}`);
    const location = new URL(begun.headers.get('location') ?? '');
    issuer.person = person;
    return this.comeBack(location);
  }

  /** The issuer's answer: its code is the nonce, so that the token endpoint knows it. */
  async comeBack(
    authorization: URL,
    change: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const query = new URLSearchParams({
      code: authorization.searchParams.get('nonce') ?? '',
      state: authorization.searchParams.get('state') ?? '',
      ...change,
    });
    return this.get(`/callback?${query.toString()}`);
  }

  async #send(request: Request): Promise<Response> {
    if (this.cookies.size > 0) {
      request.headers.set(
        'cookie',
        [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '),
      );
    }
    request.headers.set('cf-connecting-ip', '198.51.100.7');
    request.headers.set('cf-ipcountry', 'SE');
    const response = await worker.fetch(request as never, this.#env, createExecutionContext());
    for (const cookie of response.headers.getSetCookie()) {
      this.setCookies.push(cookie);
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (/max-age=0/i.test(cookie)) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return response;
  }
}

/** The hidden and other fields of the decision form on a page. */
export function formOf(page: string): Record<string, string> {
  const form = /<form class="decide"[\s\S]*?<\/form>/.exec(page)?.[0] ?? '';
  const fields: Record<string, string> = {};
  for (const [, name = '', value = ''] of form.matchAll(
    /<input type="hidden" name="([^"]+)" value="([^"]*)"/g,
  )) {
    fields[name] = value;
  }
  return fields;
}
