// Slack through the whole gateway: the stack posts to a stand-in, clicks come back as Slack signs them, and a statement that
// waits on the wire runs or does not. What a message holds in detail: test/core/approval/slack-message.test.ts; every click
// that must not count: test/worker/slack-interactions.test.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { approvalOf, changePolicy, decide, hold, type Held } from '../support/held-statement.ts';
import { clickPayload, signedInteraction } from '../support/slack-click.ts';
import {
  startSlackStandIn,
  TOKEN_PREFIX,
  type PostedMessage,
  type SlackStandIn,
} from '../support/slack-stand-in.ts';
import { startStack, type TestStack } from '../support/stack.ts';
import { openTunnel, type Tunnel } from '../support/tunnel.ts';

const TOKEN = `${TOKEN_PREFIX}of-the-whole-stack`;
const SIGNING_SECRET = 'the-signing-secret-of-the-whole-stack';
const CHANNEL = 'C0STACK';
const TEAM = 'T0STACK';

const RULES = `
  - id: slack-writes
    who: '"slackers" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 50s, slackButtons: true }
  - id: slack-two
    who: '"slack-careful" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], quorum: 2, expires: 15m, wait: 50s, slackButtons: true }
  - id: slack-page-only
    who: '"slack-strict" in principal.groups'
    on: [shop-db]
    when: sql.effect == "write"
    then: approve
    approval: { by: [dba], expires: 15m, wait: 50s }
`;
const NOTIFY = `
notify:
  slack:
    channel: ${CHANNEL}
    token: SLACK_TOKEN
    team: ${TEAM}
    users:
      U0DANA: { principal: "dev-people:dana", groups: [dba] }
      U0OMAR: { principal: "dev-people:omar", groups: [dba] }
`;

let slack: SlackStandIn;
let stack: TestStack;
let folder: string;
let dana: string;
let buttons: Tunnel;
let careful: Tunnel;
let strict: Tunnel;

beforeAll(async () => {
  slack = await startSlackStandIn();
  folder = mkdtempSync(join(tmpdir(), 'postern-slack-'));
  const secrets = join(folder, 'secrets.json');
  writeFileSync(
    secrets,
    JSON.stringify({
      SLACK_TOKEN: TOKEN,
      SLACK_SIGNING_SECRET: SIGNING_SECRET,
      SLACK_API_URL: slack.url,
    }),
    { mode: 0o600 },
  );
  stack = await startStack({ args: ['--secrets', secrets] });
  await changePolicy(
    stack,
    (document) => `${document.replace(/^rules:\n/m, `rules:${RULES}`)}${NOTIFY}`,
  );
  dana = await stack.token('dana', ['dba'], { issuer: 'human' });
  const tunnel = async (subject: string, group: string): Promise<Tunnel> =>
    openTunnel(stack.gateway, 'shop-db', await stack.token(subject, [group]));
  buttons = await tunnel('slacker', 'slackers');
  careful = await tunnel('slack-careful', 'slack-careful');
  strict = await tunnel('slack-strict', 'slack-strict');
});

afterAll(async () => {
  for (const tunnel of [buttons, careful, strict]) await tunnel.close();
  await stack.stop();
  await slack.close();
  rmSync(folder, { recursive: true });
});

/** What stands in the channel about an approval. */
function messagesOf(id: string): readonly PostedMessage[] {
  return slack
    .workspace(TOKEN)
    .messages.filter(({ text, blocks }) => `${text}${JSON.stringify(blocks)}`.includes(id));
}

/** The one message of an approval, once it says so. */
async function messageOf(id: string, says: RegExp, timeout = 10_000): Promise<PostedMessage> {
  await expect
    .poll(() => messagesOf(id).map((message) => JSON.stringify(message.blocks)), {
      timeout,
      interval: 100,
    })
    .toEqual([expect.stringMatching(says)]);
  return messagesOf(id)[0]!;
}

interface Button {
  readonly action_id: string;
  readonly value: string;
}

