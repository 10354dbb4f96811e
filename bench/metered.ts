// A gateway whose billable operations are counted: the same bundle behind meter.ts.
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bundle } from '../dev/bundle.ts';
import type { Rig } from './rig.ts';
import type { Runtime } from './runtime.ts';
import { workerSource } from './worker-source.ts';

/** Operations since the start; what each of them costs is cost.ts's to know. */
export interface Counts {
  readonly workerRequests: number;
  readonly objectRequests: number;
  /** Calls to Approval and Grant objects, and their alarms: not part of objectRequests. */
  readonly approvalCalls: number;
  readonly approvalAlarms: number;
  readonly objectRowsRead: number;
  readonly objectRowsWritten: number;
  readonly d1Queries: number;
  readonly d1RowsRead: number;
  readonly d1RowsWritten: number;
  /** Class A: writes and lists. */
  readonly r2Writes: number;
  /** Class B: reads. */
  readonly r2Reads: number;
}

export interface MeteredGateway extends Runtime {
  counts(): Promise<Counts>;
}

export async function startMetered(rig: Rig): Promise<MeteredGateway> {
  const gateway = await rig.startAnother(behindMeter(rig));
  return {
    ...gateway,
    async counts() {
      const response = await fetch(`${gateway.url}/bench/meter`);
      return (await response.json()) as Counts;
    },
  };
}

export function difference(after: Counts, before: Counts): Counts {
  const entries = Object.entries(after).map(([name, value]) => [
    name,
    Number(value) - before[name as keyof Counts],
  ]);
  return Object.fromEntries(entries) as Counts;
}

/** index.js is the meter; the bundle's own entry lies beside it as gateway.js. */
function behindMeter(rig: Rig): Bundle {
  const dir = rig.state.path('metered');
  mkdirSync(dir, { recursive: true });
  const [, ...others] = rig.bundle.files;
  copyFileSync(join(rig.bundle.dir, 'index.js'), join(dir, 'gateway.js'));
  for (const file of others) copyFileSync(join(rig.bundle.dir, file), join(dir, file));
  writeFileSync(join(dir, 'index.js'), workerSource('meter.ts'));
  return { dir, files: ['index.js', 'gateway.js', ...others] };
}
