import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '../../../core/audit/event.ts';
import { timeline } from '../../../core/recording/timeline.ts';
import { visible, visibleLine } from '../../../core/recording/visible.ts';
import { chained } from '../../support/chained.ts';
import {
  deniedIntent,
  intent,
  outcome,
  sessionStart,
  SESSION_END,
  statement,
} from '../../support/session-events.ts';
import { requestEvent } from '../../support/http-content.ts';

const told = (events: readonly SessionEvent[]) =>
  [...timeline(chained('s1', events))].flatMap((moment) => moment.lines).join('\n');

describe('the timeline', () => {
  it('tells a session so that a human can follow it', () => {
    const story = told([
      sessionStart('s1'),
      statement(1, 'SELECT *\n  FROM orders\n WHERE id = $1'),
      intent(1, 1, ['42', null]),
      outcome(1),
      statement(2, 'DROP TABLE orders'),
      deniedIntent(2, 2),
      outcome(2, 'refused'),
      intent(3, 1, ['7']),
      outcome(3, 'failed'),
      { kind: 'policy', revision: 8 },
      { kind: 'session.refused', code: 'policy_ended', detail: 'Not any more.' },
      { kind: 'session.end', code: 'policy_ended', detail: 'A changed policy.' },
    ]);
    expect(story).toBe(
      `
00:00.000  postgres session s1 on shop-db, 2026-11-24T13:00:00.000Z
           github:repo:acme/shop (workload, groups agents)
           client psql from 192.0.2.7 DE, policy revision 7
00:00.020  #1 query: allowed by agents-read, revision 7
           SELECT *
             FROM orders
            WHERE id = $1
           $1 = '42'
           $2 = NULL
00:00.030  #1 succeeded, 3 rows, 120 bytes, 10 ms
00:00.050  #2 query: DENIED by no-ddl, revision 7
           DROP TABLE orders
00:00.060  #2 refused
00:00.070  #3 query: allowed by agents-read, revision 7
           SELECT *   FROM orders  WHERE id = $1
           $1 = '7'
00:00.080  #3 failed, SQLSTATE 42P01, 10 ms
00:00.090  policy revision 8 is in force
00:00.100  refused: policy_ended
           Not any more.
00:00.110  session ended: policy_ended
           A changed policy.
`.trim(),
    );
  });

  it('tells HTTP requests, and their ends in their own words', () => {
    const ended = { kind: 'outcome', rows: 0, bytes: 0, digest: null } as const;
    const mutation = { query: 'mutation { refund(id: 1) { id } }' };
    const story = told([
      sessionStart('s1', { target: 'payments' }),
      requestEvent(1, { query: 'note=f%C3%BCr' }),
      { ...ended, action: 1, outcome: 'failed', error: '402', bytes: 90 },
      requestEvent(
        2,
        {
          path: '/graphql',
          body: JSON.stringify(mutation),
          headers: [
            ['x-api-key', 'canary'],
            ['content-type', 'application/json'],
          ],
        },
        {
          decision: { kind: 'deny', rules: ['no-money'], code: 'rule', revision: 7, observed: [] },
        },
      ),
      { ...ended, action: 2, outcome: 'refused', error: null },
      requestEvent(3, { method: 'GET', path: '/..%2f', body: null }, { facts: null }),
      { ...ended, action: 3, outcome: 'unknown', error: 'target_gone' },
      requestEvent(4, { method: 'DELETE', path: '/v1/cards/1', body: null, headers: [] }),
      { ...ended, action: 4, outcome: 'succeeded', error: null },
    ]);
    const { body } = requestEvent(1);
    expect(story.split('\n').slice(3).join('\n')).toBe(
      `
00:00.010  #1 POST /v1/refunds?note=f%C3%BCr: allowed by refunds, revision 7
           at api.pay.example
           accept: application/json
           content-type: application/json
           idempotency-key: k-1
           user-agent: refund-agent/1.0
           body: 48 bytes, SHA-256 ${body?.digest}
           JSON {"amount":1250,"charge":"ch_1","currency":"eur"}
           query note = für
00:00.020  #1 failed, status 402, 90 bytes, 10 ms
00:00.030  #2 POST /graphql: DENIED by no-money, revision 7
           at api.pay.example
           x-api-key: (empty, or not recorded)
           content-type: application/json
           body: 45 bytes, SHA-256 ${requestEvent(2, { body: JSON.stringify(mutation) }).body?.digest}
           GraphQL mutation: refund
           JSON ${JSON.stringify(mutation)}
00:00.040  #2 refused
00:00.050  #3 GET /..%2f: allowed by refunds, revision 7
           accept: application/json
           idempotency-key: k-1
           user-agent: refund-agent/1.0
00:00.060  #3 unknown, target_gone, 10 ms
00:00.070  #4 DELETE /v1/cards/1: allowed by refunds, revision 7
           at api.pay.example
00:00.080  #4 succeeded, 10 ms
`.trim(),
    );
  });

  it('cuts nothing of a request without saying so', () => {
    const headers = Array.from({ length: 60 }, (_, n) => [`x-${n}`, 'v'] as const);
    const body = JSON.stringify('y'.repeat(200_000));
    const story = told([
      sessionStart('s1'),
      requestEvent(1, { headers: [...headers, ['content-type', 'application/json']], body }),
      requestEvent(2, {}, { path: `/${'x'.repeat(8_000)}` }),
    ]);
    expect(story).toContain('… and 41 more');
    expect(story).toContain('… (200002 characters)');
    expect(story).toContain('… (8001 characters)');
    expect(story.length).toBeLessThan(6_000);
  });

  it('lets nothing that was recorded act on the terminal', () => {
    const nasty = '\u001b[2J\u001b]0;x\u0007\u202egnp.exe\u2066\u200b\u0085\r\u2028';
    const story = told([
      sessionStart('s1', { principal: nasty, target: nasty }),
      statement(1, `SELECT 1 -- ${nasty}`),
      intent(1, 1, [nasty]),
      requestEvent(
        2,
        {
          query: `a=${encodeURIComponent(nasty)}`,
          headers: [['content-type', 'application/json']],
          body: JSON.stringify({ [nasty]: nasty }),
        },
        { method: nasty, path: nasty, headers: [[nasty, nasty]] },
      ),
      { kind: 'session.end', code: 'killed', detail: nasty },
    ]);
    expect(story.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    expect(story).toContain('<U+001B>[2J');
    expect(story).toContain('<U+202E>gnp.exe');
  });

  it('shortens a long bind value and says how long it is', () => {
    const story = told([
      sessionStart('s1'),
      statement(1, 'x'),
      intent(1, 1, ['é'.repeat(5_000_000)]),
    ]);
    expect(story.length).toBeLessThan(1_000);
    expect(story).toContain('… (5000000 characters)');
  });

  it('goes on past events that it does not know or that make no sense', () => {
    const strange = [
      { kind: 'ssh.channel', id: 1 },
      { kind: 'intent', action: 1 },
      { kind: 'constructor' },
    ] as unknown as SessionEvent[];
    const story = told([sessionStart('s1'), ...strange, intent(1, 9), SESSION_END]);
    expect(story.match(/does not know/g)).toHaveLength(3);
    expect(story).toContain('(statement 9 is not in the recording)');
    expect(story).toContain('session ended');
  });
});

describe('visible text', () => {
  it.each([
    ['a\tb\r\nc', ['a  b', 'c']],
    ['\u0000\u007f\u009b', ['<U+0000><U+007F><U+009B>']],
    ['\u{E0041}\ufe0f\u3164', ['<U+E0041><U+FE0F><U+3164>']],
    ['größe 😀 日本', ['größe 😀 日本']],
    ['\ud800', ['<U+D800>']],
  ])('%j', (text, lines) => {
    expect(visible(text)).toEqual(lines);
    expect(visibleLine(text)).not.toContain('\n');
  });
});
