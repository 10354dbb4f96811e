// Calls back when a file's content changes. Watches the folder, not the file: editors and `postern` replace files whole,
// and a watch on the old inode would go deaf.
import { readFileSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { hasCode } from './state.ts';

/** Editors write in several steps; one change is reported once it has been quiet this long. */
const SETTLE_MS = 150;

/** Answers with a function that stops watching. `changed` is never called twice at once. */
export function watchFile(file: string, changed: () => Promise<void>): () => void {
  const name = basename(file);
  let known = contentOf(file);
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const settle = (): void => {
    const content = contentOf(file);
    if (content === known || content === null) return;
    known = content;
    running = running.then(changed);
  };
  const watcher = watch(dirname(file), (_event, changedName) => {
    if (changedName !== name) return;
    clearTimeout(timer);
    timer = setTimeout(settle, SETTLE_MS);
  });
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}

function contentOf(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // Between the two halves of a replacement there is no file; the second half is another event.
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}
