// What docs/notifications.md promises to receivers is what they get.
import { createHmac } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { standardBody } from '../../../adapters/webhook-body.ts';
import { approvalEvent } from '../../support/approval-event.ts';

const TEXT = readFileSync(resolve(import.meta.dirname, '../../../docs/notifications.md'), 'utf8');

function block(language: string, holding: string): string {
  const blocks = [...TEXT.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))];
  const found = blocks.find(([, body]) => body?.includes(holding))?.[1];
  if (found === undefined) throw new Error(`no ${language} block with ${holding}`);
  return found;
}

/** Every key of a body, with the type of what it holds. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return [];
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, shape(inner)]));
}

it('shows the body, key by key', () => {
  const shown = JSON.parse(block('json', 'approval.requested')) as unknown;
  expect(shape(shown)).toEqual(shape(standardBody(approvalEvent())));
});

it('asks for no scope but the one that posts', () => {
  const manifest = TEXT.slice(TEXT.indexOf('"display_information"'), TEXT.indexOf('"settings"'));
  expect(/"bot": \[(.*?)\]/.exec(manifest)?.[1]).toBe('"chat:write"');
});

// A machine without Python has nobody who could run the example.
const python = spawnSync('python3', ['--version']).status === 0;

it.skipIf(!python)('verifies in Python what is signed here, and nothing else', () => {
  const secret = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
  const now = new Date();
  const body = JSON.stringify(standardBody(approvalEvent()));
  const sent = {
    secret,
    body,
    'webhook-id': 'ev_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('ev_1', now, body),
  };
  const old = String(Number(sent['webhook-timestamp']) - 301);
  const stale = createHmac('sha256', '0123456789abcdef01234567')
    .update(`ev_1.${old}.${body}`)
    .digest('base64');
  const cases = [
    sent,
    { ...sent, body: `${body} ` },
    { ...sent, 'webhook-id': 'ev_2' },
    { ...sent, 'webhook-timestamp': old, 'webhook-signature': `v1,${stale}` },
    { ...sent, 'webhook-signature': `v1,x ${sent['webhook-signature']}` },
  ];
  const program = `${block('python', 'def verify')}
import json, sys
print(json.dumps([verify(c["secret"], c, c["body"].encode()) for c in json.load(sys.stdin)]))`;
  const answer = execFileSync('python3', ['-c', program], { input: JSON.stringify(cases) });
  expect(JSON.parse(answer.toString())).toEqual([true, false, false, false, true]);
});
