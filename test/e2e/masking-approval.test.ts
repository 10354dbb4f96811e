// Masks and approvals together: what a human allows is masked like what a rule allows, and nobody is asked about what masks
// refuse. The demo's own policy, where agents may refund payments after a dba has agreed.
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { connected, decide, hold } from '../support/held-statement.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';

const CARD = /^hash:[0-9a-f]{32}$/;

let stack: TestStack;
let agent: Tunnel;
let dana: string;

beforeAll(async () => {
  stack = await startStack();
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
  agent = await openTunnel(stack.gateway, 'shop-db', await stack.token('agent', ['agents']));
});

afterAll(async () => {
  await agent.close();
  await stack.stop();
});

async function waiting(): Promise<number> {
  const response = await fetch(`${stack.gateway}/v1/approvals`, {
    headers: { authorization: `Bearer ${dana}` },
  });
  const { approvals } = (await response.json()) as { approvals: readonly unknown[] };
  return approvals.length;
}

it.each([
  ['simple', 'UPDATE payments SET refunded = true WHERE id = 11 RETURNING card_number', undefined],
  [
    'extended',
    'UPDATE payments SET refunded = true WHERE id = $1 RETURNING card_number AS amount',
    [12],
  ],
])('an approved statement of the %s protocol answers masked', async (_name, text, values) => {
  const held = await hold(agent.port, text, values);
  expect((await decide(stack.gateway, held.id, dana, 'approve')).status).toBe(200);
  const answer = await held.answer;
  if (answer instanceof pg.DatabaseError) throw answer;
  expect(Object.values(answer.rows[0] as object)).toEqual([expect.stringMatching(CARD)]);
  await held.client.end();
});

it.each([
  [
    'a condition',
    "UPDATE payments SET refunded = true WHERE card_number LIKE '4%'",
    [],
    'mask_predicate',
  ],
  ['a copy', 'UPDATE payments SET card_holder = card_number WHERE id = 13', [], 'mask_copied'],
  [
    'a placeholder',
    'UPDATE payments SET card_number = $1 WHERE id = 13',
    ['hash:cdb16c75dc5d1a8c0d84a21e39200152'],
    'mask_placeholder',
  ],
])('nobody is asked about %s that masks refuse', async (_name, text, values, code) => {
  const before = await waiting();
  const client = await connected(agent.port);
  const notices: string[] = [];
  client.on('notice', ({ message }) => notices.push(message ?? ''));
  const refusal = await client.query(text, values).catch((error: unknown) => error);
  expect(refusal).toMatchObject({
    code: '42501',
    detail: expect.stringContaining(`code ${code}`) as string,
  });
  expect(notices).toEqual([]);
  expect(await waiting()).toBe(before);
  expect((await client.query('SELECT 1 AS alive')).rows).toEqual([{ alive: 1 }]);
  await client.end();
});
