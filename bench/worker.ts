// Runs a Worker of the bench's own as dev/gateway.ts runs the gateway: Miniflare with the same settings, dates and flags,
// in a workerd of its own, so that time and memory of each are told apart.
import { dirname, join } from 'node:path';
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from 'miniflare';
import type { V4WorkerOptions } from 'miniflare';
import { unstable_getMiniflareWorkerOptions as workerOptions } from 'wrangler';
import { ROOT } from '../dev/bundle.ts';
import type { Reaper } from '../dev/reaper.ts';
import { startRuntime } from './runtime.ts';
import type { Runtime } from './runtime.ts';

export interface WorkerOptions {
  readonly name: string;
  readonly modules: readonly {
    readonly type: 'ESModule';
    readonly path: string;
    readonly contents?: string;
  }[];
  readonly durableObjects: Readonly<
    Record<string, { readonly className: string; readonly useSQLite: true }>
  >;
  readonly bindings?: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Folder of its storage. */
  readonly resources: string;
}

/** Date and flags of the gateway. */
export function platform(): Pick<V4WorkerOptions, 'compatibilityDate' | 'compatibilityFlags'> {
  const { compatibilityDate, compatibilityFlags } = workerOptions(
    join(ROOT, 'wrangler.toml'),
  ).workerOptions;
  return { compatibilityDate, compatibilityFlags } as Pick<
    V4WorkerOptions,
    'compatibilityDate' | 'compatibilityFlags'
  >;
}

export async function startWorker(reaper: Reaper, options: WorkerOptions): Promise<Runtime> {
  const { resources, modules, ...worker } = options;
  return startRuntime(reaper, async () => {
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        host: '127.0.0.1',
        port: 0,
        cf: false,
        logRequests: false,
        log: new Log(LogLevel.ERROR),
        resourcePersistencePath: resources,
        workers: [
          {
            ...(worker as Partial<V4WorkerOptions>),
            ...platform(),
            modules: modules.map((module) => ({ ...module })),
            modulesRoot: dirname(modules[0]?.path ?? ''),
          },
        ],
      }),
    );
    return { url: (await miniflare.ready).origin, close: () => miniflare.dispose() };
  });
}
