// An HTTP request on its approval's page and in the API: whole, legible, and nothing in it acts.
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { approvalName } from '../../core/approval/view.ts';
import { demand } from '../core/approval/fixtures.ts';
import { httpContent, type RequestOptions } from '../support/http-content.ts';
import { Browser, standInIssuer, type StandInIssuer } from './approval-browser.ts';
import { asking, migrated, objectOf } from './approval-support.ts';

let issuer: StandInIssuer;

beforeAll(migrated);
beforeEach(async () => {
  issuer = await standInIssuer();
});
afterEach(() => vi.restoreAllMocks());

const JSON_TYPE = [['content-type', 'application/json']] as const;

async function pageOf(options: RequestOptions): Promise<string> {
  const asked = await asking({
    demands: [{ ...demand, by: ['sre'], maxRows: null }],
    content: httpContent(options),
    facts: null,
    estimatedRows: null,
    target: { id: 'payments', kind: 'http', labels: {} },
  });
  await objectOf(asked.digest).request(asked, Date.now());
  const browser = new Browser();
  await browser.signIn(issuer, { sub: 'ann', groups: ['sre'], email: 'ann@acme.dev' });
  const response = await browser.get(`/approvals/${approvalName(asked.digest)}-1`);
  expect(response.status).toBe(200);
  return response.text();
}

/** What a reader sees, in order. */
function textOf(page: string): string {
  return page
    .replaceAll(/<style>[\s\S]*?<\/style>|<[^>]+>/g, '')
    .replaceAll('&#39;', "'")
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

/** The boxes of code, as they read. */
function boxes(page: string): string[] {
  return [...page.matchAll(/<pre class="[^"]*"[^>]*>\n([\s\S]*?)<\/pre>/g)].map(([, inner]) =>
    textOf(inner ?? ''),
  );
}

describe('the page of a request', () => {
  it('says who wants what where before anything else, and then everything', async () => {
    const page = await pageOf({
      query: 'expand=charge&note=f%C3%BCr%20Ann',
      headers: [
        ...JSON_TYPE,
        ['stripe-version', '2026-10-01'],
        ['x-api-key', 'key-canary'],
        ['user-agent', 'agent/1'],
      ],
    });
    const text = textOf(page).replaceAll(/\s+/g, ' ');
    const order = [
      'POST /v1/refunds',
      'at payments',
      'asked by github:repo:acme/shop',
      'api.pay.example/v1/refunds?expand=charge&note=f%C3%BCr%20Ann',
      'note für Ann',
      'Body · 48 bytes, application/json',
      'stripe-version 2026-10-01',
      'not shown: it may be a key',
      'Exactly what is shown is sent, once.',
    ];
    const places = order.map((piece) => text.indexOf(piece));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(page).not.toContain('key-canary');
    expect(boxes(page)).toEqual([
      '{\n  "charge": "ch_1",\n  "amount": 1250,\n  "currency": "eur"\n}',
      '{"charge":"ch_1","amount":1250,"currency":"eur"}',
    ]);
  });

  it.each<[string, RequestOptions, readonly string[]]>([
    ['a key that comes twice, raw', { body: '{"a":1,"a":2}' }, ['{"a":1,"a":2}']],
    [
      'a rounded number, raw',
      { body: '{"a":12345678901234567890}' },
      ['{"a":12345678901234567890}'],
    ],
    [
      'bytes in hex',
      { body: Uint8Array.of(0xff, 0, 0x3c, 0x62, 0x3e) },
      ['000000  ff 00 3c 62 3e           ..<b>'],
    ],
    [
      'a form as it reads and as it is sent',
      { headers: [['content-type', 'application/x-www-form-urlencoded']], body: 'a=%3Cb%3E&c=' },
      ['a=%3Cb%3E&c='],
    ],
    [
      'a GraphQL document without the escapes of JSON',
      { path: '/graphql', headers: JSON_TYPE, body: '{"query":"mutation {\\n  refund\\n}"}' },
      [
        'mutation {\n  refund\n}',
        '{\n  "query": "mutation {\\n  refund\\n}"\n}',
        '{"query":"mutation {\\n  refund\\n}"}',
      ],
    ],
  ])('shows %s', async (_what, options, expected) => {
    expect(boxes(await pageOf(options))).toEqual(expected);
  });

  it('shows a body of 256 KiB to its end, and keeps the decision near', async () => {
    const body = JSON.stringify(
      Array.from({ length: 5_000 }, (_, n) => ({ n, text: `<b>row</b> ${n} of many, many rows` })),
    );
    expect(body.length).toBeGreaterThan(256 * 1024);
    const page = await pageOf({ body: `${body.slice(0, -1)},"the very end"]` });
    const [shown, sent] = boxes(page);
    expect(shown?.endsWith('  "the very end"\n]')).toBe(true);
    expect(sent).toBe(`${body.slice(0, -1)},"the very end"]`);
    expect(page.match(/<pre class="sql long" tabindex="0">/g)).toHaveLength(2);
    expect(page).not.toContain('<b>row');
    expect(page).toContain('larger than the gateway inspects');
  }, 60_000);

  it('lets nothing hide, pose or act: in path, query, headers and body', async () => {
    const page = await pageOf({
      path: '/v1/%E2%80%AEgnp.exe',
      query: `to=${encodeURIComponent('аdmin')}&x=${encodeURIComponent('<script>\u2066')}`,
      headers: [...JSON_TYPE, ['prefer', '"><script>alert(1)</script>']],
      body: '{"a":"\u202e\u200b<script>"}',
    });
    expect(page).not.toMatch(/<script|[\u202e\u200b\u2066]/);
    const text = textOf(page);
    for (const piece of [
      '⟦U+202E⟧gnp.exe',
      'U+0430',
      '<script>⟦U+2066⟧',
      '⟦U+202E⟧⟦U+200B⟧<script>',
    ])
      expect(text).toContain(piece);
    expect(text).toContain('characters that cannot be seen (4)');
    expect(text).toContain('letters that look like others (1)');
  });

  it('puts what only looks like text of the page into boxes', async () => {
    const page = await pageOf({
      headers: [['content-type', 'application/x-www-form-urlencoded']],
      body: `note=${encodeURIComponent('a\nApproved by everybody')}`,
    });
    expect(boxes(page)[0]).toBe('a\nApproved by everybody');
  });

  it('says what it does not promise of a WebSocket', async () => {
    const text = textOf(
      await pageOf({ method: 'GET', path: '/live', body: null, webSocket: true }),
    );
    expect(text).toContain('Open a WebSocket at /live');
    expect(text).toContain('is not seen, and nobody is asked about it');
    expect(text).not.toContain('Exactly what is shown');
  });
});
