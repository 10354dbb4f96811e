// The gateway itself: the deployable bundle in Miniflare, with the bindings that wrangler.toml declares, persisted where
// `wrangler … --local --persist-to <state>` looks, so that both see one database. Cron triggers are fired by the clock.
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from 'miniflare';
import type { D1Database } from '@cloudflare/workers-types';
import { bindingNames, configuredOptions } from './bindings.ts';
import type { Bundle } from './bundle.ts';
import { complain } from './output.ts';
import { childrenCalled } from './reaper.ts';
import type { Reaper } from './reaper.ts';
import type { State } from './state.ts';

export interface Gateway {
  readonly url: string;
  /** Asked for anew each time: a runtime that was started again has another one. */
  database(): Promise<D1Database>;
  close(): Promise<void>;
}

/** Production's crons run every five minutes; nobody who develops waits that long. */
const CRON_INTERVAL_MS = 60_000;

export async function startGateway(options: {
  readonly bundle: Bundle;
  readonly state: State;
  readonly port: number;
  readonly secrets: Readonly<Record<string, string>>;
  readonly reaper: Reaper;
}): Promise<Gateway> {
  const { bundle, state, port, secrets, reaper } = options;
  const log = state.path('gateway.log');
  const configured = configuredOptions();
  const taken = Object.keys(secrets).find((name) => bindingNames(configured).has(name));
  if (taken !== undefined) throw new Error(`the secret ${taken} would replace a binding`);
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port,
      cf: false,
      logRequests: false,
      log: new Log(LogLevel.ERROR),
      resourcePersistencePath: state.resources,
      handleStructuredLogs({ level, message }) {
        appendFileSync(log, `${new Date().toISOString()} ${level} ${message}\n`, { mode: 0o600 });
        if (level === 'error') complain(`gateway: ${message}`);
      },
      // Miniflare starts a runtime that died again, on the same port; sessions in it are lost, journals are not.
      unsafeHandleRuntimeRestart() {
        watchRuntime(reaper);
        complain('gateway: the runtime ended unexpectedly and was started again');
      },
      workers: [
        {
          ...configured,
          name: 'postern',
          rootPath: bundle.dir,
          modulesRoot: bundle.dir,
          modules: bundle.files.map((file) => ({
            type: file.endsWith('.wasm') ? ('CompiledWasm' as const) : ('ESModule' as const),
            path: join(bundle.dir, file),
          })),
          bindings: { ...configured.bindings, ...secrets, POSTERN_ENV: 'development' },
        },
      ],
    }),
  );
  const url = (await miniflare.ready).origin;
  watchRuntime(reaper);
  const stopClock = startClock(miniflare);
  return {
    url,
    database: () => miniflare.getD1Database('DB'),
    async close() {
      stopClock();
      await miniflare.dispose();
    },
  };
}

function watchRuntime(reaper: Reaper): void {
  for (const pid of childrenCalled('workerd')) reaper.watch(pid, 'KILL');
}

function startClock(miniflare: Miniflare): () => void {
  const timer = setInterval(() => {
    tick(miniflare).catch((error: unknown) => complain(`gateway: cron: ${String(error)}`));
  }, CRON_INTERVAL_MS);
  return () => clearInterval(timer);
}

async function tick(miniflare: Miniflare): Promise<void> {
  const worker = await miniflare.getWorker();
  await worker.scheduled({ scheduledTime: new Date(), cron: '* * * * *' });
}
