// Logging in with a browser: authorization code with PKCE and a redirect to a listener on loopback (RFC 8252 section 7.3).
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as oidc from 'openid-client';
import type { LoginIssuer } from './discovery.ts';
import { CliError, EXIT, reasonOf } from './failure.ts';
import { type Answer, audienceParameters } from './issuer.ts';

const LOGIN_TIMEOUT_MS = 5 * 60_000;
const CALLBACK_PATH = '/callback';

/** `show` gets the URL to visit. Rejects with a CliError when the login is refused or takes over five minutes. */
export async function browserLogin(
  configuration: oidc.Configuration,
  issuer: LoginIssuer,
  show: (url: URL) => void,
): Promise<Answer> {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const server = createServer();
  try {
    const redirect = `http://127.0.0.1:${await listen(server)}${CALLBACK_PATH}`;
    const answered = callback(server, redirect, state);
    show(
      oidc.buildAuthorizationUrl(configuration, {
        redirect_uri: redirect,
        scope: issuer.scopes.join(' '),
        state,
        nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        // OpenID Connect Core section 11: offline_access is ignored without it.
        ...(issuer.scopes.includes('offline_access') ? { prompt: 'consent' } : {}),
        ...audienceParameters(issuer),
      }),
    );
    const { url, finish } = await answered;
    try {
      const answer = await oidc.authorizationCodeGrant(
        configuration,
        url,
        {
          pkceCodeVerifier: verifier,
          expectedState: state,
          expectedNonce: nonce,
          idTokenExpected: issuer.scopes.includes('openid'),
        },
        audienceParameters(issuer),
      );
      finish('You are logged in. You may close this window.');
      return answer;
    } catch (error) {
      finish('The login failed. The terminal says why.');
      throw new CliError(EXIT.unauthorized, `The login failed: ${loginReason(error)}.`);
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** The issuer's own words where it has some. */
export function loginReason(error: unknown): string {
  if (error instanceof oidc.AuthorizationResponseError || error instanceof oidc.ResponseBodyError) {
    return error.error_description ?? error.error;
  }
  return reasonOf(error);
}

async function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

interface Callback {
  readonly url: URL;
  /** Ends the browser's request with a sentence. */
  readonly finish: (sentence: string) => void;
}

/** Waits for the redirect that carries our state; anybody on this machine could ask for anything else. */
async function callback(server: Server, redirect: string, state: string): Promise<Callback> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(
      () => reject(new CliError(EXIT.unauthorized, 'Nobody logged in within five minutes.')),
      LOGIN_TIMEOUT_MS,
    );
    server.on('close', () => clearTimeout(deadline));
    server.on('request', (request, response) => {
      const url = new URL(request.url ?? '/', redirect);
      response.setHeader('content-type', 'text/plain; charset=utf-8');
      response.setHeader('cache-control', 'no-store');
      response.setHeader('referrer-policy', 'no-referrer');
      if (url.pathname !== CALLBACK_PATH || url.searchParams.get('state') !== state) {
        response.writeHead(404).end('Not here.\n');
        return;
      }
      resolve({ url, finish: (sentence) => void response.end(`${sentence}\n`) });
    });
  });
}
