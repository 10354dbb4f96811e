// Cookies where a policy lets them through. All targets share the gateway's host, so a cookie is tied to its target's path,
// and the gateway's own cookies reach no target. @see RFC 6265 section 5.2
import type { Mount } from './location.ts';
import { nameMatcher } from './header-tables.ts';

/** Of the gateway (worker/human-session.ts) and of Cloudflare in front of it. `__Host-` cookies are for the whole host. */
const kept = nameMatcher([
  '--host-*',
  '--secure-postern*',
  'postern*',
  'cf-authorization*',
  'cf-appsession*',
  'cf-clearance*',
  '--cf*',
]);

/** The caller's cookies that a target may see, as one header's value; empty where none is left. */
export function callerCookies(values: readonly string[]): string {
  return values
    .flatMap((value) => value.split(';'))
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !kept(nameOf(pair)))
    .join('; ');
}

/**
 * A Set-Cookie of the target, for its paths at the gateway only. Null where it would stand in for a cookie of the gateway.
 * Domain goes: the host is another one. The browser's own rules for the remaining attributes stay.
 */
export function targetCookie(
  value: string,
  { prefix, base }: Pick<Mount, 'prefix' | 'base'>,
): string | null {
  const [pair = '', ...attributes] = value.split(';').map((part) => part.trim());
  const name = nameOf(pair);
  // A cookie without a name is sent as its bare value, and could spell out any other.
  if (name === '' || !pair.includes('=') || kept(name)) return null;
  let path = '/';
  const rest: string[] = [];
  for (const attribute of attributes) {
    const [key = '', ...own] = attribute.split('=');
    const lower = key.trim().toLowerCase();
    if (lower === 'path') path = own.join('=').trim();
    else if (lower !== 'domain' && lower !== '') rest.push(attribute);
  }
  if (!/^\/[!-:<-~]*$/.test(path) || path.includes('..')) path = '/';
  const below = path.startsWith(`${base}/`) ? path.slice(base.length) : '/';
  return [pair, `Path=${prefix}${below}`, ...rest].join('; ');
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  return (equals === -1 ? pair : pair.slice(0, equals)).trim();
}