function buttonsOf({ blocks }: PostedMessage): readonly Button[] {
  return blocks.flatMap((block) =>
    block['type'] === 'actions' ? (block['elements'] as Button[]) : [],
  );
}

async function interaction(
  message: PostedMessage,
  user: string,
  button: Button,
  atMs = Date.now(),
): Promise<{ readonly body: string; readonly headers: Record<string, string> }> {
  const payload = clickPayload({
    team: TEAM,
    user,
    channel: CHANNEL,
    ts: message.ts,
    action: button.action_id,
    value: button.value,
  });
  return signedInteraction(SIGNING_SECRET, payload, atMs);
}

function send(signed: { readonly body: string; readonly headers: Record<string, string> }) {
  return fetch(`${stack.gateway}/slack/interactions`, { method: 'POST', ...signed });
}

function approveButton(message: PostedMessage): Button {
  const button = buttonsOf(message).find(({ action_id: id }) => id === 'postern_approve');
  if (button === undefined) throw new Error('no button to approve');
  return button;
}

const whispersTo = (user: string): readonly string[] =>
  slack
    .workspace(TOKEN)
    .whispers.filter((whisper) => whisper.user === user)
    .map(({ text }) => text);

const stateOf = async (held: Held) => (await approvalOf(stack.gateway, held.id, dana))?.state;

/** So that nothing waits when the test is over. */
async function deny(held: Held): Promise<void> {
  await decide(stack.gateway, held.id, dana, 'deny', 'test');
  expect(await held.answer).toMatchObject({ code: '42501' });
  await held.client.end();
}

describe('the message', () => {
  it('is one, begins with the link, and is rewritten in place once it is decided', async () => {
    const held = await hold(buttons.port, 'UPDATE products SET stock = 41 WHERE id = 1');
    const asked = await messageOf(held.id, /waiting/i);
    expect(JSON.stringify(asked.blocks[0])).toContain(`${stack.gateway}/approvals/${held.id}`);
    expect(buttonsOf(asked)).toHaveLength(2);
    await decide(stack.gateway, held.id, dana, 'approve');
    expect(await held.answer).toMatchObject({ rowCount: 1 });
    const told = await messageOf(held.id, /approved by dev-people:dana and used/);
    expect({ ts: told.ts, buttons: buttonsOf(told) }).toEqual({ ts: asked.ts, buttons: [] });
    await held.client.end();
  });

  it('has no buttons under a rule that does not want them, and a click is refused', async () => {
    const held = await hold(strict.port, 'UPDATE products SET stock = 42 WHERE id = 2');
    const message = await messageOf(held.id, /waiting/i);
    expect(buttonsOf(message)).toEqual([]);
    const { digest = '' } = (await approvalOf(stack.gateway, held.id, dana)) ?? {};
    const forged = {
      action_id: 'postern_approve',
      value: JSON.stringify({ approval: held.id, digest }),
    };
    expect((await send(await interaction(message, 'U0DANA', forged))).status).toBe(200);
    await expect
      .poll(() => whispersTo('U0DANA').join('\n'), { timeout: 5_000 })
      .toContain('cannot be decided in Slack');
    expect(await stateOf(held)).toBe('pending');
    await deny(held);
  });
});

