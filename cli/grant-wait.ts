// Asking for a window of access and waiting until people have decided, with the link to send them. Used by `request`, and by
// whatever else needs access before it can start.
import { setTimeout as sleep } from 'node:timers/promises';
import { duration, visibleLine } from '../core/approval/message.ts';
import { awaitGrant, requestGrant, returnGrant, type Grant } from './approvals-gateway.ts';
import { CliError, EXIT } from './failure.ts';
import { startSpinner } from './spinner.ts';

const MAX_FAILURES = 6;
const FIRST_PAUSE_MS = 500;

/**
 * An open window. Interrupted while it waits, the request is taken back.
 * @throws CliError refused, when it was denied, expired or withdrawn
 */
export async function obtainGrant(target: string, seconds: number, reason: string): Promise<Grant> {
  let grant = await requestGrant(target, seconds, reason);
  if (grant.state === 'active') return grant;
  announce(grant, seconds);
  const spinner = startSpinner(`waiting for ${visibleLine(grant.askedOf.join(', '))}`);
  const interrupted = onInterrupt(() => {
    spinner.stop();
    void takeBack(grant.id);
  });
  try {
    // Each call waits at the gateway: nothing is polled in between.
    while (grant.state === 'pending') grant = { ...grant, ...(await patiently(grant.id)) };
  } finally {
    interrupted.dispose();
    spinner.stop();
  }
  if (grant.state === 'active') return grant;
  const why = grant.reason === '' ? '' : `: ${visibleLine(grant.reason)}`;
  throw new CliError(
    EXIT.refused,
    `${SENTENCES[grant.state] ?? 'The access was not given'}${why}.`,
  );
}

/** A gateway that is away for a moment costs nobody the approval they wait for. */
async function patiently(id: string): Promise<Grant> {
  for (let failures = 0; ; failures++) {
    try {
      return await awaitGrant(id);
    } catch (error) {
      const away = error instanceof CliError && error.exitCode === EXIT.gatewayUnreachable;
      if (!away || failures >= MAX_FAILURES) throw error;
      await sleep(FIRST_PAUSE_MS * 2 ** failures);
    }
  }
}

const SENTENCES: Readonly<Record<string, string>> = {
  denied: 'The access was denied',
  expired: 'Nobody decided in time',
  cancelled: 'The request was withdrawn',
};

function announce(grant: Grant, seconds: number): void {
  const { url } = grant;
  console.error(`Access to ${visibleLine(grant.target)} for ${duration(seconds)} needs approval:`);
  if (url !== undefined) console.error(`  ${visibleLine(url)}`);
}

/** Nobody should approve what nobody waits for. */
async function takeBack(id: string): Promise<never> {
  try {
    await returnGrant(id);
    console.error('postern: the request was taken back');
  } catch {
    console.error('postern: the request could not be taken back; it expires by itself');
  }
  process.exit(130);
}

function onInterrupt(act: () => void): { dispose(): void } {
  process.once('SIGINT', act);
  process.once('SIGTERM', act);
  return {
    dispose() {
      process.off('SIGINT', act);
      process.off('SIGTERM', act);
    },
  };
}
