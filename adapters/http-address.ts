// The URL of a request to an HTTP target, written out of the policy's address and the judged path and query. URL parsers
// repair what they read; here nothing may change on the way, so a URL that does not come out as it was written is refused.
// That is also what keeps requests at the policy's address: no part of a path can become part of a host.
import type { WebTarget } from '../core/policy/policy.ts';
import { UpstreamFailure } from './http-failure.ts';

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/** `https://api.acme.dev:8443`: of the policy's address, as the target knows itself. */
export function targetOrigin({
  scheme,
  host,
  port,
}: Pick<WebTarget, 'scheme' | 'host' | 'port'>): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${name}${port === DEFAULT_PORTS[scheme] ? '' : `:${port}`}`;
}

/** Where requests go: the address, or the host name under which a tunnel publishes it. */
export function routedOrigin(target: WebTarget): string {
  const { route } = target;
  const origin = route.kind === 'tunnel' ? tunnelOrigin(route.url) : targetOrigin(target);
  // `127.1`, `0x7f000001` and the like are other hosts to other parsers.
  if (!URL.canParse(origin) || new URL(origin).origin !== origin) {
    throw new UpstreamFailure('target_unreachable', 'the address can be read in two ways', false);
  }
  return origin;
}

/** A tunnel publishes a host. What stands below it is the address's to say. */
function tunnelOrigin(url: string): string {
  return url.endsWith('/') ? url.slice(0, -1) : url;
}

/**
 * `path` is normalised and begins with a slash, `query` is what follows `?`, or null.
 * @throws UpstreamFailure request_refused where a URL parser reads anything else than was judged
 */
export function requestUrl(
  origin: string,
  base: string,
  path: string,
  query: string | null,
): string {
  const text = `${origin}${base}${path}${query === null ? '' : `?${query}`}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  const same =
    path.startsWith('/') &&
    url?.href === text &&
    url.origin === origin &&
    url.pathname === base + path &&
    url.hash === '' &&
    url.username === '' &&
    url.password === '';
  if (!same) {
    throw new UpstreamFailure('request_refused', 'the URL would be sent as another one', false);
  }
  return text;
}
