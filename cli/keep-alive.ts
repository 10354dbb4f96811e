// Keeps a quiet tunnel open through proxies that close idle connections, and notices a peer that is gone without a word.
import type { WebSocket } from 'ws';

const PING_MS = 30_000;
/** Two unanswered pings and some. */
const DEAD_AFTER_MS = 75_000;

/**
 * Pings until the tunnel closes; ends it when nothing at all was heard for `deadAfterMs`.
 * A tunnel that we paused is not listened to, so its silence proves nothing.
 */
export function keepAlive(
  tunnel: WebSocket,
  onDead: (why: string) => void,
  { pingMs = PING_MS, deadAfterMs = DEAD_AFTER_MS } = {},
): void {
  let heardAt = Date.now();
  const heard = (): void => {
    heardAt = Date.now();
  };
  tunnel.on('message', heard).on('ping', heard).on('pong', heard);
  const timer = setInterval(() => {
    if (tunnel.isPaused) heard();
    if (Date.now() - heardAt > deadAfterMs) {
      onDead('The gateway stopped answering.');
      tunnel.terminate();
      return;
    }
    if (tunnel.readyState === tunnel.OPEN) tunnel.ping();
  }, pingMs);
  tunnel.on('close', () => clearInterval(timer));
}
