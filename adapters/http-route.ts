// The ways to an HTTP target. All are fetch(): straight to the address (with a client certificate where the policy names one),
// to the host name of a Cloudflare Tunnel with the service token that Access asks for, or through a Workers VPC binding.
import { unreachable } from '../core/failure.ts';
import { credentialHeaders } from '../core/http/credential.ts';
import type { HeaderList } from '../core/http/header-list.ts';
import type { WebTarget } from '../core/policy/policy.ts';
import { isLoopback, webAddress } from '../core/policy/web-address.ts';
import { DialFailure } from './dial-failure.ts';
import { binding, isDevelopment, type Env } from './env.ts';
import { UpstreamFailure } from './http-failure.ts';
import { serviceToken } from './route.ts';

/** What an mTLS certificate or a VPC network looks like to us. */
interface Fetching {
  fetch(request: Request, init?: RequestInit): Promise<Response>;
}

export interface HttpRoute extends Fetching {
  /** Of the route itself: never the caller's. */
  readonly headers: HeaderList;
  /** As ShapedCredential has them. */
  readonly secrets: readonly string[];
}

/** @throws UpstreamFailure where a secret or binding that the policy names is not there, or the route leads nowhere safe */
export function httpRoute(env: Env, { certificate, scheme, route }: WebTarget): HttpRoute {
  if (certificate !== null && (route.kind !== 'tcp' || scheme !== 'https')) {
    // A certificate proves who asks inside of TLS from here to there; on the other routes somebody else speaks it.
    throw impassable('a client certificate needs the straight way and https');
  }
  switch (route.kind) {
    case 'tcp':
      return certificate === null ? open([], []) : bound(env, certificate);
    case 'vpc':
      return bound(env, route.binding);
    case 'tunnel':
      return tunnel(env, route.url, route.access);
    default:
      return unreachable(route);
  }
}

function open(headers: HeaderList, secrets: readonly string[]): HttpRoute {
  return { fetch: (request, init) => fetch(request, init), headers, secrets };
}

function bound(env: Env, name: string): HttpRoute {
  const found = binding(env, name);
  if (found === null || !('fetch' in found)) throw impassable(`binding ${name} is missing`);
  const fetching = found as Fetching;
  return { fetch: (request, init) => fetching.fetch(request, init), headers: [], secrets: [] };
}

function tunnel(env: Env, url: string, access: string | null): HttpRoute {
  const address = webAddress(url);
  const local = isDevelopment(env) && isLoopback(address?.host ?? '');
  if (address === null || !(address.secure || local)) {
    throw impassable('a tunnel is reached over https only');
  }
  if (access === null) return open([], []);
  const { id, secret } = token(env, access);
  const name = 'cf-access-client-secret';
  const shaped = credentialHeaders({ kind: 'header', name, secret: 'secret' }, { secret });
  // Visible ASCII, which is what the runtime sends as it stands and never quotes in a warning.
  if (!shaped.ok || !/^[!-~]+$/.test(id + secret)) {
    throw impassable(`secret ${access} holds characters that no header may`);
  }
  return open([['cf-access-client-id', id], ...shaped.value.headers], shaped.value.secrets);
}

function token(env: Env, name: string): ReturnType<typeof serviceToken> {
  try {
    return serviceToken(env, name);
  } catch (error) {
    if (error instanceof DialFailure) throw impassable(error.message);
    throw error;
  }
}

function impassable(message: string): UpstreamFailure {
  return new UpstreamFailure('target_unreachable', message, false);
}
