// What an approval is not one for: another principal, session state, value or policy, and never for whoever asks. The fields
// of the envelope one by one are test/core/approval/envelope.test.ts's.
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  changePolicy,
  connected,
  decide as decideAt,
  hold,
  holdOn,
} from '../support/held-statement.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';

const RULES = `
  - id: reuse-writes
    who: '"impatient" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], quorum: 1, expires: 15m, wait: 2s, keep: true }
`;

let stack: TestStack;
let tunnel: Tunnel;
let dana: string;

beforeAll(async () => {
  stack = await startStack();
  await changePolicy(stack, (document) => document.replace(/^rules:\n/m, `rules:${RULES}`));
  dana = await stack.token('dana', ['dba', 'staff'], { issuer: 'human' });
  tunnel = await openTunnel(stack.gateway, 'shop-db', await stack.token('reuser', ['impatient']));
});

afterAll(async () => {
  await tunnel.close();
  await stack.stop();
});

const decide = (id: string, token: string, decision: 'approve' | 'deny', reason?: string) =>
  decideAt(stack.gateway, id, token, decision, reason);

describe('an approval is not one for', () => {
  const text = 'UPDATE products SET stock = 11 WHERE id = 9';

  /** Approved, and nobody waits for it any more. */
  async function approved(): Promise<string> {
    const asked = await hold(tunnel.port, text);
    expect(await asked.answer).toMatchObject({ code: '42501' });
    expect((await decide(asked.id, dana, 'approve')).status).toBe(200);
    await asked.client.end();
    return asked.id;
  }

  /** Asked anew: another approval, or another round. */
  async function asksAnew(client: pg.Client, sent: string, id: string): Promise<void> {
    const held = await holdOn(client, sent);
    expect(held.id.split('-')[0]).not.toBe(id.split('-')[0]);
    await decide(held.id, dana, 'deny', 'test');
    expect(await held.answer).toMatchObject({ code: '42501' });
  }

  it('another principal, transaction, value or date style, and is still there after', async () => {
    const id = await approved();
    const other = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('reuser-2', ['impatient']),
    );
    const theirs = await connected(other.port);
    await asksAnew(theirs, text, id);
    await theirs.end();
    await other.close();

    const inside = await connected(tunnel.port);
    await inside.query('BEGIN');
    await asksAnew(inside, text, id);
    await inside.query('ROLLBACK');
    await asksAnew(inside, text.replace('11', '12'), id);
    await inside.query("SET DateStyle = 'German, DMY'");
    await asksAnew(inside, text, id);
    await inside.end();

    const owner = await connected(tunnel.port);
    expect(await owner.query(text)).toMatchObject({ rowCount: 1 });
    await owner.end();
  });

  it('a later policy', async () => {
    const id = await approved();
    await changePolicy(stack, (document) => `${document}\n# another revision\n`);
    const client = await connected(tunnel.port);
    await asksAnew(client, text, id);
    await client.end();
    // What waited under the old policy cannot be voted on any more, by anybody.
    const old = await hold(tunnel.port, 'UPDATE products SET stock = 12 WHERE id = 9');
    await changePolicy(stack, (document) => `${document}\n# and another\n`);
    const vote = await decide(old.id, dana, 'approve');
    expect({ status: vote.status, body: await vote.json() }).toMatchObject({
      status: 409,
      body: { code: 'policy_changed' },
    });
    await old.client.end();
  });

  it('the requester under an identity of the people, with the same address', async () => {
    const name = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('dana', ['impatient']),
    );
    const held = await hold(name.port, text);
    const vote = await decide(held.id, dana, 'approve');
    expect({ status: vote.status, body: await vote.json() }).toMatchObject({
      status: 403,
      body: { code: 'own_request' },
    });
    await held.client.end();
    await name.close();
  });
});
