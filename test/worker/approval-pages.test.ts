// What people see and do in a browser: login, the page, the form; and what must not work.
import { createHash } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ApprovalRequest } from '../../core/approval/request.ts';
import { approvalName } from '../../core/approval/view.ts';
import { agent, demand, facts } from '../core/approval/fixtures.ts';
import {
  Browser,
  formOf,
  ISSUER,
  KEYED,
  ORIGIN,
  standInIssuer,
  type StandInIssuer,
} from './approval-browser.ts';
import { asking, gateway, migrated, objectOf, someSql, viewOf } from './approval-support.ts';

const ANN = { sub: 'ann', groups: ['dba', 'sre', 'everybody'], email: 'ann@acme.dev' };
let issuer: StandInIssuer;

beforeAll(migrated);
beforeEach(async () => {
  issuer = await standInIssuer();
});
afterEach(() => vi.restoreAllMocks());

async function ask(change: Partial<ApprovalRequest> = {}) {
  const asked = await asking({ demands: [{ ...demand, by: ['sre'] }], ...change });
  await objectOf(asked.digest).request(asked, Date.now());
  return { asked, path: `/approvals/${approvalName(asked.digest)}-1` };
}

async function signedIn(person = ANN): Promise<Browser> {
  const browser = new Browser();
  const response = await browser.signIn(issuer, person);
  expect(response.status).toBe(302);
  return browser;
}

