// The very bundle that would be deployed: `wrangler deploy --dry-run`, run again when a source is newer than it.
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { childEnvironment } from './environment.ts';

export const ROOT = join(import.meta.dirname, '..');
const DIST = join(ROOT, 'dist');

/** What the bundle is made of. */
const SOURCES = [
  'worker',
  'durable-objects',
  'adapters',
  'core',
  'wrangler.toml',
  'package-lock.json',
];

export interface Bundle {
  readonly dir: string;
  /** File names within `dir`, the entry first. */
  readonly files: readonly string[];
}

/** @throws Error with wrangler's own words when the sources do not build. */
export async function currentBundle(onBuild: () => void): Promise<Bundle> {
  if (!isCurrent()) {
    onBuild();
    await build();
  }
  // wrangler names modules by their content and leaves those of earlier builds beside them.
  const entry = readFileSync(join(DIST, 'index.js'), 'utf8');
  const imported = readdirSync(DIST).filter(
    (name) => name.endsWith('.wasm') && entry.includes(name),
  );
  return { dir: DIST, files: ['index.js', ...imported] };
}

function isCurrent(): boolean {
  const entry = join(DIST, 'index.js');
  return existsSync(entry) && statSync(entry).mtimeMs > newest();
}

function newest(): number {
  let latest = 0;
  for (const source of SOURCES) {
    const path = join(ROOT, source);
    const files = statSync(path).isDirectory()
      ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map((name) => join(path, name))
      : [path];
    for (const file of files) latest = Math.max(latest, statSync(file).mtimeMs);
  }
  return latest;
}

async function build(): Promise<void> {
  // Beside its place and moved in: a stack that starts meanwhile reads the old files or the new ones, never half of one.
  const draft = join(ROOT, `dist.${process.pid}`);
  const wrangler = join(ROOT, 'node_modules/wrangler/bin/wrangler.js');
  try {
    await promisify(execFile)(
      process.execPath,
      [wrangler, 'deploy', '--dry-run', '--env=', '--outdir', draft],
      { cwd: ROOT, env: childEnvironment() },
    );
    mkdirSync(DIST, { recursive: true });
    // The entry last: it is what isCurrent() looks at.
    const files = readdirSync(draft).sort(
      (a, b) => Number(a === 'index.js') - Number(b === 'index.js'),
    );
    for (const name of files) renameSync(join(draft, name), join(DIST, name));
  } catch (error) {
    throw new Error(`the Worker does not build:\n${stderrOf(error)}`, { cause: error });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function stderrOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'stderr' in error) return String(error.stderr);
  return String(error);
}
