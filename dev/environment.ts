// Variables every wrangler and workerd child gets: no telemetry, no look-ups outside this machine, and no collector that
// would record (and slow down) every event.
import { delimiter, dirname } from 'node:path';

const QUIET: Readonly<Record<string, string>> = {
  WRANGLER_SEND_METRICS: 'false',
  WRANGLER_SEND_ERROR_REPORTS: 'false',
  WRANGLER_HIDE_BANNER: 'true',
  WRANGLER_LOG: 'warn',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
  X_LOCAL_OBSERVABILITY: 'false',
  X_LOCAL_EXPLORER: 'false',
};

/** For this process and everything it starts; Miniflare reads them when it is loaded. */
export function quietenChildren(): void {
  Object.assign(process.env, QUIET);
}

/** The environment of a child that must find our own Node first: a system Node may be too old for wrangler. */
export function childEnvironment(): NodeJS.ProcessEnv {
  const path = `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`;
  return { ...process.env, ...QUIET, PATH: path };
}
