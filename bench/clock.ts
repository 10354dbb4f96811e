// The instruments: wall time of round trips, processor time and memory of another process (Linux: from /proc).
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';

export interface Round {
  readonly operations: number;
  readonly seconds: number;
  /** Microseconds from one answer to the next, whichever client gets it. */
  readonly meanMicros: number;
  /** Microseconds that one client waits for its answer; half of them wait less. */
  readonly medianMicros: number;
  /** Microseconds of processor time that the measured process took per operation. */
  readonly cpuMicros: number | null;
}

export interface Client {
  ask(message: Uint8Array): Promise<void>;
}

/** All clients ask as fast as they are answered, for so many milliseconds. */
export async function closedLoop(
  clients: readonly Client[],
  message: Uint8Array,
  milliseconds: number,
  pid: number | null,
): Promise<Round> {
  const waits: number[] = [];
  const cpuBefore = cpuMicros(pid);
  const start = performance.now();
  const end = start + milliseconds;
  await Promise.all(
    clients.map(async (client) => {
      for (let at = performance.now(); at < end;) {
        await client.ask(message);
        const now = performance.now();
        waits.push(now - at);
        at = now;
      }
    }),
  );
  const micros = (performance.now() - start) * 1000;
  const cpuAfter = cpuMicros(pid);
  const operations = waits.length;
  return {
    operations,
    seconds: micros / 1e6,
    meanMicros: micros / operations,
    medianMicros: median(waits) * 1000,
    cpuMicros: cpuBefore === null || cpuAfter === null ? null : (cpuAfter - cpuBefore) / operations,
  };
}

export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Processor time of all threads so far; null where it cannot be read. */
export function cpuMicros(pid: number | null): number | null {
  if (pid === null) return null;
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [onCpu] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
      nanoseconds += Number(onCpu);
    }
    return nanoseconds / 1000;
  } catch {
    // Not Linux, or a kernel without these counters: the table then says so.
    return null;
  }
}

export interface Memory {
  readonly residentMiB: number;
  /** The most since `resetPeak`. */
  readonly peakMiB: number;
}

export function memory(pid: number | null): Memory | null {
  if (pid === null) return null;
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024;
  return { residentMiB: field('VmRSS'), peakMiB: field('VmHWM') };
}

/** proc(5), clear_refs: 5 resets the peak resident set size. */
export function resetPeak(pid: number | null): void {
  if (pid !== null) writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
