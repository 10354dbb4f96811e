// What a test can see of processes: their children and their memory, from /proc.
import { readFileSync, readdirSync } from 'node:fs';

/** Process ids of every descendant of `pid` whose command name is `name`. */
export function descendants(pid: number, name: string): number[] {
  const parents = new Map<number, number[]>();
  const names = new Map<number, string>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const stat = readStat(entry);
    if (stat === null) continue;
    names.set(Number(entry), stat.name);
    parents.set(stat.parent, [...(parents.get(stat.parent) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  const queue = [...(parents.get(pid) ?? [])];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (names.get(next) === name) found.push(next);
    queue.push(...(parents.get(next) ?? []));
  }
  return found;
}

/** Resident memory in MiB. */
export function residentMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? 0) / 1024;
}

function readStat(pid: string): { name: string; parent: number } | null {
  try {
    // `pid (name) state ppid …`; a name may hold spaces and parentheses.
    const match = /^\d+ \((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    return match === null ? null : { name: match[1] ?? '', parent: Number(match[2]) };
  } catch {
    // It ended between the listing and the reading.
    return null;
  }
}
