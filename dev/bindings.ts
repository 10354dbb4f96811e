// What wrangler.toml declares, as Miniflare takes it: one place names the bindings, for production and for this machine.
import { join } from 'node:path';
import type { V4WorkerOptions } from 'miniflare';
import { unstable_getMiniflareWorkerOptions as workerOptions } from 'wrangler';
import { ROOT } from './bundle.ts';

/** Bindings, dates and flags of the top level, or of a named environment. */
export function configuredOptions(environment?: string): V4WorkerOptions {
  const options: Record<string, unknown> = {
    ...workerOptions(join(ROOT, 'wrangler.toml'), environment).workerOptions,
  };
  // The bundle is built: there are no sources left for module rules to match, and Miniflare refuses them.
  delete options['modulesRules'];
  return options as unknown as V4WorkerOptions;
}

/** Every name the Worker finds in its environment, secrets excepted. */
export function bindingNames(options: V4WorkerOptions): ReadonlySet<string> {
  const { bindings, durableObjects, d1Databases, r2Buckets } = options;
  return new Set(
    [bindings, durableObjects, d1Databases, r2Buckets].flatMap((kind) => Object.keys(kind ?? {})),
  );
}
