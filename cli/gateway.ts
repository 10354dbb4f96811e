// The one way to the gateway over HTTP: adds the caller's token, turns every failure into a CliError. Commands import
// `request` from here; tokens come from token-source.ts, the gateway's address from settings.ts.
import { CliError, EXIT, reasonOf } from './failure.ts';
import { MAX_PROBLEM_BYTES, problemFailure } from './problem.ts';
import { gatewayUrl } from './settings.ts';
import { currentToken } from './token-source.ts';
import type { TokenUse } from './token.ts';

export { gatewayUrl } from './settings.ts';

/** What the gateway's journal calls this client. */
export const USER_AGENT = 'postern-cli';

/** Long enough for a long poll of 50 s (design section 6). Streams give their own signal. */
const REQUEST_TIMEOUT_MS = 70_000;

/**
 * A token that is valid for at least a minute more, or the best there is; for a session one with most of its life before
 * it, since the session ends with it. Ask again for each connection or request.
 * @throws CliError unauthorized, when there is none
 */
export async function accessToken(use: TokenUse = 'request'): Promise<string> {
  return (await currentToken(use)).token;
}

/**
 * `path` starts with a slash. Answers with a 2xx response; its body is unread.
 * @throws CliError for any other answer, and when the gateway cannot be reached
 */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set('authorization', `Bearer ${await accessToken()}`);
  headers.set('user-agent', USER_AGENT);
  return requestAnonymously(path, { ...init, headers });
}

/** As `request`, for the few addresses that need no token. */
export async function requestAnonymously(path: string, init: RequestInit = {}): Promise<Response> {
  const url = `${gatewayUrl()}${path}`;
  let response: Response;
  try {
    // A redirect is never followed: the token is for this gateway alone, and a login page is not an answer.
    response = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
      ...init,
    });
  } catch (error) {
    throw new CliError(
      EXIT.gatewayUnreachable,
      `The gateway ${gatewayUrl()} cannot be reached: ${reasonOf(error)}.`,
    );
  }
  if (response.ok) return response;
  throw problemFailure(
    response.status,
    response.headers.get('content-type') ?? '',
    (await response.text()).slice(0, MAX_PROBLEM_BYTES),
  );
}

/** The JSON of a 2xx response. What it holds is for the caller to check. */
export async function requestJson(path: string, init: RequestInit = {}): Promise<unknown> {
  const response = await request(path, init);
  try {
    return await response.json();
  } catch (error) {
    throw new CliError(EXIT.failed, `The gateway's answer is not JSON: ${reasonOf(error)}.`);
  }
}
