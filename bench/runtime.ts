// A Worker that runs, and which workerd process it runs in: what Miniflare does not tell is found among our children.
import { childrenCalled } from '../dev/reaper.ts';
import type { Reaper } from '../dev/reaper.ts';

export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

export interface Runtime extends Served {
  /** The workerd process; null where there is no /proc to find it in. */
  readonly pid: number | null;
}

/** Start one at a time: a process is told by being new. */
export async function startRuntime<T extends Served>(
  reaper: Reaper,
  start: () => Promise<T>,
): Promise<T & Runtime> {
  const before = new Set(childrenCalled('workerd'));
  const served = await start();
  const [pid = null] = childrenCalled('workerd').filter((child) => !before.has(child));
  if (pid !== null) reaper.watch(pid, 'KILL');
  return { ...served, pid };
}
