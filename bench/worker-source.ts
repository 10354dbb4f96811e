// The bench's own Workers (pump.ts, meter.ts) as the runtime takes them: their types taken away, nothing else changed.
import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';

export function workerSource(file: string): string {
  const source = readFileSync(new URL(file, import.meta.url), 'utf8');
  const emitWarning = process.emitWarning.bind(process);
  // Node calls this function experimental, though it loads every file of ours with it; once is not worth a line of output.
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}
