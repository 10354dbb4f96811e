// Ends the stack once, in order, on SIGTERM, SIGINT or SIGHUP. A second signal means now: this process exits and the
// reaper ends what is left.
import { complain, say } from './output.ts';

/** npm passes a terminal's Ctrl-C on although the terminal has sent it already; that echo is not a second request. */
const ECHO_MS = 750;
/** An orderly end takes a second; whoever waits longer is better served by the reaper. */
const STOP_TIMEOUT_MS = 20_000;

const PARENT_CHECK_MS = 500;

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

export interface Shutdown {
  /** Resolves when somebody asked for the end. */
  readonly requested: Promise<void>;
  /** Takes the signals from libraries that would exit at once (Miniflare does); call it when all are started. */
  claim(): void;
  /** Runs `stop` and exits with `code`; called again it does nothing. */
  finish(stop: () => Promise<void>, code: number): Promise<never>;
}

export function onSignals(): Shutdown {
  let request = (): void => undefined;
  let askedAtMs: number | null = null;
  const requested = new Promise<void>((resolve) => {
    request = resolve;
  });
  const asked = (): void => {
    const now = Date.now();
    if (askedAtMs === null) {
      askedAtMs = now;
      request();
    } else if (now - askedAtMs > ECHO_MS) {
      complain('stopping at once');
      process.exit(1);
    }
  };
  for (const signal of SIGNALS) process.on(signal, asked);
  if (process.env['npm_lifecycle_event'] !== undefined) whenOrphaned(asked);
  return {
    requested,
    claim() {
      for (const signal of SIGNALS) {
        process.removeAllListeners(signal);
        process.on(signal, asked);
      }
    },
    async finish(stop, code) {
      setTimeout(() => {
        complain('parts of the stack did not end in time; they are ended now');
        process.exit(1);
      }, STOP_TIMEOUT_MS).unref();
      await stop();
      say('stopped');
      process.exit(code);
    },
  };
}

/** `npm run` that was killed cannot pass anything on; without it nobody is left to stop this process. */
function whenOrphaned(asked: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    asked();
  }, PARENT_CHECK_MS);
  timer.unref();
}
