import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { offersButtons, slackMessage } from '../../../adapters/slack-message.ts';
import { approvalEvent, approvalRequest } from '../../support/approval-event.ts';
import { httpContent, type RequestOptions } from '../../support/http-content.ts';
import { blockProblems } from '../../support/slack-blocks.ts';

const asked = (options: RequestOptions = {}) => ({ content: httpContent(options), facts: null });
const messageOf = (options: RequestOptions = {}) =>
  slackMessage(approvalEvent({ request: asked(options) }));
const textOf = (options: RequestOptions = {}) =>
  JSON.stringify(messageOf(options).blocks).replaceAll('\\n', '\n').replaceAll('\\"', '"');
const buttons = (options: RequestOptions = {}) => offersButtons(approvalRequest(asked(options)));

describe('a request in Slack', () => {
  it('says what, where, and all that is sent', () => {
    const text = textOf({ query: 'note=f%C3%BCr' });
    for (const piece of [
      '*Action*\n`POST`',
      '*Host*\n`api.pay.example`',
      '*Path*\n`/v1/refunds`',
      '```\nPOST /v1/refunds?note=f%C3%BCr\naccept: application/json\ncontent-type: application/json\n```',
      '```\n{\n  "charge": "ch_1",\n  "amount": 1250,\n  "currency": "eur"\n}\n```',
      'The values read\nnote = für',
      'With a body of 48 bytes.',
    ]) {
      expect(text).toContain(piece);
    }
    expect(buttons({ query: 'note=f%C3%BCr' })).toBe(true);
  });

  it.each<[string, RequestOptions]>([
    ['a long body', { body: `"${'x'.repeat(3_000)}"` }],
    ['a body of bytes', { body: Uint8Array.of(0xff) }],
    ['a body that ends the code', { body: '"```"' }],
    ['a body with a gap', { body: `"a${' '.repeat(80)}b"` }],
    ['a long path', { path: `/${'x'.repeat(700)}` }],
    ['a long query', { query: `a=${'x'.repeat(3_000)}` }],
    ['a key of the caller', { headers: [['x-api-key', 'canary']] }],
  ])('has no buttons with %s, and says where to read it', (_what, options) => {
    expect(buttons(options)).toBe(false);
    expect(textOf(options)).toContain('Not all of it fits here');
    expect(textOf(options)).not.toContain('canary');
    expect(blockProblems(messageOf(options).blocks)).toEqual([]);
  });

  it.each<[string, RequestOptions]>([
    ['path', { path: '/%3C!channel%3E/@here' }],
    ['query', { query: 'a=%3C!channel%3E&b=*bold*%20%60x%60%20%3Chttps://evil.example%7Cok%3E' }],
    ['header', { headers: [['prefer', '<!channel> <https://evil.example|ok>']] }],
    ['body', { body: '"<!channel> <https://evil.example|ok> *bold*"' }],
    [
      'form',
      { headers: [['content-type', 'application/x-www-form-urlencoded']], body: 'a=%3C!here%3E' },
    ],
  ])('calls nobody and links nowhere by its %s', (_what, options) => {
    expect(textOf(options)).not.toMatch(/<!(?!date)|<https:\/\/(?!gate\.example)/);
  });

  it('writes out what hides in a value once it is decoded, line breaks too', () => {
    const text = textOf({ query: 'a=x%E2%80%AEy%0Ab%20=%201' });
    expect(text).toContain('a = x⟦U+202E⟧y⟦U+000A⟧b = 1');
  });

  it('is taken by Slack whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const body = text.isWellFormed() ? text : '';
        const options = { body, query: `q=${encodeURIComponent(body.replaceAll('\0', ''))}` };
        expect(blockProblems(messageOf(options).blocks)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  }, 30_000);
});
