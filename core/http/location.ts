// References in a target's answers, told as the caller can follow them: what points at the target leads through the gateway
// again, what points elsewhere stays, what cannot be followed safely goes. The gateway follows none itself.
// @see RFC 3986 section 5, RFC 9110 section 10.2.2, RFC 8288
import { normalisePath, type PathOptions } from './path.ts';
import { percentDecoded } from './percent.ts';

/** Where a target stands, and where the gateway shows it. */
export interface Mount {
  /** Of the policy's address: `https://api.acme.dev:8443`, in lower case, without the default port. */
  readonly origin: string;
  /** Path of the address, without a slash at its end: empty, or `/api/v2`. Everything is below it. */
  readonly base: string;
  /** `/http/shop`. */
  readonly prefix: string;
  readonly paths: PathOptions;
  /** A query parameter that holds the credential: taken out of references; null where there is none. */
  readonly credentialParameter: string | null;
}

const REFERENCE = /^(?:([a-z][a-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;
/** Host and port; no user, and nothing that has to be decoded first. */
const AUTHORITY = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;
const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' };

/**
 * `requestPath` is the path that was sent, normalised, below `mount.base`. Null: leave the header out.
 */
export function rewriteReference(
  reference: string,
  mount: Mount,
  requestPath: string,
): string | null {
  // Browsers drop tabs and read `\` as a slash: what they would make of those is not what is read here.
  if (/[^!-~]|\\/.test(reference)) return null;
  const match = REFERENCE.exec(reference);
  if (match === null) return null;
  const [, scheme, authority, path = '', query, fragment] = match;
  if (scheme !== undefined && authority === undefined) return null;
  const targetScheme = mount.origin.slice(0, mount.origin.indexOf(':'));
  const ownScheme = scheme?.toLowerCase() ?? targetScheme;
  if (ownScheme !== 'http' && ownScheme !== 'https') return null;
  if (authority !== undefined) {
    if (!AUTHORITY.test(authority)) return null;
    // A target behind something that ends TLS calls itself http; the gateway's way to it stays the policy's.
    const upgraded = ownScheme === 'http' ? `https:${originOf('http', authority).slice(5)}` : '';
    if (originOf(ownScheme, authority) !== mount.origin && upgraded !== mount.origin) {
      // Elsewhere: as it is, but with the scheme that was meant.
      return scheme === undefined ? `${targetScheme}:${reference}` : reference;
    }
  }
  const whole = mount.base + requestPath;
  const resolved = resolve(path, authority !== undefined, whole);
  if (!resolved.startsWith(`${mount.base}/`)) return null;
  const below = normalisePath(resolved.slice(mount.base.length), mount.paths);
  if (!below.ok) return null;
  const kept = query === undefined ? undefined : withoutParameter(query, mount.credentialParameter);
  return (
    mount.prefix +
    below.path +
    (kept === undefined ? '' : `?${kept}`) +
    (fragment === undefined ? '' : `#${fragment}`)
  );
}

/** A Link header: each target is rewritten; one that is malformed or cannot be followed takes the header with it. */
export function rewriteLinks(value: string, mount: Mount, requestPath: string): string | null {
  const link =
    /\s*<([^<>]*)>((?:\s*;\s*[!#$%&'*+\-.^_`|~\w]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",;<>]*))?)*)\s*(?:,|$)/y;
  const rewritten: string[] = [];
  while (link.lastIndex < value.length) {
    const match = link.exec(value);
    if (match?.[1] === undefined) return null;
    const target = rewriteReference(match[1], mount, requestPath);
    if (target === null) return null;
    rewritten.push(`<${target}>${match[2] ?? ''}`);
  }
  return rewritten.length === 0 ? null : rewritten.join(', ');
}

function originOf(scheme: string, authority: string): string {
  const host = authority.toLowerCase();
  const port = DEFAULT_PORTS[scheme] ?? '';
  const bare = host.endsWith(port) ? host.slice(0, -port.length) : host;
  return `${scheme}://${bare.endsWith(':') ? bare.slice(0, -1) : bare}`;
}

/** RFC 3986 section 5.2.2 to 5.2.4, for a reference at the same authority. */
function resolve(path: string, authority: boolean, whole: string): string {
  if (path === '') return authority ? '/' : whole;
  if (path.startsWith('/') || authority) return withoutDots(path);
  return withoutDots(whole.slice(0, whole.lastIndexOf('/') + 1) + path);
}

function withoutDots(path: string): string {
  const kept: string[] = [];
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const last = index === segments.length - 1;
    // As the WHATWG parser reads them; any other encoded dot is refused with the path.
    const dots = segment.replaceAll(/%2e/gi, '.');
    if (dots === '..') kept.pop();
    if (dots !== '..' && dots !== '.') kept.push(segment);
    else if (last) kept.push('');
  }
  return `/${kept.join('/')}`;
}

function withoutParameter(query: string, name: string | null): string | undefined {
  if (name === null) return query;
  const kept = query.split('&').filter((piece) => {
    const own = piece.split('=', 1)[0] ?? '';
    return percentDecoded(own.replaceAll('+', ' '))?.toLowerCase() !== name.toLowerCase();
  });
  return kept.length === 0 ? undefined : kept.join('&');
}
