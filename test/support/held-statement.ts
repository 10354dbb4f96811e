// Statements that wait for a human, as an end-to-end test sees them: sent with `pg`, known by the link in their notice,
// decided over the API. And a stack's policy, changed while it runs.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { TestStack } from './stack.ts';

/** A cached policy serves 4 s (core/limits.ts, POLICY_REFRESH_MS). */
const POLICY_SETTLES_MS = 4_500;

export interface Held {
  readonly client: pg.Client;
  /** Of its approval. */
  readonly id: string;
  readonly answer: Promise<pg.QueryResult | pg.DatabaseError>;
}

export async function connected(port: number): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'agent',
    database: 'shop',
    ssl: false,
  });
  // Ends that a test provokes arrive as events too; the awaited calls are what is asserted.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** The approval that the next notice on this connection names. */
export function nextApproval(client: pg.Client): Promise<string> {
  return new Promise((resolve) => {
    client.on('notice', ({ message }) => {
      const id = /approvals\/([0-9a-f]{32}-\d+)/.exec(message ?? '')?.[1];
      if (id !== undefined) resolve(id);
    });
  });
}

/** Sends a statement on a connection that is open. @throws Error with its answer when it is not held */
export async function holdOn(
  client: pg.Client,
  text: string,
  values?: readonly unknown[],
): Promise<Held> {
  const notice = nextApproval(client);
  const answer = client
    .query(text, values === undefined ? undefined : [...values])
    .catch((error: unknown) => error as pg.DatabaseError);
  const first = await Promise.race([notice, answer]);
  if (typeof first !== 'string') throw new Error(`not held: ${JSON.stringify(first)}`);
  return { client, id: first, answer };
}

/** The same on a connection of its own. */
export async function hold(port: number, text: string, values?: readonly unknown[]): Promise<Held> {
  return holdOn(await connected(port), text, values);
}

/** A vote over the API with what the voter was shown. */
export async function decide(
  gateway: string,
  id: string,
  token: string,
  decision: 'approve' | 'deny',
  reason = 'looked at',
): Promise<Response> {
  const approval = await approvalOf(gateway, id, token);
  return fetch(`${gateway}/v1/approvals/${id}/decision`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ decision, reason, digest: approval?.digest ?? '0'.repeat(64) }),
  });
}

/** Undefined where the token's owner may not see it. */
export async function approvalOf(
  gateway: string,
  id: string,
  token: string,
): Promise<{ readonly digest: string; readonly state: string } | undefined> {
  const seen = await fetch(`${gateway}/v1/approvals/${id}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return ((await seen.json()) as { approval?: { digest: string; state: string } }).approval;
}

/** Applies a changed policy and waits until every isolate has it. */
export async function changePolicy(
  stack: TestStack,
  change: (document: string) => string,
): Promise<void> {
  const file = join(stack.state, 'postern.yaml');
  const revisions = (): number => stack.output().split('policy revision ').length;
  const before = revisions();
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  const end = Date.now() + 20_000;
  while (revisions() === before) {
    if (Date.now() > end) throw new Error(`the policy was not applied:\n${stack.output()}`);
    await sleep(100);
  }
  await sleep(POLICY_SETTLES_MS);
}
