// Sessions that do nothing: how much memory each of them holds, and that none of them asks anybody anything meanwhile. The
// target is a stand-in (idle-target.ts); everything on the gateway's side is a whole session, logged in and journalled.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMicros, memory } from './clock.ts';
import { shown, type Finding, type Group } from './findings.ts';
import { difference, startMetered } from './metered.ts';
import type { Rig } from './rig.ts';
import { doorPipe, WireSession } from './wire.ts';

const MEMORY_BUDGET_KIB = 250;
/** Sessions opened at a time. */
const OPENING = 16;
/** Everything a new session still has to do, such as its first index rows, is done by then. */
const SETTLE_MS = 12_000;
/** File descriptors here for one session: our socket, and the stand-in's. */
const DESCRIPTORS_PER_SESSION = 2;

export interface IdleOptions {
  readonly sessions: number;
  readonly metered: number;
  readonly watchMs: number;
}

export async function measureIdle(rig: Rig, options: IdleOptions): Promise<Group> {
  const sessions = Math.min(options.sessions, affordable());
  const own = await rig.startAnother(rig.bundle);
  const gateway = await hold(rig, own.url, own.pid, sessions, options.watchMs);
  const pump = await hold(rig, rig.pump.url, rig.pump.pid, sessions, 0);
  const metered = await countIdle(rig, options.metered, options.watchMs);
  const seconds = options.watchMs / 1000;
  const few = sessions === options.sessions ? '' : ` (all that this machine allows)`;
  const findings: Finding[] = [
    {
      what: `memory of an idle session, of ${sessions}${few}`,
      value: gateway.kibibytes,
      unit: 'KiB',
      budget: { atMost: MEMORY_BUDGET_KIB },
      note: `the pump’s: ${shown(pump.kibibytes ?? Number.NaN)} KiB`,
    },
    {
      what: `processor time of ${sessions} idle sessions`,
      value: gateway.cpuMillis === null ? null : gateway.cpuMillis / seconds,
      unit: 'ms/s',
    },
    {
      what: `rows written by ${options.metered} idle sessions in ${seconds} s`,
      value: metered.objectRowsWritten + metered.d1RowsWritten + metered.r2Writes,
      unit: '',
      budget: { atMost: 0 },
    },
    {
      what: `questions to D1 by ${options.metered} idle sessions in ${seconds} s`,
      value: metered.d1Queries,
      unit: '',
      // The policy is read again every four seconds, once for all sessions of an isolate; not by each of them.
      budget: { atMost: Math.ceil(seconds / 4) + 1 },
      note: 'one policy read an isolate and 4 s',
    },
  ];
  return { name: 'idle', title: 'Idle sessions', findings, raw: { gateway, pump, metered } };
}

interface Held {
  readonly kibibytes: number | null;
  readonly cpuMillis: number | null;
}

async function hold(
  rig: Rig,
  url: string,
  pid: number | null,
  count: number,
  watchMs: number,
): Promise<Held> {
  // The first session pays for what all of them share.
  const first = await openMany(rig, url, 1);
  await sleep(1_000);
  const before = memory(pid);
  const rest = await openMany(rig, url, count - 1);
  try {
    await sleep(SETTLE_MS);
    const cpuBefore = cpuMicros(pid);
    await sleep(watchMs);
    const cpuAfter = cpuMicros(pid);
    const after = memory(pid);
    return {
      kibibytes:
        before === null || after === null
          ? null
          : ((after.residentMiB - before.residentMiB) * 1024) / (count - 1),
      cpuMillis: cpuBefore === null || cpuAfter === null ? null : (cpuAfter - cpuBefore) / 1000,
    };
  } finally {
    for (const session of [...first, ...rest]) session.close();
  }
}

async function countIdle(rig: Rig, count: number, watchMs: number) {
  const gateway = await startMetered(rig);
  const sessions = await openMany(rig, gateway.url, count);
  try {
    await sleep(SETTLE_MS);
    const before = await gateway.counts();
    await sleep(watchMs);
    return difference(await gateway.counts(), before);
  } finally {
    for (const session of sessions) session.close();
  }
}

async function openMany(rig: Rig, url: string, count: number): Promise<readonly WireSession[]> {
  const { user, password } = rig.shop;
  const token = await rig.token();
  const sessions: WireSession[] = [];
  let left = count;
  const open = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const pipe = await doorPipe(`${url}/postgres/idle`, { token, credited: true });
      sessions.push(await WireSession.open(pipe, { user, password, database: 'shop' }));
    }
  };
  try {
    await Promise.all(Array.from({ length: OPENING }, open));
  } catch (error) {
    for (const session of sessions) session.close();
    throw error;
  }
  return sessions;
}

/** How many sessions this process may have descriptors for. */
function affordable(): number {
  let soft: string | undefined;
  try {
    soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  } catch {
    // Not Linux; macOS gives 256 unless somebody asked for more, Node asks for the most there is.
    return 1_000;
  }
  return Math.floor((Number(soft ?? 1024) - 200) / DESCRIPTORS_PER_SESSION);
}
