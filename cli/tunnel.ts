// Opens one tunnel: a WebSocket to one of the gateway's byte doors, subprotocol postern.v1 (docs/tunnel.md). What flows
// through it is pump.ts; who asks for it is listener.ts.
import type { IncomingMessage } from 'node:http';
import { WebSocket } from 'ws';
import { MAX_TUNNEL_MESSAGE_BYTES, TUNNEL_PROTOCOL } from '../core/tunnel.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { USER_AGENT, accessToken } from './gateway.ts';
import { MAX_PROBLEM_BYTES, problemFailure } from './problem.ts';
import { gatewayUrl } from './settings.ts';

/** The gateway answers the upgrade before it dials the target, so this is one round trip and a token's verification. */
const HANDSHAKE_TIMEOUT_MS = 20_000;

/**
 * `door` is `postgres` or `ssh`.
 * @throws CliError usage, when the target's name cannot be one: `..` would lead to another address
 */
export function tunnelPath(door: 'postgres' | 'ssh', target: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(target)) {
    throw new CliError(EXIT.usage, 'A target’s name is 1 to 63 of a-z, 0-9 and -.');
  }
  return `/${door}/${target}`;
}

/**
 * Opens a tunnel with a token that is fresh now. It is handed over paused: nothing is lost before pump() listens.
 * `signal` ends it at any time in its life, without a goodbye.
 * @throws CliError with the gateway's own sentence when it refuses the upgrade
 */
export async function openTunnel(path: string, signal?: AbortSignal): Promise<WebSocket> {
  const token = await accessToken('session');
  const tunnel = new WebSocket(`${gatewayUrl().replace(/^http/, 'ws')}${path}`, TUNNEL_PROTOCOL, {
    headers: { authorization: `Bearer ${token}`, 'user-agent': USER_AGENT },
    // Rows are compressed badly by small windows, and compression next to secrets leaks them (CRIME).
    perMessageDeflate: false,
    maxPayload: MAX_TUNNEL_MESSAGE_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    followRedirects: false,
  });
  const abort = (): void => tunnel.terminate();
  signal?.addEventListener('abort', abort);
  tunnel.once('close', () => signal?.removeEventListener('abort', abort));
  return new Promise((resolve, reject) => {
    tunnel.once('open', () => {
      tunnel.pause();
      resolve(tunnel);
    });
    tunnel.once('unexpected-response', (_request, response) => {
      void refusal(response).then((failure) => {
        reject(failure);
        tunnel.terminate();
      });
    });
    // Stays for the tunnel's whole life: after the opening, `close` follows and pump() reports it.
    tunnel.on('error', (error) => reject(unreachableGateway(error)));
  });
}

function unreachableGateway(error: Error): CliError {
  // ws has no code for this one; the sentence is its own.
  if (error.message.includes('subprotocol')) {
    return new CliError(
      EXIT.failed,
      `${gatewayUrl()} does not speak ${TUNNEL_PROTOCOL}.`,
      'Is this the URL of a Postern gateway?',
    );
  }
  return new CliError(
    EXIT.gatewayUnreachable,
    `The gateway ${gatewayUrl()} cannot be reached: ${reasonOf(error)}.`,
  );
}

async function refusal(response: IncomingMessage): Promise<CliError> {
  let body = '';
  try {
    response.setEncoding('utf8');
    for await (const text of response) {
      body += String(text);
      if (body.length > MAX_PROBLEM_BYTES) break;
    }
  } catch (error) {
    // A cut body loses the sentence, not the status.
    body = reasonOf(error);
  }
  return problemFailure(response.statusCode ?? 0, response.headers['content-type'] ?? '', body);
}
