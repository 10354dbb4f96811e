// What a crash and a flood do to approvals: a statement that was approved never runs twice, and one agent cannot bury its
// approvers. A stack of its own, since its runtime is killed.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_PENDING_APPROVALS } from '../../core/limits.ts';
import { approvalOf, changePolicy, connected, decide, hold } from '../support/held-statement.ts';
import { present } from '../support/present.ts';
import { descendants } from '../support/processes.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';

const RULES = `
  - id: fault-writes
    who: '"crashers" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 1s, keep: true }
  - id: fault-waits
    who: '"patient" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 60s, keep: true }
  - id: fault-reads
    who: '"crashers" in principal.groups || "patient" in principal.groups'
    on: [shop-db]
    when: sql.effect == "read"
    then: allow
`;

let stack: TestStack;
let dana: string;
let crasher: Tunnel;
let patient: Tunnel;

beforeAll(async () => {
  stack = await startStack();
  await changePolicy(stack, (document) => document.replace(/^rules:\n/m, `rules:${RULES}`));
  dana = await stack.token('dana', ['dba'], { issuer: 'human', ttlSeconds: 900 });
  crasher = await openTunnel(stack.gateway, 'shop-db', await stack.token('crasher', ['crashers']));
  patient = await openTunnel(stack.gateway, 'shop-db', await stack.token('patient', ['patient']));
});

afterAll(async () => {
  for (const tunnel of [crasher, patient]) await tunnel.close();
  await stack.stop();
});

/** kill -9 of the runtime; the stack starts another on the same port, on what the first one had written. */
async function killGateway(): Promise<void> {
  const killed = descendants(stack.pid, 'workerd');
  expect(killed.length).toBeGreaterThan(0);
  for (const pid of killed) process.kill(pid, 'SIGKILL');
  const end = Date.now() + 30_000;
  for (;;) {
    const up = await fetch(`${stack.gateway}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    const [now] = descendants(stack.pid, 'workerd');
    if (up && now !== undefined && !killed.includes(now)) return;
    if (Date.now() > end) throw new Error(`no gateway after the kill:\n${stack.output()}`);
    await sleep(100);
  }
}

const stateOf = async (id: string) => (await approvalOf(stack.gateway, id, dana))?.state;

async function stockOf(product: number): Promise<number> {
  const client = await connected(patient.port);
  const { rows } = await client.query('SELECT stock FROM products WHERE id = $1', [product]);
  await client.end();
  return (rows[0] as { stock: number }).stock;
}

describe('when the gateway is killed', () => {
  it('between the approval and the run, the approval is there, runs once and is used up', async () => {
    const text = 'UPDATE products SET stock = stock + 1000 WHERE id = 20';
    const was = await stockOf(20);
    const asked = await hold(crasher.port, text);
    expect(await asked.answer).toMatchObject({ code: '42501' });
    expect((await decide(stack.gateway, asked.id, dana, 'approve')).status).toBe(200);
    await killGateway();
    expect(await stateOf(asked.id)).toBe('approved');
    expect(await stockOf(20)).toBe(was);

    const client = await connected(crasher.port);
    expect(await client.query(text)).toMatchObject({ rowCount: 1 });
    expect(await stateOf(asked.id)).toBe('consumed');
    await killGateway();
    // Neither the session's object nor the approval's does anything again when it wakes up.
    expect(await stateOf(asked.id)).toBe('consumed');
    const again = await hold(crasher.port, text);
    expect(again.id).not.toBe(asked.id);
    expect(await again.answer).toMatchObject({ code: '42501' });
    expect(await stockOf(20)).toBe(was + 1000);
    await again.client.end();
  });

  it('in the moments around the run, the statement has run at most once', async () => {
    const ends: string[] = [];
    for (const [attempt, delay] of [3, 8, 15, 30, null].entries()) {
      const product = 21 + attempt;
      const text = `UPDATE products SET stock = stock + 1000 WHERE id = ${product}`;
      const was = await stockOf(product);
      const held = await hold(patient.port, text);
      const digest = present(await approvalOf(stack.gateway, held.id, dana)).digest;
      const vote = fetch(`${stack.gateway}/v1/approvals/${held.id}/decision`, {
        method: 'POST',
        headers: { authorization: `Bearer ${dana}`, 'content-type': 'application/json' },
        body: JSON.stringify({ decision: 'approve', digest, reason: '' }),
      }).catch(() => null);
      // Milliseconds from the vote's way in; null: with its answer.
      await (delay === null ? vote : sleep(delay));
      await killGateway();
      await vote;
      await Promise.race([held.answer, sleep(2_000)]);
      const state = await stateOf(held.id);
      const ran = ((await stockOf(product)) - was) / 1000;
      ends.push(`${state} ${ran}`);
      // Used means sent or about to be: it ran, or it is not known, and it is never sent again. Otherwise it did not run.
      expect(['pending 0', 'approved 0', 'consumed 0', 'consumed 1']).toContain(ends.at(-1));
    }
    expect(ends).toHaveLength(5);
    // An answered vote stands, whatever happens after it.
    expect(ends.at(-1)).not.toContain('pending');
    console.info(`around the kills: ${ends.join(', ')}`);
  }, 120_000);

  it('while a statement waits, the request is still there and can be decided', async () => {
    const text = 'UPDATE products SET stock = 3 WHERE id = 30';
    const held = await hold(patient.port, text);
    await killGateway();
    expect(await held.answer).toBeInstanceOf(Error);
    expect(await stateOf(held.id)).toBe('pending');
    expect((await decide(stack.gateway, held.id, dana, 'approve')).status).toBe(200);
    const client = await connected(patient.port);
    expect(await client.query(text)).toMatchObject({ rowCount: 1 });
    await client.end();
  });
});

describe('an agent that floods its approvers', () => {
  it('is stopped at the limit with a code of its own, and goes on once one is decided', async () => {
    const flooder = await openTunnel(
      stack.gateway,
      'shop-db',
      await stack.token('flooder', ['patient']),
    );
    const held = await Promise.all(
      Array.from({ length: MAX_PENDING_APPROVALS }, (_, at) =>
        hold(flooder.port, `UPDATE products SET stock = ${at} WHERE id = 31`),
      ),
    );
    const client = await connected(flooder.port);
    const more = 'UPDATE products SET stock = 99 WHERE id = 31';
    await expect(client.query(more)).rejects.toMatchObject({
      code: '53400',
      detail: expect.stringContaining('approval_too_many') as string,
    });
    const [first] = held;
    await decide(stack.gateway, present(first).id, dana, 'deny', 'test');
    await expect
      .poll(async () => hold(flooder.port, more).then(() => 'held', String), { timeout: 5_000 })
      .toBe('held');
    for (const each of held) await each.client.end();
    await client.end();
    await flooder.close();
  });
});
