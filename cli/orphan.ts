// npm and npx put a shell between themselves and this process, and a shell that is ended by a signal does not pass it on:
// without this, `kill` on an `npx postern connect` would leave an open port behind.

const LOOK_MS = 500;

/** As the process began: it may be gone by the time anybody asks. */
const PARENT = process.ppid;

/**
 * Calls `orphaned` once when the process that started this one is gone. Under npm only: anybody else who leaves a process
 * running (nohup, a closed terminal) means it.
 * @returns stops watching
 */
export function watchParent(orphaned: () => void): () => void {
  if (process.env['npm_command'] === undefined) return () => undefined;
  const timer = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(timer);
    orphaned();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
