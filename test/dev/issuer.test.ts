// The development issuers, seen from outside: what they sign verifies as a gateway verifies it, and nothing else does.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IssuerServer, startIssuers } from '../../dev/issuer/server.ts';
import { freePort } from '../../dev/ports.ts';
import { type State, openState } from '../../dev/state.ts';

const GATEWAY = 'http://127.0.0.1:8787';
const AGENT = 'Basic ' + Buffer.from('shop-agent:development-only-shop-agent').toString('base64');

let state: State;
let issuers: IssuerServer;
let key: string;

beforeAll(async () => {
  state = openState(mkdtempSync(join(tmpdir(), 'postern-issuer-')), false);
  issuers = await startIssuers(state, await freePort(), GATEWAY);
  key = (JSON.parse(readFileSync(state.path('mint.json'), 'utf8')) as { key: string }).key;
});

afterAll(async () => {
  await issuers.close();
  state.release();
  rmSync(state.dir, { recursive: true, force: true });
});

async function mint(issuer: string, body: unknown, secret = key): Promise<Response> {
  return fetch(`${issuer}/dev/mint`, {
    method: 'POST',
    headers: { authorization: `Bearer ${secret}` },
    body: JSON.stringify(body),
  });
}

async function verify(token: string, issuer: string, audience = GATEWAY) {
  const { jwks_uri: uri } = (await (
    await fetch(`${issuer}/.well-known/openid-configuration`)
  ).json()) as { jwks_uri: string };
  return jwtVerify(token, createRemoteJWKSet(new URL(uri)), {
    issuer,
    audience,
    algorithms: ['ES256'],
    typ: 'at+jwt',
  });
}

/** A browser as far as these pages need one: cookies of one host, redirects, and forms filled in by `answer`. */
async function browse(start: string, fields: Readonly<Record<string, string>>): Promise<string> {
  const jar = new Map<string, string>();
  let url = start;
  let init: RequestInit = {};
  for (let hop = 0; hop < 16; hop++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(url, { redirect: 'manual', ...init, headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      jar.set(pair.slice(0, at), pair.slice(at + 1));
    }
    const location = response.headers.get('location');
    init = {};
    if (location !== null) {
      url = new URL(location, url).href;
      if (url.startsWith('http://127.0.0.1:1/callback')) return url;
      continue;
    }
    const page = await response.text();
    if (!response.ok) throw new Error(`${response.status} ${page}`);
    if (!page.includes('<form')) return page;
    const hidden = [...page.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)];
    const body = new URLSearchParams(
      hidden.map(([, name = '', value = '']): [string, string] => [name, value]),
    );
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    url = new URL(/action="([^"]+)"/.exec(page)?.[1] ?? url, url).href;
    init = { method: 'POST', body };
  }
  throw new Error('the login did not end');
}

function client(issuer: string): Promise<oidc.Configuration> {
  return oidc.discovery(new URL(issuer), 'postern-cli', undefined, oidc.None(), {
    execute: [oidc.allowInsecureRequests],
  });
}

describe('the mint', () => {
  it.each(['workloads', 'people'] as const)('signs tokens of %s that verify', async (which) => {
    const issuer = issuers[which];
    const response = await mint(issuer, { subject: 'a', groups: ['x', 'y'], ttlSeconds: 60 });
    const { payload } = await verify((await response.text()).trim(), issuer);
    expect(payload).toMatchObject({ sub: 'a', groups: ['x', 'y'], aud: GATEWAY });
    expect(Number(payload.exp) - Number(payload.iat)).toBe(60);
  });

  it('keeps the two issuers apart: neither verifies as the other', async () => {
    const response = await mint(issuers.people, { subject: 'a', groups: [], ttlSeconds: 60 });
    const token = (await response.text()).trim();
    await expect(verify(token, issuers.workloads)).rejects.toThrow();
  });

  it.each([
    ['a wrong key', 'guess'],
    ['an empty key', ''],
    ['a longer key', 'x'.repeat(500)],
  ])('refuses %s', async (_what, secret) => {
    const body = { subject: 'a', groups: [], ttlSeconds: 60 };
    expect((await mint(issuers.workloads, body, secret)).status).toBe(403);
  });

  it.each([
    ['no subject', { groups: [], ttlSeconds: 60 }],
    ['an empty subject', { subject: '', groups: [], ttlSeconds: 60 }],
    ['a life of a week', { subject: 'a', groups: [], ttlSeconds: 604_800 }],
    ['an unknown field', { subject: 'a', groups: [], ttlSeconds: 60, admin: true }],
    ['a body that is too large', { subject: 'a', groups: ['x'.repeat(8192)], ttlSeconds: 60 }],
  ])('refuses %s', async (_what, body) => {
    expect((await mint(issuers.workloads, body)).ok).toBe(false);
  });

  it('uses the audience the active policy expects', async () => {
    issuers.expectAudiences(new Map([[issuers.workloads, ['https://gate.acme.dev']]]));
    const body = { subject: 'a', groups: [], ttlSeconds: 60 };
    const token = (await (await mint(issuers.workloads, body)).text()).trim();
    await verify(token, issuers.workloads, 'https://gate.acme.dev');
    issuers.expectAudiences(new Map());
  });
});

