// Both development issuers on one loopback port: workloads at its root (`iss` is http://127.0.0.1:PORT), people under
// /people. Two issuers, because a policy tells humans from workloads by who vouches for them.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';
import { ZodError } from 'zod';
import { keptSecret, writeWhole } from '../state.ts';
import type { State } from '../state.ts';
import { issuerKeys } from './keys.ts';
import { readBody, serveLogin } from './login-page.ts';
import { mayMint, mintToken } from './mint.ts';
import type { Mint } from './mint.ts';
import { createIssuer } from './provider.ts';

export interface IssuerServer {
  readonly workloads: string;
  readonly people: string;
  /** Names what the active policy expects as `aud` of each issuer's tokens, most usual first. */
  expectAudiences(audiences: ReadonlyMap<string, readonly string[]>): void;
  close(): Promise<void>;
}

interface Issuer {
  readonly mint: Mint;
  readonly provider: Provider;
  readonly serve: (request: IncomingMessage, response: ServerResponse) => void;
}

export async function startIssuers(
  state: State,
  port: number,
  defaultAudience: string,
): Promise<IssuerServer> {
  const workloads = `http://127.0.0.1:${port}`;
  const people = `${workloads}/people`;
  let expected: ReadonlyMap<string, readonly string[]> = new Map();

  const open = async (url: string, name: string): Promise<Issuer> => {
    const keys = await issuerKeys(state, name);
    const audiences = (): readonly string[] => [
      ...new Set([...(expected.get(url) ?? []), defaultAudience]),
    ];
    const provider = createIssuer({ url, name, keys, audiences });
    const serve = provider.callback();
    return {
      mint: { issuer: url, keys, audiences },
      provider,
      serve: (request, response) => void serve(request, response),
    };
  };
  const roots = await open(workloads, 'workloads');
  const humans = await open(people, 'people');
  const key = keptSecret(state, 'mint');
  writeWhole(
    state.path('mint.json'),
    `${JSON.stringify({ workload: workloads, human: people, key })}\n`,
  );

  const server = createServer((request, response) => {
    const isHuman = request.url?.startsWith('/people/') === true;
    serve(isHuman ? humans : roots, isHuman ? '/people' : '', key, request, response).catch(
      (error: unknown) => fail(response, error),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    workloads,
    people,
    expectAudiences(audiences) {
      expected = audiences;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

async function serve(
  issuer: Issuer,
  prefix: string,
  key: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = (request.url ?? '/').slice(prefix.length);
  if (path.startsWith('/login/')) return serveLogin(issuer.provider, request, response);
  if (path === '/dev/mint') return serveMint(issuer.mint, key, request, response);
  // As Connect-style mounting does it: oidc-provider finds its own prefix by comparing the two.
  Object.assign(request, { originalUrl: request.url, url: path });
  issuer.serve(request, response);
}

async function serveMint(
  mint: Mint,
  key: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'POST' || !mayMint(request.headers.authorization, key)) {
    response.writeHead(403).end('The mint wants POST and the key of the state folder.\n');
    return;
  }
  const token = await mintToken(mint, JSON.parse(await readBody(request)));
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' });
  response.end(`${token}\n`);
}

function fail(response: ServerResponse, error: unknown): void {
  const isCallers = error instanceof ZodError || error instanceof SyntaxError;
  if (!isCallers) process.stderr.write(`issuer: ${String(error)}\n`);
  if (!response.headersSent) response.writeHead(isCallers ? 400 : 500);
  response.end('The request could not be served.\n');
}
