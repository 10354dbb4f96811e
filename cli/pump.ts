// Moves bytes between a local stream and a tunnel, both ways, with memory that stays flat whoever stalls. The rules are
// docs/tunnel.md's: each side tells the running total of what it has consumed, and a sender is never further ahead than
// CREDIT_WINDOW_BYTES. The pump knows no protocol; taps see the bytes for those who do.
//
//   local ──data──▶ held ──≤ 64 KiB, within the window──▶ tunnel        tunnel ──binary──▶ local.write ──flushed──▶ credit
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { CREDIT_WINDOW_BYTES } from '../core/limits.ts';
import { CLOSE, MAX_TUNNEL_MESSAGE_BYTES, decodeControl, encodeControl } from '../core/tunnel.ts';
import { keepAlive } from './keep-alive.ts';

/** Consumed bytes between two credit messages: seldom enough to be cheap, often enough that a sender never waits for one. */
const CREDIT_STEP_BYTES = CREDIT_WINDOW_BYTES / 4;
/** A gateway that heeds our credits is at most one window and one read of its own ahead of the local stream. */
const MAX_BEHIND_BYTES = 2 * CREDIT_WINDOW_BYTES;
/** For a last window of bytes on a slow line, then our close frame, then the gateway's; after that it is not waited for. */
const CLOSE_TIMEOUT_MS = 15_000;

/** Sees every chunk, in order, before it is passed on. Chunks are only valid during the call. */
export interface Taps {
  fromClient(chunk: Uint8Array): void;
  fromServer(chunk: Uint8Array): void;
}

/** How a tunnel ended. */
export interface TunnelEnd {
  /** A close code: core/tunnel.ts, or RFC 6455 section 7.4 (1006: the connection was lost). */
  readonly code: number;
  /** The peer's sentence, or what broke; may be empty. */
  readonly reason: string;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/**
 * Pumps until the tunnel is closed, by either side. The local stream is left open for the caller's parting words, paused
 * and without listeners of ours. Never rejects.
 */
export async function pump(local: Duplex, tunnel: WebSocket, taps?: Taps): Promise<TunnelEnd> {
  // Lost between its opening and now: its `close` event is past.
  if (tunnel.readyState === WebSocket.CLOSED) {
    return { code: 1006, reason: '', bytesUp: 0, bytesDown: 0 };
  }
  const { promise, resolve } = Promise.withResolvers<void>();
  let code = 1006;
  let reason = '';

  // Upwards.
  let sent = 0;
  let credited = 0;
  let held: Buffer | null = null;
  let localEnded = false;

  // Downwards.
  let received = 0;
  let consumed = 0;
  let announced = 0;

  function close(code: number, reason: string): void {
    if (tunnel.readyState !== WebSocket.OPEN) return;
    tunnel.close(code, reason);
    tunnel.resume(); // or the peer's close frame is never read
    const deadline = setTimeout(() => tunnel.terminate(), CLOSE_TIMEOUT_MS);
    tunnel.once('close', () => clearTimeout(deadline));
  }

  function sendHeld(): void {
    while (held && tunnel.readyState === WebSocket.OPEN) {
      const room = Math.min(CREDIT_WINDOW_BYTES - (sent - credited), MAX_TUNNEL_MESSAGE_BYTES);
      if (room <= 0) break;
      const message: Buffer = held.subarray(0, room);
      held = message.length === held.length ? null : held.subarray(room);
      sent += message.length;
      tunnel.send(message, { binary: true });
    }
    if (held) local.pause();
    else if (localEnded) close(CLOSE.ended, '');
    else if (local.isPaused()) local.resume();
  }

  function onData(chunk: Buffer): void {
    taps?.fromClient(chunk);
    held = held ? Buffer.concat([held, chunk]) : chunk;
    sendHeld();
  }

  function onEnd(): void {
    localEnded = true;
    sendHeld();
  }

  /** A client that is gone takes its tunnel with it; what was held for it in either direction has no reader. */
  function onLocalClose(): void {
    close(CLOSE.ended, '');
  }

  function onMessage(data: Buffer, isBinary: boolean): void {
    if (isBinary) onBytes(data);
    else onControl(data.toString('utf8'));
  }

  function onBytes(bytes: Buffer): void {
    received += bytes.length;
    taps?.fromServer(bytes);
    if (!local.writable) return;
    local.write(bytes, (error) => {
      if (!error) onConsumed(bytes.length);
    });
    // Only a gateway that ignores our credits gets here; TCP holds it back.
    if (received - consumed > MAX_BEHIND_BYTES) tunnel.pause();
  }

  function onConsumed(bytes: number): void {
    consumed += bytes;
    if (tunnel.readyState !== WebSocket.OPEN) return;
    if (consumed - announced >= CREDIT_STEP_BYTES) {
      announced = consumed;
      tunnel.send(encodeControl({ credit: consumed }));
    }
    if (tunnel.isPaused && received - consumed <= CREDIT_WINDOW_BYTES) tunnel.resume();
  }

  function onControl(text: string): void {
    const control = decodeControl(text);
    if (!control || control.credit > sent || control.credit < credited) {
      reason = 'The gateway broke the tunnel protocol.';
      close(CLOSE.protocol, 'not a control message, or a credit for bytes never sent');
      return;
    }
    credited = control.credit;
    sendHeld();
  }

  function onTunnelError(error: Error): void {
    reason = error.message;
  }

  function onTunnelClose(closeCode: number, closeReason: Buffer): void {
    code = closeCode;
    if (closeReason.length > 0) reason = closeReason.toString('utf8');
    resolve();
  }

  local.on('data', onData).on('end', onEnd).on('close', onLocalClose);
  // An error of the local stream is followed by its `close`.
  local.on('error', ignore);
  tunnel.on('message', onMessage).on('error', onTunnelError).on('close', onTunnelClose);
  keepAlive(tunnel, (why) => {
    reason = why;
  });
  if (local.destroyed) onLocalClose();
  else {
    local.resume();
    tunnel.resume();
  }

  await promise;
  local.pause();
  local.off('data', onData).off('end', onEnd).off('close', onLocalClose);
  return { code, reason, bytesUp: sent, bytesDown: received };
}

function ignore(): void {
  // Listening keeps Node from treating the error as uncaught.
}