describe('when Slack', () => {
  it('fails, cuts, answers nonsense and rate-limits, nothing waits for it and nothing is lost', async () => {
    const place = slack.workspace(TOKEN);
    const calls = place.calls.length;
    place.mishaps.push(
      { kind: 'status', status: 503 },
      { kind: 'cut' },
      { kind: 'garbage' },
      { kind: 'error', code: 'internal_error' },
      { kind: 'ratelimit', seconds: 2 },
    );
    const held = await hold(buttons.port, 'UPDATE products SET stock = 43 WHERE id = 3');
    const start = Date.now();
    await decide(stack.gateway, held.id, dana, 'approve');
    expect(await held.answer).toMatchObject({ rowCount: 1 });
    expect(Date.now() - start).toBeLessThan(2_000);
    // The first that arrives is posted as it is by then, and stays the only one.
    const told = await messageOf(held.id, /approved by dev-people:dana and used/, 45_000);
    expect(buttonsOf(told)).toEqual([]);
    expect(place.mishaps).toEqual([]);
    expect(
      place.calls
        .slice(calls)
        .filter(({ error }) => error !== null)
        .map(({ error }) => error),
    ).toEqual(['http_503', 'cut', 'garbage', 'internal_error', 'ratelimited']);
    await held.client.end();
  });

  it('asks to wait, it is asked again after that and not before', async () => {
    const place = slack.workspace(TOKEN);
    place.mishaps.push({ kind: 'ratelimit', seconds: 4 });
    const held = await hold(buttons.port, 'UPDATE products SET stock = 44 WHERE id = 4');
    const start = Date.now();
    await messageOf(held.id, /waiting/i, 15_000);
    expect(Date.now() - start).toBeGreaterThan(3_500);
    await deny(held);
    await messageOf(held.id, /denied by dev-people:dana/);
  });

  it('does not answer in time, the message arrives all the same and shows how it ended', async () => {
    const place = slack.workspace(TOKEN);
    place.mishaps.push({ kind: 'hang', ms: 30_000 });
    const held = await hold(buttons.port, 'UPDATE products SET stock = 45 WHERE id = 5');
    await messageOf(held.id, /waiting/i, 20_000);
    await decide(stack.gateway, held.id, dana, 'approve');
    expect(await held.answer).toMatchObject({ rowCount: 1 });
    await messageOf(held.id, /approved by dev-people:dana and used/);
    await held.client.end();
  });
});

describe('a click', () => {
  it('of a person whom the policy names runs the statement', async () => {
    const held = await hold(buttons.port, 'UPDATE products SET stock = 46 WHERE id = 6');
    const message = await messageOf(held.id, /waiting/i);
    const click = await interaction(message, 'U0DANA', approveButton(message));
    expect((await send(click)).status).toBe(200);
    expect(await held.answer).toMatchObject({ rowCount: 1 });
    await messageOf(held.id, /approved by dev-people:dana/);
    await held.client.end();
  });

  it('of somebody unknown, an old one and one that Slack did not sign count for nothing', async () => {
    const held = await hold(buttons.port, 'UPDATE products SET stock = 47 WHERE id = 7');
    const message = await messageOf(held.id, /waiting/i);
    const button = approveButton(message);
    expect((await send(await interaction(message, 'U0NOBODY', button))).status).toBe(200);
    await expect
      .poll(() => whispersTo('U0NOBODY'), { timeout: 5_000 })
      .toEqual([expect.stringContaining('counts for nothing')]);
    const old = await interaction(message, 'U0DANA', button, Date.now() - 6 * 60_000);
    expect((await send(old)).status).toBe(403);
    const now = await interaction(message, 'U0DANA', button);
    const other = { ...now, body: now.body.replace('U0DANA', 'U0OMAR') };
    expect((await send(other)).status).toBe(403);
    const refreshed = {
      ...old,
      headers: { ...old.headers, 'x-slack-request-timestamp': `${Math.floor(Date.now() / 1000)}` },
    };
    expect((await send(refreshed)).status).toBe(403);
    expect(await stateOf(held)).toBe('pending');
    await deny(held);
  });

  it('counts once where two are asked, however often it is sent', async () => {
    const held = await hold(careful.port, 'UPDATE products SET stock = 48 WHERE id = 8');
    const message = await messageOf(held.id, /waiting/i);
    const button = approveButton(message);
    const first = await interaction(message, 'U0DANA', button);
    for (let time = 0; time < 3; time++) expect((await send(first)).status).toBe(200);
    const again = await interaction(message, 'U0DANA', button, Date.now() - 2_000);
    expect((await send(again)).status).toBe(200);
    expect(await stateOf(held)).toBe('pending');
    expect((await send(await interaction(message, 'U0OMAR', button))).status).toBe(200);
    expect(await held.answer).toMatchObject({ rowCount: 1 });
    await held.client.end();
  });
});