describe('signing in', () => {
  it('goes to the issuer with PKCE, state and nonce, and comes back to the page that was wanted', async () => {
    const browser = new Browser();
    const begun = await browser.get('/login?return=/approvals/x');
    expect(begun.status).toBe(302);
    const url = new URL(begun.headers.get('location') ?? '');
    expect(url.origin + url.pathname).toBe(`${ISSUER}/authorize`);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'web-client',
      redirect_uri: `${ORIGIN}/callback`,
      scope: 'openid',
      code_challenge_method: 'S256',
      resource: ORIGIN,
      state: expect.stringMatching(/^.{32,}$/) as string,
      nonce: expect.stringMatching(/^.{32,}$/) as string,
    });
    issuer.person = ANN;
    const back = await browser.comeBack(url);
    expect([back.status, back.headers.get('location')]).toEqual([302, '/approvals/x']);
    expect(issuer.exchanges[0]?.get('code_verifier')).toMatch(/^.{43,}$/);
    expect((await browser.get('/approvals')).status).toBe(200);
  });

  it('sets cookies that only this host gets, over https, out of reach of scripts, for an hour', async () => {
    const browser = await signedIn();
    const session = browser.setCookies.find((cookie) => cookie.startsWith('__Host-postern='));
    const login = browser.setCookies.find((cookie) => cookie.startsWith('__Host-postern-login='));
    for (const [cookie, seconds] of [
      [session, 3600],
      [login, 600],
    ] as const) {
      expect(cookie).toMatch(/; Path=\/(;|$)/);
      expect(cookie).toMatch(/; HttpOnly(;|$)/);
      expect(cookie).toMatch(/; Secure(;|$)/);
      expect(cookie).toMatch(/; SameSite=Lax(;|$)/);
      expect(cookie).toContain(`; Max-Age=${seconds}`);
      expect(cookie).not.toMatch(/Domain=/i);
    }
    // The login's own cookie is gone after it.
    expect([...browser.cookies.keys()]).toEqual(['__Host-postern']);
  });

  it('keeps nothing readable in the cookie', async () => {
    const browser = await signedIn();
    const value = browser.cookies.get('__Host-postern') ?? '';
    expect(Buffer.from(value.replaceAll('.', ''), 'base64url').toString('latin1')).not.toMatch(
      /ann|dba|okta/,
    );
  });

  it('works with an ID token alone', async () => {
    const browser = new Browser();
    await browser.signIn(issuer, { ...ANN, accessToken: 'opaque', claims: { groups: ['sre'] } });
    expect(await (await browser.get('/approvals')).text()).toContain('ann@acme.dev');
  });

  it.each<[string, object, Readonly<Record<string, string>>]>([
    ['the state is another one', ANN, { state: 'x'.repeat(43) }],
    ['the nonce is another one', { ...ANN, claims: { nonce: 'other' } }, {}],
    ['the issuer says no', ANN, { error: 'access_denied', code: '' }],
    ['the ID token is for another client', { ...ANN, claims: { aud: 'other' } }, {}],
    ['the ID token is of another issuer', { ...ANN, claims: { iss: 'https://evil.example' } }, {}],
    ['the ID token is signed by another key', { ...ANN, claims: { forged: true } }, {}],
    ['the ID token has expired', { ...ANN, claims: { exp: 1000, iat: 900 } }, {}],
    ['the response names another issuer', ANN, { iss: 'https://evil.example' }],
  ])('fails when %s', async (_what, person, change) => {
    const browser = new Browser();
    const begun = await browser.get('/login');
    issuer.person = person as typeof ANN;
    const back = await browser.comeBack(new URL(begun.headers.get('location') ?? ''), change);
    expect(back.status).toBe(403);
    expect(browser.cookies.size).toBe(0);
    expect(await back.text()).toContain('did not succeed');
  });

  it('takes groups from no access token of somebody else', async () => {
    const browser = new Browser();
    const accessToken = await issuer.token({ sub: 'boss', groups: ['sre'] });
    await browser.signIn(issuer, { sub: 'eve', accessToken, claims: { groups: [] } });
    const { path } = await ask();
    expect((await browser.get(path)).status).toBe(404);
  });

  it('cannot be finished by another browser, or twice', async () => {
    const victim = new Browser();
    const begun = await new Browser().get('/login');
    expect((await victim.comeBack(new URL(begun.headers.get('location') ?? ''))).status).toBe(403);
    const browser = new Browser();
    const own = new URL((await browser.get('/login')).headers.get('location') ?? '');
    issuer.person = ANN;
    expect((await browser.comeBack(own)).status).toBe(302);
    expect((await browser.comeBack(own)).status).toBe(403);
  });

  it.each([
    ['//evil.example/x'],
    ['/\\evil.example'],
    ['\\\\evil.example'],
    ['https://evil.example/'],
    ['javascript:alert(1)'],
    ['/%0d%0aset-cookie:x=1/\r\nx'],
    ['/\t/evil.example'],
    ['/x/..//evil.example'],
    ['/./\\evil.example'],
    ['/.//evil.example'],
    ['evil.example'],
    [''],
    [`/${'a'.repeat(600)}`],
  ])('never leads to %j', async (returnTo) => {
    const browser = new Browser();
    const back = await browser.signIn(issuer, ANN, returnTo);
    const location = back.headers.get('location') ?? '';
    expect(new URL(location, ORIGIN).origin).toBe(ORIGIN);
    expect(location).toMatch(/^\/(?![/\\])/);
  });

  it.each<[string, string | undefined]>([
    ['missing', undefined],
    ['empty', ''],
    ['short', 'short'],
  ])('is off while SESSION_KEY is %s', async (_what, key) => {
    const browser = new Browser({ ...gateway, ...(key === undefined ? {} : { SESSION_KEY: key }) });
    expect((await browser.get('/login')).status).toBe(503);
    expect((await browser.get('/callback?code=x&state=y')).status).toBe(503);
    // A cookie of a gateway that had a key says nothing to one that has none.
    const other = await signedIn();
    for (const [name, value] of other.cookies) browser.cookies.set(name, value);
    expect((await browser.get('/approvals')).status).toBe(302);
  });

  it('is off over http, but for a development gateway on loopback, whose cookie has another name', async () => {
    expect((await new Browser(KEYED, 'http://gate.example').get('/login')).status).toBe(503);
    expect((await new Browser(KEYED, 'http://127.0.0.1:8787').get('/login')).status).toBe(503);
    const development = { ...KEYED, POSTERN_ENV: 'development' };
    expect((await new Browser(development, 'http://gate.example').get('/login')).status).toBe(503);
    const browser = new Browser(development, 'http://127.0.0.1:8787');
    await browser.signIn(issuer, { ...ANN, accessToken: await issuer.token(ANN) });
    expect([...browser.cookies.keys()]).toEqual(['postern-dev']);
    expect(browser.setCookies.at(-1)).not.toMatch(/Secure/);
    expect(browser.setCookies.at(-1)).toMatch(/HttpOnly/);
  });

  it.each<[string, (value: string) => string]>([
    [
      'forged',
      () => 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAAAAAAAAAAAAAA.AAAA.AAAAAAAAAAAAAAAAAAAAAA',
    ],
    ['changed', (value) => value.slice(0, -6) + 'AAAAAA'],
    [
      'unsigned',
      () =>
        `${btoa('{"alg":"none"}').replaceAll('=', '')}.${btoa('{"value":{}}').replaceAll('=', '')}.`,
    ],
    ['empty', () => ''],
  ])('is needed again when the cookie is %s', async (_what, change) => {
    const browser = await signedIn();
    browser.cookies.set('__Host-postern', change(browser.cookies.get('__Host-postern') ?? ''));
    expect((await browser.get('/approvals')).status).toBe(302);
  });

  it('does not take a login cookie for a session', async () => {
    const browser = new Browser();
    await browser.get('/login');
    browser.cookies.set('__Host-postern', browser.cookies.get('__Host-postern-login') ?? '');
    expect((await browser.get('/approvals')).status).toBe(302);
  });

  it('ends after an hour', async () => {
    const browser = await signedIn();
    vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_601_000);
    expect((await browser.get('/approvals')).status).toBe(302);
  });

  it('is ended by signing out, from our own page only', async () => {
    const browser = await signedIn();
    const page = await (await browser.get('/approvals')).text();
    const csrf = /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? '';
    expect((await browser.post('/logout', { csrf: 'x' })).status).toBe(403);
    expect(
      (await browser.post('/logout', { csrf }, { origin: 'https://evil.example' })).status,
    ).toBe(403);
    expect(browser.cookies.size).toBe(1);
    expect((await browser.post('/logout', { csrf })).status).toBe(200);
    expect(browser.cookies.size).toBe(0);
    expect((await browser.get('/logout')).status).toBe(404);
  });
});