describe('the issuers', () => {
  it('give a workload a JWT for its client credentials', async () => {
    const response = await fetch(`${issuers.workloads}/token`, {
      method: 'POST',
      headers: { authorization: AGENT },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    const { access_token: token } = (await response.json()) as { access_token: string };
    const { payload } = await verify(token, issuers.workloads);
    expect(payload).toMatchObject({ sub: 'shop-agent', groups: ['agents'] });
    expect(decodeProtectedHeader(token).typ).toBe('at+jwt');
  });

  it('issue nothing for an audience they do not know', async () => {
    const response = await fetch(`${issuers.workloads}/token`, {
      method: 'POST',
      headers: { authorization: AGENT },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        resource: 'https://elsewhere.example',
      }),
    });
    expect(await response.json()).toMatchObject({ error: 'invalid_target' });
  });

  it('log a person in with code and PKCE, and refresh', async () => {
    const configuration = await client(issuers.people);
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: 'http://127.0.0.1:1/callback',
      scope: 'openid offline_access',
      prompt: 'consent',
      state,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      resource: GATEWAY,
    });
    const callback = new URL(await browse(url.href, { person: 'dana' }));
    const answer = await oidc.authorizationCodeGrant(
      configuration,
      callback,
      { pkceCodeVerifier: verifier, expectedState: state },
      { resource: GATEWAY },
    );
    const { payload } = await verify(answer.access_token, issuers.people);
    expect(payload).toMatchObject({ sub: 'dana', groups: ['dba', 'staff'], aud: GATEWAY });
    const again = await oidc.refreshTokenGrant(configuration, String(answer.refresh_token));
    expect((await verify(again.access_token, issuers.people)).payload.sub).toBe('dana');
  });

  it('want PKCE', async () => {
    const response = await fetch(
      `${issuers.people}/auth?client_id=postern-cli&response_type=code&scope=openid&redirect_uri=http://127.0.0.1:1/callback`,
      { redirect: 'manual' },
    );
    expect(response.headers.get('location')).toContain('error=invalid_request');
  });

  it('log in nobody who is not on the list', async () => {
    const configuration = await client(issuers.people);
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: 'http://127.0.0.1:1/callback',
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge('x'.repeat(43)),
      code_challenge_method: 'S256',
    });
    await expect(browse(url.href, { person: 'mallory' })).rejects.toThrow('400');
  });

  it('log a device in', async () => {
    const configuration = await client(issuers.people);
    const device = await oidc.initiateDeviceAuthorization(configuration, {
      scope: 'openid',
      resource: GATEWAY,
    });
    expect(device.verification_uri).toBe(`${issuers.people}/device`);
    const page = await browse(String(device.verification_uri_complete), { person: 'omar' });
    expect(page).toContain('The device is logged in');
    const answer = await oidc.pollDeviceAuthorizationGrant(
      configuration,
      { ...device, interval: 0.1 },
      { resource: GATEWAY },
    );
    const { payload } = await verify(answer.access_token, issuers.people);
    expect(payload).toMatchObject({ sub: 'omar', groups: ['sre', 'staff'] });
  });

  it('know no device code that was made up', async () => {
    const page = await browse(`${issuers.people}/device`, {
      user_code: 'BBBB-BBBB',
      person: 'omar',
    })
      .then(() => 'it ended')
      .catch((error: Error) => error.message);
    expect(page).toBe('the login did not end');
  });
});
