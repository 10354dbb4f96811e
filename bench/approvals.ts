// Approvals: how long a statement waits for us once a human has clicked, and that requests which wait ask nobody anything.
// A click is the decision's way in over the API; its end is the statement's first byte at the database (relay.ts).
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_PENDING_APPROVALS } from '../core/limits.ts';
import { median } from './clock.ts';
import type { Finding, Group } from './findings.ts';
import { difference, startMetered } from './metered.ts';
import type { Person, Rig } from './rig.ts';
import { doorPipe, WireSession } from './wire.ts';

const CLICK_BUDGET_MS = 50;
/** The first ones pay for the isolate and its caches. */
const WARM_UP = 5;
/** Index rows of the last request are written, and its first messages sent, by then. */
const SETTLE_MS = 10_000;
/** Of the requests that wait: statements held on a connection. The others are for access, and nobody is connected. */
const HELD = MAX_PENDING_APPROVALS;
/** Requests sent at a time. */
const ASKING = 16;

export interface ApprovalsOptions {
  readonly clicks: number;
  readonly pending: number;
  readonly watchMs: number;
}

export async function measureApprovals(rig: Rig, options: ApprovalsOptions): Promise<Group> {
  const waits = await clickAll(rig, options.clicks + WARM_UP);
  const counted = waits.slice(WARM_UP).map(({ ms }) => ms);
  const answers = waits.slice(WARM_UP).map(({ answerMs }) => answerMs);
  const idle = await countWaiting(rig, options.pending, options.watchMs);
  const seconds = options.watchMs / 1000;
  const during = `of ${options.pending} waiting approvals in ${seconds} s`;
  const findings: Finding[] = [
    {
      what: `click to bytes at the target, 95 of 100 (${counted.length} approvals)`,
      value: percentile(counted, 0.95),
      unit: 'ms',
      budget: { atMost: CLICK_BUDGET_MS },
      note: `median ${median(counted).toFixed(1)} ms; the click’s own answer ${median(answers).toFixed(1)} ms`,
    },
    {
      what: `calls to the objects ${during}`,
      value: idle.approvalCalls,
      unit: '',
      budget: { atMost: 0 },
    },
    { what: `alarms ${during}`, value: idle.approvalAlarms, unit: '', budget: { atMost: 0 } },
    {
      what: `rows written ${during}`,
      value: idle.objectRowsWritten + idle.d1RowsWritten + idle.r2Writes,
      unit: '',
      budget: { atMost: 0 },
    },
    {
      what: `questions to D1 ${during}`,
      value: idle.d1Queries,
      unit: '',
      // As for idle sessions: the policy, once for all sessions of an isolate.
      budget: { atMost: Math.ceil(seconds / 4) + 1 },
      note: `one policy read an isolate and 4 s, for the ${HELD} connections that wait`,
    },
  ];
  return { name: 'approvals', title: 'Approvals', findings, raw: { waits, idle } };
}

interface Wait {
  readonly ms: number;
  /** Until the click was answered, which is later: it waits for what was decided to be durable. */
  readonly answerMs: number;
}

async function clickAll(rig: Rig, count: number): Promise<readonly Wait[]> {
  const agent = await rig.tokenOf({ subject: 'bench-held', groups: ['held'] });
  const human = await rig.tokenOf({ subject: 'bench-dba', groups: ['dba'], human: true });
  const session = await open(rig, rig.gateway.url, agent);
  const waits: Wait[] = [];
  try {
    for (let at = 0; at < count; at++) {
      waits.push(
        await click(rig, session, human, `UPDATE products SET stock = ${at} WHERE id = 1`),
      );
    }
  } finally {
    session.close();
  }
  return waits;
}

async function click(rig: Rig, session: WireSession, human: string, text: string): Promise<Wait> {
  const { url } = rig.gateway;
  const noticed = approvalNotice(session);
  const answered = session.query(text);
  const id = await Promise.race([
    noticed,
    answered.then(() => Promise.reject(new Error('not held'))),
  ]);
  const headers = { authorization: `Bearer ${human}`, 'content-type': 'application/json' };
  const page = await fetch(`${url}/v1/approvals/${id}`, { headers });
  const { approval } = (await page.json()) as { approval: { digest: string } };
  const body = JSON.stringify({ decision: 'approve', digest: approval.digest, reason: '' });
  const arrival = rig.watched.arrival(text);
  const start = performance.now();
  const response = await fetch(`${url}/v1/approvals/${id}/decision`, {
    method: 'POST',
    headers,
    body,
  });
  const answerMs = performance.now() - start;
  if (!response.ok) throw new Error(`the decision was answered ${response.status}`);
  await response.arrayBuffer();
  await answered;
  return { ms: (await arrival) - start, answerMs };
}

function approvalNotice(session: WireSession): Promise<string> {
  return new Promise((resolve) => {
    session.notice = (message) => {
      const id = /approvals\/([0-9a-f]{32}-\d+)/.exec(message)?.[1];
      if (id !== undefined) resolve(id);
    };
  });
}

async function countWaiting(rig: Rig, pending: number, watchMs: number) {
  const gateway = await startMetered(rig);
  const sessions: WireSession[] = [];
  try {
    const agent = await rig.tokenOf({ subject: 'bench-held', groups: ['held'] });
    for (let at = 0; at < HELD; at++) {
      const session = await open(rig, gateway.url, agent);
      sessions.push(session);
      const noticed = approvalNotice(session);
      // Closed before it is answered.
      session.query(`UPDATE products SET stock = ${at} WHERE id = 2`).catch(() => undefined);
      await noticed;
    }
    await askForAccess(rig, gateway.url, pending - HELD);
    await sleep(SETTLE_MS);
    const before = await gateway.counts();
    // A zero below is worth something only if what asked was counted.
    if (before.approvalCalls < pending) throw new Error('the meter does not see the objects');
    await sleep(watchMs);
    return difference(await gateway.counts(), before);
  } finally {
    for (const session of sessions) session.close();
  }
}

/** One after the other at most MAX_PENDING_APPROVALS of one agent, each for another length of time. */
async function askForAccess(rig: Rig, url: string, count: number): Promise<void> {
  let next = 0;
  const ask = async (): Promise<void> => {
    while (next < count) {
      const at = next++;
      const who: Person = {
        subject: `bench-access-${Math.floor(at / MAX_PENDING_APPROVALS)}`,
        groups: ['access'],
      };
      const response = await fetch(`${url}/v1/grants`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await rig.tokenOf(who)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({
          target: 'watched',
          forSeconds: 60 + (at % MAX_PENDING_APPROVALS),
          reason: 'bench',
        }),
      });
      if (response.status !== 202) throw new Error(`/v1/grants answered ${response.status}`);
      await response.arrayBuffer();
    }
  };
  await Promise.all(Array.from({ length: ASKING }, ask));
}

async function open(rig: Rig, url: string, token: string): Promise<WireSession> {
  const { user, password, database } = rig.shop;
  const pipe = await doorPipe(`${url}/postgres/watched`, { token, credited: true });
  return WireSession.open(pipe, { user, password, database });
}

/** The smallest value that is not exceeded by this part of them. */
function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * part) - 1] ?? Number.NaN;
}