describe('a page', () => {
  it('sends whoever is not signed in to the login, and back', async () => {
    const { path } = await ask();
    const browser = new Browser();
    const response = await browser.get(path);
    expect(response.headers.get('location')).toBe(`/login?return=${encodeURIComponent(path)}`);
    const back = await browser.signIn(issuer, ANN, path);
    expect(back.headers.get('location')).toBe(path);
    expect((await browser.get(path)).status).toBe(200);
  });

  it('loads nothing, runs nothing, is framed by nobody and kept by nobody', async () => {
    const { path } = await ask();
    const response = await (await signedIn()).get(path);
    const { headers } = response;
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
    );
    // The style that is there is the one that is allowed.
    const style = /<style>([\s\S]*?)<\/style>/.exec(await response.text())?.[1] ?? '';
    expect(policy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    // no-referrer would make browsers send `Origin: null` with our own forms.
    expect(headers.get('referrer-policy')).toBe('same-origin');
  });

  it('says everything the approval is bound to', async () => {
    const content = someSql({
      text: "DELETE FROM orders -- stale ones\nWHERE status = $1 AND note <> 'x''y' AND id > 7",
      settings: { DateStyle: 'ISO, DMY', TimeZone: 'Asia/Tokyo' },
      transaction: 'active',
    });
    const { asked, path } = await ask({ content });
    const page = await (await (await signedIn()).get(path)).text();
    const text = page
      .replaceAll(/<[^>]+>/g, '')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>');
    for (const piece of [
      'DELETE on public.orders',
      'shop-db',
      'about 12 rows',
      content.text,
      'cancelled',
      agent.id,
      'acme/shop',
      'nightly cleanup',
      'claimed, not verified',
      'writes-need-a-human',
      'Check the ticket first.',
      'inside an open transaction',
      'DateStyle = ISO, DMY',
      'TimeZone = Asia/Tokyo',
      'pg_catalog, public',
      'revision 7',
      'closes in 14 min',
    ]) {
      expect(text).toContain(piece);
    }
    expect(text.replaceAll(' ', '')).toContain(asked.digest);
  });

  it('colours what Postgres takes for a comment, and nothing else', async () => {
    const { path } = await ask({
      content: someSql({
        text: "/* a /* b */ c */ DELETE FROM orders WHERE a = '/*' AND b = $1 -- '\n AND c = '*/' AND id > 1",
      }),
    });
    const page = await (await (await signedIn()).get(path)).text();
    expect([...page.matchAll(/<span class="com">(.*?)<\/span>/g)].map(([, text]) => text)).toEqual([
      '/* a /* b */ c */',
      '-- &#39;',
    ]);
    expect(page).toContain('<span class="kw">DELETE</span>');
    expect(page).toContain('<span class="str">&#39;/*&#39;</span>');
  });

  it('shows a megabyte whole', async () => {
    const values = Array.from(
      { length: 30_000 },
      (_, i) => `'a value that is quite long it is ${i}'`,
    ).join(',');
    const text = `DELETE FROM orders WHERE status = $1 AND code IN (${values}) -- the very end`;
    expect(text.length).toBeGreaterThan(1024 * 1024);
    const { path } = await ask({ content: someSql({ text }) });
    const page = await (await (await signedIn()).get(path)).text();
    const shown = /<pre class="sql long" tabindex="0">\n([\s\S]*?)<\/pre>/.exec(page)?.[1] ?? '';
    expect(shown.replaceAll('&#39;', "'")).toBe(text);
    expect(page).toContain(`${text.length.toLocaleString('en-US')} characters`);
  }, 60_000);

  it('keeps apart NULL, the empty text and the text NULL', async () => {
    const { path } = await ask({
      content: someSql({
        text: 'DELETE FROM orders WHERE a = $1 AND b = $2 AND c = $3 AND id > 2',
        binds: [null, '', 'NULL'],
        bindTypes: [25, 25, 99999],
        bindFormats: [0, 0, 1],
      }),
    });
    const page = await (await (await signedIn()).get(path)).text();
    expect(page).toContain('NULL, no value');
    expect(page).toContain('an empty text');
    expect(page).toContain('>\nNULL</pre>');
    expect(page).toContain('type 99999, sent in binary');
  });

  it('makes visible what hides', async () => {
    const { path } = await ask({
      content: someSql({
        text: `DELETE FROM orders WHERE a = '\u202Egnp\u202C' AND b = 'x\u200By' AND \u043Erders = $1${'\n'.repeat(30)}OR true${' '.repeat(500)}OR id > 3`,
        binds: ['a\u2066b\rc'],
      }),
      claimed: 'innocent \u202E lie',
    });
    const page = await (await (await signedIn()).get(path)).text();
    expect(page).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u200B]/);
    for (const seen of [
      '⟦U+202E⟧',
      '⟦U+202C⟧',
      '⟦U+200B⟧',
      '⟦U+2066⟧',
      '⟦U+000D⟧',
      '⟦29 blank lines⟧',
      '⟦500 blanks⟧',
      'U+043E',
    ]) {
      expect(page).toContain(seen);
    }
    expect(page).toMatch(/characters that cannot be seen \(5\)/);
    expect(page).toMatch(/letters that look like others \(1\)/);
  });

  it('does not let text pass for our own marks', async () => {
    const { path } = await ask({
      content: someSql({ text: "DELETE FROM orders WHERE a = '⟦U+202E⟧' AND b = $1 AND id > 4" }),
    });
    const page = await (await (await signedIn()).get(path)).text();
    expect(page).toContain('⟦U+27E6⟧</span>U+202E');
  });

  it.each<[string, Partial<ApprovalRequest>, string]>([
    ['no WHERE', { facts: { ...facts, whereless: true } }, 'every row'],
    [
      'what is opaque',
      { facts: { ...facts, effect: 'opaque', opaque: ['do_block'] } },
      'cannot be wholly known (do_block)',
    ],
    ['no bound', { demands: [{ ...demand, by: ['sre'], maxRows: null }] }, 'No rule bounds'],
    ['more rows expected than allowed', { estimatedRows: 500 }, 'more rows than the 100'],
    ['an open transaction', { content: someSql({ transaction: 'active' }) }, 'open transaction'],
    [
      'a temporary table',
      { facts: { ...facts, tables: ['pg_temp_3.v'], reads: ['pg_temp_3.v'] } },
      'temporary table',
    ],
  ])('warns of %s', async (_what, change, words) => {
    const { path } = await ask(change);
    expect(await (await (await signedIn()).get(path)).text()).toContain(words);
  });

  it('does not exist for others, nor for whoever only was an approver somewhere', async () => {
    const { path } = await ask();
    const browser = await signedIn({ sub: 'eve', groups: ['dba'], email: 'eve@acme.dev' });
    expect((await browser.get(path)).status).toBe(404);
    const strange = await browser.get(`/approvals/${'0'.repeat(32)}-1`);
    expect(strange.status).toBe(404);
    expect((await browser.get('/approvals/x')).status).toBe(404);
    expect((await browser.get('/approvals/..%2f..%2f')).status).toBe(404);
  });

  it('shows the requester their own, without a form', async () => {
    const requester = {
      ...agent,
      id: 'okta:ann',
      issuer: 'okta',
      subject: 'ann',
      kind: 'human' as const,
      claims: { email: 'ann@acme.dev' },
    };
    const { path } = await ask({ principal: requester });
    const page = await (await (await signedIn()).get(path)).text();
    expect(page).not.toContain('class="decide"');
    expect(page).toContain('You asked for this yourself');
  });

  it('says so when the policy has changed since', async () => {
    const { path } = await ask({ policyHash: 'd'.repeat(64) });
    const page = await (await (await signedIn()).get(path)).text();
    expect(page).toContain('The policy has changed');
    expect(page).not.toContain('class="decide"');
  });

  it('lists what waits for the reader', async () => {
    const { path } = await ask();
    const browser = await signedIn();
    await vi.waitFor(async () =>
      expect(await (await browser.get('/approvals')).text()).toContain(path),
    );
    const other = await signedIn({ sub: 'eve', groups: [], email: 'eve@acme.dev' });
    expect(await (await other.get('/approvals')).text()).not.toContain(path);
  });
});

