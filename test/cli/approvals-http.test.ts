import { describe, expect, it } from 'vitest';
import type { Approval } from '../../cli/approvals-gateway.ts';
import { approvalText } from '../../cli/approvals-text.ts';
import { shownHeaders } from '../../core/approval/http-message.ts';
import { httpContent, type RequestOptions } from '../support/http-content.ts';

/** As the gateway answers it (worker/routes/approvals.ts). */
function approval(options: RequestOptions): Approval {
  const { facts, headers, ...content } = httpContent(options);
  return {
    id: 'a-1',
    url: 'https://gate.example/approvals/a-1',
    state: 'pending',
    digest: 'a'.repeat(64),
    summary: 'POST /v1/refunds at payments',
    cautions: [],
    principal: { id: 'ci:agent', kind: 'workload', groups: [], claims: {} },
    target: { id: 'payments', kind: 'http' },
    content: { ...content, headers: [...shownHeaders(headers).effective] },
    facts: facts as unknown as Approval['facts'],
    estimatedRows: null,
    claimed: '',
    demands: [],
    votes: [],
    revision: 7,
    requestedAt: '2026-11-24T14:00:00.000Z',
    expiresAt: '2026-11-24T14:15:00.000Z',
    decidedBy: [],
    reason: '',
  };
}

const textOf = (options: RequestOptions = {}) =>
  approvalText(approval(options), Date.parse('2026-11-24T14:00:00Z'));

describe('a request in the terminal', () => {
  it('is shown whole', () => {
    const text = textOf({ path: '/v1/refunds/%C3%A9', query: 'a=%20b' });
    for (const line of [
      'request    POST /v1/refunds/%C3%A9?a=%20b',
      'host       api.pay.example',
      'path reads /v1/refunds/é',
      'query      a =  b',
      'header     content-type: application/json',
      'Body, 48 bytes, application/json:\n{\n  "charge": "ch_1",\n  "amount": 1250,',
    ]) {
      expect(text).toContain(line);
    }
  });

  it.each<[string, RequestOptions, string]>([
    ['bytes in hex', { body: Uint8Array.of(0xff, 0x1b) }, '000000  ff 1b'],
    ['the end of a long body', { body: `"${'x'.repeat(250_000)} the end"` }, ' the end"'],
    ['a key that comes twice', { body: '{"a":1,"a":2}' }, '\n{"a":1,"a":2}'],
    ['that there is no body', { body: null }, 'Without a body.'],
    ['that a WebSocket is opened', { body: null, webSocket: true }, 'OPENS A WEBSOCKET'],
    [
      'a GraphQL document as it reads',
      { path: '/graphql', body: JSON.stringify({ query: 'mutation {\n  refund\n}' }) },
      'GraphQL document:\nmutation {\n  refund\n}',
    ],
  ])('with %s', (_what, options, piece) => {
    expect(textOf(options)).toContain(piece);
  });

  it('lets nothing in it act, and shows no key', () => {
    const nasty = '\u001b[2J\u202e\u200b';
    const text = textOf({
      path: `/${encodeURIComponent(nasty)}`,
      query: `a=${encodeURIComponent(nasty)}`,
      headers: [
        ['content-type', 'text/plain'],
        ['x-api-key', 'canary'],
        ['prefer', 'a\u009bb'],
      ],
      body: nasty,
    });
    for (const hidden of ['\u001b', '\u202e', '\u200b', '\u009b', 'canary']) {
      expect(text).not.toContain(hidden);
    }
    expect(text).toContain('⟦U+001B⟧[2J⟦U+202E⟧⟦U+200B⟧');
  });
});
