// The identity GitHub Actions gives a job that has `permissions: id-token: write`.
// https://docs.github.com/actions/reference/openid-connect-reference
import { CliError, EXIT, reasonOf } from './failure.ts';
import { gatewayUrl } from './settings.ts';
import { type Token, type TokenUse, isFresh, tokenOf } from './token.ts';

const TIMEOUT_MS = 15_000;

let pending: Promise<Token> | null = null;
let last: Token | null = null;

export function runsInGitHubActions(): boolean {
  const { env } = process;
  return (
    Boolean(env['ACTIONS_ID_TOKEN_REQUEST_URL']) && Boolean(env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'])
  );
}

/** The audience a workload asks for: POSTERN_AUDIENCE, else the gateway's own URL. */
export function workloadAudience(): string {
  return process.env['POSTERN_AUDIENCE'] || gatewayUrl();
}

/** One request at a time, however many connections ask. */
export async function gitHubToken(use: TokenUse): Promise<Token> {
  if (last?.expiresAtMs && isFresh(last, use, Date.now())) return last;
  pending ??= requestToken().finally(() => {
    pending = null;
  });
  last = await pending;
  return last;
}

async function requestToken(): Promise<Token> {
  const { env } = process;
  const url = new URL(env['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? '');
  url.searchParams.set('audience', workloadAudience());
  try {
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${env['ACTIONS_ID_TOKEN_REQUEST_TOKEN'] ?? ''}` },
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const body: unknown = await response.json();
    const value = typeof body === 'object' && body !== null && 'value' in body ? body.value : null;
    if (typeof value !== 'string') throw new Error('no token in the answer');
    return tokenOf(value);
  } catch (error) {
    throw new CliError(EXIT.unauthorized, `GitHub Actions gave no token: ${reasonOf(error)}.`);
  }
}