describe('the form', () => {
  it('approves', async () => {
    const { asked, path } = await ask();
    const browser = await signedIn();
    const form = formOf(await (await browser.get(path)).text());
    const done = await browser.post(path, { ...form, vote: 'approve', reason: 'Ticket 7\r\nok' });
    expect([done.status, done.headers.get('location')]).toEqual([303, path]);
    expect(await viewOf(asked)).toMatchObject({
      state: 'approved',
      decidedBy: ['okta:ann'],
      votes: [
        {
          reason: 'Ticket 7\nok',
          via: 'page',
          address: '198.51.100.7',
          country: 'SE',
          groups: ['sre'],
        },
      ],
    });
    const page = await (await browser.get(path)).text();
    expect(page).toContain('Approved');
    expect(page).not.toContain('class="decide"');
  });

  it('denies with a reason, and asks for one', async () => {
    const { asked, path } = await ask();
    const browser = await signedIn();
    const form = formOf(await (await browser.get(path)).text());
    const refused = await browser.post(path, { ...form, vote: 'deny', reason: ' ' });
    expect(refused.status).toBe(409);
    expect(await refused.text()).toContain('A denial needs a reason');
    expect((await browser.post(path, { ...form, vote: 'deny', reason: '<b>no</b>' })).status).toBe(
      303,
    );
    expect(await viewOf(asked)).toMatchObject({ state: 'denied', reason: '<b>no</b>' });
    expect(await (await browser.get(path)).text()).toContain('&lt;b&gt;no&lt;/b&gt;');
  });

  it('keeps what was typed when it is refused', async () => {
    const { path } = await ask();
    const browser = await signedIn();
    const form = formOf(await (await browser.get(path)).text());
    const page = await (
      await browser.post(path, {
        ...form,
        digest: '0'.repeat(64),
        vote: 'approve',
        reason: '"><i>typed',
      })
    ).text();
    expect(page).toContain('not what you were shown');
    expect(page).toContain('&quot;&gt;&lt;i&gt;typed</textarea>');
  });

  it('says what happened when somebody was quicker', async () => {
    const { asked, path } = await ask();
    const browser = await signedIn();
    const form = formOf(await (await browser.get(path)).text());
    await objectOf(asked.digest).withdraw(asked, 'The client is gone.');
    const late = await browser.post(path, { ...form, vote: 'approve' });
    expect(late.status).toBe(409);
    expect(await late.text()).toMatch(/decided, or closed, before your vote[\s\S]*Withdrawn/);
  });

  it.each<[string, Readonly<Record<string, string>>, Readonly<Record<string, string>>]>([
    ['without a token', { csrf: '' }, {}],
    ['with another token', { csrf: 'A'.repeat(43) }, {}],
    ['from another origin', {}, { origin: 'https://evil.example' }],
    ['from a hidden origin', {}, { origin: 'null' }],
    ['from a sibling of this site', {}, { origin: ORIGIN, 'sec-fetch-site': 'same-site' }],
    ['across sites', {}, { origin: ORIGIN, 'sec-fetch-site': 'cross-site' }],
    ['from no page at all', {}, { 'sec-fetch-site': 'none' }],
    ['by what is no browser', {}, { 'user-agent': 'x' }],
  ])('is refused %s', async (_what, fields, headers) => {
    const { asked, path } = await ask();
    const browser = await signedIn();
    const form = formOf(await (await browser.get(path)).text());
    const sent = { ...form, vote: 'approve', ...fields };
    const response = await (Object.keys(headers).length === 0
      ? browser.post(path, sent)
      : browser.post(path, sent, headers));
    expect(response.status).toBe(403);
    expect((await viewOf(asked))?.state).toBe('pending');
  });

  it('is refused with the token of another session, or of another approval', async () => {
    const first = await ask();
    const second = await ask();
    const ann = await signedIn();
    const bo = await signedIn({ sub: 'bo', groups: ['sre'], email: 'bo@acme.dev' });
    const own = formOf(await (await ann.get(first.path)).text());
    const other = formOf(await (await bo.get(first.path)).text());
    expect((await ann.post(first.path, { ...other, vote: 'approve' })).status).toBe(403);
    const elsewhere = formOf(await (await ann.get(second.path)).text());
    expect(
      (await ann.post(first.path, { ...own, csrf: elsewhere['csrf'] ?? '', vote: 'approve' }))
        .status,
    ).toBe(403);
    expect((await viewOf(first.asked))?.state).toBe('pending');
  });

  it.each<
    [string, (path: string, form: Readonly<Record<string, string>>) => Promise<Response>, number]
  >([
    ['without a vote', async (path, form) => (await signedIn()).post(path, form), 403],
    [
      'signed out',
      async (path, form) => new Browser().post(path, { ...form, vote: 'approve' }),
      403,
    ],
  ])('is refused %s', async (_what, send, status) => {
    const { asked, path } = await ask();
    const form = formOf(await (await (await signedIn()).get(path)).text());
    expect((await send(path, form)).status).toBe(status);
    expect((await viewOf(asked))?.state).toBe('pending');
  });

  it('is refused when it is large, has no type of a form, or says a thing twice', async () => {
    const { asked, path } = await ask();
    const browser = await signedIn();
    const form = formOf(await (await browser.get(path)).text());
    expect(
      (await browser.post(path, { ...form, vote: 'approve', reason: 'x'.repeat(70_000) })).status,
    ).toBe(413);
    const odd = { origin: ORIGIN, 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain' };
    expect((await browser.post(path, { ...form, vote: 'approve' }, odd)).status).toBe(400);
    expect((await browser.post(path, { ...form, vote: 'both' })).status).toBe(400);
    expect((await viewOf(asked))?.state).toBe('pending');
  });

  it('does not take the requester, though they may see it', async () => {
    const requester = {
      ...agent,
      id: 'google:1',
      issuer: 'google',
      subject: '1',
      kind: 'human' as const,
      claims: { email: 'Ann@Acme.dev' },
    };
    const { asked, path } = await ask({ principal: requester });
    const browser = await signedIn();
    const page = await (await browser.get(path)).text();
    expect(page).not.toContain('class="decide"');
    const csrfElsewhere = formOf(await (await browser.get((await ask()).path)).text());
    expect(
      (await browser.post(path, { ...csrfElsewhere, digest: asked.digest, vote: 'approve' }))
        .status,
    ).toBe(403);
    expect((await viewOf(asked))?.votes).toEqual([]);
  });
});

describe('text from outside', () => {
  const EVIL = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    '</pre></textarea></title><script>alert(1)</script>',
    '${alert(1)}',
    '<!--',
    '&lt;script&gt;',
    'javascript:alert(1)',
    '</style><script>alert(1)</script>',
  ];

  it.each(EVIL)('is only text, in every field: %s', async (evil) => {
    const { path } = await ask({
      principal: {
        ...agent,
        id: `github:${evil}`,
        subject: evil,
        groups: [evil],
        claims: { [evil]: evil, nested: { [evil]: [evil] } },
      },
      target: { id: 'shop-db', kind: 'postgres', labels: { env: evil } },
      content: someSql({
        text: `DELETE FROM orders WHERE a = $evil$${evil}$evil$ AND b = $1 -- ${evil.replaceAll('\n', ' ')}`,
        binds: [evil],
        role: evil,
        database: evil,
        searchPath: [evil],
        settings: { [evil]: evil },
        stands: [{ kind: 'prepared', name: evil, text: `SELECT $evil$${evil}$evil$` }],
      }),
      facts: {
        ...facts,
        verbs: [evil],
        reads: [evil],
        writes: [evil],
        tables: [evil],
        columns: [evil],
        functions: [evil],
        settings: [evil],
        opaque: [evil],
      },
      demands: [{ ...demand, rule: evil, message: evil, by: ['sre', evil] }],
      claimed: evil,
      session: evil,
    });
    const browser = await signedIn();
    const page = await (await browser.get(path)).text();
    const tags = new Set(
      [...page.matchAll(/<\/?([a-zA-Z!][^\s>]*)/g)].map(([, tag = '']) => tag.toLowerCase()),
    );
    for (const tag of ['script', 'img', 'svg', '!--']) expect(tags).not.toContain(tag);
    expect(page).not.toMatch(/<[^>]*\son\w+=/i);
    expect(page.match(/<style>/g)).toHaveLength(1);
    const form = formOf(page);
    const refused = await browser.post(path, {
      ...form,
      vote: 'approve',
      digest: '0',
      reason: evil,
    });
    expect(await refused.text()).not.toMatch(/<(script|img|svg)/i);
    await browser.post(path, { ...form, vote: 'deny', reason: evil });
    expect(await (await browser.get(path)).text()).not.toMatch(/<(script|img|svg)/i);
    await vi.waitFor(async () => {
      const list = await (await browser.get('/approvals')).text();
      expect(list).toContain(path);
      expect(list).not.toMatch(/<(script|img|svg)/i);
    });
  });
});
