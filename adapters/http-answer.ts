// Whether what came back is an answer: in time, from the target and not from what stands before it, and one that can be handed
// on. workerd's own HTTP client refuses malformed messages and resets the connection; the rest is checked here.
import { HTTP_ANSWER_TIMEOUT_MS } from '../core/limits.ts';
import type { HeaderList } from '../core/http/header-list.ts';
import type { WebTarget } from '../core/policy/policy.ts';
import { reportAuthFailure, UpstreamFailure, type UpstreamCode } from './http-failure.ts';
import type { Sending } from './http-request.ts';

/**
 * The head of an answer, HTTP_ANSWER_TIMEOUT_MS after the last of the request at the latest; its body may take longer.
 * `signal` ends both.
 */
export async function answeredInTime(
  signal: AbortSignal,
  send: (sending: Sending) => Promise<Response>,
  timeoutMs = HTTP_ANSWER_TIMEOUT_MS,
): Promise<Response> {
  const own = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(
      () => own.abort(new UpstreamFailure('target_unreachable', 'no answer in time', true)),
      timeoutMs,
    );
  };
  let answered = false;
  alive();
  try {
    const response = await send({
      signal: AbortSignal.any([signal, own.signal]),
      alive: () => (answered ? undefined : alive()),
      abort: (reason) => own.abort(reason),
    });
    answered = true;
    return response;
  } catch (error) {
    answered = true;
    throw own.signal.aborted ? own.signal.reason : signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * What to throw when fetch did. The runtime tells a broken connection from an internal error, and nothing more: of TLS and
 * names it says `internal error`. It never says whether anything had been sent.
 */
export function sendFailure(error: unknown, { scheme }: WebTarget, signal: AbortSignal): unknown {
  if (error instanceof UpstreamFailure) return error;
  if (signal.aborted) return signal.reason;
  const internal = error instanceof Error && error.message.startsWith('internal error');
  if (internal && scheme === 'https') {
    return new UpstreamFailure(
      'target_tls_failed',
      'the name or its certificate is not valid',
      true,
    );
  }
  return new UpstreamFailure('target_unreachable', 'no connection, or it broke off', true);
}

/**
 * What Cloudflare answers in a target's place when it could not connect; nothing was sent then. 520 and 524 come after
 * sending and stay answers. @see https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-5xx-errors/
 */
const EDGE_CODES: Readonly<Record<number, UpstreamCode>> = {
  521: 'target_unreachable',
  522: 'target_unreachable',
  523: 'target_unreachable',
  525: 'target_tls_failed',
  526: 'target_tls_failed',
  530: 'target_unreachable',
};

/**
 * The headers of an answer that may be handed on.
 * @throws UpstreamFailure for any other
 */
export async function checkedAnswer(
  response: Response,
  target: WebTarget,
  webSocketAsked: boolean,
): Promise<HeaderList> {
  const failure = refusal(response, target, webSocketAsked);
  if (failure !== null) {
    response.webSocket?.accept();
    response.webSocket?.close(1002);
    await response.body?.cancel().catch(() => undefined);
    throw failure;
  }
  // Iterating gives Set-Cookie once a cookie.
  return [...response.headers].map(([name, value]) => [name.toLowerCase(), value] as const);
}

function refusal(
  { status, headers, webSocket }: Response,
  target: WebTarget,
  webSocketAsked: boolean,
): UpstreamFailure | null {
  if (webSocket !== null) {
    return status === 101 && webSocketAsked
      ? null
      : new UpstreamFailure('target_protocol', 'a WebSocket that was not asked for', true);
  }
  // Interim answers are read past by the runtime; 101 without a socket has nothing behind it that could be read.
  if (status < 200 || status > 599) {
    return new UpstreamFailure('target_protocol', `status ${status}`, true);
  }
  const edge = EDGE_CODES[status];
  if (edge !== undefined && headers.get('server')?.toLowerCase() === 'cloudflare') {
    return new UpstreamFailure(edge, `Cloudflare answers ${status}`, false);
  }
  if (target.route.kind === 'tunnel' && isAccessLogin(status, headers.get('location'))) {
    reportAuthFailure(target.id, 'access_login');
    return new UpstreamFailure('target_auth_failed', 'Access asks for a login', false);
  }
  return null;
}

/** Access sends whoever has no valid service token to its login page. */
function isAccessLogin(status: number, location: string | null): boolean {
  if (status < 300 || status > 399 || location === null || !URL.canParse(location)) return false;
  return new URL(location).hostname.endsWith('.cloudflareaccess.com');
}
