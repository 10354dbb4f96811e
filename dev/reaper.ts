// The last resort against orphans: a shell that outlives this process by one moment. While we live it only reads; when its
// pipe closes (we ended, were killed with -9, or crashed) it ends every process we told it of.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';

const SCRIPT = `trap '' HUP INT TERM
set --
while read -r signal pid; do set -- "$@" "$signal:$pid"; done
for entry do kill -s "\${entry%%:*}" "\${entry##*:}" 2>/dev/null; done`;

export interface Reaper {
  /** Ends `pid` with `signal` if this process goes away without having done so itself. */
  watch(pid: number, signal: 'KILL' | 'QUIT'): void;
  /** Everything ended in good order: nothing is left to do. */
  dismiss(): Promise<void>;
}

export function startReaper(): Reaper {
  // Its own session: a terminal's Ctrl-C reaches the whole foreground group, and must not reach this one.
  const child = spawn('/bin/sh', ['-c', SCRIPT], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  // The pipe breaks when somebody kills the shell; the stack then merely lacks its safety net.
  child.stdin.on('error', () => undefined);
  return {
    watch: (pid, signal) => void child.stdin.write(`${signal} ${pid}\n`),
    async dismiss() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      // Waiting for it must keep this process alive, which it did not until now.
      child.ref();
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Direct children of this process whose program is called `name`; empty where there is no /proc. */
export function childrenCalled(name: string): readonly number[] {
  try {
    return readdirSync('/proc/self/task')
      .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '))
      .filter((pid) => pid !== '')
      .map(Number)
      .filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name);
  } catch {
    // macOS, or a child that ended between two reads: the orderly shutdown does not depend on this list.
    return [];
  }
}
